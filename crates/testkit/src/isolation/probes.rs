//! The node types that the suite tries with.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use jackfield_engine::Engine;
use jackfield_plugin_api::{
    NodeCall, NodeError, NodeExecutor, NodeOutput, SubWorkflow, WorkflowReference,
};
use jackfield_registry::{LoaderError, TenantExecutorLoader};
use jackfield_types::{
    ErrorCode, Item, NodeTypeMetadata, Object, TenantId, VariableAccess, VariableWrite,
};
use serde_json::{Value, json};

use super::stage::Trouble;
use crate::ScriptedExecutor;

/// Gives its parameters.
pub(super) const ECHO: &str = "leaks.echo";
/// Runs until it is cancelled.
pub(super) const HOLDS: &str = "leaks.holds";
/// Fails in a way that may pass.
pub(super) const FAILS: &str = "leaks.fails";
/// Panics if its parameter `panics` says so.
pub(super) const TRAPS: &str = "leaks.traps";
/// Gives the secret `name`.
pub(super) const SECRET: &str = "leaks.secret";
/// Gives the data filter that is made of `filter`.
pub(super) const ISOLATES: &str = "leaks.isolates";
/// Runs the workflow `name` and gives what it gives.
pub(super) const CALLS: &str = "leaks.calls";
/// Sets the variable `leaks` to `text`.
pub(super) const SETS: &str = "leaks.sets";
/// Fails once, so that it is called twice, and gives its idempotency keys.
pub(super) const KEYS: &str = "leaks.keys";
/// Each tenant has its own: gives the last `text` that it was given.
pub(super) const REMEMBERS: &str = "leaks.remembers";
/// A node type that only the owner is refused.
pub(super) const KEPT: &str = "leaks.kept";

/// What the node types of the suite saw, before anything was taken out of it.
#[derive(Clone, Default)]
pub(super) struct Probes {
    seen: Arc<Mutex<Vec<(TenantId, Value)>>>,
    held: Arc<AtomicUsize>,
}

impl Probes {
    pub(super) fn register(engine: &Engine) -> Result<Self, Trouble> {
        let probes = Self::default();
        let registry = engine.registry();
        let add = |name: &str, executor: ScriptedExecutor| {
            registry
                .register_with_metadata(name, Arc::new(executor), metadata(name))
                .map(drop)
        };
        let echo = probes.seeing(|parameters, _| Ok(parameters));
        add(ECHO, echo.clone())?;
        add(KEPT, echo)?;
        add(
            SECRET,
            probes.seeing(|parameters, call| {
                let secret = call.context.grants.secret(text(&parameters, "name"))?;
                Ok(json!({ "secret": secret.expose() }))
            }),
        )?;
        add(
            ISOLATES,
            probes.seeing(|parameters, call| {
                Ok(json!({ "filter": call.context.grants.isolate(&parameters["filter"]) }))
            }),
        )?;
        add(
            KEYS,
            probes
                .seeing(|_, call| Ok(json!({ "key": call.context.idempotency_key() })))
                .failing_first(),
        )?;
        add(
            FAILS,
            ScriptedExecutor::immediate(|_, _| {
                Err(NodeError::retryable(ErrorCode::NETWORK_ERROR, "as asked"))
            }),
        )?;
        add(
            TRAPS,
            ScriptedExecutor::immediate(|_, call| {
                if call.parameters.resolve(0)?["panics"] == true {
                    // As a panic is, without the noise.
                    std::panic::resume_unwind(Box::new("as asked"));
                }
                Ok(NodeOutput::items(call.items().clone()))
            }),
        )?;
        add(
            SETS,
            ScriptedExecutor::immediate(|_, call| {
                let value = call.parameters.resolve(0)?["text"].clone();
                let name = "leaks".to_owned();
                let write = VariableWrite::Set { name, value };
                Ok(NodeOutput::items(call.items().clone()).with_variables([write]))
            }),
        )?;
        add(CALLS, calls())?;
        add(HOLDS, holds(&probes.held))?;
        registry.register_per_tenant(
            REMEMBERS,
            Arc::new(Memories(probes.clone())),
            metadata(REMEMBERS),
        )?;
        Ok(probes)
    }

    /// What the probes saw on behalf of a tenant since it was asked last.
    pub(super) fn take_seen(&self, tenant: &TenantId) -> Vec<Value> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (own, others) = std::mem::take(&mut *seen)
            .into_iter()
            .partition(|(of, _)| of == tenant);
        *seen = others;
        let own: Vec<(TenantId, Value)> = own;
        own.into_iter().map(|(_, value)| value).collect()
    }

    /// An executor that remembers the last `text` that it was given.
    pub(super) fn memory(&self) -> Arc<dyn NodeExecutor> {
        Arc::new(Memory {
            probes: self.clone(),
            text: Mutex::new(Value::Null),
        })
    }

    /// How many calls have begun that end only when they are cancelled.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }

    fn note(&self, tenant: &TenantId, value: Value) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push((tenant.clone(), value));
    }

    /// An executor that gives what `script` makes of its parameters, and notes it down.
    fn seeing(
        &self,
        script: impl Fn(Value, &NodeCall<'_>) -> Result<Value, NodeError> + Send + Sync + 'static,
    ) -> ScriptedExecutor {
        let probes = self.clone();
        ScriptedExecutor::immediate(move |_, call| {
            let parameters = call.parameters.resolve(0)?.into_owned();
            let value = script(parameters, &call)?;
            probes.note(call.context.tenant, value.clone());
            Ok(NodeOutput::items(vec![NodeOutput::result_item(value, 0)]))
        })
    }
}

impl ScriptedExecutor {
    /// The same, but the first attempt of each run fails after it was made.
    fn failing_first(self) -> Self {
        Self::new(move |_, call| {
            let inner = self.clone();
            Box::pin(async move {
                let output = inner.execute(call).await?;
                if call.context.attempt == 1 {
                    return Err(NodeError::retryable(ErrorCode::NETWORK_ERROR, "as asked"));
                }
                Ok(output)
            })
        })
    }
}

fn metadata(name: &str) -> NodeTypeMetadata {
    NodeTypeMetadata {
        variables: VariableAccess::Writes,
        ..ScriptedExecutor::metadata(name)
    }
}

pub(super) fn text<'a>(parameters: &'a Value, name: &str) -> &'a str {
    parameters[name].as_str().unwrap_or_default()
}

fn calls() -> ScriptedExecutor {
    ScriptedExecutor::new(|_, call| {
        Box::pin(async move {
            let parameters = call.parameters.resolve(0)?;
            let workflow = SubWorkflow {
                reference: WorkflowReference::Named(text(&parameters, "name")),
                items: Arc::new(vec![Item::default()]),
                variables: Object::new(),
            };
            Ok(NodeOutput::items(
                call.context.workflows.run(workflow).await?,
            ))
        })
    })
}

fn holds(held: &Arc<AtomicUsize>) -> ScriptedExecutor {
    let held = Arc::clone(held);
    ScriptedExecutor::new(move |_, call| {
        held.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            call.context.cancellation.cancelled().await;
            Err(NodeError::Cancelled)
        })
    })
}

/// Gives each tenant an executor that remembers.
struct Memories(Probes);

struct Memory {
    probes: Probes,
    text: Mutex<Value>,
}

impl TenantExecutorLoader for Memories {
    fn load<'a>(
        &'a self,
        _: &'a TenantId,
    ) -> BoxFuture<'a, Result<Arc<dyn NodeExecutor>, LoaderError>> {
        let memory = self.0.memory();
        Box::pin(async move { Ok(memory) })
    }
}

impl NodeExecutor for Memory {
    fn execute<'a>(&'a self, call: NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>> {
        Box::pin(async move {
            let parameters = call.parameters.resolve(0)?;
            let mut remembered = self.text.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(text) = parameters.get("text") {
                *remembered = text.clone();
            }
            let value = json!({ "remembered": *remembered });
            self.probes.note(call.context.tenant, value.clone());
            Ok(NodeOutput::items(vec![NodeOutput::result_item(value, 0)]))
        })
    }
}
