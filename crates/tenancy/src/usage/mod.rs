//! What one execution has used up: items, memory and processor time.
//!
//! [`Usage`] adds up over all nodes of an execution, from whichever threads they run on, and says
//! when it is too much. [`check_output`] measures an output once for the bound on single outputs
//! and for the execution's; it stops counting as soon as the answer is known.
//!
//! What it refuses to do: it stops nothing by itself but a [`Usage::metered`] future, and that only
//! between two polls. Code that computes for long without a pause is interrupted by whoever runs
//! it, or not at all.

mod clock;
mod execution;
mod metered;
mod output;

pub use execution::{QuotaExceededInExecution, Usage};
pub use metered::Metered;
pub use output::{OutputRefused, TooLarge, check_output, output_size};
