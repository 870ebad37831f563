use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jackfield_plugin_api::{Grants, NodeError};
use jackfield_types::{ErrorCode, TenantId};

use super::kept::KeptSource;
use super::source::DataSource;
use super::url::database_of;
use super::{DataSourceConfig, DataSourceError, DataSourceUrl, RowOwnership, document};
use crate::dbal::catalog::nearest_text;

type Named = BTreeMap<String, Source>;

/// A data source, by where its URL is.
enum Source {
    Given(Arc<DataSource>),
    Kept(Box<KeptSource>),
}

/// The databases of all tenants.
///
/// Clones share them. Connections are made when they are first needed.
#[derive(Clone, Default)]
pub struct DataSources(Arc<Inner>);

#[derive(Default)]
struct Inner {
    shared: Named,
    own: BTreeMap<TenantId, Named>,
}

/// The databases of one tenant: its own, and those that all tenants share.
#[derive(Clone)]
pub struct TenantDataSources {
    tenant: TenantId,
    all: DataSources,
}

/// Gathers databases.
#[derive(Debug, Default)]
pub struct DataSourcesBuilder {
    shared: Vec<(String, DataSourceConfig)>,
    own: Vec<(TenantId, String, DataSourceConfig)>,
}

impl DataSources {
    /// Begins to gather databases.
    pub fn builder() -> DataSourcesBuilder {
        DataSourcesBuilder::default()
    }

    /// Reads a document in JSON or YAML: `shared` has the data sources of all tenants by name,
    /// `tenants` those of each tenant.
    ///
    /// # Errors
    /// [`DataSourceError::Document`] when it is no such document, and whatever
    /// [`DataSourcesBuilder::build`] finds.
    pub fn read(text: &str) -> Result<Self, DataSourceError> {
        document::read(text)?.build()
    }

    /// Whether a password or a key is in what it was configured with.
    pub fn holds_secrets(&self) -> bool {
        let own = self.0.own.values().flatten();
        own.chain(&self.0.shared).any(|(_, source)| match source {
            Source::Given(source) => source.config().holds_secrets(),
            Source::Kept(source) => source.config().holds_secrets(),
        })
    }

    /// Those of one tenant.
    pub fn tenant(&self, tenant: &TenantId) -> TenantDataSources {
        TenantDataSources {
            tenant: tenant.clone(),
            all: self.clone(),
        }
    }
}

impl TenantDataSources {
    /// Their names, in order.
    pub fn names(&self) -> Vec<&str> {
        let own = self.own().into_iter().flatten();
        let mut names: Vec<&str> = own
            .chain(&self.all.0.shared)
            .map(|(name, _)| name.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Makes and changes the tables of the entities that a data source declares, and tells what
    /// was done, step by step.
    ///
    /// # Errors
    /// [`NodeError::Permanent`] when there is no such data source, or a table is there already and
    /// is not what was declared, or its URL is in a credential; and what the database answers with.
    pub async fn migrate(&self, name: &str) -> Result<Vec<String>, NodeError> {
        match self.find(name)? {
            Source::Given(source) => source.migrate().await,
            Source::Kept(_) => {
                let message = format!(
                    "the URL of data source `{name}` is in a credential, which only calls of nodes \
                     read: its tables are made before the first of them"
                );
                Err(NodeError::permanent(ErrorCode::DATABASE_ERROR, message))
            }
        }
    }

    /// The data source of a name, for a call that these grants are for.
    pub(in crate::dbal) fn get(
        &self,
        name: &str,
        grants: &dyn Grants,
    ) -> Result<Arc<DataSource>, NodeError> {
        match self.find(name)? {
            Source::Given(source) => Ok(Arc::clone(source)),
            Source::Kept(source) => source.get(grants),
        }
    }

    /// The data source of a name. A tenant's own comes before one that is shared.
    fn find(&self, name: &str) -> Result<&Source, NodeError> {
        let own = self.own().and_then(|own| own.get(name));
        own.or_else(|| self.all.0.shared.get(name)).ok_or_else(|| {
            let names = self.names();
            let nearest = nearest_text(name, names.into_iter());
            let shown: String = name.chars().take(100).collect();
            let message = format!(
                "tenant `{}` has no data source `{shown}`; {nearest}",
                self.tenant
            );
            NodeError::permanent(ErrorCode::UNKNOWN_ENTITY, message)
        })
    }

    fn own(&self) -> Option<&Named> {
        self.all.0.own.get(&self.tenant)
    }
}

impl DataSourcesBuilder {
    /// Adds one that all tenants share.
    #[must_use]
    pub fn shared(mut self, name: &str, config: DataSourceConfig) -> Self {
        self.shared.push((name.to_owned(), config));
        self
    }

    /// Adds one of one tenant.
    #[must_use]
    pub fn of_tenant(mut self, tenant: &TenantId, name: &str, config: DataSourceConfig) -> Self {
        self.own.push((tenant.clone(), name.to_owned(), config));
        self
    }

    /// Checks them all. Nothing is connected to.
    ///
    /// # Errors
    /// A [`DataSourceError`] that names the data source; no URL is in it.
    pub fn build(self) -> Result<DataSources, DataSourceError> {
        self.check_exclusive()?;
        let mut inner = Inner::default();
        for (name, config) in self.shared {
            if config.rows == RowOwnership::Exclusive {
                return Err(DataSourceError::ExclusiveAndShared { name });
            }
            if matches!(config.url, DataSourceUrl::Credential(_)) {
                return Err(DataSourceError::SharedCredential { name });
            }
            add(&mut inner.shared, name, config)?;
        }
        for (tenant, name, config) in self.own {
            add(inner.own.entry(tenant).or_default(), name, config)?;
        }
        Ok(DataSources(Arc::new(inner)))
    }

    /// Checks that what is one tenant's alone nobody else has, by whatever URL.
    fn check_exclusive(&self) -> Result<(), DataSourceError> {
        let shared = self
            .shared
            .iter()
            .map(|(name, config)| (None, name, config));
        let own = self.own.iter();
        let own = own.map(|(tenant, name, config)| (Some(tenant), name, config));
        let all: Vec<_> = shared
            .chain(own)
            .filter_map(|(owner, name, config)| {
                let database = database_of(config.url.given()?)?;
                Some((database, owner, name, config.rows))
            })
            .collect();
        for (database, owner, name, rows) in &all {
            let (RowOwnership::Exclusive, Some(tenant)) = (rows, *owner) else {
                continue;
            };
            let other = all
                .iter()
                .find(|other| other.0 == *database && other.1 != Some(tenant));
            if let Some((_, owner, other, _)) = other {
                return Err(DataSourceError::NotExclusive {
                    name: (*name).clone(),
                    tenant: tenant.clone(),
                    other: (*other).clone(),
                    owner: owner.map_or_else(
                        || "all tenants".to_owned(),
                        |owner| format!("tenant `{owner}`"),
                    ),
                });
            }
        }
        Ok(())
    }
}

fn add(sources: &mut Named, name: String, config: DataSourceConfig) -> Result<(), DataSourceError> {
    let is_name = (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !is_name {
        let name = document::shown(&name).to_owned();
        return Err(DataSourceError::Name { name });
    }
    let source = match &config.url {
        DataSourceUrl::Given(_) => Source::Given(Arc::new(DataSource::new(&name, config)?)),
        DataSourceUrl::Credential(credential) => Source::Kept(Box::new(KeptSource::new(
            &name,
            credential.clone(),
            config,
        )?)),
    };
    match sources.insert(name.clone(), source) {
        None => Ok(()),
        Some(_) => Err(DataSourceError::Duplicate { name }),
    }
}

impl fmt::Debug for DataSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataSources")
            .field("shared", &self.0.shared.keys())
            .field("own", &self.0.own.keys())
            .finish()
    }
}

impl fmt::Debug for TenantDataSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantDataSources")
            .field("tenant", &self.tenant)
            .field("names", &self.names())
            .finish()
    }
}
