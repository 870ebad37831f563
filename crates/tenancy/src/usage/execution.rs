use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jackfield_types::{
    ByteSize, ErrorCode, ExecutionId, FailureClass, NodeFailure, Object, Outputs, Quotas, Span,
    VariableWrite,
};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::clock::thread_time;
use super::metered::Metered;
use super::output::{json_size, output_size};
use crate::admission::{Quota, QuotaLimit};

/// An execution has used up what its tenant grants each of them. Nothing of it may run any more.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "the execution has used up its quota `{quota}` ({limit}); split the work over several executions, or ask for a larger quota"
)]
pub struct QuotaExceededInExecution {
    /// What is used up.
    pub quota: Quota,
    /// How much there is of it.
    pub limit: QuotaLimit,
}

impl QuotaExceededInExecution {
    /// The same as the failure of a node, to which no recovery strategy applies.
    pub fn to_failure(&self) -> NodeFailure {
        NodeFailure::new(
            FailureClass::Final,
            ErrorCode::QUOTA_EXCEEDED,
            self.to_string(),
        )
    }
}

/// What one execution, with all that it calls, has used up so far, and how much it may.
///
/// Everything that is added counts, even if it turns out to be too much: what is used up stays
/// used up.
#[derive(Debug)]
pub struct Usage {
    items: Meter,
    bytes: Meter,
    /// Processor time, in nanoseconds.
    time: Meter,
    /// How large each variable is, when sizes count.
    variables: Mutex<FxHashMap<ExecutionId, Sizes>>,
}

/// How large the variables of one execution are, by their names.
type Sizes = FxHashMap<String, u64>;

/// Something that is added up to a limit.
#[derive(Debug)]
struct Meter {
    used: AtomicU64,
    limit: Option<u64>,
}

impl Meter {
    fn new(limit: Option<u64>) -> Self {
        Self {
            used: AtomicU64::new(0),
            limit,
        }
    }

    fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn add(&self, amount: u64) {
        if self.limit.is_some() && amount > 0 {
            self.change(|used| used.saturating_add(amount));
        }
    }

    fn subtract(&self, amount: u64) {
        if self.limit.is_some() && amount > 0 {
            self.change(|used| used.saturating_sub(amount));
        }
    }

    fn change(&self, change: impl Fn(u64) -> u64) {
        let mut used = self.used();
        while let Err(now) = self.used.compare_exchange_weak(
            used,
            change(used),
            Ordering::Relaxed,
            Ordering::Relaxed,
        ) {
            used = now;
        }
    }

    fn is_exceeded(&self) -> bool {
        self.limit.is_some_and(|limit| self.used() > limit)
    }

    /// What is left, if there is a limit.
    fn left(&self) -> Option<u64> {
        self.limit.map(|limit| limit.saturating_sub(self.used()))
    }
}

impl Usage {
    /// Begins at nothing. There is none to keep when nothing is limited.
    pub fn new(quotas: &Quotas) -> Option<Self> {
        let time = quotas.cpu_time_per_execution.map(|span| {
            let nanoseconds = span.as_duration().as_nanos();
            u64::try_from(nanoseconds).unwrap_or(u64::MAX)
        });
        let bytes = quotas.memory_per_execution.map(ByteSize::as_u64);
        let items = quotas.items_per_execution;
        if items.is_none() && bytes.is_none() && time.is_none() {
            return None;
        }
        Some(Self {
            items: Meter::new(items),
            bytes: Meter::new(bytes),
            time: Meter::new(time),
            variables: Mutex::default(),
        })
    }

    /// Adds what a node gave. Measure it with [`check_output`](super::check_output) instead when
    /// single outputs are bounded too.
    ///
    /// # Errors
    /// [`QuotaExceededInExecution`] when it is too much, or has been before.
    pub fn add_output(&self, outputs: &Outputs) -> Result<(), QuotaExceededInExecution> {
        let size = match self.bytes_left() {
            Some(left) => output_size(outputs, left).unwrap_or(left.saturating_add(1)),
            None => 0,
        };
        self.add_measured(outputs.item_count(), size)
    }

    /// Adds so many items of so many bytes in all.
    ///
    /// # Errors
    /// [`QuotaExceededInExecution`] when it is too much, or has been before.
    pub fn add_measured(&self, items: usize, bytes: u64) -> Result<(), QuotaExceededInExecution> {
        self.items.add(u64::try_from(items).unwrap_or(u64::MAX));
        self.bytes.add(bytes);
        self.check()
    }

    /// Adds the variables that an execution begins with: the one that this is kept for, or one
    /// that it calls.
    ///
    /// # Errors
    /// [`QuotaExceededInExecution`] when it is too much, or has been before.
    pub fn add_variables(
        &self,
        execution: ExecutionId,
        variables: &Object,
    ) -> Result<(), QuotaExceededInExecution> {
        if self.bytes.limit.is_some() && !variables.is_empty() {
            let mut all = self.variables.lock();
            let sizes = all.entry(execution).or_default();
            for (name, value) in variables {
                self.resize(sizes, name, json_size(value));
            }
        }
        self.check()
    }

    /// Counts variables that a node of an execution changed: a variable counts with what it is,
    /// not with what it was.
    ///
    /// # Errors
    /// [`QuotaExceededInExecution`] when it is too much, or has been before.
    pub fn write_variables(
        &self,
        execution: ExecutionId,
        writes: &[VariableWrite],
    ) -> Result<(), QuotaExceededInExecution> {
        if self.bytes.limit.is_some() && !writes.is_empty() {
            let mut all = self.variables.lock();
            let sizes = all.entry(execution).or_default();
            for write in writes {
                match write {
                    VariableWrite::Set { name, value } => {
                        self.resize(sizes, name, json_size(value));
                    }
                    VariableWrite::Delete { name } => {
                        self.bytes.subtract(sizes.remove(name).unwrap_or(0));
                    }
                    VariableWrite::Clear => {
                        for (_, size) in sizes.drain() {
                            self.bytes.subtract(size);
                        }
                    }
                }
            }
        }
        self.check()
    }

    fn resize(&self, sizes: &mut Sizes, name: &str, value: u64) {
        let name_size = u64::try_from(name.len()).unwrap_or(u64::MAX);
        let size = value.saturating_add(name_size);
        let before = sizes.insert(name.to_owned(), size).unwrap_or(0);
        self.bytes.subtract(before);
        self.bytes.add(size);
    }

    /// Adds processor time that was used elsewhere.
    pub fn add_cpu_time(&self, time: Duration) {
        self.time
            .add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Adds the processor time that a future uses, and ends it when that is too much.
    ///
    /// Only what the future does while it is polled is counted, and not what it has other threads
    /// do. Without a limit on processor time this is the future as it is.
    pub fn metered<F: Future>(&self, future: F) -> Metered<'_, F> {
        Metered::new(self, future)
    }

    /// Adds the processor time that a call uses on this thread.
    pub fn measured<T>(&self, call: impl FnOnce() -> T) -> T {
        if !self.limits_time() {
            return call();
        }
        let before = thread_time();
        let result = call();
        self.add_cpu_time(thread_time().saturating_sub(before));
        result
    }

    /// Whether everything that was used so far is within the quotas.
    ///
    /// # Errors
    /// [`QuotaExceededInExecution`] when it is not.
    pub fn check(&self) -> Result<(), QuotaExceededInExecution> {
        let (quota, limit) = if self.items.is_exceeded() {
            let limit = QuotaLimit::Items(self.items.limit.unwrap_or(u64::MAX));
            (Quota::ItemsPerExecution, limit)
        } else if self.bytes.is_exceeded() {
            let limit = ByteSize::bytes(self.bytes.limit.unwrap_or(u64::MAX));
            (Quota::MemoryPerExecution, QuotaLimit::Size(limit))
        } else if self.time.is_exceeded() {
            let limit = Duration::from_nanos(self.time.limit.unwrap_or(u64::MAX));
            (
                Quota::CpuTimePerExecution,
                QuotaLimit::Time(Span::from(limit)),
            )
        } else {
            return Ok(());
        };
        Err(QuotaExceededInExecution { quota, limit })
    }

    /// The items so far; 0 when they are not limited.
    pub fn items(&self) -> u64 {
        self.items.used()
    }

    /// The size of the outputs so far and of the variables; 0 when it is not limited.
    pub fn memory(&self) -> ByteSize {
        ByteSize::bytes(self.bytes.used())
    }

    /// The processor time so far; 0 when it is not limited.
    pub fn cpu_time(&self) -> Duration {
        Duration::from_nanos(self.time.used())
    }

    pub(super) fn limits_time(&self) -> bool {
        self.time.limit.is_some()
    }

    /// How many bytes are left, when they are limited.
    pub(super) fn bytes_left(&self) -> Option<u64> {
        self.bytes.left()
    }
}
