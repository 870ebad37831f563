use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jackfield_kernel::{NodeIndex, RunWith};
use jackfield_registry::Registration;
use jackfield_registry::discovery::Edition;
use jackfield_tenancy::Tenant;
use jackfield_types::{ExecutionId, Item, Items, NodeRole, Object, PluginOrigin, TenantId, UserId};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::authorize::NEVER;
use crate::durable::{Called, Pinned, PinnedError};
use crate::engine::EngineParts;
use crate::nested::Nested;
use crate::parts::Parts;
use crate::signals::Mailbox;
use crate::tenant_state::TenantState;
use crate::{PreparedPlan, StartError};

/// With what an execution is started.
#[derive(Debug, Clone)]
pub struct StartOptions {
    /// What its start nodes are given; one empty item if nothing else is said.
    pub items: Items,
    /// Variables, over those of the workflow.
    pub variables: Object,
    /// The trigger, by id or name, that starts it. Nothing: the first `trigger.manual`, or else the
    /// first trigger.
    pub trigger: Option<String>,
    /// How long it may take; the shorter of this and the workflow's own limit counts.
    pub timeout: Option<Duration>,
    /// What jitter is worked out from. Nothing: chance.
    pub seed: Option<u64>,
    /// Whether nodes with pinned items give those in place of running.
    pub pinned_data: PinnedData,
    /// Whether it runs plugins that are others than those that the plan was made with.
    pub plugins: PlannedPlugins,
}

/// What an execution runs when a plugin was reloaded since its plan was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlannedPlugins {
    /// What is there when it begins, checked and authorized again.
    #[default]
    Current,
    /// Each plugin with just the digest that the plan pins, or nothing at all.
    Pinned,
}

/// What becomes of pinned items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PinnedData {
    /// A node that has some gives them in place of running, as when a workflow is tried by hand.
    #[default]
    Used,
    /// Every node runs.
    Ignored,
}

impl Default for StartOptions {
    fn default() -> Self {
        Self {
            items: Arc::new(vec![Item::default()]),
            variables: Object::new(),
            trigger: None,
            timeout: None,
            seed: None,
            pinned_data: PinnedData::default(),
            plugins: PlannedPlugins::default(),
        }
    }
}

/// Who asks for something: a tenant of an engine, and perhaps one of its users.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) engine: Arc<EngineParts>,
    pub(crate) state: Arc<TenantState>,
    pub(crate) user: Option<UserId>,
}

/// What all calls of one execution share.
pub(crate) struct Running {
    pub(crate) caller: Caller,
    pub(crate) plan: Arc<PreparedPlan>,
    /// What the registry provided when it began: it ends with the plugins that it began with.
    pub(crate) edition: Edition,
    pub(crate) id: ExecutionId,
    /// What idempotency keys are made of: the id, or that of the execution that the first attempt
    /// of the same call began.
    pub(crate) key: ExecutionId,
    pub(crate) roots: RootValues,
    /// Is cancelled when somebody asks that it end.
    pub(crate) cancellation: CancellationToken,
    /// Is cancelled when its attempts are broken off, for whatever reason.
    pub(crate) attempts: CancellationToken,
    pub(crate) choices: Choices,
    /// What it is pinned to, if it is kept: nothing else is run in the place of that.
    pinned: OnceLock<Pinned>,
    /// Why what it is pinned to cannot be run any more, and the node that was to run it.
    hindered: OnceLock<(NodeIndex, PinnedError)>,
    /// How many executions this one is nested in.
    pub(crate) depth: u32,
    /// What it shares with the executions that it calls, and that called it.
    pub(crate) nested: Arc<Nested>,
    /// Who called it, if anybody did.
    pub(crate) called: Option<Called>,
    /// What it has called itself.
    pub(crate) parts: Arc<Parts>,
    /// What the caller has called.
    pub(crate) beside: Option<Arc<Parts>>,
    /// The number of the policy under which its user was last allowed to act.
    pub(crate) user_allowed_under: AtomicU64,
    /// What it was sent, if it is not kept in a store.
    pub(crate) mailbox: Mailbox,
}

/// What was chosen for an execution when it was started.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Choices {
    pub(crate) pinned_data: PinnedData,
    pub(crate) plugins: PlannedPlugins,
}

impl StartOptions {
    pub(crate) fn choices(&self) -> Choices {
        Choices {
            pinned_data: self.pinned_data,
            plugins: self.plugins,
        }
    }
}

/// Where an execution comes from.
pub(crate) struct Origin {
    pub(crate) id: ExecutionId,
    /// What its idempotency keys are made of.
    pub(crate) key: ExecutionId,
    /// How many executions it is nested in.
    pub(crate) depth: u32,
    /// What it shares with those.
    pub(crate) nested: Arc<Nested>,
    /// Who called it, if anybody did.
    pub(crate) called: Option<Called>,
    /// What the caller has called.
    pub(crate) beside: Option<Arc<Parts>>,
}

/// What `$context`, `$workflow` and `$execution` give.
pub(crate) struct RootValues {
    pub(crate) context: Value,
    pub(crate) workflow: Value,
    pub(crate) execution: Value,
}

impl Running {
    pub(crate) fn new(
        caller: &Caller,
        plan: &Arc<PreparedPlan>,
        options: &StartOptions,
        cancellation: CancellationToken,
    ) -> Self {
        let id = ExecutionId::generate();
        Self::with_id(caller, plan, id, options.choices(), cancellation)
    }

    /// One that has an id already.
    pub(crate) fn with_id(
        caller: &Caller,
        plan: &Arc<PreparedPlan>,
        id: ExecutionId,
        choices: Choices,
        cancellation: CancellationToken,
    ) -> Self {
        let nested = Arc::new(Nested::new(&caller.state.tenant, id));
        let origin = Origin {
            id,
            key: id,
            depth: 0,
            nested,
            called: None,
            beside: None,
        };
        Self::within(caller, plan, choices, cancellation, origin)
    }

    /// One that is called by another one, or by none.
    pub(crate) fn within(
        caller: &Caller,
        plan: &Arc<PreparedPlan>,
        choices: Choices,
        cancellation: CancellationToken,
        origin: Origin,
    ) -> Self {
        let Origin {
            id,
            key,
            depth,
            nested,
            called,
            beside,
        } = origin;
        let tenant = caller.state.id();
        let roots = RootValues {
            context: json!({ "tenantId": tenant, "executionId": id }),
            workflow: json!({ "id": plan.id(), "name": plan.name() }),
            execution: json!({ "id": id, "tenantId": tenant, "depth": depth }),
        };
        Self {
            caller: caller.clone(),
            plan: Arc::clone(plan),
            edition: caller.engine.registry.edition(),
            id,
            key,
            roots,
            attempts: cancellation.child_token(),
            cancellation,
            choices,
            pinned: OnceLock::new(),
            hindered: OnceLock::new(),
            depth,
            nested,
            called,
            parts: Arc::default(),
            beside,
            user_allowed_under: AtomicU64::new(NEVER),
            mailbox: Mailbox::default(),
        }
    }

    pub(crate) fn engine(&self) -> &Arc<EngineParts> {
        &self.caller.engine
    }

    /// Has it run nothing in the place of what it is pinned to.
    pub(crate) fn keep_to(&self, pinned: Pinned) {
        // It is pinned once, when it is put into the store or taken out of it.
        let _ = self.pinned.set(pinned);
    }

    /// What it is pinned to, if it is kept.
    pub(crate) fn pinned(&self) -> Option<&Pinned> {
        self.pinned.get()
    }

    /// Notes that a node cannot be run as it is pinned, so that the execution is left.
    pub(crate) fn hinder(&self, node: NodeIndex, error: PinnedError) {
        // One reason is enough.
        let _ = self.hindered.set((node, error));
        // What it called is left as it is, and goes on when this one does.
        self.parts.end();
        let keeper = self.caller.engine.keeper.as_ref();
        if let Some(hold) = keeper.and_then(|keeper| keeper.held(self.tenant_id(), self.id)) {
            hold.changed.notify_one();
        }
    }

    /// Why it cannot go on, and the node that cannot be run, if that is so.
    pub(crate) fn hindered(&self) -> Option<&(NodeIndex, PinnedError)> {
        self.hindered.get()
    }

    /// Whether what stands in the place of what was planned may run.
    pub(crate) fn keeps_to(&self, planned: &Registration, found: Option<&Registration>) -> bool {
        let Some(pinned) = planned.origin() else {
            return true;
        };
        let found = found.and_then(|found| found.origin());
        self.choices.plugins == PlannedPlugins::Current
            || found.is_some_and(|found| found.digest == pinned.digest)
    }

    /// Refuses to begin with plugins that are others than the plan pins.
    pub(crate) fn check_plugins(&self) -> Result<(), StartError> {
        if self.choices.plugins == PlannedPlugins::Current {
            return Ok(());
        }
        let registry = &self.engine().registry;
        for index in self.plan.all_indices() {
            if self.plan.node(index).disabled {
                continue;
            }
            let prepared = self.plan.prepared(index);
            for with in [RunWith::Own, RunWith::Fallback] {
                let Some(planned) = prepared.registration(with) else {
                    continue;
                };
                let current = registry.current_in(&self.edition, planned);
                if let Some(origin) = planned.origin()
                    && !self.keeps_to(planned, current.as_deref())
                {
                    let plugin = Box::new(PluginOrigin::clone(origin));
                    return Err(StartError::PluginChanged { plugin });
                }
            }
        }
        Ok(())
    }

    pub(crate) fn state(&self) -> &Arc<TenantState> {
        &self.caller.state
    }

    pub(crate) fn tenant(&self) -> &Tenant {
        &self.caller.state.tenant
    }

    pub(crate) fn tenant_id(&self) -> &TenantId {
        self.caller.state.id()
    }
}

/// The trigger that starts an execution.
pub(crate) fn find_trigger(
    plan: &PreparedPlan,
    wanted: Option<&str>,
) -> Result<Option<NodeIndex>, StartError> {
    let Some(name) = wanted else {
        return Ok(plan.default_trigger());
    };
    let is_trigger = |node: &NodeIndex| plan.graph().node(*node).role == NodeRole::Trigger;
    plan.node_index(name)
        .filter(is_trigger)
        .map(Some)
        .ok_or_else(|| StartError::UnknownTrigger {
            name: name.to_owned(),
            triggers: plan
                .triggers()
                .iter()
                .map(|&node| plan.node(node).name.clone())
                .collect(),
        })
}
