//! Engines over one store, as processes that come and go.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jackfield_definition::{PlanOptions, SourceText, read_workflow};
use jackfield_engine::{
    Clock, DurableOptions, Engine, EngineBuilder, ExecutionHandle, PreparedPlan, StartOptions,
    TenantEngine, WorkerOptions,
};
use jackfield_plugin_api::NodeOutput;
use jackfield_registry::Registry;
use jackfield_store_api::Store;
use jackfield_testkit::ScriptedExecutor;
use jackfield_testkit::store::StoreClock;
use jackfield_types::{AwaitedSignal, ExecutionId, Item, SignalName, SignalReply};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long something may take, by the paused clock.
const PATIENCE: Duration = Duration::from_secs(600);

/// A node that runs until it is let through. It knows how many of its calls run at the same time.
#[derive(Clone)]
pub(crate) struct Gate {
    open: Arc<Semaphore>,
    calls: Arc<Mutex<Calls>>,
}

#[derive(Default)]
struct Calls {
    begun: usize,
    /// By idempotency key: how many run now, and the most that ever ran at the same time.
    running: BTreeMap<String, (usize, usize)>,
}

/// A call that runs.
struct Running {
    calls: Arc<Mutex<Calls>>,
    key: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut calls = self.calls.lock().unwrap();
        calls.running.get_mut(&self.key).unwrap().0 -= 1;
    }
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self {
            open: Arc::new(Semaphore::new(0)),
            calls: Arc::default(),
        }
    }

    /// Lets so many calls through.
    pub(crate) fn open(&self, calls: usize) {
        self.open.add_permits(calls);
    }

    /// How many calls have begun.
    pub(crate) fn begun(&self) -> usize {
        self.calls.lock().unwrap().begun
    }

    /// How many calls of the same run of a node ran at the same time, at the most.
    pub(crate) fn most_at_once(&self) -> usize {
        let calls = self.calls.lock().unwrap();
        calls
            .running
            .values()
            .map(|(_, most)| *most)
            .max()
            .unwrap_or(0)
    }

    pub(crate) async fn reaches(&self, begun: usize) {
        until(|| self.begun() >= begun).await;
    }

    pub(crate) fn executor(&self) -> ScriptedExecutor {
        let gate = self.clone();
        ScriptedExecutor::new(move |_, call| {
            let gate = gate.clone();
            let items = call.items().clone();
            let key = call.context.idempotency_key();
            Box::pin(async move {
                let running = gate.enter(key);
                gate.open.acquire().await.unwrap().forget();
                drop(running);
                Ok(NodeOutput::items(items))
            })
        })
    }

    fn enter(&self, key: String) -> Running {
        let mut calls = self.calls.lock().unwrap();
        calls.begun += 1;
        let (now, most) = calls.running.entry(key.clone()).or_default();
        *now += 1;
        *most = (*most).max(*now);
        Running {
            calls: Arc::clone(&self.calls),
            key,
        }
    }
}

/// A node that waits for a while.
pub(crate) fn waits_for(wait: Duration) -> ScriptedExecutor {
    ScriptedExecutor::immediate(move |_, call| {
        Ok(NodeOutput::items(call.items().clone()).after(wait))
    })
}

/// A node that waits for a signal.
pub(crate) fn waits_for_signal(name: &str) -> ScriptedExecutor {
    let name = SignalName::parse(name).unwrap();
    ScriptedExecutor::immediate(move |_, call| {
        let (name, reply) = (name.clone(), SignalReply::Items);
        let output = NodeOutput::items(call.items().clone());
        Ok(output.until_signal(AwaitedSignal { name, reply }))
    })
}

pub(crate) fn registry(scripted: &[(&str, ScriptedExecutor)]) -> Registry {
    let registry = Registry::new();
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

pub(crate) fn builder(
    store: Arc<dyn Store>,
    scripted: &[(&str, ScriptedExecutor)],
) -> EngineBuilder {
    Engine::builder(registry(scripted))
        .store(store)
        .durable_options(options())
}

/// The clock of the store, for engines.
pub(crate) struct ByStore(pub(crate) StoreClock);

impl Clock for ByStore {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

/// One process: an engine over the store, and a worker if it is asked to work.
pub(crate) struct Process {
    pub(crate) engine: Engine,
    pub(crate) tenant: TenantEngine,
    worker: Option<JoinHandle<()>>,
}

impl Process {
    pub(crate) fn new(store: Arc<dyn Store>, scripted: &[(&str, ScriptedExecutor)]) -> Self {
        Self::of(builder(store, scripted))
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
        self.worker = Some(tokio::spawn(worker.run(CancellationToken::new())));
        self
    }

    pub(crate) fn start(&self, plan: &Arc<PreparedPlan>) -> ExecutionHandle {
        start(&self.tenant, plan)
    }

    /// Starts an execution, and lets go of it as soon as it is kept and a call of it runs.
    pub(crate) async fn leave_one(&self, plan: &Arc<PreparedPlan>, gate: &Gate) -> ExecutionId {
        let begun = gate.begun();
        let handle = self.start(plan);
        let id = handle.id();
        gate.reaches(begun + 1).await;
        leave(handle).await;
        id
    }

    /// How an execution stands.
    pub(crate) async fn stands(&self, id: ExecutionId) -> String {
        let found = self.tenant.stored_execution(id).await.unwrap();
        found.state.as_str().to_owned()
    }

    /// Waits until an execution stands so.
    pub(crate) async fn reached(&self, id: ExecutionId, state: &str) {
        let reached = async {
            while self.stands(id).await != state {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        within(reached).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(worker) = &self.worker {
            worker.abort();
        }
    }
}

pub(crate) fn start(tenant: &TenantEngine, plan: &Arc<PreparedPlan>) -> ExecutionHandle {
    let options = StartOptions {
        items: Arc::new(vec![Item::from_value(json!({ "n": 1 })).unwrap()]),
        seed: Some(7),
        ..StartOptions::default()
    };
    tenant.start(plan, options).unwrap()
}

/// Lets go of an execution at once.
pub(crate) async fn leave(handle: ExecutionHandle) {
    assert!(handle.kept().await.unwrap());
    let leave = CancellationToken::new();
    leave.cancel();
    let left = handle.wait_here(leave, Duration::ZERO).await.unwrap();
    assert!(left.is_none());
}

/// A workflow of nodes of these types, each after the one before it.
pub(crate) fn plan(tenant: &TenantEngine, node_types: &[&str]) -> Arc<PreparedPlan> {
    let nodes: Vec<_> = node_types
        .iter()
        .enumerate()
        .map(|(place, node_type)| json!({ "id": format!("n{place}"), "nodeType": node_type }))
        .collect();
    let connections: serde_json::Map<_, Value> = (1..nodes.len())
        .map(|place| {
            let to = json!({ "main": { "0": [{ "node": format!("n{place}") }] } });
            (format!("n{}", place - 1), to)
        })
        .collect();
    let document = json!({
        "formatVersion": 1, "name": "test", "nodes": nodes, "connections": connections,
    });
    let source = SourceText::new("test.json", document.to_string());
    let (workflow, _) = read_workflow(&source).unwrap();
    match tenant.plan(&workflow, &PlanOptions::default()) {
        Ok(plan) => plan,
        Err(findings) => panic!("{findings}"),
    }
}

/// Has the clock of a store go with that of tokio, which is paused.
pub(crate) fn follow(clock: &StoreClock) -> JoinHandle<()> {
    let clock = clock.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            clock.advance(Duration::from_millis(100));
        }
    })
}

/// Waits until something is so.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(waiting).await;
}

/// Waits for something that happens for sure.
pub(crate) async fn within<T>(happens: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, happens).await {
        Ok(happened) => happened,
        Err(_) => panic!("it never happens"),
    }
}
