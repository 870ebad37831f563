//! Whole workflows are checked before anything runs, and the result is kept.
//!
//! A check is planning, which sees everything that the document and the catalog tell, and a look at
//! what the node types in use depend on themselves. Its result stands as long as nothing that it
//! rests on has changed: the document, the options, what is registered, the policy of whoever asks,
//! the secrets that expressions read, and which executors are at hand to check parameters by their
//! own rules. A result is never served in the place of a newer one, nor one tenant's to another.

mod content;
mod dependencies;
mod kept;
mod results;
mod workflow;

pub use kept::ValidationStatistics;
pub(crate) use kept::{Kept, ResultBounds};
pub use workflow::{CatalogView, Document, Validated};
