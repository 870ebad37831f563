//! The execution state machine of Jackfield: what happened goes in, what to do comes out.
//!
//! [`Execution::apply`] takes an [`Event`], a fact, and [`Execution::next`] gives a [`Command`],
//! an order. There is no clock, no I/O, no randomness and no async here: time and outcomes come in
//! with the events, so applying the same events again gives the same state, and a crash loses
//! nothing that was written down.
//!
//! What is done about a failed attempt is decided by a table ([`recovery_table`]), and by nothing
//! else. What completed nodes did is undone when an execution fails, by hidden nodes
//! ([`Graph::with_compensations`]).
//!
//! Two laws decide what runs when ([`Law`]): the native one, in which a node starts once, when
//! each of its incoming connections is settled, and whose result does not depend on the order in
//! which independent nodes end; and that of the n8n dialect, one delivery at a time, depth first.

mod backoff;
mod command;
mod compensation;
mod depth_first;
mod error;
mod event;
mod execution;
mod failure;
mod graph;
mod outcome;
mod recovery;
mod settled;
mod state;
mod structure;
mod table;
mod turn;
mod variables;
mod view;
mod waiting;

pub use backoff::retry_delay;
pub use command::{Command, RunWith};
pub use compensation::{CompensationResult, CompensationSpec};
pub use error::{ApplyError, CompensationError, GraphError};
pub use event::{Effects, Event, EventKind, ExecutionStatus, Pass, SkipReason};
pub use execution::Execution;
pub use graph::{
    Connection, ConnectionIndex, FailureMode, Graph, Law, LoopIndex, NodeIndex, NodeSpec, Output,
};
pub use recovery::RecoveryRules;
pub use state::{InputSegment, LoopState, NodePhase};
pub use table::{RecoveryRow, recovery_table};
