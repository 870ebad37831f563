//! Engines over one store, as processes that come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jackfield::store::Store;
use jackfield::{
    Clock, DurableOptions, Engine, EngineBuilder, ExecutionId, Item, Items, NodeCall, NodeError,
    NodeOutput, PlanOptions, PreparedPlan, Registry, Report, SourceText, StartOptions,
    TenantEngine, WorkerOptions, read_workflow,
};
use jackfield_testkit::ScriptedExecutor;
use jackfield_testkit::store::{FragileStore, MemoryStore, StoreClock};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What nodes of the type `note` were called with: by node, the idempotency keys in order.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<BTreeMap<String, Vec<String>>>>);

impl Calls {
    pub(crate) fn of(&self, node: &str) -> Vec<String> {
        self.0
            .lock()
            .unwrap()
            .get(node)
            .cloned()
            .unwrap_or_default()
    }

    /// How often nodes were called, by name: with different keys, and in all.
    pub(crate) fn counts(&self) -> BTreeMap<String, (usize, usize)> {
        let calls = self.0.lock().unwrap();
        let counted = calls.iter().map(|(node, keys)| {
            let different: BTreeSet<_> = keys.iter().collect();
            (node.clone(), (different.len(), keys.len()))
        });
        counted.collect()
    }

    /// Notes a call, and gives its items, each with the name of the node.
    pub(crate) fn note(&self, call: &NodeCall<'_>) -> NodeOutput {
        let node = call.context.node.as_str().to_owned();
        let key = call.context.idempotency_key();
        let mut calls = self.0.lock().unwrap();
        calls.entry(node.clone()).or_default().push(key);
        let items = call.items().iter().enumerate().map(|(place, item)| {
            let mut object = item.json().clone();
            object.insert(node.clone(), json!(true));
            Item::new(object).paired_with(place)
        });
        NodeOutput::items(items.collect::<Vec<_>>())
    }

    /// Notes its calls, and passes its items on.
    pub(crate) fn executor(&self) -> ScriptedExecutor {
        let calls = self.clone();
        ScriptedExecutor::immediate(move |_, call| Ok::<_, NodeError>(calls.note(&call)))
    }
}

pub(crate) fn registry(scripted: &[(&str, ScriptedExecutor)]) -> Registry {
    let registry = jackfield::built_in_registry().unwrap();
    for (name, executor) in scripted {
        let metadata = ScriptedExecutor::metadata(name);
        registry
            .register_with_metadata(name, Arc::new(executor.clone()), metadata)
            .unwrap();
    }
    registry
}

pub(crate) fn options() -> DurableOptions {
    DurableOptions {
        lease: Duration::from_secs(3),
        ..DurableOptions::default()
    }
}

/// The clock of the store, for engines.
pub(crate) struct ByStore(pub(crate) StoreClock);

impl Clock for ByStore {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

/// What engines can keep executions in.
pub(crate) trait Keeps {
    fn store(&self) -> Arc<dyn Store>;
}

impl Keeps for MemoryStore {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.clone())
    }
}

impl Keeps for FragileStore {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.clone())
    }
}

impl Keeps for Arc<dyn Store> {
    fn store(&self) -> Arc<dyn Store> {
        Self::clone(self)
    }
}

pub(crate) fn builder(
    store: &impl Keeps,
    registry: Registry,
    options: DurableOptions,
) -> EngineBuilder {
    Engine::builder(registry)
        .store(store.store())
        .durable_options(options)
}

/// One process: an engine over the store, and a worker if it is asked to work.
pub(crate) struct Process {
    pub(crate) engine: Engine,
    pub(crate) tenant: TenantEngine,
    worker: Option<(JoinHandle<()>, CancellationToken)>,
}

impl Process {
    pub(crate) fn new(store: &impl Keeps, registry: Registry) -> Self {
        Self::with_options(store, registry, options())
    }

    /// A process whose clock is that of the store.
    pub(crate) fn at(store: &impl Keeps, clock: &StoreClock, registry: Registry) -> Self {
        Self::at_clock(builder(store, registry, options()), clock)
    }

    pub(crate) fn with_options(
        store: &impl Keeps,
        registry: Registry,
        options: DurableOptions,
    ) -> Self {
        Self::of(builder(store, registry, options))
    }

    pub(crate) fn at_clock(builder: EngineBuilder, clock: &StoreClock) -> Self {
        Self::of(builder.clock(ByStore(clock.clone())))
    }

    pub(crate) fn of(builder: EngineBuilder) -> Self {
        let engine = builder.build();
        Self {
            tenant: engine.default_tenant(),
            engine,
            worker: None,
        }
    }

    pub(crate) fn working(mut self) -> Self {
        let worker = self.engine.worker(WorkerOptions::default()).unwrap();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(worker.run(shutdown.clone()));
        self.worker = Some((task, shutdown));
        self
    }

    /// Stops the worker as a process that is told to end does.
    pub(crate) async fn stop(&mut self) {
        if let Some((task, shutdown)) = self.worker.take() {
            shutdown.cancel();
            task.await.unwrap();
        }
    }

    pub(crate) fn plan(&self, document: &Value) -> Arc<PreparedPlan> {
        let source = SourceText::new("test.json", document.to_string());
        let (workflow, _) = read_workflow(&source).unwrap();
        match self.tenant.plan(&workflow, &PlanOptions::default()) {
            Ok(plan) => plan,
            Err(findings) => panic!("{findings}"),
        }
    }

    /// Waits until the store says that an execution has ended, and gives its report.
    pub(crate) async fn ended(&self, id: ExecutionId) -> Report {
        self.reached(id, "ended").await;
        self.tenant.history(id).await.unwrap().report().unwrap()
    }

    /// How an execution stands, if that can be found out.
    pub(crate) async fn stands(&self, id: ExecutionId) -> Option<String> {
        let found = self.tenant.stored_execution(id).await.ok()?;
        Some(found.state.as_str().to_owned())
    }

    /// Waits until an execution stands so.
    pub(crate) async fn reached(&self, id: ExecutionId, state: &str) {
        let reached = async {
            loop {
                // It need not be there yet.
                if self.stands(id).await.as_deref() == Some(state) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let patience = Duration::from_secs(600);
        if tokio::time::timeout(patience, reached).await.is_err() {
            let found = self.tenant.stored_execution(id).await.unwrap();
            panic!("it never is {state}: {found:?}");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some((task, _)) = &self.worker {
            task.abort();
        }
    }
}

/// Has the clock of a store go with that of tokio, which tests may have paused.
pub(crate) fn follow(clock: &StoreClock) -> JoinHandle<()> {
    let clock = clock.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            clock.advance(Duration::from_millis(100));
        }
    })
}

pub(crate) fn items(list: &Value) -> Items {
    let list = list.as_array().unwrap().iter().cloned();
    Arc::new(list.map(|value| Item::from_value(value).unwrap()).collect())
}

pub(crate) fn start(input: &Value) -> StartOptions {
    StartOptions {
        items: items(input),
        seed: Some(7),
        ..StartOptions::default()
    }
}

/// A workflow of nodes `(id, node type, parameters)` and connections `(from, output, to)`.
pub(crate) fn workflow(
    nodes: &[(&str, &str, Value)],
    connections: &[(&str, usize, &str)],
) -> Value {
    let nodes: Vec<_> = nodes
        .iter()
        .map(|(id, node_type, parameters)| {
            json!({ "id": id, "nodeType": node_type, "parameters": parameters })
        })
        .collect();
    let mut by_source = json!({});
    for (from, output, to) in connections {
        let list = &mut by_source[*from]["main"][output.to_string()];
        let target = json!({ "node": to });
        match list.as_array_mut() {
            Some(list) => list.push(target),
            None => *list = json!([target]),
        }
    }
    json!({ "formatVersion": 1, "name": "test", "nodes": nodes, "connections": by_source })
}

pub(crate) fn output(report: &Report) -> Value {
    let items = report.output.iter();
    Value::from_iter(items.map(|item| Value::Object(item.json().clone())))
}
