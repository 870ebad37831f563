//! What comes before a call: finding its registration, and asking policy, quotas and circuit.

use std::sync::Arc;

use jackfield_definition::CatalogError;
use jackfield_kernel::{NodeIndex, RunWith};
use jackfield_plugin_api::{NodeError, NodeExecutor};
use jackfield_registry::{LoadError, Registration};
use jackfield_tenancy::{CallPermit, QuotaExceeded, TryCall};
use jackfield_types::{
    CircuitBreaker, ErrorCode, FailureClass, NodeFailure, Severity, VersionSelector,
    format_duration,
};

use crate::audit::{CallAudit, Called};
use crate::authorize::{self, Wanted};
use crate::breaker::Ticket;
use crate::durable::PinnedError;
use crate::execution::Running;
use crate::invocation::Invocation;
use crate::tenant_state::InForce;
use crate::watch::Watch;

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

impl Running {
    /// What serves a node now: what was planned, or what stands in its place.
    pub(crate) fn serving(
        &self,
        node: NodeIndex,
        with: RunWith,
    ) -> Result<Arc<Registration>, CatalogError> {
        let registry = &self.engine().registry;
        let planned = self.plan.prepared(node).registration(with);
        if let Some(planned) = planned
            && let Some(current) = registry.current_in(&self.edition, planned)
        {
            return Ok(current);
        }
        // Unknown when the plan was made, or gone since: plugins come and go.
        let spec = self.plan.node(node);
        let node_type = match (with, &spec.fallback) {
            (RunWith::Fallback, Some(fallback)) => &fallback.node_type,
            _ => &spec.node_type,
        };
        registry.resolve_in(&self.edition, node_type, self.wanted(node, with))
    }

    /// The version that is wanted for a node.
    pub(crate) fn wanted(&self, node: NodeIndex, with: RunWith) -> &VersionSelector {
        match with {
            RunWith::Own => &self.plan.node(node).wanted,
            RunWith::Fallback => &VersionSelector::Newest,
        }
    }
}

impl Invocation {
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

    /// Finds what stands now in the place of what cannot be loaded any more, and authorizes it: it
    /// may come from somebody else. The call has its place already.
    pub(crate) fn resolve_again(&self) -> Result<Arc<Registration>, Box<NodeFailure>> {
        let (registration, _) = self.registration()?;
        self.authorize(&registration, Wanted::No)?;
        self.check_static(&registration)?;
        Ok(registration)
    }

    /// Asks whether the tenant may use what was found, and gives the rule that allows it if it is
    /// wanted. The answer is kept as long as the policy and the registration stand.
    pub(crate) fn authorize(
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
        if let Err(refusal) = authorize::user_still(&self.scope.running, number) {
            self.called(registration).refused(&refusal);
            return Err(authorize::refused(
                tenant.id(),
                registration.node_type(),
                &refusal,
            ));
        }
        if is_planned && let Some(kept) = prepared.decision(self.with).kept(number, rule) {
            return Ok(kept);
        }
        let (node_type, metadata) = (registration.node_type(), registration.summary());
        let origin = registration.origin().map(AsRef::as_ref);
        match authorize::node_type(tenant, node_type, metadata, origin) {
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

    /// What is to be called: what was planned, or what stands in its place if that may be.
    fn registration(&self) -> Result<(Arc<Registration>, Found), Box<NodeFailure>> {
        let running = &self.scope.running;
        let planned = running.plan.prepared(self.node).registration(self.with);
        let found = running.serving(self.node, self.with);
        if let (Some(planned), Ok(found)) = (planned, &found)
            && Arc::ptr_eq(planned, found)
        {
            return Ok((Arc::clone(found), Found::AsPlanned));
        }
        self.check_pinned(found.as_deref().ok())?;
        let found = found.map_err(|error| self.not_found(error.to_string()))?;
        if let Some(planned) = planned
            && !running.keeps_to(planned, Some(&found))
        {
            let node_type = self.node_type();
            return Err(changed(format!(
                "the plugin that provides `{node_type}` is not the one any more that the plan pins"
            )));
        }
        Ok((found, Found::Otherwise))
    }

    /// Refuses what stands in the place of what a kept execution is pinned to, and has it left.
    fn check_pinned(&self, found: Option<&Registration>) -> Result<(), Box<NodeFailure>> {
        let running = &self.scope.running;
        let Some(pinned) = running.pinned() else {
            return Ok(());
        };
        let (node_type, wanted) = (self.node_type(), self.wanted());
        match pinned.check_one(node_type, wanted, found) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.hindered(error)),
        }
    }

    /// The failure of a load, unless it is that a plugin which a kept execution is pinned to was
    /// changed where it lies: then the execution is left.
    pub(crate) fn not_loaded(&self, error: LoadError) -> Box<NodeFailure> {
        let changed = self.scope.running.pinned().filter(|_| error.is_stale());
        match changed.and_then(|pinned| pinned.changed(self.node_type(), self.wanted())) {
            Some(error) => self.hindered(error),
            None => Box::new(NodeError::from(error).into_failure()),
        }
    }

    fn hindered(&self, error: PinnedError) -> Box<NodeFailure> {
        let failure = changed(error.to_string());
        self.scope.running.hinder(self.node, error);
        failure
    }

    fn wanted(&self) -> &VersionSelector {
        self.scope.running.wanted(self.node, self.with)
    }

    /// The failure of a call of a node type that is not there. A refusal comes before that, or a
    /// recovery strategy would get round it.
    fn not_found(&self, message: String) -> Box<NodeFailure> {
        let running = &self.scope.running;
        let node_type = self.node_type();
        if let Some(refusal) = authorize::refusal_by_name(running.tenant(), node_type) {
            let called = Called {
                running,
                node: self.node,
                node_type,
                version: None,
            };
            called.refused(&refusal);
            return authorize::refused(running.tenant_id(), node_type, &refusal);
        }
        let (class, code) = (FailureClass::UnknownNodeType, ErrorCode::UNKNOWN_NODE_TYPE);
        Box::new(NodeFailure::new(class, code, message))
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
}

/// The failure of a call of what must not be called any more.
fn changed(message: String) -> Box<NodeFailure> {
    let (class, code) = (FailureClass::Final, ErrorCode::INVALID_PACKAGE);
    Box::new(NodeFailure::new(class, code, message))
}
