//! HTTP requests: what is sent, what is made of the answers, and where requests may not go.

use std::time::Duration;

use jackfield_nodes::{Access, BuiltIn, HttpSettings, NodeSettings, node_types};
use jackfield_plugin_api::{NodeError, NodeOutput};
use jackfield_testkit::StaticCall;
use jackfield_types::{FailureClass, NodeFailure};
use serde_json::{Value, json};
use wiremock::matchers::{
    body_json, body_string, header, method, path, query_param, query_param_is_missing,
};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const KEY: &str = "exec_01900000000070008000000000000000.0.node";

fn node(http: HttpSettings) -> BuiltIn {
    node_types(&NodeSettings {
        http,
        ..NodeSettings::default()
    })
    .into_iter()
    .find(|built_in| built_in.metadata.node_type.as_str() == "http-request")
    .expect("it is built in")
}

fn open() -> BuiltIn {
    node(HttpSettings {
        private_networks: Access::Allowed,
        ..HttpSettings::default()
    })
}

fn allowing(host: &str) -> BuiltIn {
    node(HttpSettings {
        allowed_hosts: vec![host.to_owned()],
        ..HttpSettings::default()
    })
}

async fn send(node: &BuiltIn, parameters: Value, items: Value) -> Result<NodeOutput, NodeError> {
    StaticCall::new(&node.metadata, parameters)
        .with_input(items)
        .execute(&*node.executor)
        .await
}

async fn get(parameters: Value) -> Value {
    StaticCall::ports(
        &send(&open(), parameters, json!([{}]))
            .await
            .expect("an answer"),
    )[0]
    .take()
}

async fn failure(node: &BuiltIn, parameters: Value) -> NodeFailure {
    send(node, parameters, json!([{}]))
        .await
        .expect_err("the request fails")
        .into_failure()
}

async fn server(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path("/"))
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn json_texts_and_files_become_items() {
    for (answer, expected) in [
        (
            ResponseTemplate::new(200).set_body_json(json!({"a": 1})),
            json!([{"a": 1}]),
        ),
        (
            ResponseTemplate::new(200).set_body_json(json!([{"a": 1}, {"a": 2}])),
            json!([{"a": 1}, {"a": 2}]),
        ),
        (
            ResponseTemplate::new(200).set_body_json(json!([1, 2])),
            json!([{"body": [1, 2]}]),
        ),
        (
            ResponseTemplate::new(200).set_body_json(json!([])),
            json!([]),
        ),
        (ResponseTemplate::new(204), json!([{"body": null}])),
        (
            ResponseTemplate::new(200).set_body_string("grüße"),
            json!([{"text": "grüße"}]),
        ),
        (
            ResponseTemplate::new(200).set_body_raw(vec![0xfc], "text/plain; charset=ISO-8859-1"),
            json!([{"text": "ü"}]),
        ),
        (
            ResponseTemplate::new(200)
                .set_body_raw(vec![0, 255], "image/png")
                .insert_header("content-disposition", "attachment; filename=\"../x/p.png\""),
            json!([{"file": {"fileName": "p.png", "mimeType": "image/png", "size": 2, "data": "AP8="}}]),
        ),
    ] {
        let server = server(answer).await;
        assert_eq!(get(json!({"url": server.uri()})).await, expected);
    }
}

#[tokio::test]
async fn the_author_decides_what_an_answer_is_read_as() {
    let server =
        server(ResponseTemplate::new(200).set_body_string("{\"a\": [1, {\"b\": 2}]}")).await;
    let url = server.uri();
    assert_eq!(
        get(json!({"url": url})).await,
        json!([{"text": "{\"a\": [1, {\"b\": 2}]}"}])
    );
    assert_eq!(
        get(json!({"url": url, "response": "json"})).await,
        json!([{"a": [1, {"b": 2}]}])
    );
    let elements = json!({"url": url, "response": "json", "itemsField": "a"});
    assert_eq!(get(elements).await, json!([{"body": 1}, {"b": 2}]));
    let file = get(json!({"url": url, "response": "file"})).await;
    assert_eq!(file[0]["file"]["size"], 20);
    assert_eq!(file[0]["file"]["fileName"], "file");
    let full = get(json!({"url": url, "fullResponse": true})).await;
    assert_eq!(full[0]["status"], 200);
    assert_eq!(full[0]["headers"]["content-type"], "text/plain");
    assert_eq!(full[0]["body"], "{\"a\": [1, {\"b\": 2}]}");
}

#[tokio::test]
async fn query_headers_and_json_are_sent_for_each_item() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/orders/7"))
        .and(query_param("kept", "a b"))
        .and(body_json(json!({"id": 7})))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"ok": true})))
        .expect(1)
        .mount(&server)
        .await;
    let parameters = json!({
        "method": "POST",
        "url": format!("{}/orders/{{{{ $json.id }}}}?kept=a%20b", server.uri()),
        "query": {"n": [1, "2"], "gone": null},
        "headers": {"X-List": ["a", "b"]},
        "body": {"type": "json", "value": "{{ $json }}"}
    });
    let output = send(&open(), parameters, json!([{"id": 7}])).await.unwrap();
    assert_eq!(StaticCall::ports(&output), json!([[{"ok": true}]]));
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[0].url.query(), Some("kept=a%20b&n=1&n=2"));
    assert_eq!(requests[0].headers.get_all("x-list").iter().count(), 2);
    assert_eq!(requests[0].headers["idempotency-key"], format!("{KEY}-0"));
}

#[tokio::test]
async fn forms_texts_and_bytes_are_sent_with_their_type() {
    let server = MockServer::start().await;
    for (content_type, body) in [
        ("application/x-www-form-urlencoded", "a=1+%26&b=2&b=3"),
        ("text/plain; charset=utf-8", "hello"),
        ("text/csv", "a,b"),
        ("application/octet-stream", "bytes"),
    ] {
        Mock::given(header("content-type", content_type))
            .and(body_string(body))
            .respond_with(ResponseTemplate::new(204))
            .expect(1)
            .mount(&server)
            .await;
    }
    for body in [
        json!({"type": "form", "fields": {"a": "1 &", "b": [2, 3], "c": null}}),
        json!({"type": "text", "text": "hello"}),
        json!({"type": "text", "text": "a,b", "contentType": "text/csv"}),
        json!({"type": "raw", "data": "Ynl0ZXM="}),
    ] {
        get(json!({"method": "PUT", "url": server.uri(), "body": body})).await;
    }
}

#[tokio::test]
async fn idempotency_keys_are_the_author_s_if_there_is_one_and_not_sent_with_reads() {
    let server = server(ResponseTemplate::new(204)).await;
    get(json!({"url": server.uri()})).await;
    get(json!({"url": server.uri(), "method": "DELETE", "headers": {"idempotency-KEY": "mine"}}))
        .await;
    let requests = server.received_requests().await.unwrap();
    assert!(!requests[0].headers.contains_key("idempotency-key"));
    assert_eq!(requests[1].headers["idempotency-key"], "mine");
}

#[tokio::test]
async fn requests_prove_whose_they_are() {
    let server = MockServer::start().await;
    for (name, value) in [
        ("authorization", "Basic YWRhOnPDpHNhbWU="),
        ("authorization", "Bearer tok"),
        ("x-api-key", "k"),
    ] {
        let answer = ResponseTemplate::new(204);
        Mock::given(header(name, value))
            .respond_with(answer)
            .expect(1)
            .mount(&server)
            .await;
    }
    for auth in [
        json!({"type": "basic", "user": "ada", "password": "säsame"}),
        json!({"type": "bearer", "token": "tok"}),
        json!({"type": "header", "name": "X-Api-Key", "value": "k"}),
    ] {
        get(json!({"url": server.uri(), "auth": auth})).await;
    }
}

#[tokio::test]
async fn a_status_decides_whether_it_is_worth_another_try() {
    for (status, class) in [
        (400, FailureClass::Permanent),
        (404, FailureClass::Permanent),
        (408, FailureClass::Retryable),
        (425, FailureClass::Retryable),
        (429, FailureClass::Retryable),
        (500, FailureClass::Retryable),
        (501, FailureClass::Permanent),
        (503, FailureClass::Retryable),
        (504, FailureClass::Retryable),
    ] {
        let server = server(ResponseTemplate::new(status)).await;
        let failure = failure(&open(), json!({"url": server.uri()})).await;
        assert_eq!((failure.status, failure.class), (Some(status), class));
        assert_eq!(failure.code.as_str(), "HTTP_STATUS");
    }
}

#[tokio::test]
async fn a_bad_status_tells_when_to_come_back_and_shows_no_secrets() {
    let answer = ResponseTemplate::new(429)
        .insert_header("retry-after", "7")
        .set_body_string("token s3cr3t-token of s3cr3t-cookie has no quota left");
    let server = server(answer).await;
    let parameters = json!({
        "url": server.uri(), "query": {"key": "in-query"}, "headers": {"Cookie": "s3cr3t-cookie"},
        "auth": {"type": "bearer", "token": "s3cr3t-token"}
    });
    let failure = failure(&open(), parameters).await;
    assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
    assert_eq!(
        failure.details,
        Some(json!({"body": "token [redacted] of [redacted] has no quota left"}))
    );
    let shown = serde_json::to_string(&failure).unwrap();
    assert!(
        !shown.contains("s3cr3t") && !shown.contains("in-query"),
        "{shown}"
    );
}

#[tokio::test]
async fn never_error_makes_an_item_of_a_bad_status() {
    let server = server(ResponseTemplate::new(503).set_body_json(json!({"why": "busy"}))).await;
    let parameters = json!({"url": server.uri(), "neverError": true, "fullResponse": true});
    let items = get(parameters).await;
    assert_eq!(
        (&items[0]["status"], &items[0]["body"]),
        (&json!(503), &json!({"why": "busy"}))
    );
}

#[tokio::test]
async fn what_came_before_a_failure_is_kept_as_partial() {
    let server = MockServer::start().await;
    let good = ResponseTemplate::new(200).set_body_json(json!({"ok": 1}));
    Mock::given(path("/1"))
        .respond_with(good)
        .mount(&server)
        .await;
    let parameters =
        json!({"url": format!("{}/{{{{ $json.n }}}}", server.uri()), "concurrency": 3});
    let error = send(&open(), parameters, json!([{"n": 1}, {"n": 2}, {"n": 1}]))
        .await
        .unwrap_err();
    let partial = error.into_failure().partial.unwrap();
    assert_eq!(partial.main[0].len(), 1);
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_items_however_long_they_take() {
    let server = MockServer::start().await;
    for n in 0..6_u64 {
        let answer = ResponseTemplate::new(200)
            .set_body_json(json!({ "n": n }))
            .set_delay(Duration::from_millis(if n % 2 == 0 { 60 } else { 0 }));
        Mock::given(path(format!("/{n}")))
            .respond_with(answer)
            .mount(&server)
            .await;
    }
    let items: Value = (0..6).map(|n| json!({ "n": n })).collect();
    let parameters =
        json!({"url": format!("{}/{{{{ $json.n }}}}", server.uri()), "concurrency": 6});
    let output = send(&open(), parameters, items.clone()).await.unwrap();
    assert_eq!(StaticCall::ports(&output)[0], items);
}

#[tokio::test]
async fn a_slow_server_is_a_timeout() {
    let server = server(ResponseTemplate::new(200).set_delay(Duration::from_secs(30))).await;
    let failure = failure(&open(), json!({"url": server.uri(), "timeout": "50ms"})).await;
    assert_eq!(
        (failure.code.as_str(), failure.class),
        ("TIMEOUT", FailureClass::Retryable)
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_network_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let failure = failure(
        &open(),
        json!({"url": format!("http://{address}/?secret=1")}),
    )
    .await;
    assert_eq!(
        (failure.code.as_str(), failure.class),
        ("NETWORK_ERROR", FailureClass::Retryable)
    );
    assert!(!failure.message.contains("secret"), "{}", failure.message);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_broken_off_also_when_it_is_packed() {
    let server = server(ResponseTemplate::new(200).set_body_string("x".repeat(2_000))).await;
    let parameters = json!({"url": server.uri(), "maxResponseSize": 1_999});
    let failure = failure(&open(), parameters).await;
    assert_eq!(
        (failure.code.as_str(), failure.class),
        ("LIMIT_EXCEEDED", FailureClass::Permanent)
    );
    let enough = get(json!({"url": server.uri(), "maxResponseSize": "2KiB"})).await;
    assert_eq!(enough[0]["text"].as_str().unwrap().len(), 2_000);
}

#[tokio::test]
async fn packed_bodies_are_bounded_by_what_they_unpack_to() {
    // 100,000 zero bytes, packed by gzip into a few hundred.
    let packed = gzip_of_zeros(100_000);
    assert!(packed.len() < 1_000);
    let answer = ResponseTemplate::new(200)
        .insert_header("content-encoding", "gzip")
        .set_body_raw(packed, "application/octet-stream");
    let server = server(answer).await;
    let failure = failure(
        &open(),
        json!({"url": server.uri(), "maxResponseSize": 50_000}),
    )
    .await;
    assert_eq!(failure.code.as_str(), "LIMIT_EXCEEDED");
    let whole = get(json!({"url": server.uri()})).await;
    assert_eq!(whole[0]["file"]["size"], 100_000);
}

/// A gzip stream of one block with fixed codes: a zero byte, then copies of the byte before.
fn gzip_of_zeros(count: usize) -> Vec<u8> {
    assert_eq!((count - 1) % 3, 0);
    let (mut bits, mut bytes, mut filled) = (0_u64, vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], 0);
    let mut put = |value: u64, length: u32| {
        bits |= value << filled;
        filled += length;
        while filled >= 8 {
            bytes.push((bits & 0xff) as u8);
            bits >>= 8;
            filled -= 8;
        }
    };
    put(0b011, 3);
    put(0b0000_1100, 8);
    let mut left = count - 1;
    while left >= 258 {
        // Length 258 (code 285: 11000101), distance 1 (code 0: 00000); codes start at their top bit.
        put(0b1010_0011, 8);
        put(0, 5);
        left -= 258;
    }
    while left > 0 {
        // Length 3 (code 257: 0000001), distance 1.
        put(0b100_0000, 7);
        put(0, 5);
        left -= 3;
    }
    put(0, 7);
    put(0, 7);
    let mut crc = u32::MAX;
    for _ in 0..count {
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    bytes.extend((!crc).to_le_bytes());
    bytes.extend((count as u32).to_le_bytes());
    bytes
}

#[tokio::test]
async fn pages_follow_a_url_a_cursor_or_a_number() {
    let server = MockServer::start().await;
    let page = |rows: Value, next: Value| {
        ResponseTemplate::new(200).set_body_json(json!({"rows": rows, "next": next}))
    };
    Mock::given(path("/url"))
        .and(query_param_is_missing("p"))
        .respond_with(page(json!([{"n": 1}]), json!("/url?p=2")))
        .mount(&server)
        .await;
    Mock::given(path("/url"))
        .and(query_param("p", "2"))
        .respond_with(page(json!([{"n": 2}]), json!(null)))
        .mount(&server)
        .await;
    Mock::given(path("/cursor"))
        .and(query_param_is_missing("after"))
        .respond_with(page(json!([{"n": 1}]), json!("c/1")))
        .mount(&server)
        .await;
    Mock::given(path("/cursor"))
        .and(query_param("after", "c/1"))
        .respond_with(page(json!([{"n": 2}]), json!("")))
        .mount(&server)
        .await;
    for (number, rows) in [
        ("0", json!([{"n": 1}])),
        ("10", json!([{"n": 2}])),
        ("20", json!([])),
    ] {
        Mock::given(path("/page"))
            .and(query_param("offset", number))
            .respond_with(page(rows, json!(null)))
            .mount(&server)
            .await;
    }
    let both = json!([{"n": 1}, {"n": 2}]);
    for (place, pagination) in [
        (
            "url",
            json!({"mode": "nextUrl", "next": "$response.body.next"}),
        ),
        (
            "cursor",
            json!({"mode": "cursor", "next": "$response.body.next", "parameter": "after"}),
        ),
        (
            "page",
            json!({"mode": "page", "parameter": "offset", "start": 0, "step": 10}),
        ),
        (
            "page",
            json!({"mode": "page", "parameter": "offset", "start": 0, "step": 10, "until": "$page == 2"}),
        ),
        (
            "page",
            json!({"mode": "page", "parameter": "offset", "start": 0, "step": 10, "maxPages": 2}),
        ),
    ] {
        let url = format!("{}/{place}", server.uri());
        let items = get(json!({"url": url, "itemsField": "rows", "pagination": pagination})).await;
        assert_eq!(items, both, "{pagination}");
    }
    let full = json!({
        "url": format!("{}/url", server.uri()), "fullResponse": true,
        "pagination": {"mode": "nextUrl", "next": "$response.body.next"}
    });
    assert_eq!(get(full).await[1]["body"]["rows"], json!([{"n": 2}]));
}

#[tokio::test]
async fn pages_that_do_not_end_or_lead_elsewhere_are_errors() {
    let elsewhere = MockServer::start().await;
    for (next, code) in [
        ("/", "LIMIT_EXCEEDED"),
        ("http://127.0.0.1:1/", "NETWORK_FORBIDDEN"),
    ] {
        let server =
            server(ResponseTemplate::new(200).set_body_json(json!({ "next": next }))).await;
        let pagination = json!({"mode": "nextUrl", "next": "$response.body.next"});
        let failure = failure(
            &open(),
            json!({"url": server.uri(), "pagination": pagination}),
        )
        .await;
        assert_eq!(failure.code.as_str(), code);
    }
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
    let server = MockServer::start().await;
    let more = |_: &Request| ResponseTemplate::new(200).set_body_json(json!([{"n": 1}]));
    Mock::given(method("POST"))
        .respond_with(more)
        .mount(&server)
        .await;
    let parameters = json!({"url": server.uri(), "method": "POST", "pagination": {"mode": "page"}});
    let failure = failure(&open(), parameters).await;
    assert_eq!(failure.code.as_str(), "LIMIT_EXCEEDED");
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 100);
    assert_eq!(requests[0].headers["idempotency-key"], format!("{KEY}-0"));
    assert_eq!(
        requests[1].headers["idempotency-key"],
        format!("{KEY}-0-page-1")
    );
}

#[tokio::test]
async fn redirects_are_followed_as_far_as_the_author_says() {
    let server = MockServer::start().await;
    let to =
        |status: u16, place: &str| ResponseTemplate::new(status).insert_header("location", place);
    Mock::given(path("/a"))
        .respond_with(to(302, "/b"))
        .mount(&server)
        .await;
    Mock::given(path("/b"))
        .respond_with(to(307, "/c"))
        .mount(&server)
        .await;
    Mock::given(path("/c"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"c": 1})))
        .mount(&server)
        .await;
    Mock::given(path("/round"))
        .respond_with(to(301, "/round"))
        .mount(&server)
        .await;
    let at = |place: &str, redirects: Value| {
        json!({"url": format!("{}/{place}", server.uri()), "redirects": redirects, "method": "POST",
               "body": {"type": "json", "value": 1}, "fullResponse": true})
    };
    assert_eq!(get(at("a", json!({}))).await[0]["body"], json!({"c": 1}));
    assert_eq!(
        get(at("a", json!({"follow": false}))).await[0]["status"],
        302
    );
    assert_eq!(
        failure(&open(), at("a", json!({"max": 1})))
            .await
            .code
            .as_str(),
        "LIMIT_EXCEEDED"
    );
    assert_eq!(
        failure(&open(), at("round", json!({}))).await.code.as_str(),
        "LIMIT_EXCEEDED"
    );
    let requests = server.received_requests().await.unwrap();
    let methods: Vec<&str> = requests
        .iter()
        .take(3)
        .map(|request| request.method.as_str())
        .collect();
    assert_eq!(methods, ["POST", "GET", "GET"]);
    assert!(requests[1].body.is_empty() && !requests[1].headers.contains_key("content-type"));
}

#[tokio::test]
async fn what_was_meant_for_one_origin_does_not_go_to_another() {
    let second = MockServer::start().await;
    Mock::given(path("/"))
        .respond_with(ResponseTemplate::new(204))
        .mount(&second)
        .await;
    let first = server(ResponseTemplate::new(307).insert_header("location", second.uri())).await;
    for auth in [
        json!({"type": "bearer", "token": "tok"}),
        json!({"type": "header", "name": "X-Key", "value": "k"}),
    ] {
        let headers = json!({"Cookie": "c=1", "X-Own": "o", "Accept": "text/plain"});
        get(json!({"url": first.uri(), "method": "POST", "auth": auth, "headers": headers})).await;
    }
    for request in second.received_requests().await.unwrap() {
        for name in [
            "authorization",
            "x-key",
            "cookie",
            "x-own",
            "idempotency-key",
            "referer",
        ] {
            assert!(!request.headers.contains_key(name), "{name}");
        }
        assert_eq!(request.headers["accept"], "text/plain");
    }
    for request in first.received_requests().await.unwrap() {
        assert_eq!(request.headers["x-own"], "o");
    }
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused() {
    let closed = node(HttpSettings::default());
    let server = server(ResponseTemplate::new(200)).await;
    let port = server.address().port();
    for host in [
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "[::1]",
        "0.0.0.0",
        "169.254.169.254",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "10.0.0.1",
        "192.168.1.1",
        "172.16.0.1",
        "100.64.0.1",
        "198.18.0.1",
        "192.0.2.1",
        "224.0.0.1",
        "[fd00::1]",
        "[fe80::1]",
        "[fec0::1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
    ] {
        let failure = failure(&closed, json!({"url": format!("http://{host}:{port}/")})).await;
        assert_eq!(
            (failure.code.as_str(), failure.class),
            ("NETWORK_FORBIDDEN", FailureClass::Final),
            "{host}"
        );
        assert!(
            failure.message.contains("allowed-hosts"),
            "{}",
            failure.message
        );
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn allowed_hosts_are_reached_and_nothing_else_through_a_redirect() {
    let target = server(ResponseTemplate::new(200).set_body_json(json!({"internal": true}))).await;
    let forbidden = format!("http://localhost:{}/", target.address().port());
    let node = allowing("127.0.0.1");
    for location in [
        forbidden.as_str(),
        "http://2852039166/latest",
        "http://[::1]/",
        "file:///etc/passwd",
        "http://u:p@127.0.0.1/",
    ] {
        let first = server(ResponseTemplate::new(302).insert_header("location", location)).await;
        let failure = failure(&node, json!({"url": first.uri()})).await;
        assert_eq!(
            (failure.code.as_str(), failure.class),
            ("NETWORK_FORBIDDEN", FailureClass::Final),
            "{location}"
        );
    }
    assert!(target.received_requests().await.unwrap().is_empty());
    let reached = send(&node, json!({"url": target.uri()}), json!([{}]))
        .await
        .unwrap();
    assert_eq!(StaticCall::ports(&reached), json!([[{"internal": true}]]));
    let by_name = send(
        &allowing("localhost"),
        json!({"url": forbidden}),
        json!([{}]),
    )
    .await
    .unwrap();
    assert_eq!(StaticCall::ports(&by_name), json!([[{"internal": true}]]));
}

#[tokio::test]
async fn parameters_that_cannot_be_sent_are_refused_without_showing_secrets() {
    for (parameters, place) in [
        (json!({"url": "no url"}), "/url"),
        (json!({"url": "ftp://example.org"}), "/url"),
        (json!({"url": "https://ada:s3cr3t@example.org"}), "/url"),
        (
            json!({"url": "http://x", "headers": {"a b": "1"}}),
            "/headers/a b",
        ),
        (
            json!({"url": "http://x", "headers": {"x": "s3cr3t\r\ny: 1"}}),
            "/headers/x",
        ),
        (
            json!({"url": "http://x", "headers": {"Host": "y"}}),
            "/headers/Host",
        ),
        (
            json!({"url": "http://x", "headers": {"x": {}}}),
            "/headers/x",
        ),
        (json!({"url": "http://x", "query": {"x": [[]]}}), "/query/x"),
        (
            json!({"url": "http://x", "auth": {"type": "bearer", "token": "s3cr3t\n"}}),
            "/auth",
        ),
        (
            json!({"url": "http://x", "auth": {"type": "basic", "user": "a:b", "password": "s3cr3t"}}),
            "/auth/user",
        ),
        (
            json!({"url": "http://x", "body": {"type": "raw", "data": "%%"}}),
            "/body/data",
        ),
        (
            json!({"url": "http://x", "pagination": {"mode": "nextUrl"}}),
            "/pagination/next",
        ),
        (
            json!({"url": "http://x", "concurrency": 65}),
            "/concurrency",
        ),
        (json!({"url": "http://x", "timeout": "2h"}), "/timeout"),
        (
            json!({"url": "http://x", "maxResponseSize": "1GiB"}),
            "/maxResponseSize",
        ),
    ] {
        let error = send(&open(), parameters, json!([{}])).await.unwrap_err();
        assert!(matches!(error, NodeError::Params(_)), "{error}");
        let text = error.to_string();
        assert!(text.contains(place) && !text.contains("s3cr3t"), "{text}");
    }
}
