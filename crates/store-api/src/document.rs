use std::fmt;

use bytes::Bytes;
use jiff::Timestamp;

use crate::{Page, PageRequest, StoreFuture};

/// What kind of thing a document is. Each kind has names of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Collection {
    /// The policy, under one fixed name.
    Policies,
    /// Credentials, encrypted.
    Credentials,
    /// The keys that credentials are encrypted with, themselves encrypted.
    CredentialKeys,
    /// Variables.
    Variables,
    /// Schedules.
    Schedules,
    /// What plugins keep, under `publisher/name/key`.
    PluginState,
    /// Entities of data sources.
    Entities,
    /// What the store itself is told about the tenant, such as [`KeptRetention`](crate::KeptRetention).
    Settings,
}

impl Collection {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Policies,
        Self::Credentials,
        Self::CredentialKeys,
        Self::Variables,
        Self::Schedules,
        Self::PluginState,
        Self::Entities,
        Self::Settings,
    ];

    /// Its name, as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Policies => "policies",
            Self::Credentials => "credentials",
            Self::CredentialKeys => "credential-keys",
            Self::Variables => "variables",
            Self::Schedules => "schedules",
            Self::PluginState => "plugin-state",
            Self::Entities => "entities",
            Self::Settings => "settings",
        }
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which writing of a document it is. Each writing has a greater number than all of the same name
/// before it, deletions included: a document that was deleted and made again is not mistaken for the
/// old one. The first one of a name that never had a document need not be 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// What a change expects to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Whatever is there.
    Anything,
    /// Nothing.
    Absent,
    /// This revision.
    Revision(Revision),
}

/// A document as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its name within its collection.
    pub name: String,
    /// What is in it. Opaque.
    pub content: Bytes,
    /// Which writing of it this is.
    pub revision: Revision,
    /// When it was last written, by the store's clock.
    pub changed_at: Timestamp,
}

/// A tenant's small documents: policies, credentials, variables, schedules, plugin state.
pub trait Documents: Send + Sync {
    /// One document; `None` when there is none.
    fn document<'a>(
        &'a self,
        collection: Collection,
        name: &'a str,
    ) -> StoreFuture<'a, Option<Document>>;

    /// Writes a document.
    ///
    /// # Errors
    /// [`StoreError::Refused`](crate::StoreError::Refused) when the name or the content is not
    /// within [`limits`](crate::limits),
    /// [`StoreError::Conflict`](crate::StoreError::Conflict) when another one is there than was
    /// expected.
    fn put_document<'a>(
        &'a self,
        collection: Collection,
        name: &'a str,
        content: Bytes,
        expected: Expected,
    ) -> StoreFuture<'a, Revision>;

    /// Deletes a document; `false` when there was none.
    ///
    /// # Errors
    /// [`StoreError::Conflict`](crate::StoreError::Conflict) when another one is there than was
    /// expected.
    fn delete_document<'a>(
        &'a self,
        collection: Collection,
        name: &'a str,
        expected: Expected,
    ) -> StoreFuture<'a, bool>;

    /// The documents whose names begin with a text, by name in order of their bytes. A page ends
    /// early when what is in it gets large.
    fn list_documents<'a>(
        &'a self,
        collection: Collection,
        prefix: &'a str,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<Document>>;
}
