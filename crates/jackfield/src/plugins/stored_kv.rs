//! What plugins keep, in a store: it outlives the process, and all that share the store see it.
//!
//! A value is a document under `publisher/name/key`. How much a plugin keeps is a document under
//! `publisher/name`: what is to be written is added to it before, and what was removed is taken off
//! afterwards, so that whatever breaks off in between leaves it too large and never too small. When
//! there seems to be no room left it is counted anew. So quotas hold across processes, save that
//! counting anew may miss what other processes have room for and have not written yet.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jackfield_plugin_api::BoxFuture;
use jackfield_store_api::{
    Collection, Document, Expected, PageRequest, Store, StoreError, TenantStore, limits,
};
use jackfield_types::ByteSize;
use jackfield_wasm::{KvError, KvLimits, KvRange, KvScope, KvStore};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// How often a change is tried that others come before, each time anew.
const TRIES: u32 = 200;
/// With more of them than this, those are forgotten that nobody holds.
const MANY_TURNS: usize = 1_024;
/// How long it is at least between two counts of the same plugin.
const BETWEEN_COUNTS: Duration = Duration::from_secs(10);

/// A [`KvStore`] over a store, for the [`Services`](jackfield_wasm::Services) of a host.
///
/// Writes are acknowledged when they are as safe as the durability of the store says. Of two that
/// write to one key at the same time, in whichever processes, neither is lost to
/// [`increment`](KvStore::increment).
pub struct StoredKv {
    store: Arc<dyn Store>,
    /// Those of one plugin and tenant write one after the other within this process, or else they
    /// would only get into each other's way.
    turns: Mutex<HashMap<KvScope, Arc<Turn>>>,
}

/// Held while something is written; knows when it was last counted how much there is.
type Turn = tokio::sync::Mutex<Option<Instant>>;

/// How much a plugin keeps for a tenant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Usage {
    keys: u64,
    bytes: u64,
}

/// What writing a value changes about it.
#[derive(Debug, Clone, Copy)]
struct Change {
    before: Usage,
    after: Usage,
}

impl Usage {
    fn of(key: &str, value: Option<&str>) -> Self {
        value.map_or_else(Self::default, |value| Self {
            keys: 1,
            bytes: length(key) + length(value),
        })
    }

    fn plus(self, other: Self) -> Self {
        Self {
            keys: self.keys.saturating_add(other.keys),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            keys: self.keys.saturating_sub(other.keys),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }

    fn check(self, limits: &KvLimits) -> Result<(), KvError> {
        if self.keys > u64::from(limits.keys) {
            let limit = limits.keys;
            return Err(KvError::TooManyKeys { limit });
        }
        if self.bytes > limits.total.as_u64() {
            let limit = limits.total;
            return Err(KvError::TooLarge { limit });
        }
        Ok(())
    }
}

impl Change {
    /// What is added, and what is left when something is given up.
    fn added(self) -> Usage {
        self.after.minus(self.before)
    }

    fn removed(self) -> Usage {
        self.before.minus(self.after)
    }
}

impl StoredKv {
    /// Keeps what plugins keep in a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            turns: Mutex::default(),
        }
    }

    fn of<'a>(&self, scope: &'a KvScope) -> Kept<'a> {
        Kept {
            tenant: self.store.tenant(scope.tenant()),
            scope,
            usage: scope.plugin().to_string(),
        }
    }

    fn turn(&self, scope: &KvScope) -> Arc<Turn> {
        let mut turns = self.turns.lock();
        if turns.len() >= MANY_TURNS {
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        Arc::clone(turns.entry(scope.clone()).or_default())
    }

    /// Writes what is made of the value that is there, with nothing in between.
    async fn write(
        &self,
        scope: &KvScope,
        key: &str,
        limits: &KvLimits,
        mut make: impl FnMut(Option<&str>) -> Result<String, KvError>,
    ) -> Result<(), KvError> {
        let kept = self.of(scope);
        let name = kept.name(key)?;
        let turn = self.turn(scope);
        let mut counted = turn.lock().await;
        for _ in 0..TRIES {
            let old = kept.document(&name).await?;
            let old_text = old.as_ref().map(text).transpose()?;
            let value = make(old_text)?;
            let change = Change {
                before: Usage::of(key, old_text),
                after: Usage::of(key, Some(&value)),
            };
            kept.take_room(change.added(), limits, &mut counted).await?;
            let expected = old
                .as_ref()
                .map_or(Expected::Absent, |old| Expected::Revision(old.revision));
            if kept.put(&name, value.into(), expected).await? {
                kept.give_room(change.removed()).await;
                return Ok(());
            }
            kept.give_room(change.added()).await;
        }
        Err(busy())
    }
}

/// What one plugin keeps for one tenant.
struct Kept<'a> {
    tenant: Arc<dyn TenantStore>,
    scope: &'a KvScope,
    /// The name of the document that says how much that is.
    usage: String,
}

impl Kept<'_> {
    /// The name of a value. Databases take no NUL in names, so it is written in another way, by
    /// which keys keep their order.
    fn name(&self, key: &str) -> Result<String, KvError> {
        let name = format!("{}{}", self.prefix(), escaped(key));
        if limits::is_name(&name) {
            return Ok(name);
        }
        let most = limits::NAME_BYTES.saturating_sub(self.prefix().len());
        let limit = ByteSize::bytes(u64::try_from(most).unwrap_or_default());
        Err(KvError::KeyTooLong { limit })
    }

    fn prefix(&self) -> String {
        format!("{}/", self.scope.plugin())
    }

    async fn document(&self, name: &str) -> Result<Option<Document>, KvError> {
        let found = self.tenant.document(Collection::PluginState, name);
        found.await.map_err(unavailable)
    }

    /// Writes a document; `false` when something else is there than was expected.
    async fn put(&self, name: &str, content: Bytes, expected: Expected) -> Result<bool, KvError> {
        let put = self
            .tenant
            .put_document(Collection::PluginState, name, content, expected);
        match put.await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict { .. } | StoreError::Exists { .. }) => Ok(false),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// How much there is as far as is known, and what it is to be replaced by. Nothing is known when
    /// it cannot be read.
    async fn known(&self) -> Result<(Option<Usage>, Expected), KvError> {
        let Some(document) = self.document(&self.usage).await? else {
            return Ok((None, Expected::Absent));
        };
        let usage = serde_json::from_slice(&document.content).ok();
        Ok((usage, Expected::Revision(document.revision)))
    }

    async fn put_usage(&self, usage: Usage, expected: Expected) -> Result<bool, KvError> {
        let content = serde_json::to_vec(&usage).map_err(unavailable)?;
        self.put(&self.usage, content.into(), expected).await
    }

    /// Takes room for what is to be written, if there is any.
    async fn take_room(
        &self,
        more: Usage,
        limits: &KvLimits,
        counted: &mut Option<Instant>,
    ) -> Result<(), KvError> {
        if more == Usage::default() {
            return Ok(());
        }
        for _ in 0..TRIES {
            let (known, expected) = self.known().await?;
            let known = match known {
                Some(known) if known.plus(more).check(limits).is_ok() => known,
                Some(known) if counted.is_some_and(|at| at.elapsed() < BETWEEN_COUNTS) => {
                    return known.plus(more).check(limits);
                }
                Some(_) | None => {
                    let found = self.count().await?;
                    if expected != Expected::Absent {
                        *counted = Some(Instant::now());
                    }
                    found.plus(more).check(limits)?;
                    found
                }
            };
            if self.put_usage(known.plus(more), expected).await? {
                return Ok(());
            }
        }
        Err(busy())
    }

    /// Gives room back. Where that fails, too much is taken for used until it is counted anew.
    async fn give_room(&self, less: Usage) {
        if less == Usage::default() {
            return;
        }
        for _ in 0..TRIES {
            let given = async {
                let (known, expected) = self.known().await?;
                match known {
                    Some(known) => self.put_usage(known.minus(less), expected).await,
                    None => Ok(true),
                }
            };
            match given.await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    let error: &dyn Error = &error;
                    return tracing::debug!(error, "room of a plugin was not given back");
                }
            }
        }
    }

    /// Counts how much there is.
    async fn count(&self) -> Result<Usage, KvError> {
        let mut usage = Usage::default();
        self.each("", |key, value| {
            usage = usage.plus(Usage {
                keys: 1,
                bytes: length(key) + u64::try_from(value.len()).unwrap_or(u64::MAX),
            });
            true
        })
        .await?;
        Ok(usage)
    }

    /// Shows the values whose keys begin with a text, in order, until enough were seen.
    async fn each(
        &self,
        prefix: &str,
        mut see: impl FnMut(&str, &[u8]) -> bool,
    ) -> Result<(), KvError> {
        let own = self.prefix();
        let prefix = format!("{own}{}", escaped(prefix));
        let mut request = PageRequest::first(PageRequest::MOST);
        loop {
            let page = self
                .tenant
                .list_documents(Collection::PluginState, &prefix, &request);
            let page = page.await.map_err(unavailable)?;
            for document in &page.entries {
                let Some(key) = document.name.strip_prefix(&own) else {
                    continue;
                };
                if !see(&plain(key), &document.content) {
                    return Ok(());
                }
            }
            if page.next.is_none() {
                return Ok(());
            }
            request.after = page.next;
        }
    }
}

impl KvStore for StoredKv {
    fn get<'a>(
        &'a self,
        scope: &'a KvScope,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, KvError>> {
        Box::pin(async move {
            let kept = self.of(scope);
            let found = kept.document(&kept.name(key)?).await?;
            let value = found.as_ref().map(text).transpose()?;
            Ok(value.map(str::to_owned))
        })
    }

    fn set<'a>(
        &'a self,
        scope: &'a KvScope,
        key: &'a str,
        value: String,
        limits: &'a KvLimits,
    ) -> BoxFuture<'a, Result<(), KvError>> {
        Box::pin(async move { self.write(scope, key, limits, |_| Ok(value.clone())).await })
    }

    fn delete<'a>(
        &'a self,
        scope: &'a KvScope,
        key: &'a str,
    ) -> BoxFuture<'a, Result<bool, KvError>> {
        Box::pin(async move {
            let kept = self.of(scope);
            let name = kept.name(key)?;
            let turn = self.turn(scope);
            let _counted = turn.lock().await;
            for _ in 0..TRIES {
                let Some(old) = kept.document(&name).await? else {
                    return Ok(false);
                };
                let expected = Expected::Revision(old.revision);
                let deleted = kept
                    .tenant
                    .delete_document(Collection::PluginState, &name, expected);
                match deleted.await {
                    Ok(true) => {
                        let bytes = length(key) + u64::try_from(old.content.len()).unwrap_or(0);
                        kept.give_room(Usage { keys: 1, bytes }).await;
                        return Ok(true);
                    }
                    Ok(false) => return Ok(false),
                    Err(StoreError::Conflict { .. } | StoreError::NotFound { .. }) => {}
                    Err(error) => return Err(unavailable(error)),
                }
            }
            Err(busy())
        })
    }

    fn list_keys<'a>(
        &'a self,
        scope: &'a KvScope,
        range: KvRange<'a>,
    ) -> BoxFuture<'a, Result<Vec<String>, KvError>> {
        Box::pin(async move {
            let mut keys = Vec::new();
            if range.limit == 0 {
                return Ok(keys);
            }
            self.of(scope)
                .each(range.prefix, |key, _| {
                    if range.after.is_none_or(|after| key > after) {
                        keys.push(key.to_owned());
                    }
                    keys.len() < range.limit
                })
                .await?;
            Ok(keys)
        })
    }

    fn increment<'a>(
        &'a self,
        scope: &'a KvScope,
        key: &'a str,
        by: i64,
        limits: &'a KvLimits,
    ) -> BoxFuture<'a, Result<i64, KvError>> {
        Box::pin(async move {
            let mut sum = 0;
            self.write(scope, key, limits, |old| {
                let old: i64 = match old {
                    Some(value) => value.parse().map_err(|_| KvError::NotANumber)?,
                    None => 0,
                };
                sum = old.checked_add(by).ok_or(KvError::OutOfRange)?;
                Ok(sum.to_string())
            })
            .await?;
            Ok(sum)
        })
    }
}

impl fmt::Debug for StoredKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKv")
            .field("store", &self.store.describe())
            .finish_non_exhaustive()
    }
}

fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

fn text(document: &Document) -> Result<&str, KvError> {
    std::str::from_utf8(&document.content).map_err(unavailable)
}

fn unavailable(error: impl Error + Send + Sync + 'static) -> KvError {
    let source: Box<dyn Error + Send + Sync> = Box::new(error);
    match source.downcast_ref::<StoreError>() {
        Some(StoreError::Full { .. }) => KvError::StoreFull,
        _ => KvError::Unavailable { source },
    }
}

fn busy() -> KvError {
    KvError::Unavailable {
        source: "others write to it all the time".into(),
    }
}

/// A key without NUL. The order stays, and so does what is a beginning of what.
fn escaped(key: &str) -> String {
    if !key.contains(['\0', '\u{1}']) {
        return key.to_owned();
    }
    key.replace('\u{1}', "\u{1}\u{2}")
        .replace('\0', "\u{1}\u{1}")
}

fn plain(key: &str) -> String {
    if !key.contains('\u{1}') {
        return key.to_owned();
    }
    key.replace("\u{1}\u{1}", "\0")
        .replace("\u{1}\u{2}", "\u{1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_order_and_come_back() {
        let mut keys = [
            "",
            "\0",
            "\0\u{1}",
            "\u{1}",
            "\u{1}\0",
            "\u{1}\u{2}",
            "\u{2}",
            "a",
        ];
        keys.sort_unstable();
        for pair in keys.windows(2) {
            assert!(escaped(pair[0]) < escaped(pair[1]), "{pair:?}");
        }
        for key in keys {
            assert_eq!(plain(&escaped(key)), key);
            assert!(!escaped(key).contains('\0'));
        }
    }
}
