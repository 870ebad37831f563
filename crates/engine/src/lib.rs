//! The driver of Jackfield: runs plans, with one invocation pipeline for every node call.
//!
//! The kernel decides, the driver does: it runs attempts, waits, and reports what happened. Every
//! call of a node, in a workflow or by itself, goes the same way: authorize, admit, ask the circuit,
//! resolve, validate, execute, count, redact. What happened is written to the [`Journal`] and
//! nowhere else; progress, reports and history are read from it or from the state that is folded
//! from it.
//!
//! Nothing is done but on behalf of a tenant, through a [`TenantEngine`], and what belongs to one
//! tenant cannot be reached through the handle of another.

mod admission;
mod again;
mod attempt;
mod audit;
mod authorize;
mod breaker;
mod call_host;
mod called_before;
mod catalog;
mod clock;
mod conditions;
mod driver;
mod durable;
mod ending;
mod engine;
mod error;
mod error_metrics;
mod execution;
mod failure_size;
mod handle;
mod invocation;
mod journal;
mod kept_calls;
mod launch;
mod lineage;
mod nested;
mod node_request;
mod orders;
mod parameters;
mod parts;
mod prepared;
mod report;
mod resolve;
mod running_execution;
mod scope;
mod secret_names;
mod settle;
mod signals;
mod tenant_engine;
mod tenant_state;
mod watch;
mod workflows;

pub use breaker::{Circuit, CircuitState};
pub use catalog::TenantCatalog;
pub use clock::{Clock, SystemClock};
pub use durable::{
    DurableOptions, History, ReplayDifference, ReplayOutcome, StoredError, StoredExecution, Worker,
    WorkerNotice, WorkerOptions,
};
pub use engine::{Engine, EngineBuilder};
pub use error::StartError;
pub use error_metrics::{ErrorCount, ErrorMetrics};
pub use execution::{PinnedData, PlannedPlugins, StartOptions};
pub use handle::ExecutionHandle;
pub use journal::{Events, Journal, JournalEntry};
pub use node_request::NodeRequest;
pub use prepared::PreparedPlan;
pub use report::{CompensationReport, Report, ReportFailure};
pub use running_execution::RunningExecution;
pub use tenant_engine::TenantEngine;
pub use workflows::{NoWorkflows, WorkflowSource, WorkflowSourceError};
