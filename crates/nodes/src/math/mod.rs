//! The functions of `math.`: arithmetic whose integers are exact and whose results are numbers.
//!
//! There is no not-a-number and no infinity: what has no result is an error.

mod arithmetic;
mod random;
mod rounding;
mod table;

pub(crate) use table::node_types;
