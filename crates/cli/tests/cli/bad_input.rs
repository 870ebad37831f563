//! Everything that can be wrong before anything runs: exit code 2, a line that says what, and
//! nothing on standard output.

use crate::harness::{Folder, assert_shown, code, show};

/// Runs each case, all of which must end with 2 and print no data.
fn all_refused(folder: &Folder, cases: &[&[&str]]) -> String {
    let mut all = String::new();
    for arguments in cases {
        let output = folder.run(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}: {}", show(&output));
        assert!(output.stdout.is_empty(), "{arguments:?}: {}", show(&output));
        let said = String::from_utf8(output.stderr).unwrap();
        all.push_str(&format!("{}\n{said}\n", arguments.join(" ")));
    }
    all
}

#[test]
fn workflows_that_cannot_be_read() {
    let folder = Folder::new()
        .file("truncated.json", r#"{"name": "x", "nodes": ["#)
        .file("text.json", "hello")
        .file("list.json", "[]")
        .file("empty.json", "")
        .file("binary.json", [0x7f, b'E', b'L', b'F', 0, 0xff, 0xfe])
        .file(
            "deep.json",
            format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000)),
        )
        .file("folder/in.json", "{}");
    let large = std::fs::File::create(folder.path("large.json")).unwrap();
    large.set_len(100 << 20).unwrap();
    let files = [
        "none.json",
        "folder",
        "truncated.json",
        "text.json",
        "list.json",
        "empty.json",
        "binary.json",
        "deep.json",
        "large.json",
    ];
    let cases: Vec<[&str; 2]> = files.map(|file| ["run", file]).to_vec();
    let cases: Vec<&[&str]> = cases.iter().map(|case| &case[..]).collect();
    assert_shown("bad_workflow_files", &all_refused(&folder, &cases));
}

#[test]
fn workflows_that_are_wrong() {
    let flow = |nodes: &str, connections: &str| {
        format!(
            "{{\n\"name\": \"wrong\",\n\"nodes\": [{nodes}],\n\"connections\": {connections}\n}}"
        )
    };
    let two = r#"{"id": "a", "nodeType": "no-op"}, {"id": "b", "nodeType": "no-op"}"#;
    let folder = Folder::new()
        .file("ids.json", flow(r#"{"id": "a", "nodeType": "no-op"}, {"id": "a", "nodeType": "no-op"}"#, "{}"))
        .file("nobody.json", flow(two, r#"{"a": {"main": [[{"node": "c"}]]}}"#))
        .file("port.json", flow(two, r#"{"a": {"main": [[], [], [{"node": "b"}]]}}"#))
        .file("self.json", flow(two, r#"{"a": {"main": [[{"node": "a"}]]}}"#))
        .file(
            "cycle.json",
            flow(two, r#"{"a": {"main": [[{"node": "b"}]]}, "b": {"main": [[{"node": "a"}]]}}"#),
        )
        .file("type.json", flow(r#"{"id": "a", "nodeType": "string.uper"}"#, "{}"))
        .file("version.json", flow(r#"{"id": "a", "nodeType": "no-op", "typeVersion": 7}"#, "{}"))
        .file(
            "parameter.json",
            flow(r#"{"id": "a", "nodeType": "limit", "parameters": {"count": "many"}}"#, "{}"),
        )
        .file(
            "expression.json",
            flow(
                r#"{"id": "a", "nodeType": "string.upper", "parameters": {"value": "{{ $json. }}"}}"#,
                "{}",
            ),
        )
        .file("field.json", flow(r#"{"id": "a", "nodeType": "no-op", "retryPolcy": {}}"#, "{}"));
    let files = [
        "ids",
        "nobody",
        "port",
        "self",
        "cycle",
        "type",
        "version",
        "parameter",
        "expression",
        "field",
    ];
    let files = files.map(|file| format!("{file}.json"));
    let cases: Vec<[&str; 2]> = files.iter().map(|file| ["run", file.as_str()]).collect();
    let cases: Vec<&[&str]> = cases.iter().map(|case| &case[..]).collect();
    assert_shown("bad_workflows", &all_refused(&folder, &cases));
}

#[test]
fn items_variables_and_parameters_that_are_wrong() {
    let folder = Folder::with_hello()
        .file("numbers.json", "[{}, 5, null, {}, \"x\"]")
        .file("numbers.ndjson", "{}\n7\n{}\n[]\n")
        .file("cut.ndjson", "{\"a\": 1}\n{\"a\": ")
        .file("empty.json", "  \n")
        .file("binary.json", [b'[', 0xff])
        .file("deep.json", "[".repeat(10_000))
        .file("params.json", "[1]");
    let run = |input| ["run", "hello.json", "--input", input];
    let inputs = [
        "none.json",
        ".",
        "numbers.json",
        "numbers.ndjson",
        "cut.ndjson",
        "empty.json",
        "binary.json",
        "deep.json",
        "{\"a\":",
        "[1, 2, 3, 4, 5, 6, 7]",
    ]
    .map(run);
    let mut cases: Vec<&[&str]> = inputs.iter().map(|case| &case[..]).collect();
    cases.extend([
        &["exec", "no-op", "--params", "5"][..],
        &["exec", "no-op", "--params", "{\"a\""],
        &["exec", "no-op", "--params", "@params.json"],
        &["exec", "no-op", "--params", "@none.json"],
        &["exec", "no-op", "--input", "-", "--input", "-"],
        &["exec", "string.uper"],
        &["exec", "string.upper@7"],
    ]);
    assert_shown("bad_items", &all_refused(&folder, &cases));
}

#[test]
fn items_of_a_file_that_is_too_large_are_not_read() {
    let folder = Folder::with_hello();
    let large = std::fs::File::create(folder.path("large.json")).unwrap();
    large.set_len(257 << 20).unwrap();
    let shown = folder.shown(&["run", "hello.json", "--input", "large.json"]);
    assert_shown("bad_items_large", &shown);
}
