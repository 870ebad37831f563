//! Credentials of tenants: kept encrypted, used where they are bound to, and seen by nobody.

mod changes;
mod given;
mod leaks;
mod trouble;
mod workflows;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use wiremock::MockServer;

use crate::harness::{Folder, code, show};

/// What nobody must see.
const TOKEN: &str = "s3cr3t-t0ken/1+";

/// A folder with a master key, called `2025`.
fn folder() -> Folder {
    let folder = Folder::new();
    let made = folder.run(&["credential", "key", "generate", "2025", "--to", "2025.key"]);
    assert_eq!(code(&made), 0, "{}", show(&made));
    folder
}

/// Arguments, and behind them where credentials are kept and by which key.
fn with_store<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let kept = [
        "--store",
        "kept.db",
        "--credential-key",
        "2025=file:2025.key",
    ];
    [arguments, &kept].concat()
}

/// Runs a command that reads this from standard input.
fn fed(folder: &Folder, arguments: &[&str], input: &str) -> Output {
    let mut child = folder
        .process(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that reads nothing may have ended.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Keeps a token under a name, with more arguments.
fn add(folder: &Folder, name: &str, more: &[&str]) {
    let arguments = with_store(&["credential", "add", name, "--type", "bearer"]);
    let added = fed(folder, &[&arguments, more].concat(), TOKEN);
    assert_eq!(code(&added), 0, "{}", show(&added));
}

/// The points in time in a text are others each time.
fn timeless(text: &str) -> String {
    let is_of_time = |one: char| one.is_ascii_digit() || "-:.TZ".contains(one);
    let mut shown = String::new();
    for part in text.split_inclusive(|one: char| !is_of_time(one)) {
        let time = part.trim_end_matches(|one: char| !is_of_time(one));
        if time.parse::<jiff::Timestamp>().is_ok() {
            shown.push_str("TIME");
            shown.push_str(&part[time.len()..]);
        } else {
            shown.push_str(part);
        }
    }
    shown
}

/// All bytes of all files in and below a folder, but for keys and what is fed to commands.
fn bytes_below(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(bytes_below(&path));
        } else {
            all.extend(fs::read(&path).unwrap());
        }
    }
    all
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

/// No form in which the token travels is in there.
fn assert_hidden(what: &str, bytes: &[u8]) {
    let lower = bytes.to_ascii_lowercase();
    // As it is, in base64, in a URL, as JSON with escapes, in hexadecimal.
    for form in [
        TOKEN,
        "czNjcjN0LXQwa2VuLzEr",
        "s3cr3t-t0ken%2f1%2b",
        "s3cr3t-t0ken\\/1+",
        "7333637233742d74306b656e2f312b",
    ] {
        let is_there = holds(&lower, &form.to_ascii_lowercase());
        let text = String::from_utf8_lossy(bytes);
        assert!(!is_there, "`{form}` is in {what}: {text}");
    }
}

/// A server on the loopback interface, with what it runs on.
struct Server {
    runtime: tokio::runtime::Runtime,
    mock: MockServer,
}

impl Server {
    fn start() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let mock = runtime.block_on(MockServer::start());
        Self { runtime, mock }
    }

    fn mount(&self, mock: wiremock::Mock) {
        self.runtime.block_on(mock.mount(&self.mock));
    }

    fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.mock.address().port())
    }

    /// The header `Authorization` of each request that came.
    fn authorizations(&self) -> Vec<Option<String>> {
        let received = self.runtime.block_on(self.mock.received_requests());
        let received = received.unwrap().into_iter();
        received
            .map(|request| {
                let found = request.headers.get("authorization")?;
                Some(found.to_str().unwrap().to_owned())
            })
            .collect()
    }
}

/// A workflow that calls a URL with the credential `crm`, after a node that passes things on.
fn calling(url: &str) -> String {
    format!(
        r#"{{
  "name": "call",
  "nodes": [
    {{ "id": "start", "name": "Start", "nodeType": "trigger.manual" }},
    {{ "id": "call", "name": "Call", "nodeType": "http-request",
      "parameters": {{ "url": "{url}", "auth": {{ "credential": "crm" }} }} }},
    {{ "id": "after", "name": "After", "nodeType": "no-op" }}
  ],
  "connections": {{
    "start": {{ "main": [["call"]] }}, "call": {{ "main": [["after"]] }}
  }}
}}"#
    )
}
