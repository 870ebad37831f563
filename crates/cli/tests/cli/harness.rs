//! A folder with files, and the command run in it.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// A workflow that greets grown-ups.
pub(crate) const HELLO: &str = r#"{
  "name": "hello",
  "variables": { "greeting": "hello" },
  "nodes": [
    { "id": "start", "name": "Start", "nodeType": "trigger.manual" },
    { "id": "check", "name": "Is adult", "nodeType": "condition",
      "parameters": { "condition": "$json.age >= 18" } },
    { "id": "greet", "name": "Greet", "nodeType": "string.concat",
      "parameters": { "values": ["{{ $vars.greeting }} ", "{{ $json.name }}"] } },
    { "id": "minor", "name": "Minor", "nodeType": "no-op" }
  ],
  "connections": {
    "start": { "main": [[{ "node": "check" }]] },
    "check": { "main": [[{ "node": "greet" }], [{ "node": "minor" }]] }
  }
}"#;

/// Two people, one of whom is greeted.
pub(crate) const PEOPLE: &str = r#"[{"name": "Ada", "age": 36}, {"name": "Bob", "age": 9}]"#;

/// A folder in which the command is run.
pub(crate) struct Folder {
    guard: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self {
            guard: tempfile::tempdir().unwrap(),
        }
    }

    /// A folder with `hello.json` in it.
    pub(crate) fn with_hello() -> Self {
        Self::new().file("hello.json", HELLO)
    }

    /// Adds a file.
    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.guard.path().join(name)
    }

    /// The command, to be run in the folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::from(self.process(arguments));
        command.timeout(std::time::Duration::from_secs(60));
        command
    }

    /// The command as a process that can be talked to while it runs.
    pub(crate) fn process(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_jackfield"));
        command.current_dir(self.guard.path()).args(arguments);
        // What is set where the tests are run is none of their business.
        let set = std::env::vars_os().map(|(name, _)| name);
        for name in set.filter(|name| name.as_encoded_bytes().starts_with(b"JACKFIELD_")) {
            command.env_remove(name);
        }
        for name in ["NO_COLOR", "RUST_LOG"] {
            command.env_remove(name);
        }
        command.env("JACKFIELD_HOME", self.guard.path().join("home"));
        command
    }

    /// Runs the command.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs the command; gives exit code, standard output and standard error as one text.
    pub(crate) fn shown(&self, arguments: &[&str]) -> String {
        show(&self.run(arguments))
    }

    /// Runs the command, which must succeed, and reads the one JSON document that it prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert_eq!(code(&output), 0, "{}", show(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// The exit code.
pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().expect("the command was not killed")
}

/// What the command said, and how it ended.
pub(crate) fn show(output: &Output) -> String {
    let mut shown = format!("exit {}\n", code(output));
    for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        if !bytes.is_empty() {
            write!(shown, "--- {name}\n{}", std::str::from_utf8(bytes).unwrap()).unwrap();
        }
    }
    shown
}

/// Compares with a snapshot in which what differs from run to run is left out.
pub(crate) fn assert_shown(name: &str, shown: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("snapshots");
    for (pattern, replacement) in [
        (r"exec_[0-9a-f]{32}", "exec_ID"),
        (r"\d+(\.\d+)? (µs|ms|s)\b", "TIME"),
        (
            r#""(durationMs|duration|timestamp|seed)": ?[0-9.]+"#,
            r#""$1": 0"#,
        ),
        (r#""at": ?"[^"]+""#, r#""at": "TIME""#),
        // The width of a column depends on what is in it.
        (r"─+", "─"),
        (r"═+", "═"),
        (r"(\S) {2,}┆", "$1 ┆"),
        (r"(\S) {2,}│", "$1 │"),
        (r"┆ {2,}", "┆ "),
    ] {
        settings.add_filter(pattern, replacement);
    }
    settings.bind(|| insta::assert_snapshot!(name, shown));
}

/// Digests depend on the tools that make components, and paths on where the test runs.
pub(crate) fn scrub(text: &str) -> String {
    let text = text.split_inclusive('\n').map(|line| {
        match (line.find("package "), line.find("plugins/")) {
            (Some(0), Some(place)) => format!("package    {}", &line[place..]),
            _ => line.to_owned(),
        }
    });
    let text: String = text.collect();
    let mut scrubbed = String::new();
    for part in text.split_inclusive(|one: char| !one.is_ascii_hexdigit()) {
        let digits = part.trim_end_matches(|one: char| !one.is_ascii_hexdigit());
        if digits.len() == 64 || digits.len() == 12 && digits.contains(char::is_numeric) {
            scrubbed.push_str("DIGEST");
            scrubbed.push_str(&part[digits.len()..]);
        } else {
            scrubbed.push_str(part);
        }
    }
    scrubbed
}
