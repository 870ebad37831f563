//! Quotas, and whose turn it is: how many executions and calls of nodes a tenant may begin.
//!
//! [`Admission`] is the instance's: it knows how much runs at once in all. A [`TenantAdmission`]
//! is one tenant's: it gives permits as long as the tenant is inside its quotas and the instance
//! has room. What is too much waits, or is refused with the time to wait, as the tenant's policy
//! says. A permit gives its place back when it is dropped.
//!
//! Rates are token buckets; how many run at once is counted. Both have one queue a resource:
//! first come, first served within a tenant, and start-time fair queueing (P. Goyal, H. M. Vin,
//! H. Cheng: *Start-time Fair Queueing: A Scheduling Algorithm for Integrated Services Packet
//! Switching Networks*, SIGCOMM 1996) between tenants by their weights. A tenant that has reached
//! its own quota has no turn until it has room again, so that it never blocks others; neither does
//! it save up turns meanwhile.
//!
//! Nothing here runs by itself: there is no task and no thread. Whoever gives a place back passes
//! it on, and a waiter that is first of a tenant that has used up its rate wakes itself when the
//! next token is there.
//!
//! What it refuses to do: it does not look at what is run, and it does not break off what runs.
//! Whoever holds a permit must not wait for another of the same kind, or the instance may come to
//! a stop: the executions and calls of a sub-workflow go under the permits of the node that
//! started it, and a node that only waits gives its permit back meanwhile.

mod bucket;
mod exceeded;
mod fair_queue;
mod flow;
mod gate;
mod instance;
mod limits;
mod permit;
mod places;
mod state;
mod tenant;
mod waiting;

pub use exceeded::{Quota, QuotaExceeded, QuotaLimit};
pub use instance::{Admission, AdmissionLimits};
pub use permit::{CallPermit, ExecutionPermit};
pub use state::{AdmissionState, Load};
pub use tenant::{TenantAdmission, TryCall, TryExecution};
