//! The functions of `var.`: the execution's variables.
//!
//! Within one call each item sees what the items before it wrote. The writes take effect for the
//! rest of the execution when the node has ended well.

mod many;
mod one;
mod table;

pub(crate) use table::node_types;
