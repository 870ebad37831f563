use std::collections::BTreeMap;
use std::sync::Arc;

use jackfield_definition::{Workflow, workflow_from_value};
use jackfield_engine::{Engine, EngineBuilder, WorkflowSource, WorkflowSourceError};
use jackfield_registry::Registry;
use jackfield_tenancy::{AuditLog, SecretSource, StaticSecrets, Tenancy, TenancyBuilder};
use jackfield_types::{Secret, TenantId};
use serde_json::{Value, json};

use super::probes::ECHO;
use super::stage::Trouble;
use crate::store::MemoryStore;

/// What begins the names and values of everything that the owner owns, and of nothing else.
pub(super) const OWNED: &str = "leaks-owner";
/// The owner's secret.
pub(super) const OWNED_SECRET: &str = "LEAKS_OWNER_SECRET";
/// What the owner's secret holds.
pub(super) const OWNED_SECRET_VALUE: &str = "leaks-owner-secret-5c1f93";
/// A secret that both have.
pub(super) const SHARED_SECRET: &str = "LEAKS_SHARED_SECRET";
/// The owner's name of the environment.
pub(super) const OWNED_NAME: &str = "LEAKS_OWNER_NAME";
/// The owner's workflow.
pub(super) const OWNED_WORKFLOW: &str = "leaks-owner-workflow";
/// A workflow that both have.
pub(super) const SHARED_WORKFLOW: &str = "leaks-shared-workflow";

/// What the two tenants own outside of the engine, and the parts that an engine is made of.
///
/// The function that is given to [`find_leaks`](super::find_leaks) makes an engine of it. Parts of
/// its own may take the place of the given ones; they have to hold what [`secrets`](Self::secrets)
/// and [`workflows`](Self::workflows) say. The suite puts policies of its own in force for the two
/// tenants, and registers node types whose names begin with `leaks.`.
pub struct Scene {
    tenancy: TenancyBuilder,
    secrets: BTreeMap<TenantId, BTreeMap<String, Secret<String>>>,
    workflows: SceneWorkflows,
    environment: BTreeMap<String, String>,
}

impl Scene {
    pub(super) fn new(
        owner: &TenantId,
        intruder: &TenantId,
        audit: AuditLog,
    ) -> Result<Self, Trouble> {
        let secret = |text: &str| Secret::new(text.to_owned());
        let of_owner = BTreeMap::from([
            (OWNED_SECRET.to_owned(), secret(OWNED_SECRET_VALUE)),
            (
                SHARED_SECRET.to_owned(),
                secret("leaks-owner-shared-88d2e0"),
            ),
        ]);
        let of_intruder = BTreeMap::from([(
            SHARED_SECRET.to_owned(),
            secret("leaks-intruder-shared-41abc7"),
        )]);
        let secrets = BTreeMap::from([(owner.clone(), of_owner), (intruder.clone(), of_intruder)]);
        let source = StaticSecrets::from_map(secrets.clone())?;
        let name = |of: &str| {
            (
                format!("LEAKS_{of}_NAME"),
                format!("leaks-{of}-in-environment"),
            )
        };
        Ok(Self {
            tenancy: Tenancy::builder().audit(audit).secrets(source),
            secrets,
            workflows: SceneWorkflows {
                owner: owner.clone(),
                intruder: intruder.clone(),
            },
            environment: BTreeMap::from([name("OWNER"), name("INTRUDER")]),
        })
    }

    /// What a source of secrets has to hold, by tenant and name.
    pub fn secrets(&self) -> &BTreeMap<TenantId, BTreeMap<String, Secret<String>>> {
        &self.secrets
    }

    /// The workflows that the tenants call by name. Another source has to find what this one does.
    pub fn workflows(&self) -> SceneWorkflows {
        self.workflows.clone()
    }

    /// Says where secrets come from.
    #[must_use]
    pub fn with_secrets(mut self, source: impl SecretSource) -> Self {
        self.tenancy = self.tenancy.secrets(source);
        self
    }

    /// Changes the tenancy that the engine is to have. Its audit log stays.
    #[must_use]
    pub fn with_tenancy(mut self, change: impl FnOnce(TenancyBuilder) -> TenancyBuilder) -> Self {
        self.tenancy = change(self.tenancy);
        self
    }

    /// Begins an engine over a registry, with all of this in it.
    pub fn engine(self, registry: Registry) -> EngineBuilder {
        Engine::builder(registry)
            .store(Arc::new(MemoryStore::new()))
            .tenancy(self.tenancy.build())
            .workflow_source(self.workflows)
            .environment(self.environment)
    }
}

/// Two workflows of the owner's, of which one has the same name as one of the other tenant's.
#[derive(Debug, Clone)]
pub struct SceneWorkflows {
    owner: TenantId,
    intruder: TenantId,
}

impl SceneWorkflows {
    /// The document of a tenant's workflow.
    pub fn document(&self, tenant: &TenantId, reference: &str) -> Option<Value> {
        let text = if *tenant == self.owner {
            match reference {
                OWNED_WORKFLOW | SHARED_WORKFLOW => "leaks-owner-says",
                _ => return None,
            }
        } else if *tenant == self.intruder && reference == SHARED_WORKFLOW {
            "leaks-intruder-says"
        } else {
            return None;
        };
        let nodes = json!([{ "id": "says", "nodeType": ECHO, "parameters": { "text": text } }]);
        Some(json!({ "formatVersion": 1, "name": reference, "nodes": nodes, "connections": {} }))
    }
}

impl WorkflowSource for SceneWorkflows {
    fn load(&self, tenant: &TenantId, reference: &str) -> Result<Workflow, WorkflowSourceError> {
        let document = self
            .document(tenant, reference)
            .ok_or_else(|| WorkflowSourceError {
                message: format!("no workflow `{reference}`"),
                source: None,
            })?;
        workflow_from_value(&document).map_err(|findings| WorkflowSourceError {
            message: findings.to_string(),
            source: None,
        })
    }
}
