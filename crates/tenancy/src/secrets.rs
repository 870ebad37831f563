//! Where the secrets of tenants come from.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::io::Read;
use std::path::{Path, PathBuf};

use futures_core::future::BoxFuture;
use jackfield_types::{ByteSize, NameError, Secret, TenantId};

use crate::binding::BoundCredential;
use crate::policy::Refusal;

/// How large a file of secrets may be.
const LARGEST_FILE: ByteSize = ByteSize::mib(4);
/// How long the name of a secret may be.
const LONGEST_NAME: usize = 256;

/// Keeps the secrets of tenants. Implemented by hosts.
///
/// It is asked while a workflow is planned and on the path of calls, from many threads at once, so
/// it must not block: a source that reads from elsewhere keeps what it has read. It never gives
/// one tenant what is another's, and it does not look at policies; [`Tenant::secret`] does.
///
/// [`Tenant::secret`]: crate::Tenant::secret
pub trait SecretSource: Send + Sync + 'static {
    /// A secret of a tenant.
    fn secret(&self, tenant: &TenantId, name: &str) -> Option<Secret<String>>;

    /// The names of a tenant's secrets, in order.
    fn names(&self, tenant: &TenantId) -> Vec<String>;

    /// A secret of a tenant, or why there is one that cannot be read. Policies ask this one.
    ///
    /// By default it is what [`secret`](Self::secret) gives.
    ///
    /// # Errors
    /// [`SecretError::Missing`] when there is none, [`SecretError::Refused`] when it may not be read
    /// by itself, [`SecretError::Unreadable`] and [`SecretError::NotReady`].
    fn find(&self, tenant: &TenantId, name: &str) -> Result<Secret<String>, SecretError> {
        self.secret(tenant, name)
            .ok_or_else(|| SecretError::missing(tenant, name))
    }

    /// A credential of a tenant. What it is bound to is for the caller to keep to.
    ///
    /// By default it is the secret, as a credential of the type [`PLAIN_TYPE`](crate::PLAIN_TYPE)
    /// that is bound to nothing.
    ///
    /// # Errors
    /// [`SecretError::Missing`] when there is none, [`SecretError::Unreadable`] and
    /// [`SecretError::NotReady`].
    fn credential(&self, tenant: &TenantId, name: &str) -> Result<BoundCredential, SecretError> {
        let secret = self.find(tenant, name)?;
        Ok(BoundCredential::plain(name, &secret))
    }

    /// Everything that must not be shown of what a tenant keeps under a name, be it a secret or a
    /// credential, wherever that may be used.
    ///
    /// By default it is the secret.
    fn texts(&self, tenant: &TenantId, name: &str) -> Vec<Secret<String>> {
        self.secret(tenant, name).into_iter().collect()
    }

    /// Brings what is kept of a tenant up to date, if it may be out of date: nothing when there is
    /// nothing to do. Awaited before an execution of the tenant begins and before each call of a
    /// node; what could not be read is told to those who ask for it afterwards.
    ///
    /// By default there is never anything to do.
    fn refresh<'a>(&'a self, tenant: &'a TenantId) -> Option<RefreshFuture<'a>> {
        let _ = tenant;
        None
    }
}

/// Brings what is kept of a tenant up to date.
pub type RefreshFuture<'a> = BoxFuture<'a, ()>;

/// Why a tenant is given no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// Its policy does not grant it.
    #[error("{0}")]
    Refused(Refusal),
    /// There is none of that name.
    #[error("tenant `{tenant}` has no secret `{name}`")]
    Missing {
        /// Whose it would be.
        tenant: TenantId,
        /// What was asked for.
        name: String,
    },
    /// There is one, and it cannot be read.
    #[error("{reason}")]
    Unreadable {
        /// Why not, and what can be done. It tells nothing of the secret.
        reason: String,
    },
    /// Nothing is known of the tenant's secrets yet.
    #[error("the secrets of tenant `{tenant}` have not been read yet: {reason}")]
    NotReady {
        /// Whose they are.
        tenant: TenantId,
        /// Why not.
        reason: String,
    },
}

impl SecretError {
    /// There is none of that name, which may be of any length.
    pub fn missing(tenant: &TenantId, name: &str) -> Self {
        Self::Missing {
            tenant: tenant.clone(),
            name: name.chars().take(100).collect(),
        }
    }
}

/// Why a file of secrets could not be read. It never tells what stands in the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretsFileError {
    /// The file could not be read.
    #[error("`{}` cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is larger than secrets are.
    #[error("`{}` has more than {LARGEST_FILE}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// It is not JSON, or not an object of objects of texts.
    #[error(
        "`{}` is not of the form {{\"tenant\": {{\"NAME\": \"value\"}}}} (line {line}, column {column})",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// A tenant's name breaks a rule.
    #[error("`{}` names a tenant that cannot be", path.display())]
    Tenant {
        /// The file.
        path: PathBuf,
        /// The rule.
        #[source]
        source: NameError,
    },
    /// A secret's name breaks a rule, or its value is empty.
    #[error("`{}`: {source}", path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// The rule.
        source: SecretNameError,
    },
}

/// What is wrong with a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretNameError {
    /// The name is empty, too long, or has another character.
    #[error(
        "the name of a secret has 1 to {LONGEST_NAME} letters, digits and `. _ -`, unlike one of tenant `{tenant}`"
    )]
    Name {
        /// Whose it is.
        tenant: TenantId,
    },
    /// There is no value.
    #[error("secret `{name}` of tenant `{tenant}` is empty")]
    Empty {
        /// Whose it is.
        tenant: TenantId,
        /// Its name.
        name: String,
    },
}

/// Secrets that are known from the beginning.
#[derive(Clone, Default)]
pub struct StaticSecrets {
    tenants: BTreeMap<TenantId, BTreeMap<String, Secret<String>>>,
}

impl StaticSecrets {
    /// Takes secrets by tenant and name.
    ///
    /// # Errors
    /// A [`SecretNameError`] about the first one that no expression could name, or that is empty.
    pub fn from_map(
        tenants: BTreeMap<TenantId, BTreeMap<String, Secret<String>>>,
    ) -> Result<Self, SecretNameError> {
        for (tenant, secrets) in &tenants {
            for (name, value) in secrets {
                check_secret(tenant, name, value)?;
            }
        }
        Ok(Self { tenants })
    }

    /// Reads a JSON file of the form `{"tenant": {"NAME": "value"}}`.
    ///
    /// # Errors
    /// A [`SecretsFileError`]; it never holds a value.
    pub fn read(path: &Path) -> Result<Self, SecretsFileError> {
        let owned = || path.to_owned();
        let unreadable = |source| SecretsFileError::Unreadable {
            path: owned(),
            source,
        };
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let limit = LARGEST_FILE.as_u64();
        let mut bytes = Vec::new();
        file.take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
            return Err(SecretsFileError::TooLarge { path: owned() });
        }
        let named: UniqueMap<UniqueMap<Secret<String>>> =
            serde_json::from_slice(&bytes).map_err(|error| SecretsFileError::Malformed {
                path: owned(),
                line: error.line(),
                column: error.column(),
            })?;
        let mut tenants = BTreeMap::new();
        for (name, secrets) in named.0 {
            let tenant = TenantId::parse(&name).map_err(|source| SecretsFileError::Tenant {
                path: owned(),
                source,
            })?;
            tenants.insert(tenant, secrets.0);
        }
        Self::from_map(tenants).map_err(|source| SecretsFileError::Secret {
            path: owned(),
            source,
        })
    }
}

fn check_secret(
    tenant: &TenantId,
    name: &str,
    value: &Secret<String>,
) -> Result<(), SecretNameError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_allowed) {
        return Err(SecretNameError::Name {
            tenant: tenant.clone(),
        });
    }
    if value.expose().is_empty() {
        return Err(SecretNameError::Empty {
            tenant: tenant.clone(),
            name: name.to_owned(),
        });
    }
    Ok(())
}

/// A map in which no key may be written twice.
struct UniqueMap<T>(BTreeMap<String, T>);

impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for UniqueMap<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: serde::Deserialize<'de>> serde::de::Visitor<'de> for Visitor<T> {
            type Value = UniqueMap<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut read = BTreeMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    if read.insert(key, map.next_value()?).is_some() {
                        return Err(serde::de::Error::custom("a key is written twice"));
                    }
                }
                Ok(UniqueMap(read))
            }
        }
        deserializer.deserialize_map(Visitor(std::marker::PhantomData))
    }
}

impl SecretSource for StaticSecrets {
    fn secret(&self, tenant: &TenantId, name: &str) -> Option<Secret<String>> {
        self.tenants.get(tenant)?.get(name).cloned()
    }

    fn names(&self, tenant: &TenantId) -> Vec<String> {
        let secrets = self.tenants.get(tenant);
        secrets
            .map(|secrets| secrets.keys().cloned().collect())
            .unwrap_or_default()
    }
}

impl fmt::Debug for StaticSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticSecrets")
            .field("tenants", &self.tenants.len())
            .finish_non_exhaustive()
    }
}
