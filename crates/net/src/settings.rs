use schemars::JsonSchema;
use serde::Deserialize;

/// What an operator decides about HTTP requests of workflows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct HttpSettings {
    /// Whether private, loopback, link-local and other addresses that are not public may be
    /// reached.
    pub private_networks: Access,
    /// Hosts that may be reached wherever they are: names or addresses, or `*.example.org` for all
    /// names below one.
    pub allowed_hosts: Vec<String>,
}

/// Whether something may be reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// It may not.
    #[default]
    Refused,
    /// It may.
    Allowed,
}
