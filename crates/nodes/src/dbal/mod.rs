//! Node types that read and write databases: SQLite, PostgreSQL, MySQL and MariaDB.
//!
//! Which databases there are is said by the embedder or the operator, as named [`DataSources`]; a
//! tenant reaches its own and those that all share. Statements are data until the query builder
//! writes them: names are those that the database itself gave, quoted by the builder, and values go
//! beside the statement. Under strict isolation every statement is bound to the tenant.
//!
//! Each call works in one transaction. What was not committed, because of an error or because the
//! call was dropped, did not happen.

mod aggregate;
mod catalog;
mod cell;
mod delete;
mod dialect;
mod entity;
mod error;
mod filter;
mod kind;
mod order;
mod query;
mod read;
mod session;
mod sources;
mod sql_text;
mod target;
mod text;
mod write;

pub use entity::{ColumnDeclaration, EntityDeclaration, EntityError};
pub use kind::ValueType;
pub use sources::{
    DataSourceConfig, DataSourceError, DataSourceUrl, DataSources, DataSourcesBuilder, Migration,
    RowOwnership, TenantDataSources,
};

use crate::BuiltIn;

/// The category's name.
pub(crate) const CATEGORY: &str = "dbal";

/// The node types of this category.
pub(crate) fn node_types(sources: &DataSources) -> Vec<BuiltIn> {
    vec![
        BuiltIn::of(read::DbalRead::new(sources.clone())),
        BuiltIn::of(write::DbalWrite::new(sources.clone())),
        BuiltIn::of(delete::DbalDelete::new(sources.clone())),
        BuiltIn::of(aggregate::DbalAggregate::new(sources.clone())),
        BuiltIn::of(query::DbalQuery::new(sources.clone())),
    ]
}

/// The data source of nodes that name none.
fn default_source() -> String {
    "main".to_owned()
}
