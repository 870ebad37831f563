//! Node types that decide where items go and when: branches, joins, loops, waits.

mod condition;
mod execute_workflow;
mod filter;
mod r#loop;
mod merge;
mod merge_by_key;
mod no_op;
mod parallel;
mod predicate;
mod set_variable;
mod split;
mod stop_and_error;
mod switch;
mod wait;

use crate::BuiltIn;

/// The category's name.
pub(crate) const CATEGORY: &str = "control";

/// The node types of this category.
pub(crate) fn node_types() -> Vec<BuiltIn> {
    vec![
        BuiltIn::of(condition::Condition),
        BuiltIn::of(switch::Switch),
        BuiltIn::of(filter::Filter),
        BuiltIn::of(merge::Merge),
        BuiltIn::of(split::Split),
        BuiltIn::of(r#loop::Loop),
        BuiltIn::of(parallel::Parallel),
        BuiltIn::of(wait::Wait),
        BuiltIn::of(no_op::NoOp),
        BuiltIn::of(stop_and_error::StopAndError),
        BuiltIn::of(execute_workflow::ExecuteWorkflow),
        BuiltIn::of(set_variable::SetVariable),
    ]
}
