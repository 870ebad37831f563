//! The functions of `logic.`: truth, comparison and choice.

mod comparison;
mod table;
mod truth;

pub(crate) use table::node_types;
