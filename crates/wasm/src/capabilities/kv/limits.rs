use jackfield_types::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much a plugin may keep for a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct KvLimits {
    /// The most bytes of a key.
    pub key: ByteSize,
    /// The most bytes of a value.
    pub value: ByteSize,
    /// The most keys.
    pub keys: u32,
    /// The most bytes of all keys and values.
    pub total: ByteSize,
}

impl Default for KvLimits {
    fn default() -> Self {
        Self {
            key: ByteSize::bytes(512),
            value: ByteSize::mib(1),
            keys: 10_000,
            total: ByteSize::mib(16),
        }
    }
}

impl KvLimits {
    pub(super) fn holds_key(&self, key: &str) -> bool {
        bytes(key.len()) <= self.key.as_u64()
    }

    pub(super) fn holds_value(&self, value: &str) -> bool {
        bytes(value.len()) <= self.value.as_u64()
    }
}

/// A length as it is counted.
pub(super) fn bytes(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
