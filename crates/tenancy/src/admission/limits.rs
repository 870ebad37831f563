use std::num::NonZeroU32;
use std::time::Duration;

use jackfield_types::{Quotas, WhenExceeded};

use super::bucket::Rate;
use super::exceeded::{Quota, QuotaLimit};

/// The longest that anybody waits, or is told to wait, whatever a policy says.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What a gate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource {
    Executions,
    Calls,
}

impl Resource {
    pub(super) fn instance_quota(self) -> Quota {
        match self {
            Self::Executions => Quota::InstanceExecutions,
            Self::Calls => Quota::InstanceCalls,
        }
    }

    pub(super) fn rate_quota(self) -> Quota {
        match self {
            Self::Executions => Quota::ExecutionsPerSecond,
            Self::Calls => Quota::NodeCallsPerSecond,
        }
    }
}

/// What a tenant's quotas say about one resource.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limits {
    pub(super) at_once: Option<u32>,
    pub(super) rate: Option<Rate>,
    pub(super) weight: u32,
    pub(super) when_exceeded: WhenExceeded,
    pub(super) max_queued: u32,
    pub(super) max_wait: Duration,
}

impl Limits {
    pub(super) fn new(quotas: &Quotas, resource: Resource) -> Self {
        let (at_once, per_second, burst) = match resource {
            Resource::Executions => (
                quotas.concurrent_executions,
                quotas.executions_per_second,
                quotas.execution_burst,
            ),
            Resource::Calls => (None, quotas.node_calls_per_second, quotas.node_call_burst),
        };
        Self {
            at_once,
            rate: per_second.map(|per_second| Rate::new(per_second, burst)),
            weight: quotas.weight,
            when_exceeded: quotas.when_exceeded,
            max_queued: quotas.max_queued,
            max_wait: quotas.max_wait.as_duration().min(LONGEST_WAIT),
        }
    }

    /// Whether anything has to be counted.
    pub(super) fn bind(&self, capacity: Option<NonZeroU32>) -> bool {
        capacity.is_some() || self.at_once.is_some() || self.rate.is_some()
    }
}

/// What somebody waits for, and how long it will take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shortage {
    pub(super) quota: Quota,
    pub(super) limit: QuotaLimit,
    pub(super) wait: Duration,
}
