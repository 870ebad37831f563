//! The databases that tenants reach, by name.
//!
//! What belongs to a tenant is reached through [`TenantDataSources`] alone, which has that
//! tenant's sources and those that all tenants share, and no others.

mod config;
mod connect;
mod document;
mod error;
mod kept;
mod source;
mod tenant;
mod url;

pub use config::{DataSourceConfig, Migration, RowOwnership};
pub use error::DataSourceError;
pub use tenant::{DataSources, DataSourcesBuilder, TenantDataSources};
pub use url::DataSourceUrl;

pub(super) use connect::Address;
pub(super) use source::{Access, Afterwards, DataSource, Entry, TenantSession};
