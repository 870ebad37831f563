use std::fmt;
use std::sync::Arc;

use jackfield_net::{Client, HttpSettings};

use super::line_budget::LineBudget;
use super::{
    ConfigSource, HttpLimits, KvLimits, KvStore, MemoryKv, PluginListener, StaticConfig,
    TracingListener,
};

/// What the capabilities are made of, shared by all plugins of a host.
pub struct Services {
    pub(super) client: Client,
    pub(super) http: HttpLimits,
    pub(super) kv: Arc<dyn KvStore>,
    pub(super) kv_limits: KvLimits,
    pub(super) config: Arc<dyn ConfigSource>,
    pub(super) listener: Arc<dyn PluginListener>,
    pub(super) lines: LineBudget,
}

/// Puts [`Services`] together.
pub struct ServicesBuilder {
    http_settings: HttpSettings,
    http: HttpLimits,
    kv: Option<Arc<dyn KvStore>>,
    kv_limits: KvLimits,
    config: Arc<dyn ConfigSource>,
    listener: Arc<dyn PluginListener>,
}

impl Services {
    /// Services that reach public hosts only, keep values in memory, have no configuration for
    /// any plugin, and write what plugins say to the log.
    pub fn builder() -> ServicesBuilder {
        ServicesBuilder {
            http_settings: HttpSettings::default(),
            http: HttpLimits::default(),
            kv: None,
            kv_limits: KvLimits::default(),
            config: Arc::new(StaticConfig::default()),
            listener: Arc::new(TracingListener),
        }
    }
}

impl Default for Services {
    fn default() -> Self {
        Self::builder().build()
    }
}

impl ServicesBuilder {
    /// Sets what the operator lets requests reach at all.
    #[must_use]
    pub fn http_settings(mut self, settings: HttpSettings) -> Self {
        self.http_settings = settings;
        self
    }

    /// Sets how large requests and answers may be, and how long they may take.
    #[must_use]
    pub fn http_limits(mut self, limits: HttpLimits) -> Self {
        self.http = limits;
        self
    }

    /// Sets what keeps the values of plugins.
    #[must_use]
    pub fn kv(mut self, store: Arc<dyn KvStore>) -> Self {
        self.kv = Some(store);
        self
    }

    /// Sets how much each plugin may keep for each tenant.
    #[must_use]
    pub fn kv_limits(mut self, limits: KvLimits) -> Self {
        self.kv_limits = limits;
        self
    }

    /// Sets where the configuration of plugins comes from.
    #[must_use]
    pub fn config(mut self, config: Arc<dyn ConfigSource>) -> Self {
        self.config = config;
        self
    }

    /// Sets who hears what plugins say while they run.
    #[must_use]
    pub fn listener(mut self, listener: Arc<dyn PluginListener>) -> Self {
        self.listener = listener;
        self
    }

    /// Puts them together.
    pub fn build(self) -> Services {
        Services {
            client: Client::new(self.http_settings),
            http: self.http,
            kv: self.kv.unwrap_or_else(|| Arc::new(MemoryKv::new())),
            kv_limits: self.kv_limits,
            config: self.config,
            listener: self.listener,
            lines: LineBudget::default(),
        }
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services")
            .field("client", &self.client)
            .field("http", &self.http)
            .field("kv_limits", &self.kv_limits)
            .finish_non_exhaustive()
    }
}
