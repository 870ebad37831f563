//! Credentials of tenants: kept in a store, encrypted, typed, and bound to where they may be used.
//!
//! - `key`, `key_source`: master keys, several at once, from the environment, files and commands.
//! - `row`, `envelope`: what is written. Each credential is encrypted with a data key of its own, and
//!   the data key with a master key. What surrounds a credential (whose it is, its name, type and
//!   binding, the keys and the version of the format) is authenticated with it, so that nothing of a
//!   row can be changed, moved to another tenant or given another name.
//! - `credential_type`, `built_in`, `field`, `url`: types with a JSON Schema each, and what of their
//!   fields is secret.
//! - `store`, `tenant`, `kept`: a [`CredentialStore`], its handle for one tenant, and what is kept in
//!   memory, encrypted, so that calls never wait for the store.
//! - `rotation`: new master keys, and new data keys.
//! - `external`, `layered`: credentials that others keep, in the environment and in files.
//! - `audit`: who is told what was done.
//!
//! What is in a credential appears in no error, no log, no `Debug` and no export. It is decrypted
//! when it is used, and overwritten afterwards. What this cannot do: notice that the whole row of a
//! credential was replaced by an older one of the same name and tenant.

mod audit;
mod built_in;
mod credential_type;
mod envelope;
mod error;
mod external;
mod field;
mod kept;
mod key;
mod key_source;
mod layered;
mod rotation;
mod row;
mod source;
mod store;
mod tenant;
mod url;

pub use audit::{AuditTrail, CredentialAudit, CredentialEvent};
pub use built_in::built_in_types;
pub use credential_type::{CredentialType, CredentialTypeError, CredentialTypes};
pub use error::CredentialError;
pub use external::{ExternalCredentials, ExternalError};
pub use field::CredentialField;
pub use key::{KeyError, KeyId, MasterKey, MasterKeys};
pub use key_source::{KeyPlace, KeySource, KeySourceError};
pub use layered::LayeredSecrets;
pub use rotation::{Rotated, Rotation};
pub use store::{CredentialStore, CredentialStoreBuilder};
pub use tenant::{CredentialDetails, CredentialSummary, NewCredential, TenantCredentials};
