//! Where executions are kept, and how a test looks at them.

use std::path::Path;
use std::sync::Arc;

use jackfield::sqlite::Role;
use jackfield::store::{ExecutionFilter, PageRequest, Store};
use jackfield::{Engine, History, SqliteOptions, SqliteStore};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A folder in which processes live, and the store that they share.
pub(crate) struct Ground {
    folder: TempDir,
    url: String,
}

impl Ground {
    /// A store in a file that is not there yet.
    pub(crate) fn in_file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        Self { folder, url }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Whether there is anything to open: a process may have been killed before it made the file.
    pub(crate) fn is_there(&self) -> bool {
        match self.url.strip_prefix("sqlite:") {
            Some(file) => Path::new(file).exists(),
            None => true,
        }
    }

    /// All executions that are kept, with all that happened in them.
    pub(crate) fn histories(&self) -> Vec<History> {
        if !self.is_there() {
            return Vec::new();
        }
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let store = self.open();
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

    fn open(&self) -> Arc<dyn Store> {
        let file = self.url.strip_prefix("sqlite:").unwrap();
        let options = SqliteOptions::new(file).role(Role::Visitor);
        Arc::new(SqliteStore::open(options).unwrap())
    }
}
