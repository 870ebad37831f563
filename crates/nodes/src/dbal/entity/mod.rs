//! Entities that are declared: what their columns are, what is checked when they are written, and
//! the tables that are made of them.

mod declaration;
mod definition;
pub(super) mod migrate;
mod read;
pub(super) mod row_security;
mod types;

pub use declaration::{ColumnDeclaration, EntityDeclaration};
pub use read::EntityError;

pub(super) use definition::Entity;
pub(super) use read::{is_identifier, yaml_or_json};
