//! Policies, secrets and audit trails, as an operator meets them.

use std::fs;

use serde_json::Value;

use crate::harness::{Folder, assert_shown, code};

/// A workflow that needs a secret and gives something that should not come out.
const SIGNED: &str = r#"{
  "name": "signed",
  "nodes": [
    { "id": "start", "name": "Start", "nodeType": "trigger.manual" },
    { "id": "sign", "name": "Sign", "nodeType": "transform",
      "parameters": { "set": { "signature": "{{ $json.name + ':' + $secrets.key }}" } } },
    { "id": "upper", "name": "Upper", "nodeType": "string.upper",
      "parameters": { "value": "{{ $json.signature }}" } }
  ],
  "connections": {
    "start": { "main": [["sign"]] },
    "sign": { "main": [["upper"]] }
  }
}"#;

const SECRET: &str = "open-sesame-4711";

fn folder() -> Folder {
    Folder::with_hello()
        .file("signed.json", SIGNED)
        .file(
            "secrets.json",
            format!(r#"{{"acme": {{"key": "{SECRET}"}}, "globex": {{"key": "another-one-entirely"}}}}"#),
        )
        .file(
            "policies/acme.json",
            r#"{"tenant": "acme", "sensitiveFieldPatterns": ["*password*"], "blockedUsers": ["mallory"]}"#,
        )
        .file(
            "policies/globex.toml",
            "tenant = \"globex\"\nallowedNodeTypes = [\"trigger.*\", \"string.*\"]\nrestrictedNodeTypes = [\"string.sha256\"]\n",
        )
}

const ACME: [&str; 6] = [
    "--policies",
    "policies",
    "--secrets",
    "secrets.json",
    "--tenant",
    "acme",
];
const GLOBEX: [&str; 6] = [
    "--policies",
    "policies",
    "--secrets",
    "secrets.json",
    "--tenant",
    "globex",
];

fn with<'a>(command: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    command.iter().chain(more).copied().collect()
}

#[test]
fn a_secret_goes_in_and_never_comes_out() {
    let folder = folder();
    let input = r#"{"name": "ada", "password": "hunter2-is-long"}"#;
    for format in ["pretty", "json", "events"] {
        let run = [
            "run",
            "signed.json",
            "--input",
            input,
            "--output",
            format,
            "--log",
            "trace",
        ];
        let output = folder.run(&with(&run, &ACME));
        assert_eq!(code(&output), 0, "{format}");
        let all = [output.stdout, output.stderr].concat();
        let all = String::from_utf8_lossy(&all).to_lowercase();
        assert!(all.contains("[redacted]"), "{format}: {all}");
        assert!(!all.contains(SECRET), "{format}: {all}");
        assert!(!all.contains("hunter2"), "{format}: {all}");
    }
}

#[test]
fn a_refusal_names_tenant_node_type_and_rule_and_ends_with_3() {
    let folder = folder();
    let output = folder.run(&with(&["run", "signed.json"], &GLOBEX));
    assert_eq!(code(&output), 3);
    let shown = folder.shown(&with(&["run", "signed.json"], &GLOBEX));
    assert_shown("tenancy_refused", &shown);
}

#[test]
fn neither_fallback_nor_skip_nor_on_error_gets_round_a_refusal() {
    let nodes = [
        r#""errorRecoveryStrategy": { "strategy": "fallback", "fallbackNodeType": "string.upper" }"#,
        r#""errorRecoveryStrategy": "skip""#,
        r#""errorRecoveryStrategy": "retry""#,
        r#""onError": "continueRegularOutput""#,
        r#""onError": "continueErrorOutput""#,
    ];
    for rule in nodes {
        let workflow = format!(
            r#"{{"name": "w", "nodes": [
                {{"id": "start", "nodeType": "trigger.manual"}},
                {{"id": "hash", "nodeType": "string.sha256", "parameters": {{"value": "x"}}, {rule}}}],
                "connections": {{"start": {{"main": [["hash"]]}}}}}}"#
        );
        let folder = folder().file("w.json", workflow);
        let output = folder.run(&with(&["run", "w.json"], &GLOBEX));
        assert_eq!(code(&output), 3, "{rule}");
    }
}

#[test]
fn a_fallback_that_is_forbidden_is_refused_when_the_workflow_is_planned() {
    let folder = folder().file(
        "w.json",
        r#"{"name": "w", "nodes": [
            {"id": "start", "nodeType": "trigger.manual"},
            {"id": "up", "nodeType": "string.upper", "parameters": {"value": "x"},
             "errorRecoveryStrategy": {"strategy": "fallback", "fallbackNodeType": "string.sha256"}}],
            "connections": {"start": {"main": [["up"]]}}}"#,
    );
    let output = folder.run(&with(&["validate", "w.json"], &GLOBEX));
    assert_eq!(code(&output), 3);
    let all = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        all.contains("restrictedNodeTypes[0] `string.sha256`"),
        "{all}"
    );
}

#[test]
fn users_may_be_blocked() {
    let folder = folder();
    let run = with(
        &[
            "run",
            "signed.json",
            "--user",
            "mallory",
            "--input",
            r#"{"name": "a"}"#,
        ],
        &ACME,
    );
    assert_eq!(code(&folder.run(&run)), 3);
    assert_shown("tenancy_user_refused", &folder.shown(&run));
}

#[test]
fn without_a_policy_deny_by_default_refuses_everything() {
    let folder = folder();
    let run = [
        "run",
        "hello.json",
        "--tenant",
        "initech",
        "--policies",
        "policies",
    ];
    assert_eq!(code(&folder.run(&run)), 0);
    let denied = with(&run, &["--deny-by-default"]);
    assert_eq!(code(&folder.run(&denied)), 3);
}

#[test]
fn wrong_policies_are_reported_in_one_go_and_nothing_runs() {
    let folder = folder()
        .file(
            "policies/initech.json",
            "{\n  \"tenant\": \"other\",\n  \"alowedNodeTypes\": [\"a\"],\n  \"quotas\": { \"executionsPerSecond\": -1, \"weight\": 0 },\n  \"capabilities\": [\"root\"]\n}",
        )
        .file(
            "policies/Umbrella.toml",
            "restrictedNodeTypes = [\"x\"]\n",
        )
        .file(
            "policies/hooli.toml",
            "allowedNodeTypes = [\"string.[\", \"a@nonsense\"]\nrestrictedNodeTypes = [\"no-op\"]\nallowedUsers = [\"\"]\n",
        );
    let run = with(&["run", "signed.json"], &ACME);
    assert_eq!(code(&folder.run(&run)), 2);
    assert_shown("tenancy_wrong_policies", &folder.shown(&run));
}

#[test]
fn explain_shows_the_rule_that_decides() {
    let folder = folder();
    let explain = [
        "policy",
        "explain",
        "--policies",
        "policies",
        "--tenant",
        "globex",
        "--node-type",
        "string.sha256",
    ];
    assert_eq!(code(&folder.run(&explain)), 3);
    assert_shown("tenancy_explain", &folder.shown(&explain));
    let json = with(&explain, &["--output", "json"]);
    let explained: Value = serde_json::from_slice(&folder.run(&json).stdout).unwrap();
    assert_eq!(explained["verdict"], "refused");
    assert_eq!(explained["rule"], "restrictedNodeTypes[0] `string.sha256`");
}

#[test]
fn check_tells_what_would_be_refused_before_it_is_in_force() {
    let folder = folder();
    let check = [
        "policy",
        "check",
        "policies/globex.toml",
        "--workflows",
        ".",
    ];
    assert_eq!(code(&folder.run(&check)), 3);
    assert_shown("tenancy_check", &folder.shown(&check));
    let check = ["policy", "check", "policies/acme.json", "--workflows", "."];
    assert_eq!(code(&folder.run(&check)), 0);
}

#[test]
fn the_schema_of_policies_takes_the_policies_of_the_examples() {
    let folder = folder();
    let schema: Value = folder.json(&["schema", "policy"]);
    assert_eq!(schema["additionalProperties"], false);
    assert!(schema["properties"]["allowedNodeTypes"].is_object());
}

#[test]
fn a_trail_is_written_shown_and_verified() {
    let folder = folder();
    let run = with(
        &[
            "run",
            "signed.json",
            "--user",
            "ada",
            "--audit",
            "trail",
            "--input",
            r#"{"name": "a"}"#,
        ],
        &ACME,
    );
    assert_eq!(code(&folder.run(&run)), 0);
    let refused = with(&["run", "signed.json", "--audit", "trail"], &GLOBEX);
    assert_eq!(code(&folder.run(&refused)), 3);

    let shown: Value = folder.json(&[
        "audit", "show", "trail", "--tenant", "acme", "--output", "json",
    ]);
    let calls: Vec<&Value> = shown
        .as_array()
        .unwrap()
        .iter()
        .filter(|record| record["action"] == "nodeCalled")
        .collect();
    assert_eq!(calls.len(), 3);
    for call in calls {
        assert_eq!(call["tenant"], "acme");
        assert_eq!(call["user"], "ada");
        assert_eq!(call["decision"], "allowed");
        assert_eq!(call["outcome"], "success");
    }
    let refusals: Value = folder.json(&[
        "audit",
        "show",
        "trail",
        "--tenant",
        "globex",
        "--refused",
        "--output",
        "json",
    ]);
    assert_eq!(refusals[0]["action"], "workflowPlanned");
    assert_eq!(refusals[0]["decision"], "refused");

    assert_eq!(code(&folder.run(&["audit", "verify", "trail"])), 0);
    let exported = folder.run(&["audit", "export", "trail", "--tenant", "acme"]);
    let trail = fs::read(folder.path("trail/acme.ndjson")).unwrap();
    assert_eq!(exported.stdout, trail);
}

#[test]
fn a_trail_that_was_tampered_with_is_found_out() {
    type Tamper = fn(Vec<&str>) -> Vec<String>;
    let tamper: [(&str, Tamper); 4] = [
        ("altered", |lines| {
            lines
                .iter()
                .enumerate()
                .map(|(place, line)| match place {
                    2 => line.replace("allowed", "refused"),
                    _ => (*line).to_owned(),
                })
                .collect()
        }),
        ("removed", |lines| {
            let kept = lines.iter().enumerate().filter(|(place, _)| *place != 2);
            kept.map(|(_, line)| (*line).to_owned()).collect()
        }),
        ("not in its place", |mut lines| {
            lines.swap(2, 3);
            lines.into_iter().map(str::to_owned).collect()
        }),
        ("ends after", |mut lines| {
            lines.pop();
            lines.into_iter().map(str::to_owned).collect()
        }),
    ];
    for (finding, change) in tamper {
        let folder = folder();
        let run = with(
            &[
                "run",
                "signed.json",
                "--audit",
                "trail",
                "--input",
                r#"{"name": "a"}"#,
            ],
            &ACME,
        );
        assert_eq!(code(&folder.run(&run)), 0);
        let path = folder.path("trail/acme.ndjson");
        let text = fs::read_to_string(&path).unwrap();
        let mut changed = change(text.lines().collect()).join("\n");
        changed.push('\n');
        fs::write(&path, changed).unwrap();
        let output = folder.run(&["audit", "verify", "trail", "--tenant", "acme"]);
        assert_eq!(code(&output), 1, "{finding}");
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(shown.contains(finding), "{finding}: {shown}");
    }
}

#[test]
fn a_trail_with_a_key_is_verified_with_that_key_only() {
    let folder = folder()
        .file("key", "0123456789abcdef0123456789abcdef\n")
        .file("other", "fedcba9876543210fedcba9876543210");
    let run = with(
        &[
            "run",
            "signed.json",
            "--audit",
            "trail",
            "--audit-key",
            "key",
            "--input",
            r#"{"name": "a"}"#,
        ],
        &ACME,
    );
    assert_eq!(code(&folder.run(&run)), 0);
    let verify = ["audit", "verify", "trail"];
    assert_eq!(
        code(&folder.run(&with(&verify, &["--audit-key", "key"]))),
        0
    );
    assert_eq!(
        code(&folder.run(&with(&verify, &["--audit-key", "other"]))),
        2
    );
    assert_eq!(code(&folder.run(&verify)), 2);
}
