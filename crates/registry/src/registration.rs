use std::fmt::{self, Write};
use std::mem::offset_of;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use jackfield_definition::CatalogEntry;
use jackfield_plugin_api::NodeExecutor;
use jackfield_types::{
    MetadataError, NodeTypeId, NodeTypeMetadata, PluginOrigin, TenantId, ValidationIssue,
};
use jsonschema::Validator;
use semver::Version;
use serde::{Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::cache::{Holder, Seat};
use crate::contract::contract;
use crate::loader::LazyExecutor;
use crate::metadata::StoredMetadata;
use crate::quarantine::Traps;
use crate::statistics::NodeTypeStatistics;
use crate::tenants::TenantExecutors;
use crate::{ExecutorCache, parameters, schema};

/// Tells one registration from every other of the same registry, past ones included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegistrationId(u64);

impl RegistrationId {
    pub(crate) fn new(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for RegistrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for RegistrationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

/// Where the executor of a registration comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ExecutorSource {
    /// It was there when the node type was registered.
    Eager,
    /// A loader gives it at first use.
    Lazy,
    /// A loader gives each tenant its own at first use.
    PerTenant,
}

pub(crate) enum Source {
    Eager(Arc<dyn NodeExecutor>),
    Lazy(LazyExecutor),
    PerTenant(Box<TenantExecutors>),
}

impl Source {
    /// The executor that the cache has in a registration's own seat.
    pub(crate) fn held(&self, seat: &Seat) -> Option<Arc<dyn NodeExecutor>> {
        match self {
            Self::Eager(executor) => seat.is_taken().then(|| Arc::clone(executor)),
            Self::Lazy(lazy) => lazy.held(),
            Self::PerTenant(_) => None,
        }
    }
}

/// A node type in just one version, as it was registered. It never changes; re-registering makes
/// another one.
// What a call looks at stands together, at the beginning, in one cache line: with many
// registrations each line that is touched counts.
#[repr(C, align(64))]
pub struct Registration {
    cache: Arc<ExecutorCache>,
    seat: Seat,
    retired: AtomicBool,
    trapped: AtomicBool,
    source: Source,
    statistics: Arc<NodeTypeStatistics>,
    id: RegistrationId,
    metadata: StoredMetadata,
    traps: Traps,
    validator: OnceLock<Option<Box<Validator>>>,
    digest: OnceLock<Box<str>>,
    contract: OnceLock<Box<str>>,
    origin: Option<Arc<PluginOrigin>>,
    lost: AtomicBool,
}

const _: () = assert!(
    offset_of!(Registration, id) <= 64,
    "what a call looks at fits one cache line"
);

impl Registration {
    pub(crate) fn new(
        id: RegistrationId,
        metadata: StoredMetadata,
        source: Source,
        statistics: Arc<NodeTypeStatistics>,
        cache: Arc<ExecutorCache>,
        origin: Option<Arc<PluginOrigin>>,
    ) -> Self {
        Self {
            cache,
            seat: Seat::none(),
            retired: AtomicBool::new(false),
            trapped: AtomicBool::new(false),
            source,
            statistics,
            id,
            metadata,
            traps: Traps::default(),
            validator: OnceLock::new(),
            digest: OnceLock::new(),
            contract: OnceLock::new(),
            origin,
            lost: AtomicBool::new(false),
        }
    }

    /// Its id.
    pub fn id(&self) -> RegistrationId {
        self.id
    }

    /// The node type.
    pub fn node_type(&self) -> &NodeTypeId {
        &self.metadata.head().node_type
    }

    /// The version.
    pub fn version(&self) -> &Version {
        &self.metadata.head().version
    }

    /// What it says of itself. Schema, examples and documentation are read at the first call;
    /// whoever only lists names and descriptions asks [`summary`](Self::summary).
    pub fn metadata(&self) -> &Arc<NodeTypeMetadata> {
        self.metadata.whole()
    }

    /// What it says of itself, but for schema, examples and documentation, which are left empty.
    pub fn summary(&self) -> &NodeTypeMetadata {
        self.metadata.head()
    }

    /// The plugin that provides it, in just the version and content that was registered; `None`
    /// when no plugin does.
    pub fn origin(&self) -> Option<&Arc<PluginOrigin>> {
        self.origin.as_ref()
    }

    /// Where its executor comes from.
    pub fn source(&self) -> ExecutorSource {
        match &self.source {
            Source::Eager(_) => ExecutorSource::Eager,
            Source::Lazy(_) => ExecutorSource::Lazy,
            Source::PerTenant(_) => ExecutorSource::PerTenant,
        }
    }

    /// Whether it was replaced or unregistered since.
    pub fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// What executions rest on that were begun with it, in 64 hexadecimal digits: SHA-256 over its
    /// name and version, the parameters it takes, its ports and its role. It stays the same when
    /// only descriptions change. An execution that is kept pins it for what no plugin provides;
    /// [`NodeTypeMetadata::served_contracts`] says which earlier ones do as well.
    pub fn contract(&self) -> &str {
        self.contract
            .get_or_init(|| self.metadata.with_whole(contract))
    }

    /// What it is, in 64 hexadecimal digits: SHA-256 over the metadata as JSON with sorted keys,
    /// and over the loader's own digest if there is one. A plan pins it.
    pub fn digest(&self) -> &str {
        self.digest.get_or_init(|| {
            let mut text = String::new();
            if let Ok(metadata) = self
                .metadata
                .with_whole(|whole| serde_json::to_value(whole))
            {
                write_canonical(&metadata, &mut text);
            }
            let content = match &self.source {
                Source::Eager(_) => None,
                Source::Lazy(lazy) => lazy.content_digest(),
                Source::PerTenant(tenants) => tenants.content_digest(),
            };
            if let Some(content) = content {
                text.push('\n');
                text.push_str(&content);
            }
            let mut digits = String::with_capacity(64);
            for byte in Sha256::digest(&text) {
                // Writing to a string cannot fail.
                let _ = write!(digits, "{byte:02x}");
            }
            digits.into_boxed_str()
        })
    }

    /// Checks parameters against required fields and schema and, when all of them are known and
    /// right, against the executor's own rules, if the executor is at hand: none is loaded for it,
    /// and none that is one tenant's own is asked.
    ///
    /// `unknown` holds JSON Pointers of values that an expression will give later; nothing is said
    /// about what depends on them.
    pub fn check(&self, parameters: &Value, unknown: &[String]) -> Vec<ValidationIssue> {
        let executor = match &self.source {
            Source::Eager(executor) => Some(Arc::clone(executor)),
            Source::Lazy(lazy) => lazy.held(),
            Source::PerTenant(_) => None,
        };
        parameters::check(self, parameters, unknown, executor.as_deref())
    }

    pub(crate) fn stored(&self) -> &StoredMetadata {
        &self.metadata
    }

    pub(crate) fn executor_source(&self) -> &Source {
        &self.source
    }

    pub(crate) fn statistics(&self) -> &Arc<NodeTypeStatistics> {
        &self.statistics
    }

    pub(crate) fn seat(&self) -> &Seat {
        &self.seat
    }

    /// Whether a call of it trapped and nothing has mended that since. All that a call looks at
    /// when nothing is wrong.
    pub(crate) fn trapped(&self) -> &AtomicBool {
        &self.trapped
    }

    pub(crate) fn traps(&self) -> &Traps {
        &self.traps
    }

    pub(crate) fn cache(&self) -> &Arc<ExecutorCache> {
        &self.cache
    }

    /// Ends its time: from now on it is not the current one, and its executor will not be cached
    /// any more. Whoever retires it invalidates it in the cache afterwards.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    /// Says that it was replaced before anybody used it, and that nothing is left to load it from:
    /// it is not given to executions any more that began before.
    pub(crate) fn lose(&self) {
        self.lost.store(true, Ordering::Release);
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// The compiled schema; `None` when there is no schema.
    pub(crate) fn validator(&self) -> Option<&Validator> {
        let slot = self.validator.get_or_init(|| {
            self.metadata.with_schema(|schema| {
                // Registration refused what does not compile.
                schema
                    .and_then(|schema| schema::compile(schema).ok())
                    .map(Box::new)
            })
        });
        slot.as_deref()
    }

    /// Finds out whether the schema compiles, without keeping what comes of it.
    pub(crate) fn try_schema(&self) -> Result<(), MetadataError> {
        if self.validator.get().is_some_and(Option::is_some) {
            return Ok(());
        }
        self.metadata.with_schema(|schema| match schema {
            Some(schema) => schema::compile(schema).map(drop),
            None => Ok(()),
        })
    }
}

impl Holder for Registration {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn lazy(&self) -> Option<&LazyExecutor> {
        match &self.source {
            Source::Lazy(lazy) => Some(lazy),
            Source::Eager(_) | Source::PerTenant(_) => None,
        }
    }

    fn registration(self: Arc<Self>) -> Option<Arc<Registration>> {
        Some(self)
    }

    fn tenant(&self) -> Option<&TenantId> {
        None
    }

    fn is_retired(&self) -> bool {
        self.is_retired()
    }
}

impl CatalogEntry for Registration {
    fn metadata(&self) -> &Arc<NodeTypeMetadata> {
        self.metadata()
    }

    fn check(&self, parameters: &Value, unknown: &[String]) -> Vec<ValidationIssue> {
        self.check(parameters, unknown)
    }

    fn origin(&self) -> Option<&PluginOrigin> {
        self.origin.as_deref()
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("id", &self.id)
            .field("node_type", self.node_type())
            .field("version", self.version())
            .field("source", &self.source())
            .finish_non_exhaustive()
    }
}

/// Writes JSON with sorted keys and no spaces. Depth is bounded since registration.
pub(crate) fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Array(list) => {
            text.push('[');
            for (place, value) in list.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                write_canonical(value, text);
            }
            text.push(']');
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            text.push('{');
            for (place, (key, value)) in entries.into_iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                // Writing to a string cannot fail.
                let _ = write!(text, "{}:", Value::from(key.as_str()));
                write_canonical(value, text);
            }
            text.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            // Writing to a string cannot fail.
            let _ = write!(text, "{value}");
        }
    }
}
