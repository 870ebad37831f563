//! Credentials that others keep: in the environment, and in files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jackfield_tenancy::{
    BindingError, BoundCredential, CredentialBinding, PLAIN_TYPE, RefreshFuture, SecretError,
    SecretSource,
};
use jackfield_types::{Credential, Object, Secret, TenantId};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::Value;

use crate::credential_type::CredentialTypes;
use files::Files;

mod files;

/// The most bytes of a document.
const MOST_BYTES: u64 = 1024 * 1024;
/// How old what was read of files gets.
const MAX_AGE: Duration = Duration::from_secs(1);

/// Credentials that are declared in a document and whose values are elsewhere: in variables of the
/// environment, and in files such as those that orchestrators mount.
///
/// ```json
/// {"acme": {
///   "crm": {"type": "bearer", "fields": {"token": {"env": "CRM_TOKEN"}}, "hosts": ["crm.example.org"]},
///   "signing": {"file": "/run/secrets/signing"}
/// }}
/// ```
///
/// The second one is of the type `secret`. The environment is read once; files are read again when
/// what was read is a second old. One line end behind a value in a file is not a part of it.
pub struct ExternalCredentials {
    types: CredentialTypes,
    tenants: BTreeMap<TenantId, BTreeMap<String, Declared>>,
    environment: BTreeMap<String, Secret<String>>,
    files: Arc<Mutex<BTreeMap<TenantId, Files>>>,
}

struct Declared {
    credential_type: String,
    fields: BTreeMap<String, Field>,
    binding: CredentialBinding,
}

/// Why a document cannot be used. It tells no value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExternalError {
    /// It cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is larger than such documents are.
    #[error("a document of credentials has at most {MOST_BYTES} bytes")]
    TooLarge,
    /// It is not of the right form.
    #[error("the document of credentials is not right at line {line}, column {column}: {reason}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong, if that can be told without showing what stands there.
        reason: &'static str,
    },
    /// A tenant's name breaks a rule.
    #[error("the document of credentials names a tenant that cannot be")]
    Tenant(#[source] jackfield_types::NameError),
    /// There is no such type.
    #[error("credential `{name}` of tenant `{tenant}`")]
    Type {
        /// Whose it is.
        tenant: TenantId,
        /// Its name.
        name: String,
        /// What is wrong.
        #[source]
        source: crate::CredentialError,
    },
    /// What it is bound to means nothing.
    #[error("credential `{name}` of tenant `{tenant}` cannot be bound so")]
    Binding {
        /// Whose it is.
        tenant: TenantId,
        /// Its name.
        name: String,
        /// What is wrong.
        #[source]
        source: BindingError,
    },
    /// The environment has no such variable, or it is no text.
    #[error(
        "credential `{name}` of tenant `{tenant}`: the environment has no text under `{variable}`"
    )]
    Variable {
        /// Whose it is.
        tenant: TenantId,
        /// Its name.
        name: String,
        /// The variable.
        variable: String,
    },
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Written {
    Typed(Typed),
    Plain(Elsewhere),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Typed {
    r#type: String,
    fields: BTreeMap<String, Field>,
    hosts: Option<Vec<String>>,
    node_types: Option<Vec<String>>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Field {
    Elsewhere(Elsewhere),
    /// What need not be secret, such as a user's name.
    Here(Value),
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
enum Elsewhere {
    Env(String),
    File(PathBuf),
}

impl ExternalCredentials {
    /// Reads a document from a file.
    ///
    /// # Errors
    /// [`ExternalError`].
    pub fn read(path: &Path, types: CredentialTypes) -> Result<Self, ExternalError> {
        let unreadable = |source| ExternalError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(MOST_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        Self::parse(&bytes, types, |variable| {
            let found = std::env::var_os(variable)?;
            found.into_string().ok().map(Secret::new)
        })
    }

    /// Reads a document; `environment` gives the values of variables.
    ///
    /// # Errors
    /// [`ExternalError`].
    pub fn parse(
        document: &[u8],
        types: CredentialTypes,
        environment: impl Fn(&str) -> Option<Secret<String>>,
    ) -> Result<Self, ExternalError> {
        if document.len() as u64 > MOST_BYTES {
            return Err(ExternalError::TooLarge);
        }
        let written: BTreeMap<String, BTreeMap<String, Written>> =
            serde_json::from_slice(document).map_err(|error| ExternalError::Malformed {
                line: error.line(),
                column: error.column(),
                reason: "it has to be `{\"tenant\": {\"name\": {\"env\": \"VARIABLE\"}}}`, with `{\"file\": \"path\"}` or `{\"type\", \"fields\", \"hosts\", \"nodeTypes\"}` in place of the innermost",
            })?;
        let mut read = Self {
            types,
            tenants: BTreeMap::new(),
            environment: BTreeMap::new(),
            files: Arc::default(),
        };
        for (tenant, credentials) in written {
            let tenant = TenantId::parse(&tenant).map_err(ExternalError::Tenant)?;
            for (name, credential) in credentials {
                read.add(&tenant, name, credential, &environment)?;
            }
            let files = Files::read(read.paths(&tenant));
            read.files.lock().insert(tenant, files);
        }
        Ok(read)
    }

    fn add(
        &mut self,
        tenant: &TenantId,
        name: String,
        written: Written,
        environment: impl Fn(&str) -> Option<Secret<String>>,
    ) -> Result<(), ExternalError> {
        let typed = match written {
            Written::Typed(typed) => typed,
            Written::Plain(elsewhere) => Typed {
                r#type: PLAIN_TYPE.to_owned(),
                fields: BTreeMap::from([("value".to_owned(), Field::Elsewhere(elsewhere))]),
                hosts: None,
                node_types: None,
            },
        };
        if let Err(source) = self.types.find(&typed.r#type) {
            return Err(ExternalError::Type {
                tenant: tenant.clone(),
                name,
                source,
            });
        }
        let binding =
            CredentialBinding::compile(typed.hosts.as_deref(), typed.node_types.as_deref())
                .map_err(|source| ExternalError::Binding {
                    tenant: tenant.clone(),
                    name: name.clone(),
                    source,
                })?;
        for field in typed.fields.values() {
            if let Field::Elsewhere(Elsewhere::Env(variable)) = field {
                let is_name = !variable.is_empty() && !variable.contains(['=', '\0']);
                let value = is_name.then(|| environment(variable)).flatten();
                let value = value.ok_or_else(|| ExternalError::Variable {
                    tenant: tenant.clone(),
                    name: name.clone(),
                    variable: variable.clone(),
                })?;
                self.environment.insert(variable.clone(), value);
            }
        }
        let declared = Declared {
            credential_type: typed.r#type,
            fields: typed.fields,
            binding,
        };
        let tenant = self.tenants.entry(tenant.clone()).or_default();
        tenant.insert(name, declared);
        Ok(())
    }

    /// The files that hold values of a tenant.
    fn paths(&self, tenant: &TenantId) -> BTreeSet<PathBuf> {
        let declared = self.tenants.get(tenant);
        let fields = declared.into_iter().flatten();
        fields
            .flat_map(|(_, declared)| declared.fields.values())
            .filter_map(|field| match field {
                Field::Elsewhere(Elsewhere::File(path)) => Some(path.clone()),
                Field::Elsewhere(Elsewhere::Env(_)) | Field::Here(_) => None,
            })
            .collect()
    }

    fn value(&self, tenant: &TenantId, field: &Field) -> Result<Value, String> {
        let missing = "it has not been read yet";
        let secret = match field {
            Field::Here(value) => return Ok(value.clone()),
            Field::Elsewhere(Elsewhere::Env(variable)) => {
                let found = self.environment.get(variable);
                found.cloned().ok_or_else(|| missing.to_owned())?
            }
            Field::Elsewhere(Elsewhere::File(path)) => {
                let files = self.files.lock();
                let found = files.get(tenant).and_then(|files| files.found.get(path));
                let found = found.cloned().unwrap_or(Err(missing));
                found.map_err(|problem| format!("`{}`: {problem}", path.display()))?
            }
        };
        Ok(Value::String(secret.expose().clone()))
    }

    fn open(
        &self,
        tenant: &TenantId,
        name: &str,
    ) -> Result<(BoundCredential, Option<&str>), SecretError> {
        let declared = self.tenants.get(tenant).and_then(|all| all.get(name));
        let declared = declared.ok_or_else(|| SecretError::missing(tenant, name))?;
        let unreadable = |reason: String| SecretError::Unreadable {
            reason: format!("credential `{name}` cannot be read: {reason}"),
        };
        let mut fields = Object::new();
        for (field, written) in &declared.fields {
            let value = self.value(tenant, written).map_err(&unreadable)?;
            fields.insert(field.clone(), value);
        }
        let found = self.types.find(&declared.credential_type);
        let credential_type = found.map_err(|error| unreadable(error.to_string()))?;
        let fields = Value::Object(fields);
        let checked = credential_type.check(&fields);
        checked.map_err(|error| unreadable(error.to_string()))?;
        let Value::Object(fields) = fields else {
            return Err(unreadable("it has no fields".to_owned()));
        };
        let secrets = credential_type.secrets(&fields);
        let bound = BoundCredential {
            credential: Credential::new(name, credential_type.name(), fields, secrets),
            binding: declared.binding.clone(),
        };
        Ok((bound, credential_type.plain_field()))
    }
}

impl SecretSource for ExternalCredentials {
    fn secret(&self, tenant: &TenantId, name: &str) -> Option<Secret<String>> {
        self.find(tenant, name).ok()
    }

    fn names(&self, tenant: &TenantId) -> Vec<String> {
        let declared = self.tenants.get(tenant);
        let declared = declared.into_iter().flatten();
        let plain = declared.filter(|(_, declared)| declared.binding.is_free());
        plain.map(|(name, _)| name.clone()).collect()
    }

    fn find(&self, tenant: &TenantId, name: &str) -> Result<Secret<String>, SecretError> {
        let (bound, plain_field) = self.open(tenant, name)?;
        let checked = bound.binding.check_plain(name);
        checked.map_err(SecretError::Refused)?;
        let text = plain_field.and_then(|field| bound.credential.text(field));
        text.ok_or_else(|| SecretError::Unreadable {
            reason: format!("no single text can be read of credential `{name}`"),
        })
    }

    fn credential(&self, tenant: &TenantId, name: &str) -> Result<BoundCredential, SecretError> {
        self.open(tenant, name).map(|(bound, _)| bound)
    }

    fn texts(&self, tenant: &TenantId, name: &str) -> Vec<Secret<String>> {
        let bound = self.credential(tenant, name);
        bound.map_or_else(|_| Vec::new(), |bound| bound.to_secrets())
    }

    fn refresh<'a>(&'a self, tenant: &'a TenantId) -> Option<RefreshFuture<'a>> {
        {
            let files = self.files.lock();
            let read = files.get(tenant)?;
            if read.found.is_empty() || read.at.elapsed() < MAX_AGE {
                return None;
            }
        }
        let paths = self.paths(tenant);
        Some(Box::pin(async move {
            // When it is dropped in the midst, what was read before stays.
            let read = tokio::task::spawn_blocking(move || Files::read(paths)).await;
            if let Ok(read) = read {
                self.files.lock().insert(tenant.clone(), read);
            }
        }))
    }
}

impl fmt::Debug for ExternalCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalCredentials")
            .field("tenants", &self.tenants.len())
            .finish_non_exhaustive()
    }
}
