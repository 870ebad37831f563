//! Who can run what: node types, their versions, their executors and what they did.
//!
//! A [`Registry`] belongs to an engine; there is no global one. Readers see an immutable snapshot
//! without taking a lock; a write publishes the next snapshot. Each registration (a node type in
//! just one version) is an immutable [`Registration`] with an id that is never used again and with
//! its own seat in the executor cache, so what was replaced can never be served in the name of what
//! replaced it: once [`Registry::replace_with_metadata`] or [`Registry::unregister`] has returned,
//! no call that starts later reaches the old executor by way of [`Registry::resolve`] or
//! [`Registry::current`].
//!
//! Where each tenant has an executor of its own, nobody is handed that of another. An executor that
//! traps again and again is quarantined for the tenant that it does so for.
//!
//! The registry runs one attempt of one node and records what came of it, and checks whole
//! workflows before anything runs. It schedules, retries and authorizes nothing, and reads no
//! files: engine, tenancy and plugin loaders do.
//!
//! Its decisions are logged at level `debug` under the target `registry`.

mod builder;
mod cache;
mod contract;
mod dependencies;
pub mod discovery;
mod error;
mod export;
mod invoke;
mod loader;
mod metadata;
mod nearest;
mod parameters;
mod quarantine;
mod register;
mod registration;
mod registry;
mod resolution;
mod schema;
mod search;
mod shards;
mod snapshot;
mod statistics;
mod tenants;
pub mod trust;
mod validate;
mod wording;

pub use builder::RegistryBuilder;
pub use cache::{CacheBounds, CacheKey, CacheStatistics, ExecutorCache};
pub use dependencies::{Finding, Problem, ValidationReport};
pub use error::{LoadError, LoaderError, RegisterError};
pub use loader::ExecutorLoader;
pub use quarantine::Quarantine;
pub use register::Replacement;
pub use registration::{ExecutorSource, Registration, RegistrationId};
pub use registry::Registry;
pub use search::Query;
pub use statistics::{DurationStatistics, NodeTypeSummary, RegistryStatistics};
pub use tenants::TenantExecutorLoader;
pub use validate::{CatalogView, Document, Validated, ValidationStatistics};
