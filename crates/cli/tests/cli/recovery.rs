//! The examples of recovery, as the command shows them.

use std::path::Path;

use crate::harness::{Folder, assert_shown, code};

fn example(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples/recovery")
        .join(name)
        .display()
        .to_string()
}

#[test]
fn each_strategy_has_an_example_that_ends_as_it_says() {
    let expected = [
        ("retry", 0),
        ("fallback", 0),
        ("skip", 0),
        ("fail", 1),
        ("per-item", 0),
        ("compensation", 1),
        ("overview", 0),
    ];
    let folder = Folder::new();
    for (name, exit) in expected {
        let file = example(&format!("{name}.json"));
        let output = folder.run(&["run", &file]);
        assert_eq!(code(&output), exit, "{name}");
        // Warnings name the file by its whole path, which is not the same everywhere.
        let shown = String::from_utf8(output.stdout).unwrap();
        assert_shown(&format!("recovery_{name}"), &shown);
    }
}

#[test]
fn what_was_undone_is_in_the_json_in_its_order() {
    let folder = Folder::new();
    let output = folder.run(&["run", &example("compensation.json"), "--output", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let undone: Vec<&str> = report["compensations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            assert_eq!(one["status"], "success");
            one["node"].as_str().unwrap()
        })
        .collect();
    assert_eq!(undone, ["Book the hotel", "Book the flight"]);
}
