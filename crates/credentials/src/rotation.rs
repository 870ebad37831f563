//! New keys for what is encrypted already.
//!
//! Rows are changed one by one, each by a single write that expects the row as it was read. Breaking
//! off at any moment leaves every row whole, encrypted with the old key or with the new one, and
//! rotating again goes on with those that are left.

use std::collections::BTreeMap;

use bytes::Bytes;
use jackfield_store_api::{Collection, Document, Expected, StoreError};
use jackfield_types::TenantId;
use jiff::Timestamp;

use crate::audit::CredentialEvent;
use crate::envelope;
use crate::error::CredentialError;
use crate::key::KeyId;
use crate::row::{Header, Row};
use crate::store::{CredentialStore, problem};
use crate::tenant::TenantCredentials;

/// How often a row is read again that somebody else changes all the while.
const TRIES: u32 = 10;

/// Which keys are to be new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// Data keys are encrypted with the current master key. What they encrypt stays as it is.
    MasterKey,
    /// What was encrypted before a time gets a new data key, and so does what says that it was
    /// encrypted in the future. Given the same time again, it goes on with what is left.
    DataKeys {
        /// The time, by the store's clock.
        encrypted_before: Timestamp,
    },
}

/// What came of a rotation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Rotated {
    /// How many credentials were changed.
    pub changed: u64,
    /// How many had nothing to be changed.
    pub unchanged: u64,
    /// Those that could not be changed: whose, their names, and why. As long as there are any, the old
    /// keys are needed.
    pub failed: Vec<(TenantId, String, String)>,
}

impl Rotated {
    /// Whether no credential is left that needs an old key.
    pub fn is_done(&self) -> bool {
        self.failed.is_empty()
    }

    fn add(&mut self, other: Self) {
        self.changed += other.changed;
        self.unchanged += other.unchanged;
        self.failed.extend(other.failed);
    }
}

enum Turned {
    Changed,
    Unchanged,
}

impl CredentialStore {
    /// Gives the credentials of all tenants new keys. It may break off at any moment, and goes on
    /// where it was when it is called again; until it is done, keep the old keys at hand.
    ///
    /// Other processes have to know the new master key by then, and must not encrypt with the old one
    /// any more; [`keys_in_use`](Self::keys_in_use) tells whether one still did.
    ///
    /// # Errors
    /// [`CredentialError::Store`] when the store cannot be read or written, [`CredentialError::Key`]
    /// when there is no master key to encrypt with.
    pub async fn rotate(&self, rotation: Rotation) -> Result<Rotated, CredentialError> {
        let mut rotated = Rotated::default();
        let mut after: Option<TenantId> = None;
        loop {
            let tenants = self.0.store.tenants(after.as_ref()).await?;
            let Some(last) = tenants.last() else {
                return Ok(rotated);
            };
            after = Some(last.clone());
            for tenant in &tenants {
                rotated.add(self.tenant(tenant).rotate(rotation).await?);
            }
        }
    }

    /// How many credentials need each master key. One that is not in it is not needed any more.
    ///
    /// # Errors
    /// [`CredentialError::Store`] when the store cannot be read, [`CredentialError::Damaged`] and
    /// [`CredentialError::Format`] about a credential of which it cannot be told.
    pub async fn keys_in_use(&self) -> Result<BTreeMap<KeyId, u64>, CredentialError> {
        let mut counts = BTreeMap::new();
        let mut after: Option<TenantId> = None;
        loop {
            let tenants = self.0.store.tenants(after.as_ref()).await?;
            let Some(last) = tenants.last() else {
                return Ok(counts);
            };
            after = Some(last.clone());
            for tenant in &tenants {
                self.count_keys(tenant, &mut counts).await?;
            }
        }
    }
}

impl CredentialStore {
    async fn count_keys(
        &self,
        tenant: &TenantId,
        counts: &mut BTreeMap<KeyId, u64>,
    ) -> Result<(), CredentialError> {
        let mut after = None;
        loop {
            let page = self.0.page(tenant, after).await?;
            for document in page.entries {
                let row = Row::parse(&document.content);
                let row = row.map_err(|found| problem(&document.name, found))?;
                *counts.entry(row.key).or_insert(0) += 1;
            }
            if page.next.is_none() {
                return Ok(());
            }
            after = page.next;
        }
    }
}

impl TenantCredentials {
    /// Gives the tenant's credentials new keys; see [`CredentialStore::rotate`].
    ///
    /// # Errors
    /// Those of [`CredentialStore::rotate`].
    pub async fn rotate(&self, rotation: Rotation) -> Result<Rotated, CredentialError> {
        let mut rotated = Rotated::default();
        let mut after = None;
        loop {
            let page = self.store.0.page(&self.tenant, after).await?;
            for document in page.entries {
                self.turn_into(rotation, document, &mut rotated).await?;
            }
            if page.next.is_none() {
                return Ok(rotated);
            }
            after = page.next;
        }
    }

    /// Gives one credential new keys, and counts what came of it.
    async fn turn_into(
        &self,
        rotation: Rotation,
        document: Document,
        rotated: &mut Rotated,
    ) -> Result<(), CredentialError> {
        let name = document.name.clone();
        match self.turn(rotation, document).await {
            Ok(Turned::Changed) => rotated.changed += 1,
            Ok(Turned::Unchanged) => rotated.unchanged += 1,
            Err(CredentialError::Store(error)) if !matches!(error, StoreError::Conflict { .. }) => {
                return Err(error.into());
            }
            // Without a key nothing at all can be encrypted.
            Err(CredentialError::Key(error)) => return Err(error.into()),
            Err(error) => {
                let failed = (self.tenant.clone(), name, error.to_string());
                rotated.failed.push(failed);
            }
        }
        Ok(())
    }

    /// Gives one credential new keys.
    async fn turn(
        &self,
        rotation: Rotation,
        mut document: Document,
    ) -> Result<Turned, CredentialError> {
        let inner = &self.store.0;
        let documents = inner.store.tenant(&self.tenant);
        let name = document.name.clone();
        let mut tries = 0;
        loop {
            let Some(row) = self.turned(rotation, &document).await? else {
                return Ok(Turned::Unchanged);
            };
            let written = documents
                .put_document(
                    Collection::Credentials,
                    &name,
                    Bytes::from(row.to_bytes()),
                    Expected::Revision(document.revision),
                )
                .await;
            tries += 1;
            match written {
                Ok(_) => {
                    inner.reread(&self.tenant, &name).await;
                    let event = CredentialEvent::Encrypted { key: &row.key };
                    inner.record(&self.tenant, &name, &event);
                    return Ok(Turned::Changed);
                }
                Err(StoreError::Conflict { .. }) if tries < TRIES => {}
                Err(error) => return Err(error.into()),
            }
            match documents.document(Collection::Credentials, &name).await? {
                Some(again) => document = again,
                // It was deleted meanwhile.
                None => return Ok(Turned::Unchanged),
            }
        }
    }

    /// The row with its new keys; nothing if it needs none.
    async fn turned(
        &self,
        rotation: Rotation,
        document: &Document,
    ) -> Result<Option<Row>, CredentialError> {
        let inner = &self.store.0;
        let name = &document.name;
        let row = Row::parse(&document.content).map_err(|found| problem(name, found))?;
        let place = self.place(name);
        let keys = inner.keys.load_full();
        // After the row was read: by the same clock nothing of it is later than this.
        let now = match rotation {
            Rotation::MasterKey => None,
            Rotation::DataKeys { .. } => Some(inner.store.now().await?),
        };
        match rotation {
            Rotation::MasterKey if envelope::is_current(&keys, &row) => Ok(None),
            Rotation::MasterKey => envelope::rewrap(&keys, place, &row).map(Some),
            Rotation::DataKeys { encrypted_before }
                if row.header.encrypted_at >= encrypted_before
                    && now.is_some_and(|now| {
                        row.header.encrypted_at <= now.max(encrypted_before)
                    }) =>
            {
                Ok(None)
            }
            Rotation::DataKeys { encrypted_before } => {
                let fields = envelope::open(&keys, place, &row)?;
                // Not before that time, even if the clock went back: it would never be done.
                let now = now.unwrap_or(encrypted_before).max(encrypted_before);
                let header = Header {
                    encrypted_at: now,
                    ..row.header
                };
                envelope::seal(&keys, place, header, &fields).map(Some)
            }
        }
    }
}
