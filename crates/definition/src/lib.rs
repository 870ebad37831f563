//! Reading workflows, compiling expressions, and planning: the pure front half of Jackfield.
//!
//! A document, hostile until proven otherwise, becomes a [`Catalog`]-checked plan that cannot be
//! wrong any more. Nothing here is async, reads a file or knows an executor.

mod catalog;
pub mod expression;

pub use catalog::{Catalog, CatalogEntry, CatalogError};
