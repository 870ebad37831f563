//! Executions that earlier versions recorded replay without a difference.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jackfield::types::ByteSize;
use jackfield::{DurableOptions, SignalName};
use jackfield_testkit::store::{MemoryStore, StoreClock};
use serde_json::{Value, json};

use super::support::{Process, builder, follow, options, registry, start, workflow};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/histories")
}

/// What is recorded, by name.
fn recorded() -> Vec<(&'static str, Value)> {
    vec![
        ("branches", branches()),
        ("loop-and-variables", example("loop")),
        ("retry", example("recovery/retry")),
        ("fallback", example("recovery/fallback")),
        ("per-item", example("recovery/per-item")),
        ("compensation", example("recovery/compensation")),
        ("n8n", example("n8n-export")),
        ("signals", signals()),
        ("payloads", payloads()),
    ]
}

/// An example, as it was when it was recorded.
fn example(name: &str) -> Value {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let text = std::fs::read(examples.join(format!("{name}.json"))).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn set(name: &str, value: &str) -> Value {
    json!({ "set": { name: value } })
}

fn branches() -> Value {
    let mut document = workflow(
        &[
            ("start", "trigger.manual", json!({})),
            ("large", "transform", set("size", "large")),
            ("small", "transform", set("size", "small")),
            ("off", "transform", set("never", "set")),
            (
                "join",
                "transform",
                set("first", "{{ $node['start'].json.n }}"),
            ),
        ],
        &[
            ("small", 0, "off"),
            ("off", 0, "join"),
            ("large", 0, "join"),
        ],
    );
    document["nodes"][3]["disabled"] = json!(true);
    document["connections"]["start"] = json!({ "main": [[
        { "node": "large", "condition": "$json.n > 1" },
        { "node": "small", "condition": "$json.n <= 1" },
    ]] });
    document
}

fn signals() -> Value {
    workflow(
        &[
            ("pause", "wait", json!({ "for": "1m" })),
            ("paid", "wait", json!({ "signal": "paid" })),
            (
                "boss",
                "wait",
                json!({ "approval": "boss", "timeout": "7d" }),
            ),
            ("late", "wait", json!({ "signal": "late", "timeout": "2m" })),
            ("end", "no-op", json!({})),
        ],
        &[
            ("pause", 0, "paid"),
            ("paid", 0, "boss"),
            ("boss", 1, "late"),
            ("late", 1, "end"),
        ],
    )
}

fn payloads() -> Value {
    workflow(
        &[
            ("long", "transform", set("text", &"long ".repeat(60))),
            ("end", "no-op", json!({})),
        ],
        &[("long", 0, "end")],
    )
}

/// Runs a workflow over two processes, and exports its execution.
async fn record(document: &Value) -> Vec<u8> {
    let clock = StoreClock::default();
    let following = follow(&clock);
    let store = MemoryStore::with_clock(clock.clone());
    let apart = DurableOptions {
        inline: ByteSize::bytes(256),
        ..options()
    };
    let process = || {
        let builder = builder(&store, registry(&[]), apart);
        Process::at_clock(builder, &clock).working()
    };
    let mut first = process();
    let plan = first.plan(document);
    let input = json!([{ "n": 1, "x": 0.1 }, { "n": 2 }]);
    let handle = first.tenant.start(&plan, start(&input)).unwrap();
    let id = handle.id();
    assert!(handle.kept().await.unwrap());
    for (name, data) in [
        ("paid", json!([{ "sum": 12.5 }])),
        ("boss", json!({ "approved": false, "by": "Ada" })),
    ] {
        let name = SignalName::parse(name).unwrap();
        // Those that need none have ended by now.
        let _ = first.tenant.signal(id, &name, data).await;
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    first.stop().await;
    let second = process();
    second.ended(id).await;
    let file = second.tenant.export(id).await.unwrap();
    following.abort();
    file
}

#[tokio::test(start_paused = true)]
async fn recorded_histories_replay_without_a_difference() {
    let folder = folder();
    if std::env::var_os("RECORD_HISTORIES").is_some() {
        for (name, document) in recorded() {
            let path = folder.join(format!("{name}.json"));
            if !path.exists() {
                let file = record(&document).await;
                let file: Value = serde_json::from_slice(&file).unwrap();
                let text = serde_json::to_string_pretty(&file).unwrap();
                std::fs::write(path, text + "\n").unwrap();
            }
        }
    }
    let process = Process::new(&MemoryStore::new(), registry(&[]));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let file = std::fs::read(&path).unwrap();
        let replayed = process.tenant.replay(&file).await;
        let replayed = replayed.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(replayed.difference, None, "{}", path.display());
        assert!(replayed.events > 2, "{}", path.display());
        names.push(path.file_stem().unwrap().to_string_lossy().into_owned());
    }
    for (name, _) in recorded() {
        assert!(
            names.iter().any(|found| found == name),
            "{name} is not there"
        );
    }
}

/// What is recorded can be made now: a workflow that does not run tells nothing.
#[tokio::test(start_paused = true)]
async fn what_is_recorded_runs_to_its_end() {
    for (name, document) in recorded() {
        let file: Value = serde_json::from_slice(&record(&document).await).unwrap();
        let status = &file["report"]["status"];
        let expected = if name == "compensation" {
            "error"
        } else {
            "success"
        };
        assert_eq!(status, expected, "{name}: {}", file["report"]);
    }
}
