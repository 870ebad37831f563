#[cfg(feature = "dbal")]
use crate::DataSources;
use crate::HttpSettings;

/// What an operator decides about the built-in node types.
#[derive(Debug, Clone, Default)]
pub struct NodeSettings {
    /// About HTTP requests.
    pub http: HttpSettings,
    /// The databases that tenants reach.
    #[cfg(feature = "dbal")]
    pub data_sources: DataSources,
}
