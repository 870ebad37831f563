//! The credentials that tenants prove with, as the command line names them: those in the store, and
//! those that others keep.

use std::path::Path;
use std::sync::Arc;

use jackfield::credentials::{
    CredentialError, CredentialStore, CredentialTypes, ExternalCredentials, LayeredSecrets,
    MasterKeys,
};
use jackfield::store::{Durability, Store, StoreError};
use jackfield::{StaticSecrets, TenantId};

use crate::args::{CredentialKeyArgs, CredentialStoreArgs, StoreArgs, WrittenKey};
use crate::error::{CliError, whole_text};
use crate::exit::Exit;
use crate::kept_error::store_error;
use crate::store::{self, Purpose, StoreAddress};

/// Where what is said of keys and credentials is described.
const PAGE: &str = "docs/credentials.md, under \"Master keys\", says how keys are given";

/// The credentials in a store, for executions of a tenant: with the keys to read them, and read once
/// so that workflows can be planned.
pub(crate) async fn of_store(
    store: Option<&Arc<dyn Store>>,
    keys: &CredentialKeyArgs,
    tenant: &TenantId,
) -> Result<Option<CredentialStore>, CliError> {
    let Some(store) = store else { return Ok(None) };
    let credentials = CredentialStore::builder(Arc::clone(store), master_keys(keys).await?).build();
    credentials.tenant(tenant).refresh().await;
    Ok(Some(credentials))
}

/// The store that credentials are looked for in, if it is there: nothing is made.
pub(crate) async fn store_if_there(
    args: &CredentialStoreArgs,
) -> Result<Option<Arc<dyn Store>>, CliError> {
    let named = args.store.clone().filter(StoreAddress::may_be_there);
    let named = StoreArgs { store: named };
    store::open_if_named(&named, Durability::default(), Purpose::Visit).await
}

/// The credentials in a store, for those who only plan: which ones there are, and no key.
pub(crate) async fn named_in(
    store: Option<&Arc<dyn Store>>,
    tenant: &TenantId,
) -> Option<CredentialStore> {
    let store = Arc::clone(store?);
    let credentials = CredentialStore::builder(store, MasterKeys::none()).build();
    credentials.tenant(tenant).refresh().await;
    Some(credentials)
}

/// The keys that are given; none is no error before one is needed.
pub(crate) async fn master_keys(args: &CredentialKeyArgs) -> Result<MasterKeys, CliError> {
    let wrong = |error| CliError::usage(whole_text(&error), PAGE);
    if args.keys.is_empty() {
        return Ok(MasterKeys::none());
    }
    let sources = args.keys.iter().map(WrittenKey::source);
    let sources = sources.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    MasterKeys::read(&sources).await.map_err(wrong)
}

/// All that a tenant's secrets come from, one behind the other.
pub(crate) fn layered(
    kept: Option<CredentialStore>,
    external: Option<ExternalCredentials>,
    secrets: Option<StaticSecrets>,
) -> Option<LayeredSecrets> {
    if kept.is_none() && external.is_none() && secrets.is_none() {
        return None;
    }
    let mut layered = LayeredSecrets::new();
    if let Some(kept) = kept {
        layered = layered.with(kept);
    }
    if let Some(external) = external {
        layered = layered.with(external);
    }
    if let Some(secrets) = secrets {
        layered = layered.with(secrets);
    }
    Some(layered)
}

/// The credentials that others keep, as a file declares them.
pub(crate) fn external(file: Option<&Path>) -> Result<Option<ExternalCredentials>, CliError> {
    let Some(file) = file else { return Ok(None) };
    let read = ExternalCredentials::read(file, CredentialTypes::new());
    read.map(Some).map_err(|error| {
        CliError::usage(
            whole_text(&error),
            "docs/credentials.md, under \"Credentials that others keep\", says what can stand there",
        )
    })
}

/// What went wrong with a credential.
pub(crate) fn credential_error(error: &CredentialError) -> CliError {
    let hint = match error {
        CredentialError::Store(StoreError::Exists { .. } | StoreError::Conflict { .. }) => {
            "somebody else changed it meanwhile; try again"
        }
        CredentialError::Store(error) => return store_error(error),
        CredentialError::Missing { .. } => {
            "`jackfield credential list` lists those of the tenant in this store; it may be another \
             tenant's (`--tenant`), or in another store"
        }
        CredentialError::UnknownType { .. } => "`jackfield credential types` tells more of them",
        CredentialError::Fields { .. } => {
            "`jackfield credential types TYPE` prints the schema of a type"
        }
        CredentialError::KeyMissing { .. } | CredentialError::KeyWrong { .. } => {
            "keys are given by `--credential-key ID=WHERE`, by JACKFIELD_CREDENTIAL_KEYS, or as \
             `credential-keys` in the settings file"
        }
        CredentialError::Key(_) => {
            "give one by `--credential-key ID=WHERE`; `jackfield credential key generate ID --to FILE` \
             makes one"
        }
        CredentialError::Damaged { .. } | CredentialError::Format { .. } => {
            "`jackfield credential add NAME --replace` puts it anew; no other is concerned"
        }
        // Their texts name the way out.
        _ => "docs/credentials.md tells more of credentials",
    };
    CliError::Kept {
        code: error.code(),
        message: whole_text(error),
        hint: Some(hint.to_owned()),
        exit: match error {
            CredentialError::Encryption => Exit::Internal,
            _ => Exit::InvalidInput,
        },
    }
}
