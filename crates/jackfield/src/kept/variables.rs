use std::fmt;
use std::sync::Arc;

use jackfield_store_api::{Collection, Expected, Store, StoreError, TenantStore, limits};
use jackfield_types::{ByteSize, ErrorCode, Object, TenantId};
use serde_json::Value;

/// The most variables of a tenant.
const MOST: usize = 1_000;
/// The most bytes of a name.
const LONGEST_NAME: usize = 256;
/// The most bytes of a value, as JSON.
const LARGEST: ByteSize = ByteSize::kib(256);

/// The variables of a tenant, in a store: what its executions begin with under `$vars`, unless the
/// workflow or whoever starts it says something else.
///
/// They are no secrets: they are in the journals of executions, in what is printed and in exports.
#[derive(Clone)]
pub struct StoredVariables {
    documents: Arc<dyn TenantStore>,
}

/// Why variables were not read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VariableError {
    /// It cannot be called so.
    #[error("a variable has a name of 1 to {LONGEST_NAME} bytes without control characters")]
    Name,
    /// It is too large.
    #[error("a variable has at most {LARGEST}")]
    TooLarge,
    /// There are as many as there may be.
    #[error("a tenant has at most {MOST} variables")]
    TooMany,
    /// What is kept under its name is no JSON.
    #[error("variable `{name}` cannot be read: set it anew, or remove it")]
    Damaged {
        /// Which one.
        name: String,
    },
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl VariableError {
    /// The code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Name => ErrorCode::INVALID_INPUT,
            Self::TooLarge | Self::TooMany => ErrorCode::LIMIT_EXCEEDED,
            Self::Damaged { .. } => ErrorCode::STORE_DAMAGED,
            Self::Store(error) => error.code(),
        }
    }
}

impl StoredVariables {
    /// The variables of a tenant in a store.
    pub fn new(store: &Arc<dyn Store>, tenant: &TenantId) -> Self {
        Self {
            documents: store.tenant(tenant),
        }
    }

    /// Sets a variable. Executions that have begun keep what they began with.
    ///
    /// # Errors
    /// [`VariableError::Name`], [`VariableError::TooLarge`], [`VariableError::TooMany`] and
    /// [`VariableError::Store`].
    pub async fn set(&self, name: &str, value: &Value) -> Result<(), VariableError> {
        if !is_name(name) {
            return Err(VariableError::Name);
        }
        let content = value.to_string();
        if u64::try_from(content.len()).unwrap_or(u64::MAX) > LARGEST.as_u64() {
            return Err(VariableError::TooLarge);
        }
        let found = self.documents.document(Collection::Variables, name).await?;
        if found.is_none() {
            let documents = &*self.documents;
            let all = super::documents(documents, Collection::Variables, MOST).await?;
            if all.len() >= MOST {
                return Err(VariableError::TooMany);
            }
        }
        let put = self.documents.put_document(
            Collection::Variables,
            name,
            content.into(),
            Expected::Anything,
        );
        put.await?;
        Ok(())
    }

    /// A variable, if there is one of that name.
    ///
    /// # Errors
    /// [`VariableError::Damaged`] and [`VariableError::Store`].
    pub async fn get(&self, name: &str) -> Result<Option<Value>, VariableError> {
        let found = self.documents.document(Collection::Variables, name).await?;
        found
            .map(|document| value(name, &document.content))
            .transpose()
    }

    /// All of them, by name.
    ///
    /// # Errors
    /// [`VariableError::Damaged`] and [`VariableError::Store`].
    pub async fn all(&self) -> Result<Object, VariableError> {
        let documents = &*self.documents;
        let found = super::documents(documents, Collection::Variables, MOST).await?;
        found
            .into_iter()
            .map(|document| {
                let value = value(&document.name, &document.content)?;
                Ok((document.name, value))
            })
            .collect()
    }

    /// Removes a variable, and says whether it was there.
    ///
    /// # Errors
    /// [`VariableError::Store`].
    pub async fn remove(&self, name: &str) -> Result<bool, VariableError> {
        if !limits::is_name(name) {
            return Ok(false);
        }
        let removed =
            self.documents
                .delete_document(Collection::Variables, name, Expected::Anything);
        Ok(removed.await?)
    }

    /// What an execution is to be started with, so that it begins with the variables of the tenant,
    /// over them those of its workflow, and over those what is given. Its first event has them all.
    ///
    /// # Errors
    /// [`VariableError::Damaged`] and [`VariableError::Store`].
    pub async fn under(&self, workflow: &Object, given: Object) -> Result<Object, VariableError> {
        let mut all = self.all().await?;
        // The engine puts what it is given over what the workflow says.
        all.retain(|name, _| !workflow.contains_key(name));
        all.extend(given);
        Ok(all)
    }
}

impl fmt::Debug for StoredVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredVariables")
            .field("tenant", self.documents.id())
            .finish_non_exhaustive()
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= LONGEST_NAME && !name.contains(char::is_control)
}

fn value(name: &str, content: &[u8]) -> Result<Value, VariableError> {
    serde_json::from_slice(content).map_err(|_| VariableError::Damaged {
        name: name.to_owned(),
    })
}
