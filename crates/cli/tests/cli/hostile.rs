//! Names and items that would like to steer the terminal.

use crate::harness::{Folder, code, show};

#[test]
fn names_and_items_cannot_steer_the_terminal() {
    let flow = r#"{"name": "\u001b]0;owned\u0007", "connections": {},
        "nodes": [{"id": "a", "name": "evil\u001b[2J\n\u202e</text><script>", "nodeType": "no-op"}]}"#;
    let folder = Folder::new().file("evil.json", flow);
    let item = r#"{"x": "\u009b2J\u001b[31m"}"#;
    let commands: [&[&str]; 6] = [
        &["run", "evil.json", "--input", item, "--color", "never"],
        &["run", "evil.json", "--input", item, "--output", "json"],
        &["plan", "evil.json"],
        &["plan", "evil.json", "--output", "svg"],
        &["plan", "evil.json", "--output", "dot"],
        &["plan", "evil.json", "--output", "mermaid"],
    ];
    for arguments in commands {
        let output = folder.run(arguments);
        assert_eq!(code(&output), 0, "{}", show(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            !text.contains(['\u{1b}', '\u{7}']),
            "{arguments:?}: {text:?}"
        );
        assert!(
            !text.contains("<script>") || !arguments.contains(&"svg"),
            "{text}"
        );
    }
}

#[test]
fn a_broken_file_cannot_steer_the_terminal() {
    let folder = Folder::new().file("evil.json", "{\"name\": \u{1b}]0;owned\u{7}}");
    let output = folder.run(&["run", "evil.json"]);
    assert_eq!(code(&output), 2);
    assert!(!output.stderr.contains(&0x1b), "{}", show(&output));
}
