//! One call of a node, once it was let happen: load, execute, settle, and say what came of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use futures_util::future::BoxFuture;
use jackfield_kernel::{LoopState, NodeIndex, RunWith};
use jackfield_plugin_api::{
    LoopFrame, NodeCall, NodeContext, NodeExecutor, NodeOutput, Scheduling,
};
use jackfield_registry::Registration;
use jackfield_tenancy::CallPermit;
use jackfield_types::{ByteSize, Items, NodeFailure, NodeTypeId};
use parking_lot::Mutex;
use semver::Version;
use smallvec::SmallVec;
use tokio_util::sync::CancellationToken;

use crate::authorize::Wanted;
use crate::call_host::CallHost;
use crate::parameters::CallParameters;
use crate::scope::Scope;

/// What is needed to run one attempt of a node, and nothing that changes meanwhile.
pub(crate) struct Invocation {
    pub(crate) node: NodeIndex,
    pub(crate) run: u32,
    pub(crate) attempt: u32,
    pub(crate) with: RunWith,
    pub(crate) scope: Scope,
    pub(crate) inputs: SmallVec<[Items; 1]>,
    pub(crate) loop_state: Option<Box<LoopState>>,
    /// Is cancelled when the attempt is broken off; nothing: the execution's own does.
    pub(crate) cancellation: Option<Arc<CancellationToken>>,
    /// The most that it may give.
    pub(crate) max_output_size: Option<ByteSize>,
    /// The call's place among those that run at once.
    pub(crate) permit: Mutex<Option<CallPermit>>,
}

/// How an attempt ended.
pub(crate) struct Ended {
    pub(crate) node: NodeIndex,
    pub(crate) run: u32,
    pub(crate) attempt: u32,
    pub(crate) result: Result<NodeOutput, Box<NodeFailure>>,
}

impl Invocation {
    pub(crate) fn node_type(&self) -> &NodeTypeId {
        let node = self.scope.plan().node(self.node);
        match (self.with, &node.fallback) {
            (RunWith::Fallback, Some(fallback)) => &fallback.node_type,
            _ => &node.node_type,
        }
    }

    /// Whether the call may run where the execution runs, beside others.
    pub(crate) fn runs_inline(executor: &dyn NodeExecutor) -> bool {
        // It is somebody else's code, and here no guard stands around it.
        let scheduling = catch_unwind(AssertUnwindSafe(|| executor.scheduling()));
        matches!(scheduling, Ok(Scheduling::Inline))
    }

    /// Calls what was resolved.
    ///
    /// The future of the common case is kept below a kilobyte, up to which allocators are at their
    /// fastest; what a load needs is allocated when there is one.
    pub(crate) fn execute(
        self,
        registration: Arc<Registration>,
        executor: Arc<dyn NodeExecutor>,
    ) -> BoxFuture<'static, Ended> {
        Box::pin(async move {
            let result = self.call(&registration, &*executor).await;
            self.settled(&registration, result)
        })
    }

    /// Loads what was resolved and calls it.
    pub(crate) fn load_and_execute(
        self,
        registration: Arc<Registration>,
    ) -> BoxFuture<'static, Ended> {
        Box::pin(async move {
            let running = &self.scope.running;
            let (registry, tenant) = (&running.engine().registry, running.tenant_id());
            let mut registration = registration;
            let mut loaded = registry.load_executor(&registration, tenant).await;
            if let Err(error) = &loaded
                && registry.catch_up(&registration, error).await
            {
                // Its plugin was replaced before anybody used it: nothing of it is left to run.
                match self.resolve_again() {
                    Ok(found) => registration = found,
                    Err(failure) => return self.settled(&registration, Err(failure)),
                }
                loaded = registry.load_executor(&registration, tenant).await;
            }
            let result = match loaded {
                Ok(executor) => self.call(&registration, &*executor).await,
                Err(error) => Err(self.not_loaded(error)),
            };
            self.settled(&registration, result)
        })
    }

    fn settled(
        &self,
        registration: &Registration,
        result: Result<NodeOutput, Box<NodeFailure>>,
    ) -> Ended {
        let what = (registration.node_type(), registration.version());
        self.ended(
            self.scope
                .running
                .settle(what, self.max_output_size, result),
        )
    }

    /// Ends an attempt that came to no call, with what came of it counted and masked.
    pub(crate) fn uncalled(&self, result: Result<NodeOutput, Box<NodeFailure>>) -> Ended {
        static UNKNOWN: Version = Version::new(0, 0, 0);
        let node = self.scope.plan().node(self.node);
        let version = match (self.with, &node.fallback) {
            (RunWith::Fallback, Some(fallback)) => &fallback.entry.metadata().version,
            _ => node.version.as_ref().unwrap_or(&UNKNOWN),
        };
        let what = (self.node_type(), version);
        self.ended(
            self.scope
                .running
                .settle(what, self.max_output_size, result),
        )
    }

    fn ended(&self, result: Result<NodeOutput, Box<NodeFailure>>) -> Ended {
        Ended {
            node: self.node,
            run: self.run,
            attempt: self.attempt,
            result,
        }
    }

    async fn call(
        &self,
        registration: &Arc<Registration>,
        executor: &dyn NodeExecutor,
    ) -> Result<NodeOutput, Box<NodeFailure>> {
        let running = &self.scope.running;
        if let Some(refresh) = running.tenant().refresh_secrets() {
            refresh.await;
        }
        // The policy may be another one since the call was resolved: this call learned of it, or
        // another one did, or loading took its time.
        self.authorize(registration, Wanted::No)?;
        let spec = running.plan.node(self.node);
        let cancellation = match &self.cancellation {
            Some(cancellation) => cancellation,
            None => &running.attempts,
        };
        let host = CallHost {
            running,
            cancellation,
            permit: &self.permit,
            turn: (self.node, self.run, self.with),
            attempt: self.attempt,
            registration,
            started: AtomicU32::new(0),
        };
        let context = NodeContext {
            tenant: running.tenant_id(),
            execution: running.key,
            workflow: running.plan.name(),
            node: &spec.name,
            node_type: registration.node_type(),
            attempt: self.attempt,
            run_index: self.run,
            on_error: spec.on_error,
            variables: &self.scope.variables,
            loop_frame: self.loop_state.as_ref().map(|state| LoopFrame {
                round: state.round,
                entered: &state.entered,
                returned: &state.returned,
                collected: &state.collected,
            }),
            cancellation,
            workflows: &host,
            grants: &host,
        };
        let parameters = CallParameters {
            scope: &self.scope,
            node: self.node,
            with: self.with,
            registration,
        };
        let call = NodeCall {
            context: &context,
            inputs: &self.inputs,
            parameters: &parameters,
        };
        let registry = &running.engine().registry;
        let result = match &running.nested.usage {
            None => registry.invoke(registration, executor, call).await,
            // Boxed, so that the common case stays small.
            Some(usage) => Box::pin(usage.metered(registry.invoke(registration, executor, call)))
                .await
                .map_err(|exceeded| Box::new(exceeded.to_failure()))?,
        };
        result.map_err(|error| Box::new(error.into_failure()))
    }
}
