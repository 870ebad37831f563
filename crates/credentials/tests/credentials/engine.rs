//! Workflows use stored credentials, and what they leave behind shows nothing of them.

use std::sync::Arc;

use jackfield_credentials::AuditTrail;
use jackfield_definition::{PlanOptions, workflow_from_value};
use jackfield_engine::{Engine, Report, StartOptions, TenantEngine};
use jackfield_nodes::{Access, NodeSettings, node_types};
use jackfield_registry::Registry;
use jackfield_tenancy::Tenancy;
use jackfield_testkit::store::MemoryStore;
use jackfield_types::{Item, TenantId};
use serde_json::{Value, json};
use wiremock::matchers::header;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{bearer, bound, builder, key, put, tenant};

const TOKEN: &str = "s3cr3t-token-1";

fn registry() -> Registry {
    let registry = Registry::new();
    let mut settings = NodeSettings::default();
    settings.http.private_networks = Access::Allowed;
    for built_in in node_types(&settings) {
        let name = built_in.metadata.node_type.to_string();
        registry
            .register_with_metadata(&name, built_in.executor, built_in.metadata)
            .unwrap();
    }
    registry
}

fn engine(tenancy: Tenancy, id: &TenantId) -> TenantEngine {
    Engine::builder(registry())
        .tenancy(tenancy)
        .build()
        .tenant(id)
}

async fn run(engine: &TenantEngine, node_type: &str, parameters: Value) -> Report {
    let document = json!({
        "formatVersion": 1, "name": "test",
        "nodes": [{"id": "call", "nodeType": node_type, "parameters": parameters}],
        "connections": {}
    });
    let workflow = workflow_from_value(&document).unwrap();
    let plan = engine.plan(&workflow, &PlanOptions::default()).unwrap();
    // What it starts with holds the token by chance.
    let item = Item::from_value(json!({"guess": TOKEN})).unwrap();
    let options = StartOptions {
        items: Arc::new(vec![item]),
        ..StartOptions::default()
    };
    engine.run(&plan, options).await.unwrap()
}

/// Everything that an execution leaves behind.
fn traces(report: &Report) -> String {
    format!(
        "{} {} {:?}",
        serde_json::to_string(report).unwrap(),
        serde_json::to_string(&report.journal.events()).unwrap(),
        report.failure
    )
}

/// A server that repeats what it is sent.
async fn server() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(header("authorization", format!("Bearer {TOKEN}").as_str()))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"you": [TOKEN, "said"]})))
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn a_stored_credential_goes_along_and_leaves_no_trace() {
    let server = server().await;
    let id = tenant("acme");
    let store = builder(&MemoryStore::new(), &[&key("k")]).build();
    let tenancy = Tenancy::builder().secrets(store.clone()).build();
    let engine = engine(tenancy, &id);
    let parameters = json!({"url": server.uri(), "auth": {"credential": "crm"}});

    // Nothing has been read of the tenant when it is planned; the call finds that there is none.
    let report = run(&engine, "http-request", parameters.clone()).await;
    assert!(traces(&report).contains("CREDENTIAL_MISSING"));

    let host = server.uri();
    put(&store.tenant(&id), "crm", &bound(TOKEN, &[&host])).await;
    let report = run(&engine, "http-request", parameters.clone()).await;
    let traces_of = traces(&report);
    assert_eq!(report.status.as_str(), "success", "{traces_of}");
    assert!(
        traces_of.contains("[redacted]") && !traces_of.contains(TOKEN),
        "{traces_of}"
    );

    // Bound to the host alone, it does not go there unprotected.
    let unprotected = server.address().to_string();
    put(&store.tenant(&id), "crm", &bound(TOKEN, &[&unprotected])).await;
    let traces_of = traces(&run(&engine, "http-request", parameters.clone()).await);
    assert!(
        traces_of.contains("TENANT_FORBIDDEN") && traces_of.contains("over `http`"),
        "{traces_of}"
    );
    assert_eq!(server.received_requests().await.unwrap().len(), 1);

    // It is bound elsewhere from now on, and the next call is refused with the rule.
    put(
        &store.tenant(&id),
        "crm",
        &bound(TOKEN, &["api.example.org"]),
    )
    .await;
    let report = run(&engine, "http-request", parameters.clone()).await;
    let traces_of = traces(&report);
    assert!(traces_of.contains("TENANT_FORBIDDEN"), "{traces_of}");
    assert!(
        traces_of.contains("is not in hosts of credential `crm`"),
        "{traces_of}"
    );
    assert!(!traces_of.contains(TOKEN), "{traces_of}");
    let mut other = bound(TOKEN, &[&host]);
    other.node_types = Some(vec!["acme/*".to_owned()]);
    put(&store.tenant(&id), "crm", &other).await;
    let traces_of = traces(&run(&engine, "http-request", parameters).await);
    assert!(
        traces_of.contains("is not in nodeTypes of credential `crm`"),
        "{traces_of}"
    );
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_expression_reads_what_is_bound_to_nothing() {
    let id = tenant("acme");
    let store = builder(&MemoryStore::new(), &[&key("k")]).build();
    put(&store.tenant(&id), "free", &bearer(TOKEN)).await;
    let tenancy = Tenancy::builder().secrets(store.clone()).build();
    let engine = engine(tenancy, &id);
    let parameters = json!({"set": {"value": "{{ $secrets.free + '!' }}"}});
    let report = run(&engine, "transform", parameters.clone()).await;
    let traces_of = traces(&report);
    assert_eq!(report.status.as_str(), "success", "{traces_of}");
    assert!(
        traces_of.contains("[redacted]!") && !traces_of.contains(TOKEN),
        "{traces_of}"
    );

    put(
        &store.tenant(&id),
        "free",
        &bound(TOKEN, &["api.example.org"]),
    )
    .await;
    let document = json!({
        "formatVersion": 1, "name": "test",
        "nodes": [{"id": "call", "nodeType": "transform", "parameters": parameters}],
        "connections": {}
    });
    let workflow = workflow_from_value(&document).unwrap();
    let Err(findings) = engine.plan(&workflow, &PlanOptions::default()) else {
        panic!("a bound credential was granted to an expression");
    };
    let findings = findings.to_string();
    assert!(
        findings.contains("TENANT_FORBIDDEN") || findings.contains("bound by its hosts"),
        "{findings}"
    );
}

#[tokio::test]
async fn a_wrong_key_fails_the_call_with_the_way_out_and_nothing_else() {
    let server = server().await;
    let id = tenant("acme");
    let memory = MemoryStore::new();
    put(
        &builder(&memory, &[&key("2024")]).build().tenant(&id),
        "crm",
        &bearer(TOKEN),
    )
    .await;
    let store = builder(&memory, &[&key("2025")]).build();
    let tenancy = Tenancy::builder().secrets(store).build();
    let engine = engine(tenancy, &id);
    let parameters = json!({"url": server.uri(), "auth": {"credential": "crm"}});
    let told = traces(&run(&engine, "http-request", parameters).await);
    assert!(
        told.contains("CREDENTIAL_UNREADABLE")
            && told.contains("needs the master key `2024`, and there are `2025`"),
        "{told}"
    );
    let parameters = json!({"set": {"value": "{{ $secrets.crm }}"}});
    let told = traces(&run(&engine, "transform", parameters).await);
    assert!(
        told.contains("CREDENTIAL_UNREADABLE")
            && told.contains("needs the master key `2024`, and there are `2025`"),
        "{told}"
    );
    // What an execution starts with is another matter: nobody can tell what it holds.
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn what_is_done_is_on_record_in_the_trail_of_the_tenant() {
    use jackfield_store_api::Expected;
    use jackfield_tenancy::{AuditLog, AuditOptions};
    let folder = tempfile::tempdir().unwrap();
    let log = AuditLog::open(folder.path(), AuditOptions::default()).unwrap();
    let tenancy = Tenancy::builder().audit(log.clone()).build();
    let id = tenant("acme");
    let store = builder(&MemoryStore::new(), &[&key("k")])
        .audit(AuditTrail::new(tenancy.clone()))
        .build();
    let acme = store.tenant(&id);
    put(&acme, "crm", &bound(TOKEN, &["api.example.org"])).await;
    crate::support::token(&acme, "crm").await.unwrap();
    acme.delete("crm", Expected::Anything).await.unwrap();
    log.flush().unwrap();
    let mut trail = String::new();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        trail += &std::fs::read_to_string(file.unwrap().path()).unwrap_or_default();
    }
    for expected in [
        "credentialChanged",
        "secretRead",
        "credentialRemoved",
        "crm: bearer",
    ] {
        assert!(trail.contains(expected), "{expected}: {trail}");
    }
    assert!(!trail.contains(TOKEN));
}
