//! Where executions are kept, and how a test looks at them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jackfield::sqlite::Role;
use jackfield::store::{ExecutionFilter, PageRequest, Store};
use jackfield::{Engine, History, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore};
use jackfield_testkit::database::Postgres;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    /// How many stores are in use at the same time, and by how many processes each.
    pub(crate) fn crowd(self) -> (usize, usize) {
        match self {
            // One process at a time runs executions in a file.
            Self::Sqlite => (3, 1),
            Self::Postgres => (4, 3),
        }
    }

    /// What processes that run executions are told beside where they are.
    pub(crate) fn manner(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite => &[],
            Self::Postgres => &["--lease", "2s"],
        }
    }
}

/// A folder in which processes live, and the store that they share.
pub(crate) struct Ground {
    folder: TempDir,
    place: Place,
}

enum Place {
    File(PathBuf),
    Database(String),
}

impl Ground {
    /// A store that is not there yet: a file is missing, a database is empty.
    pub(crate) fn new(database: Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = match database {
            Database::Sqlite => Place::File(folder.path().join("store.db")),
            Database::Postgres => Place::Database(Postgres::shared().create_database()),
        };
        Self { folder, place }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn url(&self) -> String {
        match &self.place {
            Place::File(file) => format!("sqlite:{}", file.display()),
            Place::Database(url) => url.clone(),
        }
    }

    /// Whether there is anything to open: a process may have been killed before it made the file.
    pub(crate) fn is_there(&self) -> bool {
        match &self.place {
            Place::File(file) => file.exists(),
            Place::Database(_) => true,
        }
    }

    /// All executions that are kept, with all that happened in them.
    pub(crate) fn histories(&self) -> Vec<History> {
        if !self.is_there() {
            return Vec::new();
        }
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let store = self.open().await;
            let registry = jackfield::built_in_registry().unwrap();
            let engine = Engine::builder(registry).store(Arc::clone(&store)).build();
            let tenant = engine.default_tenant();
            let mut page = PageRequest::default();
            let mut histories = Vec::new();
            loop {
                let filter = ExecutionFilter::default();
                let found = tenant.stored_executions(&filter, &page).await.unwrap();
                for execution in found.entries {
                    histories.push(tenant.history(execution.id).await.unwrap());
                }
                let Some(next) = found.next else { break };
                page.after = Some(next);
            }
            store.close().await.unwrap();
            histories
        })
    }

    async fn open(&self) -> Arc<dyn Store> {
        match &self.place {
            Place::File(file) => {
                let options = SqliteOptions::new(file).role(Role::Visitor);
                Arc::new(SqliteStore::open(options).unwrap())
            }
            Place::Database(url) => {
                let options = PostgresOptions::new(url).connections(1).writers(1);
                Arc::new(PostgresStore::open(options).await.unwrap())
            }
        }
    }
}
