//! What Jackfield asks of a store.
//!
//! A [`Store`] keeps what has to outlive the process. Everything in it belongs to a tenant, and
//! the only way to a tenant's rows is the [`TenantStore`] that [`Store::tenant`] gives: no call
//! takes a tenant beside it, so no call can be told the wrong one. Across tenants a store answers
//! one question only, which executions somebody should take up ([`Store::claim`]).
//!
//! A store does not know what it keeps: events, plans, policies and records are bytes to it. What
//! it promises is about them all:
//!
//! * **Acknowledged is kept.** When a call that changes something returns `Ok`, the change is as
//!   safe as the store's [`Durability`] says. A call that fails, or whose future is dropped, has
//!   happened as a whole or not at all.
//! * **One writer at a time.** Whoever appends to a journal names the [`Fence`] that it got when it
//!   claimed the execution; a later claim makes all earlier fences void ([`StoreError::Fenced`]).
//! * **The store's clock counts.** Leases and wake-up times are compared with the clock of the
//!   store, not with those of its callers, and a lease never gets shorter when that clock goes back.
//!   Times are kept to the microsecond.
//! * **Names are bytes.** Whatever is within [`limits`] is a name like any other. What is not is
//!   refused where it is written, and is simply not there where it is read.
//!
//! How an execution goes from one state to the next, who may write and when somebody has to take it
//! up is the same in every store, and is decided in one place: [`Course`].
//!
//! The conformance suite in the crate `jackfield-testkit` tries all of this on any store.

mod audit;
mod course;
mod document;
mod error;
mod execution;
mod journal;
mod lease;
pub mod limits;
mod page;
mod payload;
mod retention;
mod signal;
mod store;
mod time;
mod workflow;

pub use audit::AuditRecords;
pub use course::Course;
pub use document::{Collection, Document, Documents, Expected, Revision};
pub use error::StoreError;
pub use execution::{
    ExecutionFilter, ExecutionRecord, ExecutionState, Executions, NewExecution, Request, Requests,
    Waiting,
};
pub use journal::{Append, Appended, JournalRecord, Standing};
pub use lease::{Claim, Claimed, Fence, Lease, WorkerId};
pub use page::{Page, PageRequest};
pub use payload::Payloads;
pub use retention::{Collected, KeptRetention, Retention};
pub use signal::{NewSignal, Signal};
pub use store::{Durability, Store, TenantStore};
pub use time::{to_microsecond, to_next_microsecond};
pub use workflow::{NewWorkflow, WorkflowRecord, WorkflowVersion, Workflows};

/// What an asynchronous call of a store gives.
pub type StoreFuture<'a, T> = futures_core::future::BoxFuture<'a, Result<T, StoreError>>;
