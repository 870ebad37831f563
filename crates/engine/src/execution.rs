use std::sync::Arc;
use std::time::Duration;

use jackfield_kernel::NodeIndex;
use jackfield_types::{ExecutionId, Item, Items, NodeRole, Object, TenantId};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::driver::Driver;
use crate::engine::EngineParts;
use crate::workflows::Nested;
use crate::{Events, Journal, PreparedPlan, Report, StartError};

/// With what an execution is started.
#[derive(Debug, Clone)]
pub struct StartOptions {
    /// On whose behalf it runs.
    pub tenant: TenantId,
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
            tenant: TenantId::default_tenant(),
            items: Arc::new(vec![Item::default()]),
            variables: Object::new(),
            trigger: None,
            timeout: None,
            seed: None,
            pinned_data: PinnedData::default(),
        }
    }
}

/// What all calls of one execution share.
pub(crate) struct Running {
    pub(crate) engine: Arc<EngineParts>,
    pub(crate) plan: Arc<PreparedPlan>,
    pub(crate) tenant: TenantId,
    pub(crate) id: ExecutionId,
    pub(crate) roots: RootValues,
    pub(crate) cancellation: CancellationToken,
    pub(crate) pinned_data: PinnedData,
    /// How many executions this one is nested in.
    pub(crate) depth: u32,
    /// What it shares with the executions that it calls, and that called it.
    pub(crate) nested: Arc<Nested>,
}

/// What `$context`, `$workflow` and `$execution` give.
pub(crate) struct RootValues {
    pub(crate) context: Value,
    pub(crate) workflow: Value,
    pub(crate) execution: Value,
}

impl Running {
    pub(crate) fn new(
        engine: &Arc<EngineParts>,
        plan: &Arc<PreparedPlan>,
        options: &StartOptions,
        cancellation: CancellationToken,
        depth: u32,
        nested: Arc<Nested>,
    ) -> Self {
        let id = ExecutionId::generate();
        let roots = RootValues {
            context: json!({ "tenantId": options.tenant, "executionId": id }),
            workflow: json!({ "id": plan.id(), "name": plan.name() }),
            execution: json!({ "id": id, "tenantId": options.tenant, "depth": depth }),
        };
        Self {
            engine: Arc::clone(engine),
            plan: Arc::clone(plan),
            tenant: options.tenant.clone(),
            id,
            roots,
            cancellation,
            pinned_data: options.pinned_data,
            depth,
            nested,
        }
    }
}

/// Asks for each node whether the tenant may use it, before anything runs.
pub(crate) fn authorize(
    engine: &EngineParts,
    plan: &PreparedPlan,
    tenant: &TenantId,
) -> Result<(), StartError> {
    let Some(authorizer) = &engine.authorizer else {
        return Ok(());
    };
    for node in plan.nodes() {
        let own = node
            .version
            .as_ref()
            .map(|version| (&node.node_type, version.clone()));
        let fallback = node.fallback.as_ref().map(|fallback| {
            (
                &fallback.node_type,
                fallback.entry.metadata().version.clone(),
            )
        });
        for (node_type, version) in own.into_iter().chain(fallback) {
            authorizer
                .authorize(tenant, node_type, &version)
                .map_err(|refusal| StartError::Forbidden {
                    tenant: tenant.clone(),
                    node: node.name.clone(),
                    node_type: node_type.clone(),
                    rule: refusal.rule,
                })?;
        }
    }
    Ok(())
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

/// An execution that runs by itself. Dropping the handle lets it run on.
pub struct ExecutionHandle {
    id: ExecutionId,
    journal: Journal,
    cancellation: CancellationToken,
    task: JoinHandle<Result<Report, StartError>>,
}

impl ExecutionHandle {
    pub(crate) fn spawn(
        runtime: &tokio::runtime::Handle,
        driver: Driver,
        cancellation: CancellationToken,
    ) -> Self {
        let (id, journal) = (driver.id(), driver.journal());
        Self {
            id,
            journal,
            cancellation,
            task: runtime.spawn(driver.run()),
        }
    }

    /// The execution.
    pub fn id(&self) -> ExecutionId {
        self.id
    }

    /// Its journal.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// All events, from the first one on, as they happen.
    pub fn events(&self) -> Events {
        self.journal.read()
    }

    /// Asks it to end: attempts that run are broken off, and no others start.
    pub fn cancel(&self) {
        self.cancellation.cancel();
    }

    /// What [`cancel`](Self::cancel) cancels, for whoever has to do it from elsewhere.
    pub fn cancellation(&self) -> CancellationToken {
        self.cancellation.clone()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// [`StartError::BrokenOff`] when the runtime was shut down, [`StartError::Internal`] when the
    /// engine made a mistake.
    pub async fn wait(self) -> Result<Report, StartError> {
        self.task.await.map_err(|_| StartError::BrokenOff)?
    }
}
