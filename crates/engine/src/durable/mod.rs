//! Executions that outlive the process that runs them.
//!
//! With a store, what happens in an execution is written down before anything follows from it: an
//! attempt begins when everything that led to it is acknowledged, and an end is told when it is
//! acknowledged. Whoever takes the execution up afterwards replays its journal and goes on; what
//! was running then runs again, under the same idempotency key. Nothing is kept beside the journal
//! and what the execution is pinned to, so what cannot be replayed is not run.
//!
//! One worker writes to a journal at a time. What a worker may not know is whether it is still the
//! one: when its lease runs out before it could be renewed, or the store says that another one has
//! taken over, it stops at once.

mod assembly;
mod clock;
mod control;
mod create;
mod crew;
mod difference;
mod drive;
mod error;
mod export;
mod exported;
mod hold;
mod housekeeping;
mod keeper;
mod lease;
mod notice;
mod options;
mod part;
mod pinned;
mod pinned_catalog;
mod plans;
mod record;
mod replay;
mod resume;
mod retry;
mod rousings;
mod stored;
mod tenant_claim;
mod worker;
mod writer;

pub(crate) use clock::between;
pub(crate) use create::{Creation, insist};
pub use difference::ReplayDifference;
pub(crate) use drive::{Halt, Kept, Outcome, Rest};
pub use error::StoredError;
pub use export::ReplayOutcome;
pub(crate) use hold::Hold;
pub(crate) use keeper::{Keeper, Presence};
pub use notice::WorkerNotice;
pub use options::DurableOptions;
pub(crate) use part::{CallTurn, Called, CalledByName, called, called_by_name};
pub(crate) use pinned::{Pinned, PinnedError};
pub(crate) use plans::PinnedPlans;
pub(crate) use replay::ReplayError;
pub(crate) use resume::{Context, claim, driver, is_passing};
pub use stored::{History, StoredExecution};
pub(crate) use stored::{ended_report, load};
pub use worker::{Worker, WorkerOptions};
pub(crate) use writer::{Lost, Writer};
