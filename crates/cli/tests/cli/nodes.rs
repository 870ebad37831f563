use serde_json::Value;

use crate::harness::{Folder, assert_shown};

#[test]
fn node_types_are_listed_by_category() {
    let folder = Folder::new();
    assert_shown(
        "nodes_list",
        &folder.shown(&["nodes", "list", "--category", "trigger"]),
    );
    let all = folder.json(&["nodes", "list", "--output", "json"]);
    let all = all.as_array().unwrap();
    assert!(all.len() > 100);
    let is_complete = |one: &Value| {
        ["nodeType", "version", "category", "description"]
            .iter()
            .all(|key| one[*key].is_string())
    };
    assert!(all.iter().all(is_complete));
    assert_shown(
        "nodes_list_unknown",
        &folder.shown(&["nodes", "list", "--category", "strings"]),
    );
}

#[test]
fn a_node_type_shows_parameters_examples_and_schema() {
    let folder = Folder::new();
    assert_shown(
        "nodes_show",
        &folder.shown(&["nodes", "show", "string.upper"]),
    );
    let shown = folder.json(&["nodes", "show", "limit@1", "--output", "json"]);
    assert_eq!(shown["nodeType"], "limit");
    assert!(shown["schema"].is_object() && shown["examples"].is_array());
    assert_shown(
        "nodes_show_unknown",
        &folder.shown(&["nodes", "show", "string.uper"]),
    );
}

#[test]
fn every_node_type_has_a_page() {
    let folder = Folder::new();
    let all = folder.json(&["nodes", "list", "--output", "json"]);
    for category in ["control", "data", "http", "var"] {
        let of_category = |one: &&Value| one["category"] == category;
        let one = all.as_array().unwrap().iter().find(of_category).unwrap();
        let name = one["nodeType"].as_str().unwrap();
        let shown = folder.shown(&["nodes", "show", name]);
        assert!(
            shown.starts_with("exit 0\n") && shown.contains("\nParameters\n"),
            "{shown}"
        );
    }
}

#[test]
fn node_types_are_found_by_words() {
    let folder = Folder::new();
    assert_shown("nodes_search", &folder.shown(&["nodes", "search", "upper"]));
    let found = folder.json(&[
        "nodes",
        "search",
        "sort",
        "--category",
        "list",
        "--output",
        "json",
    ]);
    assert_eq!(found[0]["nodeType"], "list.sort");
    assert_shown(
        "nodes_search_none",
        &folder.shown(&["nodes", "search", "xyzzy"]),
    );
}

#[test]
fn schemas_are_json_schemas() {
    let folder = Folder::new();
    let workflow = folder.json(&["schema", "workflow"]);
    assert!(workflow["properties"]["nodes"].is_object());
    let node = folder.json(&["schema", "node", "string.upper"]);
    assert_eq!(node["type"], "object");
    assert!(
        folder
            .shown(&["schema", "node", "nothing"])
            .starts_with("exit 2\n")
    );
}
