//! Who may start what: asked when an execution starts and, by the same words, at each call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use jackfield_tenancy::{Refusal, Tenant, Verdict};
use jackfield_types::{
    ErrorCode, FailureClass, NodeFailure, NodeTypeId, NodeTypeMetadata, PluginOrigin, TenantId,
};

use crate::execution::{Caller, Running};
use crate::{PreparedPlan, StartError};

/// Asks whether the user may start executions.
pub(crate) fn user(caller: &Caller) -> Result<(), StartError> {
    let tenant = &caller.state.tenant;
    let allowed = tenant.authorize_user(caller.user.as_ref());
    allowed.map_err(|refusal| match tenant.unread_policy() {
        Some(unread) => StartError::PolicyUnread {
            tenant: tenant.id().clone(),
            reason: unread.rule,
        },
        None => StartError::UserForbidden {
            tenant: tenant.id().clone(),
            user: caller.user.clone(),
            rule: refusal.rule,
        },
    })
}

/// Asks whether the user of an execution may still act, when the policy of this number may be
/// another one than before.
pub(crate) fn user_still(running: &Running, number: u64) -> Result<(), Refusal> {
    if running.user_allowed_under.load(Ordering::Relaxed) == number {
        return Ok(());
    }
    let user = running.caller.user.as_ref();
    running.tenant().authorize_user(user)?;
    running.user_allowed_under.store(number, Ordering::Relaxed);
    Ok(())
}

/// Asks for each node whether the tenant may use it, before anything runs.
///
/// What was allowed once is allowed as long as the policy stands.
pub(crate) fn plan(caller: &Caller, plan: &PreparedPlan) -> Result<(), StartError> {
    let tenant = &caller.state.tenant;
    if !plan.belongs_to(tenant.id(), caller.engine.scope) {
        return Err(StartError::UnknownPlan);
    }
    let number = tenant.policy_number();
    if plan.allowed_under(number) {
        return Ok(());
    }
    for index in plan.all_indices() {
        let node = plan.node(index);
        if node.disabled {
            // It is not called, and neither is what would undo it.
            continue;
        }
        let forbidden = |node_type: &NodeTypeId, refusal: Refusal| StartError::Forbidden {
            tenant: tenant.id().clone(),
            node: node.name.clone(),
            node_type: node_type.clone(),
            rule: refusal.rule,
        };
        if node.entry.is_none()
            && let Some(refusal) = refusal_by_name(tenant, &node.node_type)
        {
            return Err(forbidden(&node.node_type, refusal));
        }
        let own = node.entry.as_ref().map(|entry| (&node.node_type, entry));
        let fallback = node
            .fallback
            .as_ref()
            .map(|fallback| (&fallback.node_type, &fallback.entry));
        for (node_type, entry) in own.into_iter().chain(fallback) {
            self::node_type(tenant, node_type, entry.metadata(), entry.origin())
                .map_err(|refusal| forbidden(node_type, refusal))?;
        }
    }
    plan.set_allowed_under(number);
    Ok(())
}

/// Asks about a node type that is not there: whether it would be refused in every version.
pub(crate) fn refusal_by_name(tenant: &Tenant, node_type: &NodeTypeId) -> Option<Refusal> {
    let explanation = tenant.explain(node_type, None, &[]);
    (explanation.verdict == Verdict::Refused).then(|| Refusal::new(explanation.rule))
}

/// Asks whether a tenant may use a node type, and the plugin that it comes from, and gives the rule
/// that allows it.
pub(crate) fn node_type(
    tenant: &Tenant,
    node_type: &NodeTypeId,
    metadata: &NodeTypeMetadata,
    origin: Option<&PluginOrigin>,
) -> Result<Arc<str>, Refusal> {
    tenant.authorize_plugin(origin)?;
    tenant.authorize(node_type, &metadata.version, &metadata.capabilities)
}

/// The failure of a call that is refused. No recovery strategy applies to it.
pub(crate) fn refused(
    tenant: &TenantId,
    node_type: &NodeTypeId,
    refusal: &Refusal,
) -> Box<NodeFailure> {
    Box::new(NodeFailure::new(
        FailureClass::Final,
        ErrorCode::TENANT_FORBIDDEN,
        format!("tenant `{tenant}` may not use node type `{node_type}`: {refusal}"),
    ))
}

/// Whether a rule is asked for with a decision.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Yes,
    No,
}

/// The last decision that allowed a registration to be used.
pub(crate) struct Decided {
    /// The number of the policy that decided; see [`NEVER`].
    number: AtomicU64,
    rule: ArcSwapOption<Rule>,
}

struct Rule {
    number: u64,
    rule: Arc<str>,
}

/// No policy has this number.
pub(crate) const NEVER: u64 = u64::MAX;

impl Decided {
    pub(crate) fn new() -> Self {
        Self {
            number: AtomicU64::new(NEVER),
            rule: ArcSwapOption::empty(),
        }
    }

    /// The decision, if it was made under the policy of this number, with its rule if that is
    /// wanted.
    pub(crate) fn kept(&self, number: u64, rule: Wanted) -> Option<Option<Arc<str>>> {
        if self.number.load(Ordering::Acquire) != number {
            return None;
        }
        if rule == Wanted::No {
            return Some(None);
        }
        let kept = self.rule.load();
        let kept = kept.as_ref().filter(|kept| kept.number == number)?;
        Some(Some(Arc::clone(&kept.rule)))
    }

    pub(crate) fn keep(&self, number: u64, rule: &Arc<str>) {
        let rule = Arc::clone(rule);
        self.rule.store(Some(Arc::new(Rule { number, rule })));
        self.number.store(number, Ordering::Release);
    }
}
