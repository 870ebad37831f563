//! A registry with the built-in node types and scripted ones, and a short way to run a document.

#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]

use std::collections::BTreeMap;
use std::sync::Arc;

use jackfield::{
    Engine, Item, Items, PlanOptions, Policy, PreparedPlan, Registry, Report, Secret, SourceText,
    StartOptions, StaticSecrets, Tenancy, TenantEngine, TenantId, read_workflow,
};
use jackfield_testkit::ScriptedExecutor;
use serde_json::{Value, json};

pub(crate) fn registry(scripted: &[(&str, &ScriptedExecutor)]) -> Registry {
    let registry = jackfield::built_in_registry().unwrap();
    for (name, executor) in scripted {
        let metadata = ScriptedExecutor::metadata(name);
        registry
            .register_with_metadata(name, Arc::new((*executor).clone()), metadata)
            .unwrap();
    }
    registry
}

pub(crate) fn engine(scripted: &[(&str, &ScriptedExecutor)]) -> TenantEngine {
    Engine::builder(registry(scripted)).build().default_tenant()
}

pub(crate) fn plan(engine: &TenantEngine, document: &Value) -> Arc<PreparedPlan> {
    let source = SourceText::new("test.json", document.to_string());
    let (workflow, _) = read_workflow(&source).unwrap();
    match engine.plan(&workflow, &PlanOptions::default()) {
        Ok(plan) => plan,
        Err(findings) => panic!("{findings}"),
    }
}

pub(crate) fn items(list: &Value) -> Items {
    let list = list.as_array().unwrap().iter().cloned();
    Arc::new(list.map(|value| Item::from_value(value).unwrap()).collect())
}

pub(crate) async fn run(engine: &TenantEngine, document: &Value, input: &Value) -> Report {
    let options = StartOptions {
        items: items(input),
        ..StartOptions::default()
    };
    engine.run(&plan(engine, document), options).await.unwrap()
}

/// A workflow of nodes `(id, node type, parameters)` and connections `(from, output, to, input)`.
pub(crate) fn workflow(
    nodes: &[(&str, &str, Value)],
    connections: &[(&str, usize, &str, usize)],
) -> Value {
    let nodes: Vec<_> = nodes
        .iter()
        .map(|(id, node_type, parameters)| {
            json!({ "id": id, "nodeType": node_type, "parameters": parameters })
        })
        .collect();
    let mut by_source = json!({});
    for (from, output, to, input) in connections {
        let target = json!({ "node": to, "index": input });
        let list = &mut by_source[*from]["main"][output.to_string()];
        match list.as_array_mut() {
            Some(list) => list.push(target),
            None => *list = json!([target]),
        }
    }
    json!({ "formatVersion": 1, "name": "test", "nodes": nodes, "connections": by_source })
}

/// Sets a field of a node of a workflow.
pub(crate) fn set(document: &mut Value, node: &str, field: &str, value: Value) {
    let nodes = document["nodes"].as_array_mut().unwrap();
    let found = nodes
        .iter_mut()
        .find(|candidate| candidate["id"] == node)
        .unwrap();
    found[field] = value;
}

pub(crate) fn output(report: &Report) -> Value {
    Value::from_iter(
        report
            .output
            .iter()
            .map(|item| Value::Object(item.json().clone())),
    )
}

pub(crate) fn status(report: &Report, node: &str) -> &'static str {
    report.node(node).unwrap().status.as_str()
}

pub(crate) fn tenant_id(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

pub(crate) fn policy(document: Value) -> Policy {
    serde_json::from_value(document).unwrap()
}

/// A tenancy with policies by tenant.
pub(crate) fn tenancy(policies: &[(&str, Value)]) -> Tenancy {
    let tenancy = Tenancy::open();
    set_policies(&tenancy, policies);
    tenancy
}

pub(crate) fn set_policies(tenancy: &Tenancy, policies: &[(&str, Value)]) {
    for (tenant, document) in policies {
        tenancy
            .set_policy(&tenant_id(tenant), &policy(document.clone()))
            .unwrap();
    }
}

/// Secrets by tenant and name.
pub(crate) fn secrets(of: &[(&str, &str, &str)]) -> StaticSecrets {
    let mut tenants: BTreeMap<TenantId, BTreeMap<String, Secret<String>>> = BTreeMap::new();
    for (tenant, name, value) in of {
        tenants
            .entry(tenant_id(tenant))
            .or_default()
            .insert((*name).to_owned(), Secret::new((*value).to_owned()));
    }
    StaticSecrets::from_map(tenants).unwrap()
}

/// Everything that an execution leaves behind, as text.
pub(crate) fn traces(report: &Report) -> String {
    let mut text = serde_json::to_string(report).unwrap();
    text.push_str(&serde_json::to_string(&report.journal.events()).unwrap());
    text.push_str(&format!("{:?}", report.failure));
    text
}
