//! The functions of `convert.`: from one type to another, strictly.
//!
//! What cannot be converted is an error that shows it; nothing becomes null or not-a-number.

mod basic;
mod dates;
mod encoding;
mod json;
mod table;

pub(crate) use table::node_types;
