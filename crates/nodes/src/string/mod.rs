//! The functions of `string.`: texts, counted by Unicode code points.
//!
//! No function makes a text of more than 16 MiB.

mod format;
mod pieces;
mod table;
mod text;

pub(crate) use table::node_types;
