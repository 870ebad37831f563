//! One instance of a plugin: started, called, and given up when it broke off.

use std::sync::Arc;
use std::time::Instant;

use jackfield_plugin_api::NodeError;
use jackfield_registry::discovery::PluginManifest;
use jackfield_types::{ErrorCode, PluginOrigin, PluginQuota};
use wasmtime::{Store, UpdateDeadline};

use crate::bindings::Plugin as Bindings;
use crate::bindings::exports::jackfield::plugin::node;
use crate::breach::Breach;
use crate::capabilities::Services;
use crate::compile::Compiled;
use crate::lane::{Lane, Place};
use crate::limits::Limits;
use crate::state::{CallScope, PluginState};

/// How much an instance may grow before it is replaced: guests that collect garbage seldom or
/// never give back what they no longer need.
const GROWTH: usize = 16 << 20;

/// What all instances of a plugin are made of.
pub(crate) struct Kind {
    pub(crate) origin: Arc<PluginOrigin>,
    pub(crate) manifest: Arc<PluginManifest>,
    pub(crate) compiled: Arc<Compiled>,
    pub(crate) services: Arc<Services>,
    /// What calls may use for whose tenant no policy says anything.
    pub(crate) usual: Limits,
    /// What no call gets past.
    pub(crate) most: Limits,
    pub(crate) lane: Lane,
}

/// An instance that has started.
pub(crate) struct Instance {
    store: Store<PluginState>,
    bindings: Bindings,
    calls: u32,
    /// How much memory it had after its first call.
    settled: usize,
}

impl Kind {
    /// What a call may use.
    pub(crate) fn limits(&self, quota: &PluginQuota) -> Limits {
        self.usual.asked(self.manifest.limits(), quota, &self.most)
    }

    /// A store for an instance that starts now, has so much and until a moment.
    pub(crate) fn store(
        &self,
        limits: &Limits,
        deadline: Instant,
        place: &Place,
    ) -> Store<PluginState> {
        let state = PluginState::new(
            Arc::clone(&self.origin),
            Arc::clone(&self.manifest),
            Arc::clone(&self.services),
            limits,
            place.clone(),
        );
        let mut store = Store::new(self.compiled.sandbox.engine(), state);
        store.data_mut().begin(None, limits, deadline);
        store.limiter(|state| &mut state.meter);
        store.set_hostcall_fuel(limits.output_bytes());
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |mut context| {
            let state = context.data_mut();
            if Instant::now() >= state.deadline {
                let limit = state.limits.time();
                return Err(Breach::Time { limit }.into());
            }
            let call = state.call.as_ref();
            if call.is_some_and(|call| call.cancellation.is_cancelled()) {
                return Err(Breach::Cancelled.into());
            }
            if state.is_back() {
                return Ok(UpdateDeadline::Continue(1));
            }
            // Others have their turn. It is looked at once more before it goes on: its time may have
            // passed meanwhile.
            if state.computes_for_long() {
                let turn = state.place.turn(state.deadline);
                return Ok(UpdateDeadline::YieldCustom(0, turn));
            }
            Ok(UpdateDeadline::Yield(0))
        });
        store
    }
}

impl Instance {
    /// Starts an instance in a store. What the plugin does then has no grants.
    ///
    /// # Errors
    /// Whatever broke it off.
    pub(crate) async fn start(
        kind: &Kind,
        mut store: Store<PluginState>,
    ) -> Result<Self, Box<Broken>> {
        match kind.compiled.pre.instantiate_async(&mut store).await {
            Ok(bindings) => Ok(Self {
                store,
                bindings,
                calls: 0,
                settled: 0,
            }),
            Err(error) => Err(Box::new(Broken { error, store })),
        }
    }

    /// Begins a call that has so much and until a moment.
    pub(crate) fn begin(
        &mut self,
        scope: CallScope,
        limits: &Limits,
        deadline: Instant,
        place: &Place,
    ) {
        self.store.data_mut().place = place.clone();
        self.store.data_mut().begin(Some(scope), limits, deadline);
        self.store.set_hostcall_fuel(limits.output_bytes());
        self.store.set_epoch_deadline(1);
    }

    /// Calls it. After an error it is of no use any more.
    ///
    /// # Errors
    /// Whatever broke it off.
    pub(crate) async fn execute(
        &mut self,
        call: &node::Call,
    ) -> wasmtime::Result<Result<node::Output, node::Failure>> {
        let node = self.bindings.jackfield_plugin_node();
        let result = node.call_execute(&mut self.store, call).await?;
        self.store.data_mut().end();
        self.calls = self.calls.saturating_add(1);
        if self.calls == 1 {
            self.settled = self.memory();
        }
        Ok(result)
    }

    /// Has it say what it provides.
    ///
    /// # Errors
    /// Whatever broke it off.
    pub(crate) async fn describe(&mut self) -> wasmtime::Result<String> {
        let node = self.bindings.jackfield_plugin_node();
        node.call_describe(&mut self.store).await
    }

    /// Whether it may serve another call.
    pub(crate) fn is_fit(&self, most_calls: u32) -> bool {
        let grown = self.memory().saturating_sub(self.settled);
        self.calls < most_calls && grown <= GROWTH
    }

    /// Whether it waits for what it asked the host for.
    pub(crate) fn waits(&self) -> bool {
        self.store.data().waits()
    }

    /// How much memory it has.
    pub(crate) fn memory(&self) -> usize {
        self.store.data().meter.memory()
    }

    /// What the host refused it in the call that ended, if it failed as a whole with just that.
    pub(crate) fn refusal(&mut self, failure: &node::Failure) -> Option<NodeError> {
        if !failure.failed_items.is_empty() {
            return None;
        }
        let code = ErrorCode::custom(&failure.code);
        self.store.data_mut().record.take_refusal(&code)
    }

    /// The end of what it wrote to its standard error.
    pub(crate) fn stderr(&self) -> Option<String> {
        self.store.data().stderr()
    }
}

/// An instance that did not start.
pub(crate) struct Broken {
    pub(crate) error: wasmtime::Error,
    store: Store<PluginState>,
}

impl Broken {
    /// The end of what it wrote to its standard error.
    pub(crate) fn stderr(&self) -> Option<String> {
        self.store.data().stderr()
    }
}
