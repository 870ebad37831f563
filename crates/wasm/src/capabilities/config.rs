//! Capability `config`.

use std::collections::BTreeMap;

use jackfield_plugin_api::NodeError;
use jackfield_types::{Capability, ErrorCode, PluginId, TenantId};

use super::text::{cut, plain};
use crate::bindings::jackfield::plugin::config::Host;
use crate::bindings::jackfield::plugin::types::Fault;
use crate::state::PluginState;

/// The most bytes of a name that a refusal shows.
const SHOWN: usize = 100;

/// Where the configuration of plugins comes from. Asked in the middle of a call, so it must not
/// wait.
pub trait ConfigSource: Send + Sync + 'static {
    /// The value of a setting of a plugin, for a tenant. No secrets: what is given is not masked.
    fn value(&self, tenant: &TenantId, plugin: &PluginId, name: &str) -> Option<String>;
}

/// Configuration that is known in advance: for all tenants, and for some of them something else.
#[derive(Debug, Clone, Default)]
pub struct StaticConfig {
    common: BTreeMap<PluginId, BTreeMap<String, String>>,
    special: BTreeMap<(TenantId, PluginId), BTreeMap<String, String>>,
}

impl StaticConfig {
    /// Sets a value for all tenants that have none of their own.
    #[must_use]
    pub fn with(mut self, plugin: PluginId, name: &str, value: &str) -> Self {
        let settings = self.common.entry(plugin).or_default();
        settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets a value for one tenant.
    #[must_use]
    pub fn with_for(mut self, tenant: TenantId, plugin: PluginId, name: &str, value: &str) -> Self {
        let settings = self.special.entry((tenant, plugin)).or_default();
        settings.insert(name.to_owned(), value.to_owned());
        self
    }
}

impl ConfigSource for StaticConfig {
    fn value(&self, tenant: &TenantId, plugin: &PluginId, name: &str) -> Option<String> {
        let own = self.special.get(&(tenant.clone(), plugin.clone()));
        let own = own.and_then(|settings| settings.get(name));
        let common = || self.common.get(plugin)?.get(name);
        own.or_else(common).cloned()
    }
}

impl Host for PluginState {
    async fn get(&mut self, name: String) -> wasmtime::Result<Result<Option<String>, Fault>> {
        self.count_host_call()?;
        Ok(self.setting(&name))
    }
}

impl PluginState {
    fn setting(&mut self, name: &str) -> Result<Option<String>, Fault> {
        let granted = self.granted(Capability::Config)?;
        if granted.request.names.iter().any(|asked| asked == name) {
            let tenant = granted.call.tenant.clone();
            let config = &self.services.config;
            return Ok(config.value(&tenant, &self.origin.plugin, name));
        }
        let message = format!(
            "setting `{}` is not among the names under `[capabilities.config]` in `plugin.toml`",
            plain(&cut(name, SHOWN))
        );
        let error = NodeError::refused(ErrorCode::CAPABILITY_REFUSED, message);
        Err(self.refuse(error, String::new()))
    }
}
