//! Engines over SQLite files, and workflows for them.

use std::path::Path;
use std::sync::Arc;

use hdrhistogram::Histogram;
use jackfield::plugin_api::{BoxFuture, Scheduling};
use jackfield::{
    Engine, Item, NodeCall, NodeError, NodeExecutor, NodeOutput, PlanOptions, PreparedPlan,
    SourceText, SqliteOptions, SqliteStore, StartOptions, TenantEngine, read_workflow,
};
use jackfield_testkit::ScriptedExecutor;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) is_quick: bool,
}

impl Scale {
    /// The one or the other.
    pub(crate) fn of<T>(self, quick: T, whole: T) -> T {
        if self.is_quick { quick } else { whole }
    }
}

/// A node type that does something with each call, and passes its items on or never ends.
pub(crate) struct Probe<F>(pub(crate) F);

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Ends,
    Holds,
}

impl<F> NodeExecutor for Probe<F>
where
    F: Fn(&NodeCall<'_>) -> Then + Send + Sync + 'static,
{
    fn execute<'a>(&'a self, call: NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>> {
        Box::pin(async move {
            if (self.0)(&call) == Then::Holds {
                std::future::pending::<()>().await;
            }
            Ok(NodeOutput::items(call.items().clone()))
        })
    }

    fn scheduling(&self) -> Scheduling {
        Scheduling::Inline
    }
}

/// The engine of one process.
pub(crate) fn open(path: &Path, probe: impl NodeExecutor) -> (Engine, Arc<SqliteStore>) {
    let registry = jackfield::built_in_registry().unwrap();
    let metadata = ScriptedExecutor::metadata("probe");
    registry
        .register_with_metadata("probe", Arc::new(probe), metadata)
        .unwrap();
    let store = Arc::new(SqliteStore::open(SqliteOptions::new(path)).unwrap());
    let engine = Engine::builder(registry).store(store.clone()).build();
    (engine, store)
}

/// A workflow of nodes in a row.
pub(crate) fn row(tenant: &TenantEngine, nodes: &[(&str, Value)]) -> Arc<PreparedPlan> {
    let id = |place: usize| format!("n{place}");
    let list = nodes.iter().enumerate().map(|(place, (node_type, parameters))| {
        json!({ "id": id(place), "nodeType": node_type, "parameters": parameters })
    });
    let connections = (1..nodes.len()).map(|place| {
        let target = json!({ "main": [[{ "node": id(place) }]] });
        (id(place - 1), target)
    });
    let document = json!({
        "formatVersion": 1,
        "name": "row",
        "nodes": list.collect::<Vec<_>>(),
        "connections": Value::Object(connections.collect()),
    });
    let source = SourceText::new("row.json", document.to_string());
    let (workflow, _) = read_workflow(&source).unwrap();
    tenant.plan(&workflow, &PlanOptions::default()).unwrap()
}

/// Starts with one item.
pub(crate) fn with_item(item: Value) -> StartOptions {
    StartOptions {
        items: Arc::new(vec![Item::from_value(item).unwrap()]),
        seed: Some(1),
        ..StartOptions::default()
    }
}

/// A number of the first item of a call.
pub(crate) fn number(call: &NodeCall<'_>, name: &str) -> u64 {
    let item = call.items().first();
    let number = item.and_then(|item| item.json().get(name)?.as_u64());
    number.unwrap_or_default()
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread().enable_all().build().unwrap()
}

pub(crate) fn folder() -> TempDir {
    match std::env::var_os("JACKFIELD_BENCH_DIR") {
        Some(folder) => TempDir::new_in(folder).unwrap(),
        None => TempDir::new().unwrap(),
    }
}

/// Times, in milliseconds.
pub(crate) struct Milliseconds(pub(crate) Histogram<u64>);

impl Milliseconds {
    pub(crate) fn at(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1e6
    }

    pub(crate) fn longest(&self) -> f64 {
        self.0.max() as f64 / 1e6
    }
}

pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
