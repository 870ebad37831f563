use crate::harness::{Folder, assert_shown};

const LOOPS: &str = r#"{
  "name": "loops",
  "nodes": [
    { "id": "start", "name": "Start", "nodeType": "trigger.manual" },
    { "id": "loop", "name": "Each batch", "nodeType": "loop" },
    { "id": "work", "name": "Work & <wait>", "nodeType": "no-op", "timeout": "5s",
      "onError": "continueErrorOutput" },
    { "id": "off", "name": "Off", "nodeType": "no-op", "disabled": true },
    { "id": "fail", "name": "On error", "nodeType": "no-op" },
    { "id": "end", "name": "End", "nodeType": "merge" }
  ],
  "connections": {
    "start": { "main": [[{ "node": "loop" }]] },
    "loop": { "main": [[{ "node": "end" }, { "node": "off" }], [{ "node": "work" }]] },
    "work": { "main": [[{ "node": "loop" }]], "error": [[{ "node": "fail" }]] },
    "off": { "main": [[{ "node": "end", "input": 1, "condition": "{{ $json.ok }}" }],
                      []] }
  }
}"#;

#[test]
fn a_plan_is_shown_in_five_ways() {
    let folder = Folder::new().file("loops.json", LOOPS);
    for output in ["pretty", "json", "mermaid", "dot", "svg"] {
        let shown = folder.shown(&["plan", "loops.json", "--output", output]);
        assert_shown(&format!("plan_{output}"), &shown);
    }
}

#[test]
fn a_picture_of_a_large_plan_is_refused_with_a_way_out() {
    let nodes: Vec<String> = (0..2_001)
        .map(|n| format!(r#"{{"id": "n{n}", "nodeType": "no-op"}}"#))
        .collect();
    let flow = format!(
        r#"{{"name": "large", "nodes": [{}], "connections": {{}}}}"#,
        nodes.join(",")
    );
    let folder = Folder::new().file("large.json", flow);
    assert_shown(
        "plan_svg_large",
        &folder.shown(&["plan", "large.json", "--output", "svg"]),
    );
}
