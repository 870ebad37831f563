//! Hosts: of the manifest, of the policy, and of the public internet, hop by hop.

use std::net::SocketAddr;

use jackfield_testkit::ScriptedGrants;
use jackfield_types::{ByteSize, Capability};
use jackfield_wasm::{HttpLimits, Services};
use wiremock::matchers::{header_exists, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::guest::{Guest, signature};
use crate::harness::Host;

/// A guest that sends `GET url`, and fails with the body of the answer as its text.
fn sender(url: &str, hosts: &str) -> Guest {
    sender_of("GET", url, hosts, 0)
}

fn sender_of(verb: &str, url: &str, hosts: &str, body: u32) -> Guest {
    let mut guest = Guest::harmless()
        .importing("http", "send", signature::SEND)
        .asking(Capability::Http, &format!("hosts = {hosts}"));
    let verb = guest.text(verb);
    let url = guest.text(url);
    let code = guest.text("ANSWER");
    let (name, value) = (guest.text("authorization"), guest.text("Bearer s3cr3t"));
    let header = format!(
        "(i32.store (i32.const 8000) {}) (i32.store (i32.const 8004) {})
         (i32.store (i32.const 8008) {}) (i32.store (i32.const 8012) {})",
        part(&name, 0),
        part(&name, 1),
        part(&value, 0),
        part(&value, 1),
    );
    guest.then(&format!(
        "{header}
         (call $http.send {verb} {url} (i32.const 8000) (i32.const 1)
            (i32.const 65536) (i32.const {body}) (i32.const 0) (i32.const 0) (i32.const 8192))
         (if (i32.load8_u (i32.const 8192)) (then (return (call $fault (i32.const 8196)))))
         (call $fail {code} (i32.load (i32.const 8208)) (i32.load (i32.const 8212)))"
    ))
}

/// One of the two instructions that a text is.
fn part(text: &str, which: usize) -> String {
    let parts: Vec<&str> = text.split_inclusive(')').collect();
    parts[which].trim().to_owned()
}

fn hosts(address: &SocketAddr) -> String {
    format!("[\"{address}\"]")
}

async fn said(host: &Host, guest: &Guest, grants: ScriptedGrants) -> String {
    let failure = host.load(guest).await.failure_for("acme", grants).await;
    failure.replace("plugin `evil/node 1.0.0` at node `node`: ", "")
}

#[tokio::test]
async fn hosts_that_are_not_asked_for_or_not_granted_are_not_reached() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_string("in");
    Mock::given(method("GET"))
        .respond_with(answer)
        .expect(1)
        .mount(&server)
        .await;
    let address = server.address();
    let url = format!("http://{address}/");
    let host = Host::reaching_this_machine();
    let open = ScriptedGrants::open;

    let asked = sender(&url, &hosts(address));
    assert_eq!(said(&host, &asked, open()).await, "permanent ANSWER: in");

    let elsewhere = sender(&url, "[\"example.org\", \"127.0.0.1:1\"]");
    let failure = said(&host, &elsewhere, open()).await;
    let expected = format!(
        "refused CAPABILITY_REFUSED: host `127.0.0.1` at port {} is not among the hosts under \
         `[capabilities.http]` in `plugin.toml`",
        address.port()
    );
    assert_eq!(failure, expected);

    let grants = open().with_hosts(&["example.org:443"]);
    let failure = said(&host, &asked, grants.clone()).await;
    let expected = format!("refused TENANT_FORBIDDEN: `{address}` is not in the hosts of the test");
    assert_eq!(failure, expected);
    assert_eq!(grants.asked(), [format!("host {address}")]);
}

#[tokio::test]
async fn this_machine_and_its_network_are_not_reached_however_they_are_written() {
    let host = Host::new();
    for url in [
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://[::1]/",
        "http://localhost/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://0.0.0.0/",
    ] {
        let guest = sender(url, "[\"*\"]");
        let failure = said(&host, &guest, ScriptedGrants::open()).await;
        assert!(
            failure.starts_with("refused NETWORK_FORBIDDEN"),
            "{url}: {failure}"
        );
    }
    for url in [
        "file:///etc/passwd",
        "ftp://example.org/",
        "http://a:b@example.org/",
    ] {
        let guest = sender(url, "[\"*\"]");
        let failure = said(&host, &guest, ScriptedGrants::open()).await;
        assert!(
            failure.starts_with("refused NETWORK_FORBIDDEN"),
            "{url}: {failure}"
        );
    }
}

#[tokio::test]
async fn a_redirect_leads_nowhere_that_a_request_may_not_go() {
    let server = MockServer::start().await;
    let other = MockServer::start().await;
    let ports = (server.address().port(), other.address().port());
    Mock::given(method("GET"))
        .and(path("/there"))
        .respond_with(ResponseTemplate::new(200).set_body_string("in"))
        .mount(&other)
        .await;
    let location = format!("http://127.0.0.1:{}/there", ports.1);
    let moved = ResponseTemplate::new(302).insert_header("location", location.as_str());
    Mock::given(path("/out"))
        .respond_with(moved)
        .mount(&server)
        .await;
    let round = ResponseTemplate::new(302).insert_header("location", "/round");
    Mock::given(path("/round"))
        .respond_with(round)
        .mount(&server)
        .await;
    let inwards = ResponseTemplate::new(302).insert_header("location", "http://169.254.169.254/");
    Mock::given(path("/in"))
        .respond_with(inwards)
        .mount(&server)
        .await;
    let host = Host::reaching_this_machine();
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", ports.0);
    let own = format!("[\"127.0.0.1:{}\"]", ports.0);
    let both = format!("[\"127.0.0.1:{}\", \"127.0.0.1:{}\"]", ports.0, ports.1);
    let open = ScriptedGrants::open;

    let failure = said(&host, &sender(&url("/out"), &own), open()).await;
    assert!(
        failure.starts_with("refused CAPABILITY_REFUSED"),
        "{failure}"
    );
    assert_eq!(other.received_requests().await.unwrap().len(), 0);

    let first = format!("127.0.0.1:{}", ports.0);
    let grants = open().with_hosts(&[&first]);
    let failure = said(&host, &sender(&url("/out"), &both), grants).await;
    assert!(failure.starts_with("refused TENANT_FORBIDDEN"), "{failure}");
    assert_eq!(other.received_requests().await.unwrap().len(), 0);

    let failure = said(&host, &sender(&url("/out"), &both), open()).await;
    assert_eq!(failure, "permanent ANSWER: in");
    // What proves who one is stays with the host that it was meant for.
    let received = other.received_requests().await.unwrap();
    assert!(!received[0].headers.contains_key("authorization"));

    let failure = said(&host, &sender(&url("/round"), &own), open()).await;
    assert!(failure.starts_with("permanent LIMIT_EXCEEDED"), "{failure}");
    let failure = said(&host, &sender(&url("/in"), &own), open()).await;
    assert!(
        failure.starts_with("refused CAPABILITY_REFUSED"),
        "{failure}"
    );
}

#[tokio::test]
async fn bodies_are_bounded_both_ways_and_errors_are_answers() {
    let server = MockServer::start().await;
    let large = ResponseTemplate::new(200).set_body_bytes(vec![b'x'; 5_000]);
    Mock::given(path("/large"))
        .respond_with(large)
        .mount(&server)
        .await;
    let missing = ResponseTemplate::new(404).set_body_string("no such thing");
    Mock::given(path("/missing"))
        .and(header_exists("authorization"))
        .respond_with(missing)
        .mount(&server)
        .await;
    let limits = HttpLimits {
        request: ByteSize::kib(1),
        response: ByteSize::kib(4),
        ..HttpLimits::default()
    };
    let services =
        Services::builder()
            .http_limits(limits)
            .http_settings(jackfield_net::HttpSettings {
                private_networks: jackfield_net::Access::Allowed,
                ..jackfield_net::HttpSettings::default()
            });
    let host = Host::with(services);
    let address = server.address();
    let guest = |path: &str| sender(&format!("http://{address}{path}"), &hosts(address));
    let open = ScriptedGrants::open;

    let failure = said(&host, &guest("/missing"), open()).await;
    assert_eq!(failure, "permanent ANSWER: no such thing");
    let failure = said(&host, &guest("/large"), open()).await;
    assert!(failure.starts_with("permanent LIMIT_EXCEEDED"), "{failure}");
    assert!(
        failure.contains("answered with more than 4 KiB"),
        "{failure}"
    );
    let url = format!("http://{address}/large");
    let posting = sender_of("POST", &url, &hosts(address), 1_025);
    let failure = said(&host, &posting, open()).await;
    let expected = "permanent LIMIT_EXCEEDED: the body of a request has at most 1 KiB";
    assert_eq!(failure, expected);
}

#[tokio::test]
async fn requests_that_are_none_are_told_so() {
    let host = Host::new();
    for (verb, url) in [
        ("CONNECT", "https://example.org/"),
        ("TRACE", "https://example.org/"),
        ("GET\r\nX: y", "https://example.org/"),
        ("", "https://example.org/"),
        ("GET", "example.org"),
        ("GET", ""),
    ] {
        let guest = sender_of(verb, url, "[\"*\"]", 0);
        let failure = said(&host, &guest, ScriptedGrants::open()).await;
        assert!(
            failure.starts_with("permanent INVALID_INPUT"),
            "{verb:?} {url}: {failure}"
        );
    }
}
