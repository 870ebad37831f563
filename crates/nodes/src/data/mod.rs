//! Node types that change what items hold, how many there are, and in which order.

mod aggregate;
mod limit;
mod remove_duplicates;
mod sort;
mod split_out;
mod summarize;
mod summary;
mod transform;

use crate::BuiltIn;

/// The category's name.
pub(crate) const CATEGORY: &str = "data";

/// The node types of this category.
pub(crate) fn node_types() -> Vec<BuiltIn> {
    vec![
        BuiltIn::of(transform::Transform),
        BuiltIn::of(sort::Sort),
        BuiltIn::of(limit::Limit),
        BuiltIn::of(aggregate::Aggregate),
        BuiltIn::of(split_out::SplitOut),
        BuiltIn::of(summarize::Summarize),
        BuiltIn::of(remove_duplicates::RemoveDuplicates),
    ]
}
