use jackfield_types::ByteSize;

use crate::{CacheBounds, Registry};

/// Makes a [`Registry`] with other bounds than the default ones.
#[derive(Debug, Clone, Default)]
pub struct RegistryBuilder {
    bounds: CacheBounds,
}

impl RegistryBuilder {
    /// Bounds how many executors are cached: 10,000 when nothing is said.
    #[must_use]
    pub fn cache_entries(mut self, entries: usize) -> Self {
        self.bounds.entries = entries;
        self
    }

    /// Bounds how much memory the cached executors hold: 256 MiB when nothing is said.
    #[must_use]
    pub fn cache_memory(mut self, memory: ByteSize) -> Self {
        self.bounds.memory = memory;
        self
    }

    /// Makes the registry.
    pub fn build(self) -> Registry {
        Registry::with_bounds(self.bounds)
    }
}
