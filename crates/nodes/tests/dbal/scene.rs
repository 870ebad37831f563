//! What the tests share: a database of each kind, and calls of nodes on it.

use std::path::Path;
use std::pin::pin;

use jackfield_nodes::{
    BuiltIn, DataSourceConfig, DataSources, EntityDeclaration, NodeSettings, node_types,
};
use jackfield_plugin_api::{Grants, NodeError, NodeOutput};
use jackfield_testkit::database::{MariaDb, Postgres};
use jackfield_testkit::{ScriptedGrants, StaticCall};
use jackfield_types::{Capability, NodeFailure, TenantId};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor};

/// The tenant of calls that name none.
pub(crate) const TENANT: &str = "tenant";

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
    MariaDb,
}

/// An empty database, and the data sources that lead to it.
pub(crate) struct Scene {
    pub(crate) kind: Kind,
    pub(crate) url: String,
    _folder: tempfile::TempDir,
    sources: DataSources,
    /// Whether calls are bound to their tenant.
    strict: bool,
}

impl Scene {
    /// A database whose tables the test makes itself, with isolation relaxed.
    pub(crate) fn relaxed(kind: Kind) -> Self {
        Self::with(kind, false, |config| config)
    }

    /// A database whose tables the test makes itself, with strict isolation.
    pub(crate) fn strict(kind: Kind) -> Self {
        Self::with(kind, true, |config| config)
    }

    /// A database with declared entities, with strict isolation.
    pub(crate) fn declared(kind: Kind, entities: &[&str]) -> Self {
        Self::with(kind, true, |mut config| {
            config.entities = entities.iter().map(|text| entity(text)).collect();
            config
        })
    }

    /// A database that is configured in another way.
    pub(crate) fn with(
        kind: Kind,
        strict: bool,
        change: impl FnOnce(DataSourceConfig) -> DataSourceConfig,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = match kind {
            Kind::Sqlite => sqlite(folder.path()),
            Kind::Postgres => Postgres::shared().create_database(),
            Kind::MariaDb => MariaDb::shared().create_database(),
        };
        let config = change(DataSourceConfig::new(url.clone()));
        let sources = DataSources::builder().shared("main", config).build();
        Self {
            kind,
            url,
            _folder: folder,
            sources: sources.expect("a valid configuration"),
            strict,
        }
    }

    /// The same database by other data sources.
    pub(crate) fn reached_by(mut self, sources: DataSources) -> Self {
        self.sources = sources;
        self
    }

    /// The same with isolation relaxed.
    pub(crate) fn relax(mut self) -> Self {
        self.strict = false;
        self
    }

    /// Runs SQL as it stands, of the three the one for this database.
    pub(crate) async fn sql(&self, sqlite: &str, postgres: &str, mariadb: &str) {
        let sql = match self.kind {
            Kind::Sqlite => sqlite,
            Kind::Postgres => postgres,
            Kind::MariaDb => mariadb,
        };
        self.run(sql).await;
    }

    /// Runs SQL that is the same everywhere.
    pub(crate) async fn run(&self, sql: &str) {
        for statement in sql.split(";\n").filter(|text| !text.trim().is_empty()) {
            let statement = AssertSqlSafe(statement.to_owned());
            match self.kind {
                Kind::Sqlite => {
                    let mut connection = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
                    connection.execute(sqlx::raw_sql(statement)).await.unwrap();
                    connection.close().await.unwrap();
                }
                Kind::Postgres => {
                    let mut connection = sqlx::PgConnection::connect(&self.url).await.unwrap();
                    connection.execute(sqlx::raw_sql(statement)).await.unwrap();
                    connection.close().await.unwrap();
                }
                Kind::MariaDb => {
                    let mut connection = sqlx::MySqlConnection::connect(&self.url).await.unwrap();
                    connection.execute(sqlx::raw_sql(statement)).await.unwrap();
                    connection.close().await.unwrap();
                }
            }
        }
    }

    /// The data sources.
    pub(crate) fn sources(&self) -> &DataSources {
        &self.sources
    }

    /// A call of a node, which is on behalf of [`TENANT`] if nobody else is named.
    pub(crate) fn call(&self, node: &str) -> SceneCall<'_> {
        SceneCall {
            scene: self,
            node: node.to_owned(),
            tenant: TENANT.to_owned(),
            items: json!([{}]),
            capabilities: None,
            masked: Vec::new(),
            relaxed_meanwhile: false,
        }
    }

    /// Runs a node for one empty item and gives what came out.
    pub(crate) async fn node(&self, node: &str, parameters: Value) -> Value {
        self.call(node).run(parameters).await
    }

    /// Runs a node that has to fail, and gives code and text.
    pub(crate) async fn failure(&self, node: &str, parameters: Value) -> String {
        self.call(node).fail(parameters).await.to_string()
    }

    fn built_in(&self, name: &str) -> BuiltIn {
        let settings = NodeSettings {
            data_sources: self.sources.clone(),
            ..NodeSettings::default()
        };
        node_types(&settings)
            .into_iter()
            .find(|built_in| built_in.metadata.node_type.as_str() == name)
            .expect("it is built in")
    }
}

/// A call of a node.
pub(crate) struct SceneCall<'a> {
    scene: &'a Scene,
    node: String,
    tenant: String,
    items: Value,
    capabilities: Option<Vec<Capability>>,
    masked: Vec<String>,
    relaxed_meanwhile: bool,
}

impl SceneCall<'_> {
    pub(crate) fn of(mut self, tenant: &str) -> Self {
        self.tenant = tenant.to_owned();
        self
    }

    pub(crate) fn items(mut self, items: Value) -> Self {
        self.items = items;
        self
    }

    pub(crate) fn capabilities(mut self, capabilities: &[Capability]) -> Self {
        self.capabilities = Some(capabilities.to_vec());
        self
    }

    /// Fields of these names are masked in what comes out.
    pub(crate) fn masked(mut self, names: &[&str]) -> Self {
        self.masked = names.iter().map(|&name| name.to_owned()).collect();
        self
    }

    /// Isolation is relaxed while the call runs.
    pub(crate) fn relaxed_meanwhile(mut self) -> Self {
        self.relaxed_meanwhile = true;
        self
    }

    pub(crate) async fn attempt(self, parameters: Value) -> Result<NodeOutput, NodeError> {
        let built_in = self.scene.built_in(&self.node);
        let masked: Vec<&str> = self.masked.iter().map(String::as_str).collect();
        let mut grants = ScriptedGrants::open().with_masked_fields(&masked);
        if !self.scene.strict {
            grants = grants.relaxed();
        }
        if let Some(capabilities) = &self.capabilities {
            grants = grants.with_capabilities(capabilities);
        }
        assert_eq!(grants.isolate(&Value::Null).is_null(), !self.scene.strict);
        let call = StaticCall::new(&built_in.metadata, parameters)
            .with_tenant(&self.tenant)
            .with_input(self.items)
            .with_grants(grants.clone());
        let mut call = pin!(call.execute(&*built_in.executor));
        if self.relaxed_meanwhile {
            assert!(futures_util::poll!(call.as_mut()).is_pending());
            grants.relax();
        }
        call.await
    }

    pub(crate) async fn run(self, parameters: Value) -> Value {
        match self.attempt(parameters.clone()).await {
            Ok(output) => StaticCall::ports(&output)[0].take(),
            Err(error) => panic!("{parameters}: {:?}", error.into_failure()),
        }
    }

    pub(crate) async fn fail(self, parameters: Value) -> NodeFailure {
        match self.attempt(parameters.clone()).await {
            Ok(output) => panic!("{parameters}: {}", StaticCall::ports(&output)),
            Err(error) => error.into_failure(),
        }
    }
}

pub(crate) fn entity(text: &str) -> EntityDeclaration {
    EntityDeclaration::read(text).expect("a declaration")
}

pub(crate) fn tenant(id: &str) -> TenantId {
    TenantId::parse(id).expect("a tenant")
}

fn sqlite(folder: &Path) -> String {
    format!("sqlite://{}?mode=rwc", folder.join("test.db").display())
}

/// Makes a test of a scenario for each kind of database.
macro_rules! on_each_database {
    ($($(#[$doc:meta])* async fn $name:ident($kind:ident) $body:block)*) => {$(
        mod $name {
            use super::*;
            use crate::scene::Kind;

            async fn scenario($kind: Kind) $body

            #[tokio::test]
            async fn sqlite() {
                scenario(Kind::Sqlite).await;
            }

            #[tokio::test]
            async fn postgres() {
                scenario(Kind::Postgres).await;
            }

            #[tokio::test]
            async fn mariadb() {
                scenario(Kind::MariaDb).await;
            }
        }
    )*};
}

pub(crate) use on_each_database;
