//! Engines that have their credentials from the store that keeps their executions.

use std::sync::Arc;

use jackfield::credentials::{
    CredentialStore, KeyId, MasterKey, MasterKeys, NewCredential, TenantCredentials,
};
use jackfield::plugin_api::NodeError;
use jackfield::store::{Expected, Store};
use jackfield::types::Transport;
use jackfield::{
    Engine, Item, NodeOutput, PlanOptions, PreparedPlan, Secret, Tenancy, TenantEngine, TenantId,
    workflow_from_value,
};
use jackfield_testkit::ScriptedExecutor;
use serde_json::{Value, json};

/// What nobody must see.
pub(crate) const TOKEN: &str = "s3cr3t-t0ken-1";

pub(crate) fn acme() -> TenantId {
    TenantId::parse("acme").unwrap()
}

pub(crate) fn key() -> MasterKey {
    MasterKey::generate(KeyId::parse("2025").unwrap()).unwrap()
}

/// One process: an engine and credentials, both of the store.
pub(crate) struct Process {
    pub(crate) engine: Engine,
    pub(crate) tenant: TenantEngine,
    pub(crate) credentials: TenantCredentials,
}

impl Process {
    pub(crate) fn new(store: &Arc<dyn Store>, key: &MasterKey) -> Self {
        let keys = MasterKeys::new(vec![key.clone()]).unwrap();
        let credentials = CredentialStore::builder(Arc::clone(store), keys).build();
        let tenancy = Tenancy::builder().secrets(credentials.clone()).build();
        let registry = jackfield::built_in_registry().unwrap();
        for (name, executor) in [("sends", sends()), ("says", says())] {
            let metadata = ScriptedExecutor::metadata(name);
            registry
                .register_with_metadata(name, Arc::new(executor), metadata)
                .unwrap();
        }
        let engine = Engine::builder(registry)
            .tenancy(tenancy)
            .store(Arc::clone(store))
            .build();
        Self {
            tenant: engine.tenant(&acme()),
            engine,
            credentials: credentials.tenant(&acme()),
        }
    }

    pub(crate) async fn put(&self, name: &str, hosts: &[&str]) {
        let fields = [("token".to_owned(), json!(TOKEN))].into_iter().collect();
        let new = NewCredential {
            credential_type: "bearer".to_owned(),
            fields: Secret::new(fields),
            hosts: Some(hosts.iter().map(|&host| host.to_owned()).collect()),
            node_types: None,
        };
        let put = self.credentials.put(name, &new, Expected::Absent).await;
        put.unwrap();
    }

    pub(crate) fn plan(&self, nodes: &[(&str, &str, Value)]) -> Arc<PreparedPlan> {
        let connections = nodes.windows(2).map(|pair| {
            let target = json!({ "main": [[{ "node": pair[1].0 }]] });
            (pair[0].0.to_owned(), target)
        });
        let document = json!({
            "formatVersion": 1,
            "name": "test",
            "nodes": nodes.iter().map(|(id, node_type, parameters)| {
                json!({ "id": id, "nodeType": node_type, "parameters": parameters })
            }).collect::<Vec<_>>(),
            "connections": connections.collect::<serde_json::Map<_, _>>(),
        });
        let workflow = workflow_from_value(&document).unwrap();
        match self.tenant.plan(&workflow, &PlanOptions::default()) {
            Ok(plan) => plan,
            Err(findings) => panic!("{findings}"),
        }
    }
}

/// Uses a credential for a host, and gives the token away.
fn sends() -> ScriptedExecutor {
    ScriptedExecutor::immediate(|_, call| {
        let host = call.parameters.source()["host"]
            .as_str()
            .unwrap_or_default();
        let found = call
            .context
            .grants
            .credential("crm", Transport::Https, host, 443)?;
        let token = found.text("token").unwrap().expose().clone();
        assert_eq!(token, TOKEN, "the node has it");
        let item = json!({ "sent": format!("Bearer {token}") });
        Ok::<_, NodeError>(NodeOutput::items(vec![Item::from_value(item).unwrap()]))
    })
}

/// Gives the token away without having asked for it: somebody else told.
fn says() -> ScriptedExecutor {
    ScriptedExecutor::immediate(|_, _| {
        let item = Item::from_value(json!({ "guess": TOKEN })).unwrap();
        Ok::<_, NodeError>(NodeOutput::items(vec![item]))
    })
}
