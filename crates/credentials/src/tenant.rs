//! The credentials of one tenant.

use std::fmt;

use bytes::Bytes;
use jackfield_store_api::{Collection, Document, Expected, PageRequest, Revision};
use jackfield_tenancy::{BoundCredential, CredentialBinding, CredentialUse};
use jackfield_types::{Credential, Object, Secret, TenantId};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::audit::CredentialEvent;
use crate::envelope::{self, Place};
use crate::error::CredentialError;
use crate::key::KeyId;
use crate::row::{Header, Row};
use crate::store::{CredentialStore, MOST, problem};

/// The longest name, in bytes.
const LONGEST_NAME: usize = 256;
/// The most bytes that the fields have as JSON.
const MOST_BYTES: usize = 64 * 1_024;

/// The credentials of one tenant: what they are called and where they may be used, and what is in
/// them for whoever uses one.
#[derive(Clone)]
pub struct TenantCredentials {
    pub(crate) store: CredentialStore,
    pub(crate) tenant: TenantId,
}

/// A credential that is to be kept.
#[derive(Debug, Clone)]
pub struct NewCredential {
    /// The name of its type.
    pub credential_type: String,
    /// What is in it: what the schema of its type says.
    pub fields: Secret<Object>,
    /// The hosts that it may be used for, written like `allowedHosts` of a policy. Nothing: any; an
    /// empty list: none.
    pub hosts: Option<Vec<String>>,
    /// The node types that may use it, written like `allowedNodeTypes` of a policy.
    pub node_types: Option<Vec<String>>,
}

/// What may be shown of a credential. Nothing of it has been verified: that needs its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialSummary {
    /// Its name.
    pub name: String,
    /// Which writing of it this is.
    #[serde(skip)]
    pub revision: Revision,
    /// What is known of it.
    #[serde(flatten)]
    pub details: Option<CredentialDetails>,
    /// Why nothing is known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What is known of a credential without its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialDetails {
    /// The name of its type.
    #[serde(rename = "type")]
    pub credential_type: String,
    /// The hosts that it may be used for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosts: Option<Vec<String>>,
    /// The node types that may use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_types: Option<Vec<String>>,
    /// When there first was one of its name.
    pub created_at: Timestamp,
    /// When somebody last changed it.
    pub changed_at: Timestamp,
    /// When it was last encrypted.
    pub encrypted_at: Timestamp,
    /// The master key that it needs.
    pub key: KeyId,
}

impl CredentialDetails {
    fn of(row: Row) -> Self {
        let Header {
            r#type: credential_type,
            hosts,
            node_types,
            created_at,
            changed_at,
            encrypted_at,
            ..
        } = row.header;
        Self {
            credential_type,
            hosts,
            node_types,
            created_at,
            changed_at,
            encrypted_at,
            key: row.key,
        }
    }
}

impl CredentialSummary {
    fn of(document: Document) -> Self {
        let row = Row::parse(&document.content);
        let row = row.map_err(|found| problem(&document.name, found).to_string());
        let (details, problem) = match row {
            Ok(row) => (Some(CredentialDetails::of(row)), None),
            Err(problem) => (None, Some(problem)),
        };
        Self {
            name: document.name,
            revision: document.revision,
            details,
            problem,
        }
    }
}

impl TenantCredentials {
    pub(crate) fn new(store: &CredentialStore, tenant: &TenantId) -> Self {
        Self {
            store: store.clone(),
            tenant: tenant.clone(),
        }
    }

    /// Whose they are.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Reads what is kept in memory of them anew, if it may be out of date. To be awaited before
    /// workflows of the tenant are planned; executions see to it by themselves.
    pub async fn refresh(&self) {
        self.store.0.refresh(&self.tenant).await;
    }

    /// All of them by name, from after a name on, a page at a time; nothing of what is in them.
    ///
    /// # Errors
    /// [`CredentialError::Store`].
    pub async fn list(
        &self,
        page: &PageRequest,
    ) -> Result<jackfield_store_api::Page<CredentialSummary>, CredentialError> {
        let documents = self.store.0.store.tenant(&self.tenant);
        let found = documents
            .list_documents(Collection::Credentials, "", page)
            .await?;
        let entries = found.entries.into_iter().map(CredentialSummary::of);
        Ok(jackfield_store_api::Page {
            entries: entries.collect(),
            next: found.next,
        })
    }

    /// What may be shown of one of them, if there is one of that name.
    ///
    /// # Errors
    /// [`CredentialError::Name`] and [`CredentialError::Store`].
    pub async fn summary(&self, name: &str) -> Result<Option<CredentialSummary>, CredentialError> {
        check_name(name)?;
        let documents = self.store.0.store.tenant(&self.tenant);
        let found = documents.document(Collection::Credentials, name).await?;
        Ok(found.map(CredentialSummary::of))
    }

    /// Finds out whether a credential could be used as it is in the store now: that its key is at
    /// hand, that nothing of it was altered, and that its type is known. Nothing of it is handed out.
    ///
    /// # Errors
    /// [`CredentialError::Missing`], and whatever keeps it from being read.
    pub async fn verify(&self, name: &str) -> Result<(), CredentialError> {
        self.opened(name).await.map(drop)
    }

    /// Keeps a credential under a name, in place of what is there. It is encrypted with a data key of
    /// its own. The next call of a node sees it.
    ///
    /// # Errors
    /// [`CredentialError`]; with [`CredentialError::Store`] it may have been kept or not.
    pub async fn put(
        &self,
        name: &str,
        new: &NewCredential,
        expected: Expected,
    ) -> Result<Revision, CredentialError> {
        check_name(name)?;
        let inner = &self.store.0;
        let fields = self.check(new)?;
        self.refresh().await;
        if inner.kept(&self.tenant).count_others(name) >= MOST {
            return Err(CredentialError::TooMany {
                tenant: self.tenant.clone(),
                most: MOST,
            });
        }
        let documents = inner.store.tenant(&self.tenant);
        let before = documents.document(Collection::Credentials, name).await?;
        let before = before.and_then(|document| Row::parse(&document.content).ok());
        let now = inner.store.now().await?;
        let header = Header {
            r#type: new.credential_type.clone(),
            data_key: String::new(),
            hosts: new.hosts.clone(),
            node_types: new.node_types.clone(),
            created_at: before.map_or(now, |before| before.header.created_at),
            changed_at: now,
            encrypted_at: now,
        };
        let row = envelope::seal(&inner.keys.load(), self.place(name), header, &fields)?;
        let written = documents
            .put_document(
                Collection::Credentials,
                name,
                Bytes::from(row.to_bytes()),
                expected,
            )
            .await;
        inner.reread(&self.tenant, name).await;
        let revision = written?;
        let event = CredentialEvent::Put {
            credential_type: &new.credential_type,
        };
        inner.record(&self.tenant, name, &event);
        Ok(revision)
    }

    /// Decrypts a credential for a use, as it is in the store now.
    ///
    /// It does not look at the policy of the tenant: nodes go by way of
    /// [`Tenant::credential`](jackfield_tenancy::Tenant::credential), which does.
    ///
    /// # Errors
    /// [`CredentialError::Missing`], [`CredentialError::Refused`] when it is bound to other uses, and
    /// whatever keeps it from being read.
    pub async fn resolve(
        &self,
        name: &str,
        wanted: &CredentialUse<'_>,
    ) -> Result<Credential, CredentialError> {
        let inner = &self.store.0;
        let found = self.resolved(name, wanted).await;
        let node_type = wanted.node_type;
        match &found {
            Ok(_) => {
                let event = CredentialEvent::Used {
                    node_type,
                    host: wanted.host,
                    port: wanted.port,
                };
                inner.record(&self.tenant, name, &event);
            }
            Err(CredentialError::Refused(refusal)) => {
                let rule = &refusal.rule;
                let event = CredentialEvent::Refused { node_type, rule };
                inner.record(&self.tenant, name, &event);
            }
            Err(CredentialError::Missing { .. } | CredentialError::Name) => {}
            Err(error) => {
                let reason = &error.to_string();
                inner.record(&self.tenant, name, &CredentialEvent::Unreadable { reason });
            }
        }
        found
    }

    async fn resolved(
        &self,
        name: &str,
        wanted: &CredentialUse<'_>,
    ) -> Result<Credential, CredentialError> {
        let bound = self.opened(name).await?;
        let checked = bound.binding.check(name, wanted);
        checked.map_err(CredentialError::Refused)?;
        Ok(bound.credential)
    }

    /// A credential as it is in the store now, decrypted.
    async fn opened(&self, name: &str) -> Result<BoundCredential, CredentialError> {
        check_name(name)?;
        let inner = &self.store.0;
        let documents = inner.store.tenant(&self.tenant);
        let found = documents.document(Collection::Credentials, name).await?;
        let found = found.ok_or_else(|| self.missing(name))?;
        let row = Row::parse(&found.content).map_err(|found| problem(name, found))?;
        let (bound, _) = inner.open(self.place(name), &row)?;
        Ok(bound)
    }

    /// Deletes a credential; `false` when there was none. The next call of a node does not find it.
    ///
    /// # Errors
    /// [`CredentialError::Store`].
    pub async fn delete(&self, name: &str, expected: Expected) -> Result<bool, CredentialError> {
        check_name(name)?;
        let inner = &self.store.0;
        let documents = inner.store.tenant(&self.tenant);
        let deleted = documents
            .delete_document(Collection::Credentials, name, expected)
            .await;
        inner.reread(&self.tenant, name).await;
        let deleted = deleted?;
        if deleted {
            inner.record(&self.tenant, name, &CredentialEvent::Deleted);
        }
        Ok(deleted)
    }

    pub(crate) fn place<'a>(&'a self, name: &'a str) -> Place<'a> {
        Place {
            tenant: &self.tenant,
            name,
        }
    }

    pub(crate) fn missing(&self, name: &str) -> CredentialError {
        CredentialError::Missing {
            tenant: self.tenant.clone(),
            name: name.to_owned(),
        }
    }

    /// Checks a credential, and gives its fields as they are encrypted.
    fn check(&self, new: &NewCredential) -> Result<Zeroizing<Vec<u8>>, CredentialError> {
        let credential_type = self.store.0.types.find(&new.credential_type)?;
        CredentialBinding::compile(new.hosts.as_deref(), new.node_types.as_deref())
            .map_err(CredentialError::Binding)?;
        let fields = new.fields.expose();
        // With all the room that it may take, so that no part of it is left behind where it grew.
        let mut bytes = Zeroizing::new(Vec::with_capacity(MOST_BYTES));
        serde_json::to_writer(&mut *bytes, fields).map_err(|_| CredentialError::Encryption)?;
        if bytes.len() > MOST_BYTES {
            return Err(CredentialError::TooLarge { most: MOST_BYTES });
        }
        let mut value = Value::Object(fields.clone());
        let checked = credential_type.check(&value);
        crate::store::overwrite(&mut value);
        checked?;
        Ok(bytes)
    }
}

fn check_name(name: &str) -> Result<(), CredentialError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_allowed) {
        return Err(CredentialError::Name);
    }
    Ok(())
}

impl fmt::Debug for TenantCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantCredentials")
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}
