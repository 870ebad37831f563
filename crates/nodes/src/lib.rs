//! The built-in node types of Jackfield.
//!
//! A folder a category. Each category lists its node types in one function `node_types`, as
//! [`BuiltIn`]s: the declaration and the code behind it. [`register_all`] puts them into a registry;
//! whoever wants fewer picks from [`node_types`].
//!
//! Nothing here knows the engine, a store or a sandbox, and no node type keeps state between calls.

mod built_in;
mod control;
mod convert;
mod data;
#[cfg(feature = "dbal")]
mod dbal;
mod declaration;
mod dict;
mod family;
mod http;
mod items;
mod list;
mod logic;
mod math;
mod path;
mod settings;
mod string;
mod trigger;
mod value;
mod variable;

pub use built_in::{BuiltIn, node_types, register_all};
#[cfg(feature = "dbal")]
pub use dbal::{
    ColumnDeclaration, DataSourceConfig, DataSourceError, DataSourceUrl, DataSources,
    DataSourcesBuilder, EntityDeclaration, EntityError, Migration, RowOwnership, TenantDataSources,
    ValueType,
};
pub use http::{Access, HttpSettings};
pub use settings::NodeSettings;
