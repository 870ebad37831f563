//! What is tried. Each attempt notes on its stage what the actor got to of what the owner owns.

mod audit;
mod calls;
mod circuits;
mod executions;
mod executors;
mod filters;
mod kept;
mod plans;
mod plugins;
mod policies;
mod quotas;
mod secrets;
mod stored;
mod workflows;

use futures_util::future::BoxFuture;

use super::stage::{Outcome, Stage};

/// One thing that is tried.
pub(super) struct Attempt {
    pub(super) name: &'static str,
    /// The public calls that it goes through.
    pub(super) covers: &'static [&'static str],
    /// Whether it is about node types of the embedder's own.
    pub(super) needs_stateful: bool,
    pub(super) run: for<'a> fn(&'a Stage) -> BoxFuture<'a, Outcome>,
}

/// An attempt by its name, the calls that it covers, and the function that makes it.
macro_rules! attempt {
    ($name:literal, [$($call:literal),* $(,)?], $run:path) => {
        $crate::isolation::attempts::Attempt {
            name: $name,
            covers: &[$($call),*],
            needs_stateful: false,
            run: |stage| Box::pin($run(stage)),
        }
    };
}
use attempt;

/// All of them.
pub(super) fn attempts() -> impl Iterator<Item = &'static Attempt> {
    [
        executions::ATTEMPTS,
        plans::ATTEMPTS,
        calls::ATTEMPTS,
        secrets::ATTEMPTS,
        stored::ATTEMPTS,
        policies::ATTEMPTS,
        quotas::ATTEMPTS,
        audit::ATTEMPTS,
        kept::ATTEMPTS,
        circuits::ATTEMPTS,
        executors::ATTEMPTS,
        plugins::ATTEMPTS,
        filters::ATTEMPTS,
        workflows::ATTEMPTS,
    ]
    .into_iter()
    .flatten()
}

/// The public calls that some attempt goes through, as `Type::call`; a function as its name.
///
/// Whoever adds a call that takes a tenant, or belongs to one, compares with this.
pub fn covered_calls() -> impl Iterator<Item = &'static str> {
    attempts().flat_map(|attempt| attempt.covers.iter().copied())
}
