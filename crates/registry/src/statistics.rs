//! What node types did: attempts, errors, retries, durations.
//!
//! One set of numbers belongs to a node type, over all its versions and re-registrations, until
//! its last version is unregistered. A node type that never ran holds a few words.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use jackfield_types::{ErrorCode, NodeTypeId};
use parking_lot::{Mutex, MutexGuard};
use serde::{Serialize, Serializer};

use crate::shards::Shards;
use crate::{CacheStatistics, Quarantine, Registry, ValidationStatistics};

/// How many error codes are told apart. Plugins make their own codes, so there must be a bound;
/// beyond it errors count under [`ErrorCode::EXECUTION_ERROR`].
const MOST_CODES: usize = 64;
/// Significant digits of recorded durations.
const DIGITS: u8 = 2;

/// What all node types did, and each by itself.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistryStatistics {
    /// How many registrations there are: node types, each in every version.
    pub registrations: usize,
    /// How many node types there are.
    pub node_types: usize,
    /// All of them together.
    pub total: NodeTypeSummary,
    /// Those that ran, by name.
    pub by_node_type: BTreeMap<NodeTypeId, NodeTypeSummary>,
    /// What the executor cache did.
    pub cache: CacheStatistics,
    /// What became of checks of whole workflows.
    pub validations: ValidationStatistics,
    /// The executors that are not called any more because they trapped again and again.
    pub quarantined: Vec<Quarantine>,
}

/// What a node type did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeTypeSummary {
    /// How many attempts were made.
    pub executions: u64,
    /// How many attempts failed, by code.
    pub errors: BTreeMap<ErrorCode, u64>,
    /// How many attempts were made because an earlier one failed.
    pub retries: u64,
    /// How long attempts took.
    pub duration: DurationStatistics,
}

/// How long attempts took; milliseconds in JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DurationStatistics {
    /// The shortest.
    #[serde(serialize_with = "milliseconds")]
    pub min: Duration,
    /// The mean.
    #[serde(serialize_with = "milliseconds")]
    pub mean: Duration,
    /// Half of the attempts took at most this long.
    #[serde(serialize_with = "milliseconds")]
    pub p50: Duration,
    /// 95 of 100 attempts took at most this long.
    #[serde(serialize_with = "milliseconds")]
    pub p95: Duration,
    /// 99 of 100 attempts took at most this long.
    #[serde(serialize_with = "milliseconds")]
    pub p99: Duration,
    /// The longest.
    #[serde(serialize_with = "milliseconds")]
    pub max: Duration,
}

/// The numbers of one node type as they are counted.
#[derive(Default)]
pub(crate) struct NodeTypeStatistics {
    retries: AtomicU64,
    attempts: Counted,
    /// Where threads count from when two of them met for the first time.
    shards: OnceLock<Shards<Counted>>,
}

/// Made at the first attempt.
type Counted = Mutex<Option<Box<Attempts>>>;

struct Attempts {
    errors: BTreeMap<ErrorCode, u64>,
    /// In nanoseconds.
    durations: Histogram<u64>,
}

impl Attempts {
    fn new() -> Self {
        let durations = Histogram::new(DIGITS).expect("two significant digits are allowed");
        Self {
            errors: BTreeMap::new(),
            durations,
        }
    }

    fn record(&mut self, took: Duration, error: Option<ErrorCode>) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        // The histogram grows by itself; the largest values are cut to its own limit.
        self.durations.saturating_record(nanoseconds);
        let Some(code) = error else { return };
        if let Some(count) = self.errors.get_mut(&code) {
            *count += 1;
        } else if self.errors.len() < MOST_CODES {
            self.errors.insert(code, 1);
        } else {
            *self.errors.entry(ErrorCode::EXECUTION_ERROR).or_default() += 1;
        }
    }

    fn add(&mut self, other: &Self) {
        // Both grow by themselves and have the same precision, so adding cannot fail.
        let _ = self.durations.add(&other.durations);
        for (code, count) in &other.errors {
            *self.errors.entry(code.clone()).or_default() += count;
        }
    }

    fn summary(&self, retries: u64) -> NodeTypeSummary {
        let all = &self.durations;
        let quantile = |q| Duration::from_nanos(all.value_at_quantile(q));
        let duration = if all.is_empty() {
            DurationStatistics::default()
        } else {
            DurationStatistics {
                min: Duration::from_nanos(all.min()),
                mean: Duration::from_secs_f64(all.mean() / 1e9),
                p50: quantile(0.50),
                p95: quantile(0.95),
                p99: quantile(0.99),
                max: Duration::from_nanos(all.max()),
            }
        };
        NodeTypeSummary {
            executions: all.len(),
            errors: self.errors.clone(),
            retries,
            duration,
        }
    }
}

impl NodeTypeStatistics {
    pub(crate) fn record_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    fn record(&self, took: Duration, error: Option<ErrorCode>) {
        let mut attempts = self.mine();
        attempts
            .get_or_insert_with(|| Box::new(Attempts::new()))
            .record(took, error);
    }

    /// Where this thread counts: with all others, until that holds it up.
    fn mine(&self) -> MutexGuard<'_, Option<Box<Attempts>>> {
        if self.shards.get().is_none()
            && let Some(attempts) = self.attempts.try_lock()
        {
            return attempts;
        }
        self.shards.get_or_init(Shards::new).mine().lock()
    }

    /// What was counted, wherever it was, if the node type ever ran.
    fn attempts(&self) -> Option<Attempts> {
        let shards = self.shards.get().into_iter().flat_map(Shards::iter);
        let mut sum = None;
        for counted in [&self.attempts].into_iter().chain(shards) {
            if let Some(attempts) = &*counted.lock() {
                sum.get_or_insert_with(Attempts::new).add(attempts);
            }
        }
        sum
    }
}

/// Times one attempt. Dropped before it is finished, it records a cancelled one.
pub(crate) struct Recorder<'a> {
    statistics: &'a Arc<NodeTypeStatistics>,
    began: Instant,
    finished: bool,
}

impl<'a> Recorder<'a> {
    pub(crate) fn start(statistics: &'a Arc<NodeTypeStatistics>) -> Self {
        Self {
            statistics,
            began: Instant::now(),
            finished: false,
        }
    }

    pub(crate) fn finish(mut self, error: Option<ErrorCode>) {
        self.finished = true;
        self.statistics.record(self.began.elapsed(), error);
    }
}

impl Drop for Recorder<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.statistics
                .record(self.began.elapsed(), Some(ErrorCode::CANCELLED));
        }
    }
}

impl Registry {
    /// What node types and cache did so far.
    pub fn stats(&self) -> RegistryStatistics {
        let snapshot = self.snapshot();
        let mut total = Attempts::new();
        let mut retries = 0_u64;
        let mut registrations = 0;
        let mut by_node_type = BTreeMap::new();
        let mut quarantined = Vec::new();
        for versions in snapshot.sorted() {
            registrations += versions.len();
            quarantined.extend(versions.iter().flat_map(|one| one.quarantines()));
            let statistics = versions[0].statistics();
            if let Some(attempts) = statistics.attempts() {
                total.add(&attempts);
                let again = statistics.retries.load(Ordering::Relaxed);
                retries = retries.saturating_add(again);
                by_node_type.insert(versions[0].node_type().clone(), attempts.summary(again));
            }
        }
        RegistryStatistics {
            registrations,
            node_types: snapshot.len(),
            total: total.summary(retries),
            by_node_type,
            cache: self.cache().statistics(),
            validations: self.results().statistics(),
            quarantined,
        }
    }
}

fn milliseconds<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((span.as_secs_f64() * 1e6).round() / 1e3)
}
