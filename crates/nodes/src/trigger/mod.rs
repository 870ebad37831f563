//! Node types that begin an execution. Started by hand, they pass on what it was started with.

mod event;
mod manual;
mod schedule;
mod webhook;

use crate::BuiltIn;

/// The category's name.
pub(crate) const CATEGORY: &str = "trigger";

/// The node types of this category.
pub(crate) fn node_types() -> Vec<BuiltIn> {
    vec![
        BuiltIn::of(manual::Manual),
        BuiltIn::of(schedule::Schedule),
        BuiltIn::of(webhook::Webhook),
        BuiltIn::of(event::Event),
    ]
}
