//! How `http-request` proves whose a request is by a credential that the tenant keeps.

use jackfield_nodes::{Access, HttpSettings, NodeSettings, node_types};
use jackfield_plugin_api::{NodeError, NodeOutput};
use jackfield_testkit::{ScriptedGrants, StaticCall};
use jackfield_types::{Credential, ErrorCode, FailureClass};
use serde_json::{Value, json};
use wiremock::matchers::{header, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn credential(credential_type: &str, fields: &Value) -> Credential {
    let fields = fields.as_object().cloned().unwrap_or_default();
    Credential::new("crm", credential_type, fields, Vec::new())
}

async fn send(parameters: Value, grants: &ScriptedGrants) -> Result<NodeOutput, NodeError> {
    let http = HttpSettings {
        private_networks: Access::Allowed,
        ..HttpSettings::default()
    };
    let settings = NodeSettings {
        http,
        ..NodeSettings::default()
    };
    let node = node_types(&settings)
        .into_iter()
        .find(|built_in| built_in.metadata.node_type.as_str() == "http-request")
        .expect("it is built in");
    StaticCall::new(&node.metadata, parameters)
        .with_input(json!([{"name": "crm"}]))
        .with_grants(grants.clone())
        .execute(&*node.executor)
        .await
}

fn host(server: &MockServer) -> String {
    server.address().to_string()
}

#[tokio::test]
async fn each_type_goes_along_where_it_belongs() {
    let server = MockServer::start().await;
    for (place, kept) in [
        (
            "/header",
            credential("header", &json!({"name": "x-key", "value": "s3cr3t"})),
        ),
        (
            "/basic",
            credential("basic", &json!({"user": "ada", "password": "s3cr3t"})),
        ),
        ("/bearer", credential("bearer", &json!({"token": "s3cr3t"}))),
        (
            "/api-key",
            credential("api-key", &json!({"key": "s3cr3t", "name": "x-key"})),
        ),
        (
            "/query",
            credential(
                "api-key",
                &json!({"key": "s3&cr=3t", "name": "key", "in": "query"}),
            ),
        ),
    ] {
        let mock = Mock::given(path(place));
        let mock = match place {
            "/basic" => mock.and(header("authorization", "Basic YWRhOnMzY3IzdA==")),
            "/bearer" => mock.and(header("authorization", "Bearer s3cr3t")),
            "/query" => mock
                .and(query_param("key", "s3&cr=3t"))
                .and(query_param("q", "1")),
            _ => mock.and(header("x-key", "s3cr3t")),
        };
        mock.respond_with(ResponseTemplate::new(200).set_body_json(json!({"ok": true})))
            .mount(&server)
            .await;
        let grants = ScriptedGrants::open().with_credential(kept, &[&host(&server)]);
        let parameters = json!({
            "url": format!("{}{place}?q=1", server.uri()),
            "auth": {"credential": "crm"}
        });
        send(parameters, &grants)
            .await
            .unwrap_or_else(|error| panic!("{place}: {error}"));
    }
}

#[tokio::test]
async fn a_credential_is_not_used_for_another_host() {
    let server = MockServer::start().await;
    let kept = credential("bearer", &json!({"token": "s3cr3t"}));
    let grants = ScriptedGrants::open().with_credential(kept, &["api.example.org:443"]);
    let error = send(
        json!({"url": server.uri(), "auth": {"credential": "crm"}}),
        &grants,
    )
    .await
    .unwrap_err();
    assert_eq!(error.code(), ErrorCode::TENANT_FORBIDDEN);
    assert_eq!(error.class(), FailureClass::Final);
    assert!(!error.to_string().contains("s3cr3t"));
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_request_with_a_credential_is_not_redirected_to_a_host_that_it_is_not_bound_to() {
    let (first, second) = (MockServer::start().await, MockServer::start().await);
    let away = format!("{}/?key=s3cr3t", second.uri());
    Mock::given(path("/"))
        .respond_with(ResponseTemplate::new(307).insert_header("location", away))
        .mount(&first)
        .await;
    let kept = credential(
        "api-key",
        &json!({"key": "s3cr3t", "name": "key", "in": "query"}),
    );
    let grants = ScriptedGrants::open().with_credential(kept, &[&host(&first)]);
    let parameters = json!({"url": first.uri(), "auth": {"credential": "crm"}});
    let error = send(parameters, &grants).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::TENANT_FORBIDDEN);
    assert_eq!(first.received_requests().await.unwrap().len(), 1);
    assert_eq!(second.received_requests().await.unwrap().len(), 0);
    let asked = format!("credential crm for http://{}", host(&second));
    assert_eq!(grants.asked().last(), Some(&asked));
}

#[tokio::test]
async fn a_key_in_the_query_goes_to_the_next_page_too() {
    let server = MockServer::start().await;
    let page = |next: Value| ResponseTemplate::new(200).set_body_json(json!({"next": next}));
    Mock::given(path("/1"))
        .and(query_param("key", "s3cr3t"))
        .respond_with(page(json!("/2?from=1")))
        .mount(&server)
        .await;
    Mock::given(path("/2"))
        .and(query_param("key", "s3cr3t"))
        .and(query_param("from", "1"))
        .respond_with(page(Value::Null))
        .mount(&server)
        .await;
    let kept = credential(
        "api-key",
        &json!({"key": "s3cr3t", "name": "key", "in": "query"}),
    );
    let grants = ScriptedGrants::open().with_credential(kept, &[&host(&server)]);
    let parameters = json!({
        "url": format!("{}/1", server.uri()),
        "auth": {"credential": "crm"},
        "pagination": {"mode": "nextUrl", "next": "$response.body.next"}
    });
    send(parameters, &grants).await.unwrap();
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_does_not_go_along_with_a_request_is_refused_by_its_type() {
    let kept = credential("database", &json!({"url": "postgres://ada:s3cr3t@db/x"}));
    let grants = ScriptedGrants::open().with_credential(kept, &["localhost:1"]);
    let parameters = json!({"url": "http://localhost:1/", "auth": {"credential": "crm"}});
    let error = send(parameters, &grants).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::INVALID_PARAMETERS);
    let shown = format!("{error:?}");
    assert!(
        shown.contains("`database`") && !shown.contains("s3cr3t"),
        "{shown}"
    );
    let unknown = json!({"url": "http://localhost:1/", "auth": {"credential": "other"}});
    let error = send(unknown, &grants).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::CREDENTIAL_MISSING);
}

#[tokio::test]
async fn a_credential_is_named_alone_and_written_out() {
    let grants = ScriptedGrants::open();
    for auth in [
        json!({"credential": "crm", "type": "bearer", "token": "s3cr3t"}),
        json!({"credential": ["crm"]}),
        json!({"credential": ""}),
        json!({"credential": "{{ $json.name }}"}),
    ] {
        let parameters = json!({"url": "http://localhost:1/", "auth": auth});
        let error = send(parameters.clone(), &grants).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::INVALID_PARAMETERS, "{parameters}");
        assert!(!format!("{error:?}").contains("s3cr3t"), "{error:?}");
    }
    assert_eq!(grants.asked(), Vec::<String>::new());
}
