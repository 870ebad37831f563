//! Decisions that executions wait for.

use serde_json::json;

use super::{json_of, run};
use crate::harness::{Folder, code, show};
use crate::running::{Running, said};

const APPROVED: &str = r#"{
  "name": "approved",
  "nodes": [
    { "id": "first", "nodeType": "no-op" },
    { "id": "wait", "nodeType": "wait", "parameters": { "approval": "manager", "timeout": "1d" } },
    { "id": "yes", "nodeType": "no-op" },
    { "id": "no", "nodeType": "no-op" }
  ],
  "connections": { "first": { "main": [["wait"]] }, "wait": { "main": [["yes"], ["no"]] } }
}"#;

#[test]
fn decisions_are_sent_by_name_or_as_the_only_one() {
    for (command, name, way) in [("approve", None, "yes"), ("reject", Some("manager"), "no")] {
        let folder = Folder::new().file("flow.json", APPROVED);
        let arguments = [
            "run",
            "flow.json",
            "--output",
            "events",
            "--store",
            "runs.db",
        ];
        let mut running = Running::start(&folder, &arguments);
        running.until(|event| event["event"] == "attempt-succeeded" && event["nodeName"] == "wait");
        let id = running.execution().to_owned();
        let mut arguments = vec![command, &id];
        arguments.extend(name);
        arguments.extend(["--user", "ada", "--comment", "so be it"]);
        let sent = run(&folder, &arguments);
        assert_eq!(code(&sent), 0, "{}", show(&sent));
        let ended = running.output();
        assert_eq!(code(&ended), 0, "{}", show(&ended));
        let shown = json_of(&folder, &["executions", "show", &id]);
        assert_eq!(shown["report"]["nodes"][way]["status"], "success");
        let decision = &shown["report"]["output"][0]["approval"];
        let expected = json!({ "approved": way == "yes", "by": "ada", "comment": "so be it" });
        assert_eq!(*decision, expected);
        let late = run(&folder, &arguments);
        assert_eq!(code(&late), 2, "{}", show(&late));
        assert!(said(&late).starts_with("error[EXECUTION_ENDED] "));
    }
}
