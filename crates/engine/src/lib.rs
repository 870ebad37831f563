//! The driver of Jackfield: runs plans, with one invocation pipeline for every node call.
//!
//! The kernel decides, the driver does: it runs attempts, waits, and reports what happened. Every
//! call of a node, in a workflow or by itself, goes the same way: authorize, resolve, validate,
//! execute. What happened is written to the [`Journal`] and nowhere else; progress, reports and
//! history are read from it or from the state that is folded from it.

mod attempt;
mod authorizer;
mod clock;
mod conditions;
mod driver;
mod engine;
mod error;
mod execution;
mod invocation;
mod journal;
mod lineage;
mod node_request;
mod parameters;
mod prepared;
mod report;
mod scope;
mod workflows;

pub use authorizer::{AllowAll, Authorizer, Refusal};
pub use clock::{Clock, SystemClock};
pub use engine::{Engine, EngineBuilder};
pub use error::StartError;
pub use execution::{ExecutionHandle, PinnedData, StartOptions};
pub use journal::{Events, Journal, JournalEntry};
pub use node_request::NodeRequest;
pub use prepared::PreparedPlan;
pub use report::{Report, ReportFailure};
pub use workflows::{NoWorkflows, WorkflowSource, WorkflowSourceError};
