//! One call of a node: authorize, admit, resolve, validate, execute, settle, and say what came of
//! it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use jackfield_kernel::{LoopState, NodeIndex, RunWith};
use jackfield_plugin_api::{
    LoopFrame, NodeCall, NodeContext, NodeError, NodeExecutor, NodeOutput, Scheduling,
};
use jackfield_registry::{LoadError, Registration};
use jackfield_tenancy::{CallPermit, QuotaExceeded, TryCall};
use jackfield_types::{
    ByteSize, CircuitBreaker, ErrorCode, FailureClass, Items, NodeFailure, NodeTypeId, Severity,
    VersionSelector, format_duration,
};
use parking_lot::Mutex;
use semver::Version;
use smallvec::SmallVec;
use tokio_util::sync::CancellationToken;

use crate::audit::{CallAudit, Called};
use crate::authorize::{self, Wanted};
use crate::breaker::Ticket;
use crate::call_host::CallHost;
use crate::parameters::CallParameters;
use crate::scope::Scope;
use crate::tenant_state::InForce;
use crate::watch::Watch;

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

/// What stands between an invocation and its executor.
pub(crate) enum Resolved {
    Ready {
        registration: Arc<Registration>,
        executor: Arc<dyn NodeExecutor>,
        watch: Watch,
    },
    /// The executor has to be loaded.
    Lazy {
        registration: Arc<Registration>,
        watch: Watch,
    },
    /// The tenant has no room for the call now.
    Waiting,
    Failed(Box<NodeFailure>),
}

/// Whether what is called is what the plan was made with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    AsPlanned,
    /// Its parameters have to be checked again.
    Otherwise,
}

/// How a call stands with the quotas of its tenant.
pub(crate) enum Admitted {
    /// It has not been asked for.
    NotYet,
    /// It was let in after it had waited.
    Waited(CallPermit),
}

impl Invocation {
    pub(crate) fn node_type(&self) -> &NodeTypeId {
        let node = self.scope.plan().node(self.node);
        match (self.with, &node.fallback) {
            (RunWith::Fallback, Some(fallback)) => &fallback.node_type,
            _ => &node.node_type,
        }
    }

    /// Authorizes, admits and resolves.
    ///
    /// A call that has waited is authorized once more: the policy may be another one by now.
    pub(crate) fn resolve(&self, in_force: &InForce, admitted: Admitted) -> Resolved {
        let (registration, found) = match self.registration() {
            Ok(found) => found,
            Err(failure) => return Resolved::Failed(failure),
        };
        let running = &self.scope.running;
        let wanted = if in_force.audits {
            Wanted::Yes
        } else {
            Wanted::No
        };
        let rule = match self.authorize(&registration, wanted) {
            Ok(rule) => rule,
            Err(failure) => return Resolved::Failed(failure),
        };
        // After the refusal, which no recovery gets round: what is invalid might be skipped.
        if found == Found::Otherwise
            && let Err(failure) = self.check_static(&registration)
        {
            return Resolved::Failed(failure);
        }
        if let Some(usage) = &running.nested.usage
            && let Err(exceeded) = usage.check()
        {
            return Resolved::Failed(Box::new(exceeded.to_failure()));
        }
        match admitted {
            Admitted::Waited(permit) => *self.permit.lock() = Some(permit),
            Admitted::NotYet => match running.tenant().admission().try_call() {
                TryCall::Admitted(None) => {}
                TryCall::Admitted(permit) => *self.permit.lock() = permit,
                TryCall::Wait => return Resolved::Waiting,
                TryCall::Refused(exceeded) => return Resolved::Failed(self.over_quota(&exceeded)),
            },
        }
        let ticket = match in_force.breaker {
            Some(config) => match self.ticket(&config, &registration) {
                Ok(ticket) => Some(ticket),
                Err(failure) => return Resolved::Failed(failure),
            },
            None => None,
        };
        let audit = rule.map(|rule| CallAudit::begin(running, self.node, &registration, rule));
        let watch = Watch::new(audit, ticket);
        let registry = &running.engine().registry;
        match registry.try_executor(&registration, running.tenant_id()) {
            Some(executor) => Resolved::Ready {
                registration,
                executor,
                watch,
            },
            None => Resolved::Lazy {
                registration,
                watch,
            },
        }
    }

    /// Asks whether the tenant may use what was found, and gives the rule that allows it if it is
    /// wanted. The answer is kept as long as the policy and the registration stand.
    fn authorize(
        &self,
        registration: &Arc<Registration>,
        rule: Wanted,
    ) -> Result<Option<Arc<str>>, Box<NodeFailure>> {
        let tenant = self.scope.running.tenant();
        let prepared = self.scope.plan().prepared(self.node);
        let is_planned = prepared
            .registration(self.with)
            .is_some_and(|planned| Arc::ptr_eq(planned, registration));
        let number = tenant.policy_number();
        if is_planned && let Some(kept) = prepared.decision(self.with).kept(number, rule) {
            return Ok(kept);
        }
        let (node_type, version) = (registration.node_type(), registration.version());
        let capabilities = &registration.summary().capabilities;
        match tenant.authorize(node_type, version, capabilities) {
            Ok(decided) => {
                if is_planned {
                    prepared.decision(self.with).keep(number, &decided);
                }
                Ok((rule == Wanted::Yes).then_some(decided))
            }
            Err(refusal) => {
                self.called(registration).refused(&refusal);
                Err(authorize::refused(tenant.id(), node_type, &refusal))
            }
        }
    }

    /// Asks the circuit of what was found.
    fn ticket(
        &self,
        config: &CircuitBreaker,
        registration: &Registration,
    ) -> Result<Ticket, Box<NodeFailure>> {
        let breakers = &self.scope.running.state().breakers;
        let wait = match breakers.admit(config, registration) {
            Ok(ticket) => return Ok(ticket),
            Err(wait) => wait,
        };
        self.called(registration).left_out();
        let message = format!(
            "so many calls of node type `{}` {} failed that none is made for the next {}",
            registration.node_type(),
            registration.version(),
            format_duration(wait)
        );
        let (class, code) = (FailureClass::Retryable, ErrorCode::CIRCUIT_OPEN);
        let mut failure = Box::new(NodeFailure::new(class, code, message));
        failure.retry_after = Some(wait);
        Err(failure)
    }

    /// The failure of a call for which the tenant has no room.
    pub(crate) fn over_quota(&self, exceeded: &QuotaExceeded) -> Box<NodeFailure> {
        let called = Called {
            running: &self.scope.running,
            node: self.node,
            node_type: self.node_type(),
            version: None,
        };
        called.over_quota(exceeded);
        Box::new(exceeded.to_failure())
    }

    fn called<'a>(&'a self, registration: &'a Registration) -> Called<'a> {
        Called {
            running: &self.scope.running,
            node: self.node,
            node_type: registration.node_type(),
            version: Some(registration.version()),
        }
    }

    fn registration(&self) -> Result<(Arc<Registration>, Found), Box<NodeFailure>> {
        let registry = &self.scope.running.engine().registry;
        let prepared = self.scope.plan().prepared(self.node);
        let planned = prepared.registration(self.with);
        if let Some(planned) = planned
            && let Some(current) = registry.current(planned)
        {
            let is_planned = Arc::ptr_eq(planned, &current);
            let found = if is_planned {
                Found::AsPlanned
            } else {
                Found::Otherwise
            };
            return Ok((current, found));
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
        Ok((found, Found::Otherwise))
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
            let registry = &running.engine().registry;
            let result = match registry
                .load_executor(&registration, running.tenant_id())
                .await
            {
                Ok(executor) => self.call(&registration, &*executor).await,
                Err(error) => Err(load_failure(error)),
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
        let spec = running.plan.node(self.node);
        let cancellation = match &self.cancellation {
            Some(cancellation) => cancellation,
            None => &running.attempts,
        };
        let host = CallHost {
            running,
            cancellation,
            permit: &self.permit,
        };
        let context = NodeContext {
            tenant: running.tenant_id(),
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

fn load_failure(error: LoadError) -> Box<NodeFailure> {
    Box::new(NodeError::from(error).into_failure())
}
