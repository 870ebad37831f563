use std::fmt;
use std::time::Duration;

use jackfield_types::{
    ByteSize, ErrorCode, FailureClass, NodeFailure, Span, TenantId, format_duration,
};

/// Something of which there is only so much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Quota {
    /// The tenant's executions that run at once.
    ConcurrentExecutions,
    /// The tenant's executions that start a second.
    ExecutionsPerSecond,
    /// The tenant's calls of nodes a second.
    NodeCallsPerSecond,
    /// The tenant's executions or calls that wait.
    MaxQueued,
    /// The executions of all tenants that run at once.
    InstanceExecutions,
    /// The calls of all tenants that run at once.
    InstanceCalls,
    /// The items that the nodes of one execution give.
    ItemsPerExecution,
    /// The processor time that the nodes of one execution use.
    CpuTimePerExecution,
    /// How large what the nodes of one execution give, and its variables, are.
    MemoryPerExecution,
}

impl Quota {
    /// The name of the field of the policy, or of the instance's settings, that bounds it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConcurrentExecutions => "concurrentExecutions",
            Self::ExecutionsPerSecond => "executionsPerSecond",
            Self::NodeCallsPerSecond => "nodeCallsPerSecond",
            Self::MaxQueued => "maxQueued",
            Self::InstanceExecutions => "instanceExecutions",
            Self::InstanceCalls => "instanceCalls",
            Self::ItemsPerExecution => "itemsPerExecution",
            Self::CpuTimePerExecution => "cpuTimePerExecution",
            Self::MemoryPerExecution => "memoryPerExecution",
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much there is of a [`Quota`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum QuotaLimit {
    /// So many at once.
    AtOnce(u32),
    /// So many a second, on average.
    PerSecond(f64),
    /// So many may wait.
    Waiting(u32),
    /// So many items.
    Items(u64),
    /// So long.
    Time(Span),
    /// So large.
    Size(ByteSize),
}

impl fmt::Display for QuotaLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtOnce(count) => write!(f, "{count} at once"),
            Self::PerSecond(rate) => write!(f, "{rate} a second"),
            Self::Waiting(count) => write!(f, "{count} waiting"),
            Self::Items(count) => write!(f, "{count} items"),
            Self::Time(span) => span.fmt(f),
            Self::Size(size) => size.fmt(f),
        }
    }
}

/// More than a tenant may begin now.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}", Text(self))]
pub struct QuotaExceeded {
    /// Whose it is.
    pub tenant: TenantId,
    /// What is used up.
    pub quota: Quota,
    /// How much there is of it.
    pub limit: QuotaLimit,
    /// How long to wait before there is a good chance. It is exact for rates, and an estimate
    /// from how long others took for what is counted.
    pub retry_after: Duration,
    /// Whether the policy says that what is too much is not tried again.
    pub dropped: bool,
}

struct Text<'a>(&'a QuotaExceeded);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let QuotaExceeded {
            tenant,
            quota,
            limit,
            retry_after,
            dropped,
        } = self.0;
        match quota {
            Quota::InstanceExecutions | Quota::InstanceCalls => write!(
                f,
                "the instance is busy (`{quota}`: {limit}), tenant `{tenant}` had no turn in time"
            )?,
            _ => write!(
                f,
                "tenant `{tenant}` has used up its quota `{quota}` ({limit})"
            )?,
        }
        if *dropped {
            f.write_str(" and its policy drops what is too much")
        } else {
            write!(f, "; try again in {}", format_duration(*retry_after))
        }
    }
}

impl QuotaExceeded {
    /// What may be done about it: it may be tried again, unless the policy drops what is too much.
    pub fn class(&self) -> FailureClass {
        if self.dropped {
            FailureClass::Final
        } else {
            FailureClass::Retryable
        }
    }

    /// The same as the failure of a node.
    pub fn to_failure(&self) -> NodeFailure {
        let mut failure =
            NodeFailure::new(self.class(), ErrorCode::QUOTA_EXCEEDED, self.to_string());
        failure.retry_after = (!self.dropped).then_some(self.retry_after);
        failure
    }
}
