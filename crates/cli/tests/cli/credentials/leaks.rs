//! A credential goes to the hosts that it is bound to, and stands nowhere else.

use std::process::Stdio;
use std::time::{Duration, Instant};

use wiremock::matchers::{any, path};
use wiremock::{Mock, ResponseTemplate};

use super::{Server, TOKEN, add, assert_hidden, bytes_below, calling, folder, holds, with_store};
use crate::harness::{Folder, code, show};

/// A server that repeats the header in every way that comes to mind.
fn echo() -> Server {
    let server = Server::start();
    server.mount(
        Mock::given(any()).respond_with(|request: &wiremock::Request| {
            let header = request.headers.get("authorization");
            let header = header.map_or("nothing", |header| header.to_str().unwrap());
            let body = serde_json::json!({
                "you said": header, header: [header, { "n": header.to_uppercase() }]
            });
            ResponseTemplate::new(200)
                .insert_header("x-echo", header)
                .set_body_json(body)
        }),
    );
    server
}

fn running<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let arguments = [
        "run",
        "call.json",
        "--allow-private-network",
        "--audit",
        "audit",
    ];
    with_store(&[&arguments, more].concat())
}

#[test]
fn it_goes_to_its_host_and_shows_in_nothing_that_is_written() {
    let server = echo();
    let folder = folder().file("call.json", calling(&server.url("127.0.0.1", "/")));
    add(
        &folder,
        "crm",
        &["--host", "http://127.0.0.1", "--node-type", "http-request"],
    );
    let mut written = Vec::new();
    for more in [
        &["--output", "json", "--log", "trace"][..],
        &["--output", "events", "--log", "trace"],
        &["--output", "pretty"],
    ] {
        let output = folder.run(&running(more));
        assert_eq!(code(&output), 0, "{}", show(&output));
        written.push((format!("{more:?}"), show(&output).into_bytes()));
    }
    let expected = Some(format!("Bearer {TOKEN}"));
    assert_eq!(server.authorizations(), vec![expected; 3]);
    assert!(
        holds(&written[0].1, "[redacted]"),
        "{}",
        String::from_utf8_lossy(&written[0].1)
    );
    assert!(holds(&written[0].1, "TRACE"));

    // What is told of the executions, and taken out of the store.
    let listed = folder.json(&["executions", "list", "--store", "kept.db", "-o", "json"]);
    let text = listed.to_string();
    let at = text.find("exec_").unwrap();
    let id = &text[at..at + 37];
    for arguments in [
        &["executions", "show", id][..],
        &["executions", "show", id, "-o", "json"],
        &["executions", "events", id],
        &["executions", "export", id],
    ] {
        let arguments = [arguments, &["--store", "kept.db"]].concat();
        let output = folder.run(&arguments);
        assert_eq!(code(&output), 0, "{}", show(&output));
        written.push((format!("{arguments:?}"), show(&output).into_bytes()));
    }
    for (what, bytes) in &written {
        assert_hidden(what, bytes);
    }
    // The store, the audit trail, the home folder.
    let files = bytes_below(&folder.path("."));
    assert_hidden("the files", &files);
    assert!(holds(&files, "\"secretRead\"") && holds(&files, "127.0.0.1"));
}

#[test]
fn it_is_not_in_the_log_of_a_store_whose_process_was_killed() {
    let server = Server::start();
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(600));
    server.mount(Mock::given(any()).respond_with(slow));
    let folder = folder().file("call.json", calling(&server.url("127.0.0.1", "/")));
    add(&folder, "crm", &[]);
    let mut child = folder
        .process(&running(&[]))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while server.authorizations().is_empty() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "it sends nothing"
        );
        std::thread::yield_now();
    }
    // Others are kept meanwhile, beside the process that runs it.
    add(&folder, "other", &[]);
    let during = bytes_below(&folder.path("."));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(folder.path("kept.db-wal").exists());
    assert_hidden("the open store", &during);
    assert_hidden("the store that was left", &bytes_below(&folder.path(".")));

    // It goes on with the same credential: the request is sent again.
    let mut child = folder
        .process(&with_store(&["resume", "--allow-private-network"]))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while server.authorizations().len() < 2 {
        assert!(
            began.elapsed() < Duration::from_secs(120),
            "it does not go on"
        );
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let expected = Some(format!("Bearer {TOKEN}"));
    assert_eq!(server.authorizations(), vec![expected; 2]);
}

fn refused(folder: &Folder, rule: &str) {
    let output = folder.run(&running(&["--output", "json", "--log", "trace"]));
    let shown = show(&output);
    assert_eq!(code(&output), 3, "{shown}");
    assert!(
        shown.contains("TENANT_FORBIDDEN") && shown.contains(rule),
        "{shown}"
    );
    assert_hidden("the refusal", shown.as_bytes());
}

#[test]
fn it_goes_to_no_other_host_and_by_no_other_node_type() {
    let server = echo();
    let folder = folder().file("call.json", calling(&server.url("127.0.0.1", "/")));
    add(&folder, "crm", &["--host", "api.example.org"]);
    refused(&folder, "is not in hosts of credential `crm`");
    add(
        &folder,
        "crm",
        &["--replace", "--any-host", "--node-type", "acme/*"],
    );
    refused(&folder, "is not in nodeTypes of credential `crm`");
    assert_eq!(server.authorizations(), Vec::<Option<String>>::new());
}

#[test]
fn no_redirect_takes_it_to_another_host() {
    let elsewhere = echo();
    let server = Server::start();
    let away = ResponseTemplate::new(302)
        .insert_header("location", elsewhere.url("localhost", "/?again").as_str());
    server.mount(Mock::given(path("/away")).respond_with(away));
    let folder = folder().file("call.json", calling(&server.url("127.0.0.1", "/away")));

    // Bound to the first host, the request does not even go there without it.
    add(&folder, "crm", &["--host", "http://127.0.0.1"]);
    refused(&folder, "`localhost` at port");
    assert_eq!(elsewhere.authorizations().len(), 0);
    assert_eq!(server.authorizations().len(), 1);

    // Bound to nothing, the request goes there without it.
    add(&folder, "crm", &["--replace", "--any-host"]);
    let output = folder.run(&running(&["--output", "json"]));
    assert_eq!(code(&output), 0, "{}", show(&output));
    assert_eq!(elsewhere.authorizations(), [None]);
    assert_hidden("the output", show(&output).as_bytes());
}
