use std::fmt::{Debug, Display};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jackfield_definition::{Diagnostics, PlanOptions, workflow_from_value};
use jackfield_engine::{
    Engine, ExecutionHandle, PreparedPlan, Report, StartError, StartOptions, TenantEngine,
};
use jackfield_tenancy::{AuditDurability, AuditLog, AuditOptions};
use jackfield_types::{Policy, TenantId, UserId};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::probes::{HOLDS, Probes};
use super::scene::{OWNED, OWNED_WORKFLOW, Scene};
use super::suite::StatefulNodeType;

/// Why an attempt could not be made.
#[derive(Debug)]
pub(super) struct Trouble(pub(super) String);

impl<E: Display> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Whether an attempt could be made. What it found is on the stage.
pub(super) type Outcome = Result<(), Trouble>;

/// Who tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Actor {
    /// The owner, who has to find it.
    Owner,
    /// The other tenant, who may not.
    Intruder,
}

/// An engine on which one attempt is made, and what was found.
pub(super) struct Stage {
    pub(super) engine: Engine,
    /// Whose things it is about.
    pub(super) owner: TenantEngine,
    /// Who tries to get at them.
    pub(super) actor: TenantEngine,
    pub(super) role: Actor,
    pub(super) probes: Probes,
    pub(super) stateful: Vec<StatefulNodeType>,
    leaks: Mutex<Vec<String>>,
    pub(super) folder: TempDir,
}

impl Stage {
    pub(super) fn new(
        role: Actor,
        owner: &TenantId,
        intruder: &TenantId,
        stateful: &[StatefulNodeType],
        factory: &(dyn Fn(Scene) -> Engine + Send + Sync),
    ) -> Result<Self, Trouble> {
        let folder = tempfile::tempdir()?;
        let options = AuditOptions {
            durability: AuditDurability::Written {
                every: Duration::from_secs(1),
            },
            ..AuditOptions::default()
        };
        let audit = AuditLog::open(&folder.path().join("audit"), options)?;
        let engine = factory(Scene::new(owner, intruder, audit)?);
        let probes = Probes::register(&engine)?;
        for (tenant, document) in [(owner, owner_policy()), (intruder, intruder_policy())] {
            set_policy(&engine, tenant, document)?;
        }
        let handle = |tenant: &TenantId, user: &str| {
            Ok::<_, Trouble>(engine.tenant(tenant).as_user(UserId::parse(user)?))
        };
        let of_owner = handle(owner, OWNED_USER)?;
        let actor = match role {
            Actor::Owner => of_owner.clone(),
            Actor::Intruder => handle(intruder, "leaks-intruder-user")?,
        };
        Ok(Self {
            owner: of_owner,
            actor,
            engine,
            role,
            probes,
            stateful: stateful.to_vec(),
            leaks: Mutex::default(),
            folder,
        })
    }

    /// Notes a leak if there is one.
    pub(super) fn leak_if(&self, leaked: bool, what: impl Display) {
        if leaked {
            let mut leaks = self.leaks.lock().unwrap_or_else(PoisonError::into_inner);
            leaks.push(what.to_string());
        }
    }

    /// Looks for the owner in what the actor was told.
    pub(super) fn hear(&self, from: &str, text: &str) {
        self.hear_but(from, text, &[]);
    }

    /// Does the same, but takes out first what the actor said itself.
    pub(super) fn hear_but(&self, from: &str, text: &str, said: &[&str]) {
        let mut heard = text.to_owned();
        for said in said {
            heard = heard.replace(said, "…");
        }
        let owner = self.owner.id();
        // What the owner is told names it anyhow: that does not show that anything is found.
        let is_named = self.role == Actor::Intruder
            && [format!("`{owner}`"), format!("\"{owner}\"")]
                .iter()
                .any(|name| heard.contains(name));
        let plain = heard.to_lowercase().replace('_', "-");
        self.leak_if(
            is_named || plain.contains(OWNED),
            format_args!("{from}: {}", excerpt(&heard)),
        );
    }

    /// Looks for the owner in something that has no other text.
    pub(super) fn hear_debug(&self, from: &str, value: &impl Debug) {
        self.hear(from, &format!("{value:?}"));
    }

    /// Looks for the owner in what the probes saw on behalf of the actor.
    pub(super) fn hear_probes(&self, from: &str) {
        for seen in self.probes.take_seen(self.actor.id()) {
            self.hear(from, &seen.to_string());
        }
    }

    /// What was found.
    pub(super) fn take_leaks(&self) -> Vec<String> {
        std::mem::take(&mut self.leaks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A workflow of the owner's that runs until it is cancelled, once it runs.
    pub(super) async fn hold(&self) -> Result<ExecutionHandle, Trouble> {
        let plan = self.owned_plan(HOLDS, json!({}))?;
        let before = self.probes.held();
        let handle = self.owner.start(&plan, StartOptions::default())?;
        while self.probes.held() == before {
            tokio::task::yield_now().await;
        }
        Ok(handle)
    }

    pub(super) fn owned_plan(
        &self,
        node_type: &str,
        parameters: Value,
    ) -> Result<Arc<PreparedPlan>, Trouble> {
        let node = node("leaks-owner-node", node_type, parameters);
        Ok(plan(
            &self.owner,
            &document(OWNED_WORKFLOW, &[node], json!({})),
        )??)
    }

    /// Has the owner run one node.
    pub(super) async fn own(&self, node_type: &str, parameters: Value) -> Result<Report, Trouble> {
        let plan = self.owned_plan(node_type, parameters)?;
        Ok(self.owner.run(&plan, StartOptions::default()).await?)
    }

    /// Has the actor run one node, and looks for the owner in everything that it is told; but what
    /// it said itself it knew before.
    pub(super) async fn errand(
        &self,
        node_type: &str,
        parameters: Value,
        said: &[&str],
    ) -> Result<Option<Report>, Trouble> {
        let nodes = [node("step", node_type, parameters)];
        self.errand_of(&document("errand", &nodes, json!({})), said)
            .await
    }

    /// Has the actor plan one node.
    pub(super) fn planned(
        &self,
        node_type: &str,
        parameters: Value,
    ) -> Result<Arc<PreparedPlan>, Trouble> {
        let nodes = [node("step", node_type, parameters)];
        Ok(plan(&self.actor, &document("errand", &nodes, json!({})))??)
    }

    pub(super) async fn errand_of(
        &self,
        document: &Value,
        said: &[&str],
    ) -> Result<Option<Report>, Trouble> {
        let plan = match plan(&self.actor, document)? {
            Ok(plan) => plan,
            Err(findings) => {
                self.hear_but("findings of a plan", &findings.to_string(), said);
                return Ok(None);
            }
        };
        match self.actor.run(&plan, StartOptions::default()).await {
            Ok(report) => {
                let failure = format!("{:?}", report.failure);
                for text in [
                    serde_json::to_string(&report)?,
                    journal_text(&report)?,
                    failure,
                ] {
                    self.hear_but("report of a run", &text, said);
                }
                self.hear_probes("node of a run");
                Ok(Some(report))
            }
            Err(error) => {
                self.hear_but("error of a start", &error.to_string(), said);
                Ok(None)
            }
        }
    }

    pub(super) fn set_policy(&self, tenant: &TenantEngine, document: Value) -> Outcome {
        set_policy(&self.engine, tenant.id(), document)
    }

    /// Lets everything that still runs end.
    pub(super) async fn clear(&self) {
        for tenant in [&self.owner, &self.actor] {
            for execution in tenant.executions() {
                execution.cancel();
            }
        }
        while !self.owner.executions().is_empty() || !self.actor.executions().is_empty() {
            tokio::task::yield_now().await;
        }
    }
}

pub(super) const OWNED_USER: &str = "leaks-owner-user";

/// What a policy of the owner's says; its numbers are nobody else's.
pub(super) fn owner_policy() -> Value {
    json!({
        "restrictedNodeTypes": ["leaks.kept*"],
        "allowedUsers": ["leaks-owner-*"],
        "allowedHosts": ["leaks-owner.example"],
        "trustedPublishers": ["leaks-owner", "unsigned"],
        "environment": ["LEAKS_OWNER_*"],
        "sensitiveFieldPatterns": ["leaks-sensitive"],
        "circuitBreaker": { "minimumCalls": 2, "window": "1h", "openFor": "1h" },
        "quotas": { "itemsPerExecution": 77_777 }
    })
}

pub(super) fn intruder_policy() -> Value {
    json!({
        "allowedUsers": ["leaks-intruder-*"],
        "allowedHosts": ["leaks-intruder.example"],
        "capabilities": ["http", "kv", "secrets", "config", "clock", "random", "log"],
        "trustedPublishers": ["leaks-intruder", "unsigned"],
        "environment": ["LEAKS_INTRUDER_*"],
        "circuitBreaker": { "minimumCalls": 3, "window": "1h", "openFor": "1h" }
    })
}

fn set_policy(engine: &Engine, tenant: &TenantId, document: Value) -> Outcome {
    let policy: Policy = serde_json::from_value(document)?;
    engine.tenancy().set_policy(tenant, &policy)?;
    Ok(())
}

pub(super) fn node(id: &str, node_type: &str, parameters: Value) -> Value {
    let mut node = json!({ "id": id, "nodeType": node_type });
    node["parameters"] = parameters;
    node
}

pub(super) fn document(name: &str, nodes: &[Value], connections: Value) -> Value {
    let mut document = json!({ "formatVersion": 1, "name": name, "nodes": nodes });
    document["connections"] = connections;
    document
}

/// Plans a document: outside, whether it could be read, inside, what planning says.
pub(super) fn plan(
    tenant: &TenantEngine,
    document: &Value,
) -> Result<Result<Arc<PreparedPlan>, Diagnostics>, Trouble> {
    let workflow = workflow_from_value(document)?;
    Ok(tenant.plan(&workflow, &PlanOptions::default()))
}

pub(super) fn journal_text(report: &Report) -> Result<String, Trouble> {
    Ok(serde_json::to_string(&report.journal.events())?)
}

/// What an answer says, whether it is one or not.
pub(super) fn answer<T>(result: &Result<T, StartError>) -> String {
    match result {
        Ok(_) => "it starts".to_owned(),
        Err(error) => format!("{error} {error:?}"),
    }
}

fn excerpt(text: &str) -> &str {
    let plain = text.to_lowercase().replace('_', "-");
    let place = plain.find(OWNED).unwrap_or(0).saturating_sub(40);
    let start = (0..=place.min(text.len()))
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(0);
    let end = (start + 120).min(text.len());
    let end = (end..=text.len())
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(text.len());
    &text[start..end]
}
