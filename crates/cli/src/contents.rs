//! What a command takes from a store beside executions: credentials, policies, variables, the audit
//! trail, and what plugins keep.

use std::sync::Arc;

use jackfield::credentials::CredentialStore;
use jackfield::kept::{StoredAudit, StoredPolicies, StoredVariables, VariableError};
use jackfield::store::{Store, StoreError};
use jackfield::tenancy::AuditStore;
use jackfield::{Object, TenantEngine, TenantId};
use tokio::runtime::{Handle, Runtime};

use crate::args::CredentialKeyArgs;
use crate::credentials;
use crate::error::{CliError, whole_text};
use crate::exit::Exit;
use crate::kept_error::store_error;

/// What a session has of a store, if there is one.
pub(crate) struct Contents {
    store: Option<Arc<dyn Store>>,
    credentials: Option<CredentialStore>,
    /// Whether what is done is put on record there.
    is_record: bool,
    runtime: Handle,
}

impl Contents {
    /// Nothing: there is no store.
    pub(crate) fn none(runtime: &Runtime) -> Self {
        Self {
            store: None,
            credentials: None,
            is_record: false,
            runtime: runtime.handle().clone(),
        }
    }

    /// For those who run things for a tenant: with the keys to read its credentials.
    pub(crate) fn to_run(
        runtime: &Runtime,
        store: Option<&Arc<dyn Store>>,
        keys: &CredentialKeyArgs,
        tenant: &TenantId,
    ) -> Result<Self, CliError> {
        let read = credentials::of_store(store, keys, tenant);
        Ok(Self {
            credentials: runtime.block_on(read)?,
            store: store.map(Arc::clone),
            is_record: true,
            runtime: runtime.handle().clone(),
        })
    }

    /// For those who only look: which credentials there are, and no key.
    pub(crate) fn to_look(
        runtime: &Runtime,
        store: Option<&Arc<dyn Store>>,
        tenant: &TenantId,
    ) -> Self {
        Self {
            credentials: runtime.block_on(credentials::named_in(store, tenant)),
            store: store.map(Arc::clone),
            is_record: true,
            runtime: runtime.handle().clone(),
        }
    }

    /// What is not read: for those who only need what is put on record.
    pub(crate) fn unread(runtime: &Runtime, store: &Arc<dyn Store>) -> Self {
        Self {
            credentials: None,
            store: Some(Arc::clone(store)),
            is_record: true,
            runtime: runtime.handle().clone(),
        }
    }

    /// The same, but nothing is put on record there, so that no key is asked for to do it.
    pub(crate) fn unrecorded(self) -> Self {
        Self {
            is_record: false,
            ..self
        }
    }

    pub(crate) fn store(&self) -> Option<&Arc<dyn Store>> {
        self.store.as_ref()
    }

    pub(crate) fn credentials(&self) -> Option<&CredentialStore> {
        self.credentials.as_ref()
    }

    pub(crate) fn policies(&self) -> Option<StoredPolicies> {
        self.store().cloned().map(StoredPolicies::new)
    }

    /// Where audit trails are kept. Whoever opens one there flushes it before the store is closed.
    pub(crate) fn trail(&self) -> Option<Arc<dyn AuditStore>> {
        let store = self.store.as_ref().filter(|_| self.is_record);
        let store = Arc::clone(store?);
        Some(Arc::new(StoredAudit::new(store, self.runtime.clone())))
    }

    /// Reads what a tenant may do, before anything is planned for it.
    pub(crate) fn read_policy(&self, engine: &TenantEngine) {
        if let Some(refresh) = engine.tenant().refresh_secrets() {
            self.runtime.block_on(refresh);
        }
    }
}

/// What an execution begins with: the tenant's variables, over them those of its workflow, and over
/// those what is given.
pub(crate) async fn variables(
    store: Option<&Arc<dyn Store>>,
    tenant: &TenantId,
    workflow: &Object,
    given: Object,
) -> Result<Object, CliError> {
    let Some(store) = store else { return Ok(given) };
    let variables = StoredVariables::new(store, tenant);
    let all = variables.under(workflow, given).await;
    all.map_err(|error| variable_error(&error))
}

/// What went wrong with a variable.
pub(crate) fn variable_error(error: &VariableError) -> CliError {
    let hint = match error {
        VariableError::Store(StoreError::Conflict { .. }) => {
            "somebody else changed it meanwhile; try again"
        }
        VariableError::Store(error) => return store_error(error),
        VariableError::Damaged { .. } => {
            "`jackfield variable set NAME JSON` sets it anew, `jackfield variable remove NAME` \
             removes it"
        }
        VariableError::TooMany => "remove those that nobody reads: `jackfield variable list`",
        _ => "docs/cli.md, under \"Variables of a tenant\", says what can be kept",
    };
    CliError::Kept {
        code: error.code(),
        message: whole_text(error),
        hint: Some(hint.to_owned()),
        exit: Exit::InvalidInput,
    }
}
