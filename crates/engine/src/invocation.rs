//! One call of a node: authorize, resolve, validate, execute, and say what came of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_util::future::{BoxFuture, ready};
use jackfield_kernel::{LoopState, NodeIndex, RunWith};
use jackfield_plugin_api::{
    LoopFrame, NodeCall, NodeContext, NodeError, NodeExecutor, NodeOutput, Scheduling,
};
use jackfield_registry::{LoadError, Registration};
use jackfield_types::{
    ErrorCode, FailureClass, Items, NodeFailure, NodeTypeId, Severity, VersionSelector,
};
use smallvec::SmallVec;

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
}

/// How an attempt ended.
pub(crate) struct Ended {
    pub(crate) node: NodeIndex,
    pub(crate) run: u32,
    pub(crate) attempt: u32,
    pub(crate) result: Result<NodeOutput, Box<NodeFailure>>,
}

/// An invocation with its executor found, or with the reason why there is none.
pub(crate) enum Resolved {
    Ready {
        registration: Arc<Registration>,
        executor: Arc<dyn NodeExecutor>,
    },
    /// The executor has to be loaded.
    Lazy(Arc<Registration>),
    Failed(Box<NodeFailure>),
}

impl Invocation {
    pub(crate) fn node_type(&self) -> &NodeTypeId {
        let node = self.scope.plan().node(self.node);
        match (self.with, &node.fallback) {
            (RunWith::Fallback, Some(fallback)) => &fallback.node_type,
            _ => &node.node_type,
        }
    }

    /// Authorizes and resolves.
    pub(crate) fn resolve(&self) -> Resolved {
        let registration = match self.registration() {
            Ok(registration) => registration,
            Err(failure) => return Resolved::Failed(failure),
        };
        let engine = &self.scope.running.engine;
        if let Some(authorizer) = &engine.authorizer {
            let (node_type, version) = (registration.node_type(), registration.version());
            let tenant = &self.scope.running.tenant;
            if let Err(refusal) = authorizer.authorize(tenant, node_type, version) {
                return Resolved::Failed(Box::new(NodeFailure::new(
                    FailureClass::Final,
                    ErrorCode::TENANT_FORBIDDEN,
                    format!("tenant `{tenant}` may not use node type `{node_type}`: {refusal}"),
                )));
            }
        }
        match engine
            .registry
            .try_executor(&registration, &self.scope.running.tenant) {
            Some(executor) => Resolved::Ready {
                registration,
                executor,
            },
            None => Resolved::Lazy(registration),
        }
    }

    fn registration(&self) -> Result<Arc<Registration>, Box<NodeFailure>> {
        let registry = &self.scope.running.engine.registry;
        let prepared = self.scope.plan().prepared(self.node);
        let planned = prepared.registration(self.with);
        if let Some(planned) = planned
            && let Some(current) = registry.current(planned)
        {
            if !Arc::ptr_eq(planned, &current) {
                self.check_static(&current)?;
            }
            return Ok(current);
        }
        // Unknown when the plan was made, or gone since: plugins come and go.
        let wanted = match self.with {
            RunWith::Own => self.scope.plan().node(self.node).wanted.clone(),
            RunWith::Fallback => VersionSelector::Newest,
        };
        let found = registry
            .resolve(self.node_type(), &wanted)
            .map_err(|error| {
                Box::new(NodeFailure::new(
                    FailureClass::UnknownNodeType,
                    ErrorCode::UNKNOWN_NODE_TYPE,
                    error.to_string(),
                ))
            })?;
        self.check_static(&found)?;
        Ok(found)
    }

    /// Checks parameters without expressions against a registration that they were not planned for.
    fn check_static(&self, registration: &Registration) -> Result<(), Box<NodeFailure>> {
        let parameters = &self.scope.plan().node(self.node).parameters;
        let Some(value) = parameters.static_value() else {
            return Ok(());
        };
        let mut issues = registration.check(value, &[]);
        issues.retain(|issue| issue.severity == Severity::Error);
        if issues.is_empty() {
            return Ok(());
        }
        Err(Box::new(NodeError::Params(issues).into_failure()))
    }

    /// Whether the call may run where the execution runs, beside others.
    pub(crate) fn runs_inline(executor: &dyn NodeExecutor) -> bool {
        // It is somebody else's code, and here no guard stands around it.
        let scheduling = catch_unwind(AssertUnwindSafe(|| executor.scheduling()));
        matches!(scheduling, Ok(Scheduling::Inline))
    }

    /// Executes what was resolved.
    ///
    /// The future of the common case is kept below a kilobyte, up to which allocators are at their
    /// fastest; what a load needs is allocated when there is one.
    pub(crate) fn execute(self, resolved: Resolved) -> BoxFuture<'static, Ended> {
        let (registration, executor) = match resolved {
            Resolved::Ready {
                registration,
                executor,
            } => (registration, executor),
            Resolved::Lazy(registration) => return Box::pin(self.load_and_call(registration)),
            Resolved::Failed(failure) => return Box::pin(ready(self.ended(Err(failure)))),
        };
        let future = async move {
            let result = self.call(&registration, &*executor).await;
            self.ended(result)
        };
        Box::pin(future)
    }

    async fn load_and_call(self, registration: Arc<Registration>) -> Ended {
        let running = &self.scope.running;
        let registry = &running.engine.registry;
        let result = match registry.load_executor(&registration, &running.tenant).await {
            Ok(executor) => self.call(&registration, &*executor).await,
            Err(error) => Err(load_failure(error)),
        };
        self.ended(result)
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
        let spec = running.plan.node(self.node);
        let context = NodeContext {
            tenant: &running.tenant,
            execution: running.id,
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
            cancellation: &running.cancellation,
            workflows: &**running,
            grants: &jackfield_plugin_api::OpenGrants,
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
        let result = running
            .engine
            .registry
            .invoke(registration, executor, call)
            .await;
        result.map_err(|error| Box::new(error.into_failure()))
    }
}

fn load_failure(error: LoadError) -> Box<NodeFailure> {
    Box::new(NodeError::from(error).into_failure())
}
