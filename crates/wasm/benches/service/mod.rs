//! A service that takes its time with one tenant, and answers all others at once.

use std::time::Duration;

use jackfield_plugin_api::BoxFuture;
use jackfield_wasm::{KvError, KvLimits, KvRange, KvScope, KvStore};

/// How long it takes.
const TIME: Duration = Duration::from_millis(5);

/// A store that has nothing, and says so.
pub(crate) struct Service {
    slow_for: &'static str,
}

impl Service {
    pub(crate) fn new(slow_for: &'static str) -> Self {
        Self { slow_for }
    }
}

fn not_here<T: Send + 'static>() -> BoxFuture<'static, Result<T, KvError>> {
    Box::pin(async { Err(KvError::StoreFull) })
}

impl KvStore for Service {
    fn get<'a>(
        &'a self,
        scope: &'a KvScope,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, KvError>> {
        Box::pin(async move {
            if scope.tenant().as_str() == self.slow_for {
                tokio::time::sleep(TIME).await;
            }
            Ok(None)
        })
    }

    fn set<'a>(
        &'a self,
        _: &'a KvScope,
        _: &'a str,
        _: String,
        _: &'a KvLimits,
    ) -> BoxFuture<'a, Result<(), KvError>> {
        not_here()
    }

    fn delete<'a>(&'a self, _: &'a KvScope, _: &'a str) -> BoxFuture<'a, Result<bool, KvError>> {
        not_here()
    }

    fn list_keys<'a>(
        &'a self,
        _: &'a KvScope,
        _: KvRange<'a>,
    ) -> BoxFuture<'a, Result<Vec<String>, KvError>> {
        not_here()
    }

    fn increment<'a>(
        &'a self,
        _: &'a KvScope,
        _: &'a str,
        _: i64,
        _: &'a KvLimits,
    ) -> BoxFuture<'a, Result<i64, KvError>> {
        not_here()
    }
}
