use std::error::Error;

use jackfield_plugin_api::BoxFuture;
use jackfield_types::{ByteSize, PluginId, TenantId};

use super::KvLimits;

/// Whose values are meant: those that one plugin keeps for one tenant. Its other versions see the
/// same ones; other plugins and other tenants never do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KvScope {
    tenant: TenantId,
    plugin: PluginId,
}

impl KvScope {
    /// The values that a plugin keeps for a tenant.
    pub fn new(tenant: TenantId, plugin: PluginId) -> Self {
        Self { tenant, plugin }
    }

    /// The tenant.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The plugin.
    pub fn plugin(&self) -> &PluginId {
        &self.plugin
    }
}

/// Which keys are meant.
#[derive(Debug, Clone, Copy)]
pub struct KvRange<'a> {
    /// What they begin with.
    pub prefix: &'a str,
    /// They come after this one.
    pub after: Option<&'a str>,
    /// So many of them at most.
    pub limit: usize,
}

/// Keeps the values of plugins.
///
/// Called from many tasks at once, for many tenants; a future that is dropped either did all it
/// should or nothing. Keys and values have been checked against the limits of their own size;
/// [`set`](Self::set) and [`increment`](Self::increment) check how many and how much there are, in
/// the same step in which they write. What was acknowledged outlives the process where the store
/// does.
pub trait KvStore: Send + Sync + 'static {
    /// The value of a key.
    ///
    /// # Errors
    /// [`KvError::Unavailable`].
    fn get<'a>(
        &'a self,
        scope: &'a KvScope,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, KvError>>;

    /// Sets the value of a key.
    ///
    /// # Errors
    /// [`KvError::KeyTooLong`], [`KvError::TooManyKeys`], [`KvError::TooLarge`],
    /// [`KvError::TenantFull`], [`KvError::StoreFull`] and [`KvError::Unavailable`].
    fn set<'a>(
        &'a self,
        scope: &'a KvScope,
        key: &'a str,
        value: String,
        limits: &'a KvLimits,
    ) -> BoxFuture<'a, Result<(), KvError>>;

    /// Removes a key, and says whether it was there.
    ///
    /// # Errors
    /// [`KvError::Unavailable`].
    fn delete<'a>(
        &'a self,
        scope: &'a KvScope,
        key: &'a str,
    ) -> BoxFuture<'a, Result<bool, KvError>>;

    /// The keys of a range, in the order of their bytes.
    ///
    /// # Errors
    /// [`KvError::Unavailable`].
    fn list_keys<'a>(
        &'a self,
        scope: &'a KvScope,
        range: KvRange<'a>,
    ) -> BoxFuture<'a, Result<Vec<String>, KvError>>;

    /// Adds to the whole number that a key holds, 0 if it is not there, and gives the sum. Nothing
    /// comes between reading and writing.
    ///
    /// # Errors
    /// [`KvError::NotANumber`] and [`KvError::OutOfRange`], and those of [`set`](Self::set).
    fn increment<'a>(
        &'a self,
        scope: &'a KvScope,
        key: &'a str,
        by: i64,
        limits: &'a KvLimits,
    ) -> BoxFuture<'a, Result<i64, KvError>>;
}

/// Why a store did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KvError {
    /// The store takes no key that is as long.
    #[error("a key has at most {limit}")]
    KeyTooLong {
        /// How long it may be.
        limit: ByteSize,
    },
    /// The plugin keeps as many keys as it may.
    #[error("a plugin keeps at most {limit} keys")]
    TooManyKeys {
        /// How many it may keep.
        limit: u32,
    },
    /// The plugin keeps as much as it may.
    #[error("a plugin keeps at most {limit}")]
    TooLarge {
        /// How much it may keep.
        limit: ByteSize,
    },
    /// All plugins together keep as much for the tenant as they may.
    #[error("plugins keep at most {limit} for one tenant")]
    TenantFull {
        /// How much they may keep.
        limit: ByteSize,
    },
    /// The key holds something else than a whole number.
    #[error("the value is no whole number")]
    NotANumber,
    /// The sum is larger than numbers are.
    #[error("the sum is out of the range of 64-bit numbers")]
    OutOfRange,
    /// The store holds as much as it can for all of its users.
    #[error("the store is full")]
    StoreFull,
    /// The store cannot be reached.
    #[error("the store does not answer")]
    Unavailable {
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}
