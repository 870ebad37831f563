//! Reading workflows, compiling expressions, and planning: the pure front half of Jackfield.
//!
//! A document, hostile until proven otherwise, becomes a [`Catalog`]-checked plan that cannot be
//! wrong any more. Nothing here is async, reads a file or knows an executor.

mod catalog;
mod diagnostic;
mod diagnostics;
pub mod expression;
mod locate;
mod nearest;
mod plan;
mod pointer;
mod read;
mod report;
mod schema;
mod source;
mod unique_keys;
mod workflow;

pub use catalog::{Catalog, CatalogEntry, CatalogError, SecretGrant};
pub use diagnostic::{Diagnostic, Location};
pub use diagnostics::Diagnostics;
pub use nearest::nearest;
pub use plan::{Plan, PlanConnection, PlanFallback, PlanNode, PlanOptions, plan_workflow};
pub use read::{read_workflow, workflow_from_value};
pub use report::DiagnosticsReport;
pub use schema::workflow_schema;
pub use source::{MAX_DOCUMENT_DEPTH, MAX_DOCUMENT_SIZE, SourceText};
pub use workflow::{Attachment, Connection, ConnectionPlace, Dialect, Node, Settings, Workflow};
