use std::num::NonZeroU32;

use jackfield_types::ByteSize;

use crate::validate::ResultBounds;
use crate::{CacheBounds, Registry};

/// Makes a [`Registry`] with other bounds than the default ones.
#[derive(Debug, Clone)]
pub struct RegistryBuilder {
    bounds: CacheBounds,
    results: ResultBounds,
    quarantine_after: Option<NonZeroU32>,
}

impl Default for RegistryBuilder {
    fn default() -> Self {
        Self {
            bounds: CacheBounds::default(),
            results: ResultBounds::default(),
            quarantine_after: NonZeroU32::new(5),
        }
    }
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

    /// Bounds how many results of [`validate`](Registry::validate) are kept: 1,000 when nothing is
    /// said.
    #[must_use]
    pub fn validation_entries(mut self, entries: usize) -> Self {
        self.results.entries = entries;
        self
    }

    /// Bounds how large the documents are together whose results are kept, findings included:
    /// 16 MiB when nothing is said. A plan takes several times as much memory as its document.
    #[must_use]
    pub fn validation_documents(mut self, size: ByteSize) -> Self {
        self.results.documents = size;
        self
    }

    /// Sets after how many traps in a row, with no success between them, an executor is called no
    /// more until it is released or registered anew: 5 when nothing is said, `None` for never. A
    /// trap is a panic, or a failure with the code
    /// [`TRAPPED`](jackfield_types::ErrorCode::TRAPPED); each tenant's are counted by themselves.
    #[must_use]
    pub fn quarantine_after(mut self, traps: Option<NonZeroU32>) -> Self {
        self.quarantine_after = traps;
        self
    }

    /// Makes the registry.
    pub fn build(self) -> Registry {
        Registry::with(self.bounds, self.results, self.quarantine_after)
    }
}
