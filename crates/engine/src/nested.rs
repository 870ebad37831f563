//! What an execution shares with all executions that it calls by `execute-workflow`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use jackfield_tenancy::{Redactor, Tenant, Usage};
use jackfield_types::ExecutionId;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::PreparedPlan;
use crate::durable::CalledByName;

/// How many executions one may start by `execute-workflow`, those that they start included.
const MAX_NESTED: u64 = 100_000;

/// What an execution shares with all that it calls.
///
/// What one of them may not show no other may show either, and what one of them uses up all of them
/// have used up. The rules and quotas are those that were in force when the first one began.
pub(crate) struct Nested {
    /// The first one.
    pub(crate) whole: ExecutionId,
    /// Whether the first one had begun before it was taken up here.
    pub(crate) goes_on: AtomicBool,
    started: AtomicU64,
    /// Plans of the workflows called by name.
    pub(crate) plans: Mutex<HashMap<String, Arc<PreparedPlan>>>,
    /// What was called by name before the first one was taken up here, once it was asked for.
    pub(crate) called: OnceCell<HashMap<String, CalledByName>>,
    pub(crate) redactor: Redactor,
    /// What has been used of what is bounded; `None` when nothing is.
    pub(crate) usage: Option<Usage>,
    /// The secrets whose first use is on record.
    recorded: Mutex<HashSet<String>>,
}

impl Nested {
    pub(crate) fn new(tenant: &Tenant, whole: ExecutionId) -> Self {
        Self {
            whole,
            goes_on: AtomicBool::new(false),
            started: AtomicU64::new(0),
            plans: Mutex::default(),
            called: OnceCell::new(),
            redactor: Redactor::new(tenant.redaction()),
            usage: Usage::new(&tenant.quotas()),
            recorded: Mutex::default(),
        }
    }

    /// Counts another execution; the bound, if there are too many.
    pub(crate) fn begin(&self) -> Result<(), u64> {
        if self.started.fetch_add(1, Ordering::Relaxed) >= MAX_NESTED {
            return Err(MAX_NESTED);
        }
        Ok(())
    }

    /// Whether this is the first time that a secret is asked for.
    pub(crate) fn is_first_use(&self, secret: &str) -> bool {
        let mut recorded = self.recorded.lock();
        !recorded.contains(secret) && recorded.insert(secret.to_owned())
    }
}
