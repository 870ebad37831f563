//! What nodes ask of the tenant's grants, and what they say about themselves for policies.

use jackfield_nodes::{Access, BuiltIn, HttpSettings, NodeSettings, node_types};
use jackfield_plugin_api::{NodeError, NodeOutput};
use jackfield_testkit::{ScriptedGrants, StaticCall};
use jackfield_types::{Capability, ErrorCode, FailureClass, Severity};
use serde_json::{Value, json};
use wiremock::matchers::{header, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn all() -> Vec<BuiltIn> {
    node_types(&NodeSettings::default())
}

fn http(private_networks: Access) -> BuiltIn {
    let http = HttpSettings {
        private_networks,
        ..HttpSettings::default()
    };
    node_types(&NodeSettings {
        http,
        ..NodeSettings::default()
    })
    .into_iter()
    .find(|built_in| built_in.metadata.node_type.as_str() == "http-request")
    .expect("it is built in")
}

async fn send(parameters: Value, grants: &ScriptedGrants) -> Result<NodeOutput, NodeError> {
    let node = http(Access::Allowed);
    StaticCall::new(&node.metadata, parameters)
        .with_input(json!([{"name": "api"}]))
        .with_grants(grants.clone())
        .execute(&*node.executor)
        .await
}

/// How the grants are asked for a server.
fn host(server: &MockServer) -> String {
    server.address().to_string()
}

#[test]
fn node_types_that_reach_outside_say_so() {
    let declared: Vec<(String, Vec<Capability>)> = all()
        .into_iter()
        .filter(|built_in| !built_in.metadata.capabilities.is_empty())
        .map(|built_in| {
            let metadata = built_in.metadata;
            (metadata.node_type.to_string(), metadata.capabilities)
        })
        .collect();
    let mut expected = Vec::new();
    if cfg!(feature = "dbal") {
        for name in ["dbal-read", "dbal-write", "dbal-delete", "dbal-aggregate"] {
            expected.push((name.to_owned(), vec![Capability::Database]));
        }
        let sql = vec![Capability::Database, Capability::Sql];
        expected.push(("dbal-query".to_owned(), sql));
    }
    expected.push(("http-request".to_owned(), vec![Capability::Http]));
    expected.push(("math.random".to_owned(), vec![Capability::Random]));
    assert_eq!(declared, expected);
}

#[tokio::test]
async fn the_tenant_is_asked_for_the_host_before_anything_is_sent() {
    let server = MockServer::start().await;
    let grants = ScriptedGrants::open().with_hosts(&["example.org:443"]);
    let error = send(json!({"url": server.uri()}), &grants)
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::TENANT_FORBIDDEN);
    assert_eq!(error.class(), FailureClass::Final);
    assert_eq!(grants.asked(), [format!("host {}", host(&server))]);
    assert_eq!(server.received_requests().await.unwrap().len(), 0);

    // A name that does not exist would fail otherwise: nobody asked for its address.
    let url = "https://nowhere.invalid./path";
    let error = send(json!({"url": url}), &grants).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::TENANT_FORBIDDEN);
    assert_eq!(grants.asked()[1], "host nowhere.invalid:443");
    let error = send(json!({"url": "http://[::1]:81/"}), &grants)
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::TENANT_FORBIDDEN);
    assert_eq!(grants.asked()[2], "host ::1:81");
}

#[tokio::test]
async fn the_tenant_is_asked_for_each_redirect() {
    let (first, second) = (MockServer::start().await, MockServer::start().await);
    Mock::given(path("/"))
        .respond_with(ResponseTemplate::new(302).insert_header("location", second.uri()))
        .mount(&first)
        .await;
    let grants = ScriptedGrants::open().with_hosts(&[&host(&first)]);
    let error = send(json!({"url": first.uri()}), &grants)
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::TENANT_FORBIDDEN);
    let hosts = [&first, &second].map(|server| format!("host {}", host(server)));
    assert_eq!(grants.asked(), hosts);
    assert_eq!(second.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn the_tenant_is_asked_for_each_page() {
    let server = MockServer::start().await;
    let page = |next: Value| ResponseTemplate::new(200).set_body_json(json!({"next": next}));
    Mock::given(query_param_is_missing("cursor"))
        .respond_with(page(json!("b")))
        .mount(&server)
        .await;
    Mock::given(query_param("cursor", "b"))
        .respond_with(page(Value::Null))
        .mount(&server)
        .await;
    let grants = ScriptedGrants::open().with_hosts(&[&host(&server)]);
    let parameters = json!({
        "url": server.uri(),
        "pagination": {"mode": "cursor", "next": "$response.body.next"}
    });
    send(parameters, &grants).await.unwrap();
    let asked = format!("host {}", host(&server));
    assert_eq!(grants.asked(), [asked.clone(), asked]);
}

#[tokio::test]
async fn what_is_secret_may_be_given_by_its_name() {
    let server = MockServer::start().await;
    for (auth, name, value) in [
        (
            json!({"type": "bearer", "secret": "api-key"}),
            "authorization",
            "Bearer s3cr3t",
        ),
        (
            json!({"type": "basic", "user": "ada", "secret": "api-key"}),
            "authorization",
            "Basic YWRhOnMzY3IzdA==",
        ),
        (
            json!({"type": "header", "name": "x-key", "secret": "api-key"}),
            "x-key",
            "s3cr3t",
        ),
    ] {
        server.reset().await;
        Mock::given(header(name, value))
            .respond_with(ResponseTemplate::new(200))
            .mount(&server)
            .await;
        let grants = ScriptedGrants::open().with_secret("api-key", "s3cr3t");
        let parameters = json!({"url": server.uri(), "auth": auth});
        send(parameters, &grants).await.unwrap();
        assert_eq!(grants.asked()[0], "secret api-key");
    }
}

#[tokio::test]
async fn a_secret_that_the_other_side_repeats_is_not_shown() {
    let server = MockServer::start().await;
    Mock::given(path("/"))
        .respond_with(ResponseTemplate::new(403).set_body_string("s3cr3t is wrong"))
        .mount(&server)
        .await;
    let grants = ScriptedGrants::open().with_secret("api-key", "s3cr3t");
    let parameters = json!({"url": server.uri(), "auth": {"type": "bearer", "secret": "api-key"}});
    let failure = send(parameters, &grants).await.unwrap_err().into_failure();
    assert_eq!(
        failure.details,
        Some(json!({"body": "[redacted] is wrong"}))
    );
}

#[tokio::test]
async fn a_secret_that_is_missing_is_missing() {
    let parameters = json!({
        "url": "https://example.org/",
        "auth": {"type": "bearer", "secret": "api-key"}
    });
    let grants = ScriptedGrants::open();
    let failure = send(parameters, &grants).await.unwrap_err().into_failure();
    assert_eq!(failure.code, ErrorCode::CREDENTIAL_MISSING);
    assert_eq!(grants.asked(), ["secret api-key"], "nothing was sent");
}

#[tokio::test]
async fn items_do_not_choose_which_secret_is_sent() {
    let grants = ScriptedGrants::open().with_secret("api", "s3cr3t");
    for auth in [
        json!({"type": "bearer", "secret": "{{ $json.name }}"}),
        json!("{{ ({type: 'bearer', secret: $json.name}) }}"),
    ] {
        let parameters = json!({"url": "https://example.org/", "auth": auth});
        let error = send(parameters, &grants).await.unwrap_err();
        assert!(error.to_string().contains("must be written out"), "{error}");
    }
    assert_eq!(grants.asked(), [""; 0]);
}

#[test]
fn a_proof_is_given_once_and_bounded() {
    let node = http(Access::Refused);
    for (auth, path) in [
        (json!({"type": "bearer"}), "/auth/token"),
        (
            json!({"type": "bearer", "token": "a", "secret": "b"}),
            "/auth/token",
        ),
        (json!({"type": "basic", "user": "a"}), "/auth/password"),
        (json!({"type": "header", "name": "a"}), "/auth/value"),
        (json!({"type": "bearer", "secret": ""}), "/auth/secret"),
        (
            json!({"type": "bearer", "secret": "x".repeat(257)}),
            "/auth/secret",
        ),
    ] {
        let parameters = json!({"url": "https://example.org/", "auth": auth});
        let issues = node.executor.validate(&parameters);
        assert_eq!(issues.len(), 1, "{parameters}");
        assert_eq!(issues[0].path, path, "{parameters}");
    }
    let named = json!({"url": "https://example.org/", "auth": {"type": "bearer", "secret": "a"}});
    assert_eq!(node.executor.validate(&named), []);
    let schema = node.metadata.schema.unwrap();
    let text = schema["properties"]["auth"].to_string();
    assert_eq!(text.matches(r#""format":"secret""#).count(), 3, "{text}");
}

#[test]
fn a_url_that_this_instance_does_not_reach_is_a_warning() {
    for url in [
        "http://127.0.0.1:8080/",
        "http://localhost/",
        "http://[::1]/x",
    ] {
        let issues = http(Access::Refused)
            .executor
            .validate(&json!({"url": url}));
        assert_eq!(issues.len(), 1, "{url}");
        assert_eq!(issues[0].severity, Severity::Warning);
        assert_eq!(issues[0].code, ErrorCode::NETWORK_FORBIDDEN);
        assert_eq!(issues[0].path, "/url");
        assert_eq!(
            http(Access::Allowed)
                .executor
                .validate(&json!({"url": url})),
            []
        );
    }
}

#[tokio::test]
async fn secrets_of_the_tenant_are_read_by_expressions() {
    let node = all()
        .into_iter()
        .find(|built_in| built_in.metadata.node_type.as_str() == "string.length")
        .unwrap();
    let output = StaticCall::new(&node.metadata, json!({"value": "{{ $secrets.key }}"}))
        .with_input(json!([{}]))
        .with_grants(ScriptedGrants::open().with_secret("key", "s3cr3t"))
        .execute(&*node.executor)
        .await
        .unwrap();
    assert_eq!(StaticCall::ports(&output), json!([[{"result": 6}]]));
}
