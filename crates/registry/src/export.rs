use serde_json::{Value, json};

use crate::Registry;

impl Registry {
    /// The whole state as JSON: registrations with metadata, digests and sources, statistics, and
    /// what is in the cache.
    pub fn export(&self) -> Value {
        let registrations: Vec<Value> = self
            .executors()
            .iter()
            .map(|one| {
                let metadata = one.stored().with_whole(|whole| serde_json::to_value(whole));
                json!({
                    "id": one.id(),
                    "source": one.source(),
                    "cached": self.cache().holds(one),
                    "digest": one.digest(),
                    "metadata": metadata.unwrap_or_default(),
                })
            })
            .collect();
        let bounds = self.cache().bounds();
        json!({
            "registrations": registrations,
            "statistics": self.stats(),
            "cache": {
                "bounds": { "entries": bounds.entries, "memory": bounds.memory.as_u64() },
                "keys": self.cache().keys(),
            },
        })
    }
}
