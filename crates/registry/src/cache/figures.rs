use std::time::Duration;

use jackfield_types::{ByteSize, NodeTypeId, TenantId};
use semver::Version;
use serde::{Serialize, Serializer};

use crate::RegistrationId;

/// How much the executor cache may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheBounds {
    /// At most so many executors.
    pub entries: usize,
    /// At most so much memory, as the executors themselves report it.
    pub memory: ByteSize,
}

impl Default for CacheBounds {
    fn default() -> Self {
        Self {
            entries: 10_000,
            memory: ByteSize::mib(256),
        }
    }
}

/// What the executor cache holds under one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheKey {
    /// The registration.
    pub registration: RegistrationId,
    /// Its node type.
    pub node_type: NodeTypeId,
    /// Its version.
    pub version: Version,
    /// Whose it is, if each tenant has its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// The memory that the executor holds.
    #[serde(serialize_with = "bytes")]
    pub memory: ByteSize,
}

/// What the executor cache did so far.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheStatistics {
    /// How many executors it holds.
    pub entries: usize,
    /// The memory that they hold.
    #[serde(serialize_with = "bytes")]
    pub memory: ByteSize,
    /// How often an executor was asked for that was there.
    pub hits: u64,
    /// How often one was asked for that was not there.
    pub misses: u64,
    /// How many were dropped to keep the bounds.
    pub evictions: u64,
    /// How many were dropped because they were replaced, unregistered, or on demand.
    pub invalidations: u64,
    /// How many were used but not kept, being bigger than the bound.
    pub oversized: u64,
    /// How often a loader gave an executor.
    pub loads: u64,
    /// How often a loader gave an error.
    pub load_failures: u64,
    /// How long all loads took together; milliseconds in JSON.
    #[serde(serialize_with = "milliseconds")]
    pub load_time: Duration,
}

impl CacheStatistics {
    /// Hits among all that was asked for, from 0 to 1; 0 before anything was.
    pub fn hit_ratio(&self) -> f64 {
        let asked = self.hits.saturating_add(self.misses);
        if asked == 0 {
            0.0
        } else {
            self.hits as f64 / asked as f64
        }
    }
}

fn bytes<S: Serializer>(size: &ByteSize, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(size.as_u64())
}

fn milliseconds<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((span.as_secs_f64() * 1e6).round() / 1e3)
}
