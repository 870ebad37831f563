mod known;

pub(in crate::dbal) use known::Entry;

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use jackfield_plugin_api::NodeError;
use jackfield_types::{ErrorCode, TenantId};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

use super::connect::{Address, Pool};
use super::{DataSourceConfig, DataSourceError, Migration, RowOwnership};
use crate::dbal::dialect::Dialect;
use crate::dbal::entity::row_security::{self, RowSecurity};
use crate::dbal::entity::{Entity, migrate};
use crate::dbal::error::node_error;
use crate::dbal::session::{Driver, Lease, Session, number_of};

/// How long what is known of a table holds.
const CATALOG_AGE: Duration = Duration::from_secs(60);

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dbal) enum Access {
    Read,
    Write,
}

/// What becomes of the connection behind a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dbal) enum Afterwards {
    /// Others use it.
    Kept,
    /// It is closed, and with it whatever was set, locked or made in it. Connections of SQLite are
    /// kept: it lets nothing through that leaves anything in them.
    Closed,
}

/// The longest that a statement takes, whatever is configured: clocks end somewhere.
const LONGEST_STATEMENT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A database.
pub(in crate::dbal) struct DataSource {
    name: Arc<str>,
    config: DataSourceConfig,
    address: Arc<Address>,
    migration_address: Option<Arc<Address>>,
    entities: IndexMap<String, Arc<Entity>>,
    pool: OnceLock<Pool>,
    migrated: OnceCell<()>,
    known: Mutex<FxHashMap<String, (Instant, Entry)>>,
    row_security: Mutex<Option<(Instant, RowSecurity)>>,
    shares: Mutex<FxHashMap<TenantId, Weak<Semaphore>>>,
}

/// A transaction on behalf of a tenant, with its place among the tenant's connections.
pub(in crate::dbal) struct TenantSession {
    pub(in crate::dbal) session: Session,
    /// What stands behind the tenants in the database itself.
    pub(in crate::dbal) row_security: RowSecurity,
}

impl DataSource {
    pub(super) fn new(name: &str, config: DataSourceConfig) -> Result<Self, DataSourceError> {
        let no_url = |what| DataSourceError::Url {
            name: name.to_owned(),
            what,
        };
        let address = config
            .url
            .given()
            .and_then(|url| Address::parse(url, &config))
            .map(Arc::new)
            .ok_or_else(|| no_url("URL"))?;
        let migration_address = match &config.migration_url {
            None => None,
            Some(url) => Some(
                Address::parse(url.expose(), &config)
                    .filter(|other| other.dialect() == address.dialect())
                    .map(Arc::new)
                    .ok_or_else(|| no_url("migration URL"))?,
            ),
        };
        if let Some(key) = &config.row_security_key
            && key.expose().len() < row_security::LEAST_KEY
        {
            return Err(DataSourceError::RowSecurityKey {
                name: name.to_owned(),
                length: key.expose().len(),
                least: row_security::LEAST_KEY,
            });
        }
        let column = &config.tenant_column;
        if !crate::dbal::entity::is_identifier(column) {
            return Err(DataSourceError::TenantColumn {
                name: name.to_owned(),
            });
        }
        let mut entities = IndexMap::new();
        for declaration in &config.entities {
            let wrong = |source| DataSourceError::Entity {
                name: name.to_owned(),
                entity: declaration.entity.clone(),
                source,
            };
            let entity = Entity::new(declaration, &config).map_err(wrong)?;
            if entities
                .insert(declaration.entity.clone(), Arc::new(entity))
                .is_some()
            {
                return Err(wrong(crate::dbal::entity::EntityError::Duplicate));
            }
        }
        Ok(Self {
            name: name.into(),
            config,
            address,
            migration_address,
            entities,
            pool: OnceLock::new(),
            migrated: OnceCell::new(),
            known: Mutex::default(),
            row_security: Mutex::default(),
            shares: Mutex::default(),
        })
    }

    pub(in crate::dbal) fn name(&self) -> &str {
        &self.name
    }

    pub(in crate::dbal) fn config(&self) -> &DataSourceConfig {
        &self.config
    }

    pub(in crate::dbal) fn dialect(&self) -> Dialect {
        self.address.dialect()
    }

    /// Whether everything in it is one tenant's.
    pub(in crate::dbal) fn is_exclusive(&self) -> bool {
        self.config.rows == RowOwnership::Exclusive
    }

    /// Begins a transaction on behalf of a tenant, when it is its turn.
    pub(in crate::dbal) async fn session(
        self: &Arc<Self>,
        tenant: &TenantId,
        access: Access,
        afterwards: Afterwards,
    ) -> Result<TenantSession, NodeError> {
        if self.config.migration == Migration::OnFirstUse
            && !self.entities.is_empty()
            && !self.migrated.initialized()
        {
            let source = Arc::clone(self);
            self.apart(async move {
                let migrate = || async { source.make_tables().await.map(drop) };
                source.migrated.get_or_try_init(migrate).await.copied()
            })
            .await?;
        }
        let share = Some(self.share(tenant).await?);
        let way = (self.pool(), &self.address);
        let mut session = self.begin(way, access, afterwards, share).await?;
        let mut row_security = RowSecurity::Absent;
        if self.dialect() == Dialect::Postgres {
            let token = row_security::token(tenant, self.row_security_key());
            let said = session.fixed(row_security::SET_TENANT, &[&token]).await?;
            session.set_backend(said.first().map(|row| number_of(row, 1)));
            row_security = self.row_security(&mut session, tenant).await?;
        }
        Ok(TenantSession {
            session,
            row_security,
        })
    }

    fn row_security_key(&self) -> Option<&str> {
        let key = self.config.row_security_key.as_ref()?;
        Some(key.expose().as_str())
    }

    /// What stands behind the tenants, looked up when it was not, or was long ago.
    async fn row_security(
        &self,
        session: &mut Session,
        tenant: &TenantId,
    ) -> Result<RowSecurity, NodeError> {
        let known = *self.row_security.lock();
        if let Some((read, known)) = known
            && read.elapsed() < CATALOG_AGE
        {
            return Ok(known);
        }
        let found = RowSecurity::find(session, &self.name, tenant).await?;
        *self.row_security.lock() = Some((Instant::now(), found));
        Ok(found)
    }

    /// Makes and changes the tables of its entities, and tells what was done.
    pub(in crate::dbal) async fn migrate(self: &Arc<Self>) -> Result<Vec<String>, NodeError> {
        let source = Arc::clone(self);
        self.apart(async move { source.make_tables().await }).await
    }

    /// Does something to its end, even if nobody waits for it any more.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, NodeError>> + Send + 'static,
    ) -> Result<T, NodeError> {
        tokio::spawn(work).await.unwrap_or_else(|_| {
            let message = format!(
                "the migration of data source `{}` was broken off",
                self.name
            );
            Err(NodeError::retryable(ErrorCode::DATABASE_BUSY, message))
        })
    }

    async fn make_tables(&self) -> Result<Vec<String>, NodeError> {
        if self.entities.is_empty() {
            return Ok(Vec::new());
        }
        let owner = self
            .migration_address
            .as_ref()
            .and_then(|address| address.role());
        let has_own_role = owner.is_some_and(|owner| Some(owner) != self.address.role());
        if self.row_security_key().is_some()
            && self.dialect() == Dialect::Postgres
            && !self.is_exclusive()
            && !has_own_role
        {
            let message = format!(
                "data source `{}` has a `rowSecurityKey`, and the role of its `url` would make the \
                 table that the key is kept in, and could read it; set `migrationUrl` to another role",
                self.name
            );
            return Err(NodeError::permanent(ErrorCode::DATABASE_ERROR, message));
        }
        let own_pool = self
            .migration_address
            .as_ref()
            .map(|address| address.pool(&self.config, 1));
        let pool = own_pool.as_ref().unwrap_or_else(|| self.pool());
        let address = self.migration_address.as_ref().unwrap_or(&self.address);
        // A lock that is not the transaction's ends with the connection.
        let session = self
            .begin((pool, address), Access::Write, Afterwards::Closed, None)
            .await?;
        let granted = self.migration_address.as_ref().and(self.address.role());
        let done = migrate::run(session, &self.entities, &self.config, granted).await;
        match own_pool {
            Some(Pool::Sqlite(pool)) => pool.close().await,
            Some(Pool::Postgres(pool)) => pool.close().await,
            Some(Pool::MySql(pool)) => pool.close().await,
            None => {}
        }
        self.known.lock().clear();
        *self.row_security.lock() = None;
        done
    }

    fn pool(&self) -> &Pool {
        self.pool.get_or_init(|| {
            self.address
                .pool(&self.config, self.config.max_connections.get())
        })
    }

    async fn begin(
        &self,
        (pool, address): (&Pool, &Arc<Address>),
        access: Access,
        afterwards: Afterwards,
        share: Option<OwnedSemaphorePermit>,
    ) -> Result<Session, NodeError> {
        let connection = match pool {
            Pool::Sqlite(pool) => pool.acquire().await.map(Driver::Sqlite),
            Pool::Postgres(pool) => pool.acquire().await.map(Driver::Postgres),
            Pool::MySql(pool) => pool.acquire().await.map(Driver::MySql),
        };
        let driver = connection.map_err(|error| node_error(&self.name, &error))?;
        let timeout = self.config.statement_timeout.as_duration();
        let timeout = timeout.min(LONGEST_STATEMENT);
        let lease = Lease::new(driver, Arc::clone(address), afterwards, timeout, share);
        let mut session = Session::begin(Arc::clone(&self.name), lease, access, timeout).await?;
        if session.dialect() == Dialect::MySql {
            let rows = session
                .fixed("SELECT CONNECTION_ID(), VERSION()", &[])
                .await?;
            let version = rows.first().and_then(|row| row.get(1)?.as_str());
            session.set_mariadb(version.is_some_and(|text| text.contains("MariaDB")));
            session.set_backend(rows.first().map(|row| number_of(row, 0)));
        }
        Ok(session)
    }

    /// A place among the tenant's connections.
    async fn share(&self, tenant: &TenantId) -> Result<OwnedSemaphorePermit, NodeError> {
        let places = {
            let mut shares = self.shares.lock();
            let known = shares.get(tenant).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                shares.retain(|_, places| places.strong_count() > 0);
                let places = Arc::new(Semaphore::new(self.config.share()));
                shares.insert(tenant.clone(), Arc::downgrade(&places));
                places
            })
        };
        let wait = self.config.acquire_timeout.as_duration();
        let busy = || node_error(&self.name, &sqlx::Error::PoolTimedOut);
        tokio::time::timeout(wait, places.acquire_owned())
            .await
            .map_err(|_| busy())?
            .map_err(|_| busy())
    }
}

impl fmt::Debug for DataSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataSource")
            .field("name", &self.name)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
