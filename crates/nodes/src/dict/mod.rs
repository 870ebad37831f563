//! The functions of `dict.`: every one makes a new object and leaves the given one alone.
//!
//! The keys `__proto__`, `constructor` and `prototype` are refused, in paths as in objects, so that
//! what is made here is harmless in any JavaScript that it reaches.

mod entries;
mod expressions;
mod merge;
mod places;
mod table;

pub(crate) use entries::from_entries;
pub(crate) use table::node_types;
