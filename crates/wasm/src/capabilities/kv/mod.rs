//! Capability `kv`.

mod limits;
mod memory;
mod store;

use jackfield_types::{Capability, ErrorCode};

use super::fault::{fault, invalid, too_much};
use crate::bindings::jackfield::plugin::kv::Host;
use crate::bindings::jackfield::plugin::types::Fault;
use crate::state::PluginState;

pub use limits::KvLimits;
pub use memory::MemoryKv;
pub use store::{KvError, KvRange, KvScope, KvStore};

/// The most keys that a plugin is told at once.
const MOST_LISTED: usize = 1_000;

impl Host for PluginState {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, Fault>> {
        self.count_host_call()?;
        let scope = match self.kv_scope(&key) {
            Ok(scope) => scope,
            Err(fault) => return Ok(Err(fault)),
        };
        let got = self.services.kv.get(&scope, &key);
        Ok(told(self.place.while_waiting(got).await))
    }

    async fn set(&mut self, key: String, value: String) -> wasmtime::Result<Result<(), Fault>> {
        self.count_host_call()?;
        let scope = match self.kv_scope(&key) {
            Ok(scope) => scope,
            Err(fault) => return Ok(Err(fault)),
        };
        let limits = &self.services.kv_limits;
        if !limits.holds_value(&value) {
            let message = format!("a value has at most {}", limits.value);
            return Ok(Err(too_much(message)));
        }
        // The executions that read it later do not know the secret, and would not mask it.
        if self.holds_secret(&key) || self.holds_secret(&value) {
            return Ok(Err(invalid(
                "secrets are not kept: read them when they are needed",
            )));
        }
        let kept = self.services.kv.set(&scope, &key, value, limits);
        let kept = self.place.while_waiting(kept).await;
        Ok(told(kept))
    }

    async fn delete(&mut self, key: String) -> wasmtime::Result<Result<bool, Fault>> {
        self.count_host_call()?;
        let scope = match self.kv_scope(&key) {
            Ok(scope) => scope,
            Err(fault) => return Ok(Err(fault)),
        };
        let deleted = self.services.kv.delete(&scope, &key);
        Ok(told(self.place.while_waiting(deleted).await))
    }

    async fn list_keys(
        &mut self,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<String>, Fault>> {
        self.count_host_call()?;
        let scope = match self.scope() {
            Ok(scope) => scope,
            Err(fault) => return Ok(Err(fault)),
        };
        let range = KvRange {
            prefix: &prefix,
            after: after.as_deref(),
            limit: usize::try_from(limit)
                .unwrap_or(MOST_LISTED)
                .min(MOST_LISTED),
        };
        let keys = self.services.kv.list_keys(&scope, range);
        Ok(told(self.place.while_waiting(keys).await))
    }

    async fn increment(&mut self, key: String, by: i64) -> wasmtime::Result<Result<i64, Fault>> {
        self.count_host_call()?;
        let scope = match self.kv_scope(&key) {
            Ok(scope) => scope,
            Err(fault) => return Ok(Err(fault)),
        };
        let limits = &self.services.kv_limits;
        let sum = self.services.kv.increment(&scope, &key, by, limits);
        let sum = self.place.while_waiting(sum).await;
        Ok(told(sum))
    }
}

impl PluginState {
    /// What the call may see: made of the call and the plugin, never of anything that the guest
    /// says.
    fn scope(&mut self) -> Result<KvScope, Fault> {
        let tenant = self.granted(Capability::Kv)?.call.tenant.clone();
        Ok(KvScope::new(tenant, self.origin.plugin.clone()))
    }

    /// Whether a text holds a secret that the execution knows.
    fn holds_secret(&self, text: &str) -> bool {
        let call = self.call.as_ref();
        call.is_some_and(|call| call.grants.redact(text) != text)
    }

    /// [`scope`](Self::scope), for a key that has been checked.
    fn kv_scope(&mut self, key: &str) -> Result<KvScope, Fault> {
        let scope = self.scope()?;
        let limits = &self.services.kv_limits;
        if key.is_empty() {
            return Err(invalid("a key must not be empty"));
        }
        if !limits.holds_key(key) {
            return Err(too_much(format!("a key has at most {}", limits.key)));
        }
        Ok(scope)
    }
}

fn told<T>(answer: Result<T, KvError>) -> Result<T, Fault> {
    answer.map_err(|error| match error {
        KvError::KeyTooLong { .. }
        | KvError::TooManyKeys { .. }
        | KvError::TooLarge { .. }
        | KvError::TenantFull { .. }
        | KvError::OutOfRange => too_much(error.to_string()),
        KvError::NotANumber => fault(&ErrorCode::WRONG_TYPE, error.to_string()),
        KvError::StoreFull | KvError::Unavailable { .. } => Fault {
            retryable: true,
            ..fault(&ErrorCode::EXECUTION_ERROR, error.to_string())
        },
    })
}
