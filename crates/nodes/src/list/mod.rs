//! The functions of `list.`: every one makes a new list and leaves the given one alone.
//!
//! Conditions and transforms are expressions over `$item`, `$index` and `$acc`, evaluated by the
//! host, which bounds each evaluation; here the sum of what they make is bounded.

mod elements;
mod expressions;
mod keys;
mod parts;
mod table;

pub(crate) use table::node_types;
