//! The credentials of all tenants.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use jackfield_store_api::{Collection, Document, Page, PageRequest, Store, StoreError};
use jackfield_tenancy::{BoundCredential, CredentialBinding};
use jackfield_types::{Credential, Object, TenantId};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::Instant;
use tracing::warn;
use zeroize::Zeroize;

use crate::audit::{CredentialAudit, CredentialEvent};
use crate::credential_type::{CredentialType, CredentialTypes};
use crate::envelope::{self, Place};
use crate::error::CredentialError;
use crate::kept::{Entry, Kept};
use crate::key::MasterKeys;
use crate::row::{Row, RowProblem, VERSION};
use crate::tenant::TenantCredentials;

/// How old what is kept in memory gets, if nobody says otherwise.
const MAX_AGE: Duration = Duration::from_secs(1);
/// How long all credentials of a tenant may take to be read.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most credentials that one tenant has.
pub(crate) const MOST: usize = 10_000;

/// The credentials of all tenants, in a store. It is cheap to clone; all clones are the same.
///
/// It is a [`SecretSource`](jackfield_tenancy::SecretSource): given to
/// [`TenancyBuilder::secrets`](jackfield_tenancy::TenancyBuilder::secrets), nodes find credentials
/// in it, and expressions the one secret field of those that are bound to nothing. What is changed
/// through it is seen by every call that begins afterwards; what another process changes, by calls
/// that begin [`max_age`](CredentialStoreBuilder::max_age) later. While the store cannot be reached,
/// what was read last is used.
#[derive(Clone)]
pub struct CredentialStore(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keys: ArcSwap<MasterKeys>,
    pub(crate) types: CredentialTypes,
    pub(crate) max_age: Option<Duration>,
    audit: Option<Arc<dyn CredentialAudit>>,
    kept: Mutex<HashMap<TenantId, Arc<Kept>>>,
    /// The number of the last reading.
    last_number: AtomicU64,
}

/// Puts a [`CredentialStore`] together.
#[must_use]
pub struct CredentialStoreBuilder {
    store: Arc<dyn Store>,
    keys: MasterKeys,
    types: CredentialTypes,
    max_age: Option<Duration>,
    audit: Option<Arc<dyn CredentialAudit>>,
}

impl CredentialStoreBuilder {
    /// Says which types there are. If this is not said, the built-in ones.
    pub fn types(mut self, types: CredentialTypes) -> Self {
        self.types = types;
        self
    }

    /// Says how old what is kept in memory gets before it is read again, for changes that other
    /// processes make. Nothing: as old as it likes, for a store that no other process writes to. If
    /// this is not said, one second.
    pub fn max_age(mut self, max_age: Option<Duration>) -> Self {
        self.max_age = max_age;
        self
    }

    /// Says who is told what is done. If this is not said, nobody.
    pub fn audit(mut self, audit: impl CredentialAudit) -> Self {
        self.audit = Some(Arc::new(audit));
        self
    }

    /// Makes the store of credentials.
    pub fn build(self) -> CredentialStore {
        CredentialStore(Arc::new(Inner {
            store: self.store,
            keys: ArcSwap::from_pointee(self.keys),
            types: self.types,
            max_age: self.max_age,
            audit: self.audit,
            kept: Mutex::default(),
            last_number: AtomicU64::new(0),
        }))
    }
}

impl fmt::Debug for CredentialStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialStoreBuilder")
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

impl CredentialStore {
    /// Begins one, in a store, encrypted with master keys.
    pub fn builder(store: Arc<dyn Store>, keys: MasterKeys) -> CredentialStoreBuilder {
        CredentialStoreBuilder {
            store,
            keys,
            types: CredentialTypes::new(),
            max_age: Some(MAX_AGE),
            audit: None,
        }
    }

    /// The credentials of one tenant. Nothing of another one is reached through it.
    pub fn tenant(&self, id: &TenantId) -> TenantCredentials {
        TenantCredentials::new(self, id)
    }

    /// Takes other master keys, from the next call on.
    pub fn set_keys(&self, keys: MasterKeys) {
        self.0.keys.store(Arc::new(keys));
    }

    /// The types that there are.
    pub fn types(&self) -> &CredentialTypes {
        &self.0.types
    }
}

impl fmt::Debug for CredentialStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialStore")
            .field("store", &self.0.store.describe())
            .field("keys", &self.0.keys.load())
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// What is kept of a tenant.
    pub(crate) fn kept(&self, tenant: &TenantId) -> Arc<Kept> {
        let mut kept = self.kept.lock();
        let kept = kept
            .entry(tenant.clone())
            .or_insert_with(|| Arc::new(Kept::new()));
        Arc::clone(kept)
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.last_number.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn record(&self, tenant: &TenantId, name: &str, event: &CredentialEvent<'_>) {
        if let Some(audit) = &self.audit {
            audit.record(tenant, name, event);
        }
    }

    /// Reads what is kept of a tenant anew, if it is not fresh.
    pub(crate) async fn refresh(&self, tenant: &TenantId) {
        let kept = self.kept(tenant);
        // It is never closed. Whoever waited finds what the one before has read.
        let Ok(_turn) = kept.turn.acquire().await else {
            return;
        };
        if kept.is_fresh(self.max_age) {
            return;
        }
        let (number, began) = (self.next_number(), Instant::now());
        let reason = match tokio::time::timeout(PATIENCE, self.read_all(tenant)).await {
            Ok(Ok(found)) => return kept.put_all(number, began, found),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("the store did not answer within {} s", PATIENCE.as_secs()),
        };
        warn!(%tenant, reason, "the credentials of a tenant cannot be read");
        kept.put_trouble(reason);
    }

    async fn read_all(&self, tenant: &TenantId) -> Result<BTreeMap<String, Entry>, StoreError> {
        let mut found = BTreeMap::new();
        let mut after = None;
        loop {
            let page = self.page(tenant, after).await?;
            for document in page.entries {
                let entry = Row::parse(&document.content);
                found.insert(document.name, entry);
            }
            if page.next.is_none() {
                break;
            }
            after = page.next;
        }
        Ok(found)
    }

    /// A page of what is in the store.
    pub(crate) async fn page(
        &self,
        tenant: &TenantId,
        after: Option<String>,
    ) -> Result<Page<Document>, StoreError> {
        let request = PageRequest {
            after,
            limit: PageRequest::MOST,
        };
        let documents = self.store.tenant(tenant);
        documents
            .list_documents(Collection::Credentials, "", &request)
            .await
    }

    /// Brings what is kept under one name up to date, after it was written to.
    pub(crate) async fn reread(&self, tenant: &TenantId, name: &str) {
        let kept = self.kept(tenant);
        let number = self.next_number();
        let documents = self.store.tenant(tenant);
        match documents.document(Collection::Credentials, name).await {
            Ok(found) => {
                let found = found.map(|document| Row::parse(&document.content));
                kept.put_one(number, name, found);
            }
            Err(_) => kept.make_stale(),
        }
    }

    /// The type of a credential, if it is still there.
    fn type_of(&self, place: Place<'_>, row: &Row) -> Result<&CredentialType, CredentialError> {
        self.types
            .find(&row.header.r#type)
            .map_err(|error| match error {
                CredentialError::UnknownType {
                    credential_type,
                    known,
                } => CredentialError::TypeGone {
                    name: place.name.to_owned(),
                    credential_type,
                    known,
                },
                other => other,
            })
    }

    /// Decrypts a credential.
    pub(crate) fn open(
        &self,
        place: Place<'_>,
        row: &Row,
    ) -> Result<(BoundCredential, &CredentialType), CredentialError> {
        let keys = self.keys.load();
        let fields = envelope::open(&keys, place, row)?;
        let credential_type = self.type_of(place, row)?;
        let damaged = |reason| CredentialError::Damaged {
            name: place.name.to_owned(),
            reason,
        };
        let fields: Object =
            serde_json::from_slice(&fields).map_err(|_| damaged("what is in it cannot be read"))?;
        let binding = CredentialBinding::compile(
            row.header.hosts.as_deref(),
            row.header.node_types.as_deref(),
        )
        .map_err(|_| damaged("what it is bound to cannot be read"))?;
        let secrets = credential_type.secrets(&fields);
        let credential = Credential::new(place.name, credential_type.name(), fields, secrets);
        let bound = BoundCredential {
            credential,
            binding,
        };
        Ok((bound, credential_type))
    }
}

/// What is wrong with a row, for people.
pub(crate) fn problem(name: &str, problem: RowProblem) -> CredentialError {
    let name = name.to_owned();
    match problem {
        RowProblem::Version(found) => CredentialError::Format {
            name,
            found,
            known: VERSION,
        },
        RowProblem::Shape(reason) => CredentialError::Damaged { name, reason },
    }
}

/// Overwrites the texts of a value that is not needed any more.
pub(crate) fn overwrite(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(list) => list.iter_mut().for_each(overwrite),
        Value::Object(object) => object.values_mut().for_each(overwrite),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
