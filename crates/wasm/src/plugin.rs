//! A plugin that is loaded, and the executors of its node types.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jackfield_plugin_api::{
    BoxFuture, Failure, ItemResults, NodeCall, NodeError, NodeExecutor, NodeOutput,
};
use jackfield_registry::discovery::{PluginLoadError, PluginReuse};
use jackfield_types::{ByteSize, ErrorCode, NodeTypeMetadata, PluginQuota, format_duration};
use tokio::time::timeout_at;

use crate::bindings::exports::jackfield::plugin::node;
use crate::breach::Breach;
use crate::describe;
use crate::instance::{Instance, Kind};
use crate::lane::Place;
use crate::limits::Limits;
use crate::payload::{Reader, Request};
use crate::state::CallScope;
use crate::trap::{BrokenOff, named};
use crate::turns::Turns;
use crate::warm::WarmInstances;

/// How much longer a call has whose guest computes: it is to end by itself, with the right reason.
const GRACE: Duration = Duration::from_millis(20);

/// A plugin that is loaded. Its node types share it; it goes with the last of them.
pub(crate) struct Plugin {
    number: u64,
    kind: Kind,
    turns: Turns,
    warm: Arc<WarmInstances>,
    calls_per_instance: u32,
}

impl Plugin {
    pub(crate) fn new(
        kind: Kind,
        turns: Turns,
        warm: Arc<WarmInstances>,
        calls_per_instance: u32,
    ) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let is_reused = kind.manifest.limits().reuse == PluginReuse::Tenant;
        Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            kind,
            turns,
            warm,
            calls_per_instance: if is_reused { calls_per_instance } else { 1 },
        }
    }

    /// Has it say what it provides, in an instance of its own.
    ///
    /// # Errors
    /// [`PluginLoadError::Describe`] with what broke it off, in words.
    pub(crate) async fn describe(&self, time: Duration) -> Result<String, PluginLoadError> {
        let turn = self.turns.describe().await;
        let _turn = turn.map_err(|error| PluginLoadError::host(error.to_string()))?;
        let _running = self.kind.compiled.sandbox.ticker().run();
        let limits = Limits {
            output: describe::LONGEST,
            ..self.kind.limits(&PluginQuota::default())
        };
        let deadline = after(time);
        // It stands for itself, and for no tenant.
        let place = self.kind.lane.place(&self.kind.lane.gate());
        let described = async {
            let store = self.kind.store(&limits, deadline, &place);
            let mut instance = Instance::start(&self.kind, store)
                .await
                .map_err(|broken| in_words(&broken.error, broken.stderr(), &limits))?;
            let described = instance.describe().await;
            described.map_err(|error| in_words(&error, instance.stderr(), &limits))
        };
        let described = timeout_at((deadline + GRACE).into(), described).await;
        let described = described.unwrap_or_else(|_| Err("it takes too long".to_owned()));
        described.map_err(PluginLoadError::describe)
    }

    /// Runs one call in an instance: one that waits, or a fresh one.
    async fn run(
        &self,
        call: &NodeCall<'_>,
        request: &node::Call,
        limits: &Limits,
        place: &Place,
    ) -> Result<Result<node::Output, node::Failure>, NodeError> {
        let context = call.context;
        let _running = self.kind.compiled.sandbox.ticker().run();
        let deadline = after(limits.time());
        let mut held = None;
        let ended = timeout_at((deadline + GRACE).into(), async {
            let instance = held.insert(self.instance(call, limits, deadline, place).await?);
            instance.begin(scope(call), limits, deadline, place);
            let result = instance.execute(request).await;
            result.map_err(|error| broken_off(&error, instance.stderr(), limits))
        });
        let result = match ended.await {
            Ok(result) => result?,
            Err(_) => return Err(late(limits, held.as_ref())),
        };
        // What was refused stays refused, whatever the guest says of it, and is told in full.
        let refusal = match (&result, &mut held) {
            (Err(failure), Some(instance)) => instance.refusal(failure),
            _ => None,
        };
        if let Some(instance) = held.filter(|instance| instance.is_fit(self.calls_per_instance)) {
            self.warm.put(self.number, context.tenant.clone(), instance);
        }
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        Ok(result)
    }

    async fn instance(
        &self,
        call: &NodeCall<'_>,
        limits: &Limits,
        deadline: Instant,
        place: &Place,
    ) -> Result<Instance, NodeError> {
        if self.calls_per_instance > 1
            && let Some(instance) = self.warm.take(self.number, call.context.tenant)
            // The policy may give it less than before.
            && instance.memory() <= limits.memory_bytes()
        {
            return Ok(instance);
        }
        let store = self.kind.store(limits, deadline, place);
        let started = Instance::start(&self.kind, store).await;
        started.map_err(|broken| broken_off(&broken.error, broken.stderr(), limits))
    }
}

fn in_words(error: &wasmtime::Error, stderr: Option<String>, limits: &Limits) -> String {
    let said = stderr.as_ref().map(|text| format!(": {text}"));
    let error = broken_off(error, stderr, limits);
    format!("{error}{}", said.unwrap_or_default())
}

fn broken_off(error: &wasmtime::Error, stderr: Option<String>, limits: &Limits) -> NodeError {
    let broken = BrokenOff {
        error,
        stderr,
        output: limits.output_bytes(),
    };
    broken.to_error()
}

/// A call that was given up at its deadline.
fn late(limits: &Limits, instance: Option<&Instance>) -> NodeError {
    let limit = limits.time();
    if instance.is_some_and(Instance::waits) {
        // Whoever kept it waiting may be faster the next time.
        let limit = format_duration(limit);
        let message = format!("the call took longer than {limit}, waiting for the host");
        return NodeError::retryable(ErrorCode::TIMEOUT, message);
    }
    // It computed, or slept of its own accord.
    NodeError::permanent(ErrorCode::TIMEOUT, Breach::Time { limit }.to_string())
}

impl Drop for Plugin {
    fn drop(&mut self) {
        if self.calls_per_instance > 1 {
            self.warm.forget(self.number);
        }
    }
}

/// The moment after a time, or one that nobody lives to see.
fn after(time: Duration) -> Instant {
    let longest = Duration::from_hours(24 * 365);
    Instant::now() + time.min(longest)
}

fn scope(call: &NodeCall<'_>) -> CallScope {
    let context = call.context;
    CallScope {
        tenant: context.tenant.clone(),
        execution: context.execution,
        node: context.node.clone(),
        node_type: context.node_type.clone(),
        grants: context.grants.to_shared(),
        cancellation: context.cancellation.clone(),
    }
}

/// The executor of one node type of a plugin.
pub(crate) struct PluginExecutor {
    plugin: Arc<Plugin>,
    metadata: NodeTypeMetadata,
    /// The share of the plugin's memory that this node type answers for.
    memory: ByteSize,
}

impl PluginExecutor {
    pub(crate) fn new(plugin: Arc<Plugin>, metadata: NodeTypeMetadata, memory: ByteSize) -> Self {
        Self {
            plugin,
            metadata,
            memory,
        }
    }

    async fn call(&self, call: NodeCall<'_>) -> Result<NodeOutput, NodeError> {
        let context = call.context;
        let limits = &self.plugin.kind.limits(&context.grants.plugin_quota());
        // Whoever waits for a turn holds nothing meanwhile.
        let turn = self.plugin.turns.take(context.tenant, limits.instances);
        let turn = tokio::select! {
            turn = turn => turn?,
            () = context.cancellation.cancelled() => return Err(NodeError::Cancelled),
        };
        let answer = self.answer(call, limits, &turn.place);
        turn.account.timed(answer).await
    }

    /// Makes a call whose turn it is.
    async fn answer(
        &self,
        call: NodeCall<'_>,
        limits: &Limits,
        place: &Place,
    ) -> Result<NodeOutput, NodeError> {
        let context = call.context;
        let request = Request::write(&call, &self.metadata, limits.memory_bytes())?;
        if request.is_moot()
            && let Some(failed) = request.failed
        {
            return failed.finish();
        }
        let called = tokio::select! {
            // Cancelled or done: what is dropped is an attempt that nobody waits for.
            biased;
            called = self.plugin.run(&call, &request.call, limits, place) => called,
            () = context.cancellation.cancelled() => Err(NodeError::Cancelled),
        };
        let reader = Reader {
            call: &call,
            metadata: &self.metadata,
            places: request.places.as_deref(),
            most: limits.output_bytes(),
        };
        let result = match called {
            Ok(Ok(output)) => reader.output(&output),
            // What a guest says of its failures is its own, and is not dressed up.
            Ok(Err(failure)) => return with_failed(request.failed, Err(reader.failure(failure))),
            Err(error) => Err(error),
        };
        let (origin, node) = (&self.plugin.kind.origin, call.context.node.as_str());
        let result = result.map_err(|error| named(error, origin, node));
        with_failed(request.failed, result)
    }
}

impl NodeExecutor for PluginExecutor {
    fn execute<'a>(&'a self, call: NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>> {
        Box::pin(self.call(call))
    }

    fn memory(&self) -> ByteSize {
        self.memory
    }
}

/// Adds the items whose parameters could not be evaluated to those that the guest says failed.
fn with_failed(
    failed: Option<ItemResults<'_>>,
    result: Result<NodeOutput, NodeError>,
) -> Result<NodeOutput, NodeError> {
    let Some(mut results) = failed else {
        return result;
    };
    let output = match result {
        Ok(output) => Some(output),
        Err(NodeError::Retryable(failure)) if !failure.failed_items.is_empty() => {
            add(&mut results, *failure, NodeError::retryable)?
        }
        Err(NodeError::Permanent(failure)) if !failure.failed_items.is_empty() => {
            add(&mut results, *failure, NodeError::permanent)?
        }
        // It failed as a whole.
        Err(error) => return Err(error),
    };
    let ports = output.map(|output| output.outputs.main).unwrap_or_default();
    results.open_ports(ports.len());
    for (port, items) in ports.iter().enumerate() {
        for item in items.iter() {
            results.put_on(port, item.clone());
        }
    }
    results.finish()
}

fn add(
    results: &mut ItemResults<'_>,
    failure: Failure,
    make: fn(ErrorCode, String) -> NodeError,
) -> Result<Option<NodeOutput>, NodeError> {
    for failed in failure.failed_items {
        let error = make(failed.code, failed.message).with(|known| {
            known.status = failed.status;
            known.retry_after = failure.retry_after;
        });
        results.fail(usize::try_from(failed.item).unwrap_or(usize::MAX), error)?;
    }
    Ok(failure.partial)
}
