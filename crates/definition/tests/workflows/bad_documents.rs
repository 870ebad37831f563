//! Bad documents, and what is said about them.

use crate::support::{codes, plan, rendered};
use jackfield_definition::{MAX_DOCUMENT_SIZE, SourceText, read_workflow};

macro_rules! bad {
    ($($name:ident: $text:expr;)*) => {
        $(
            #[test]
            fn $name() {
                let text: &str = &$text;
                insta::assert_snapshot!(rendered(text));
            }
        )*
    };
}

bad! {
    empty_text: "";
    not_json: "workflow: x";
    truncated: "{\n  \"nodes\": [\n    { \"id\": \"a\", \"node";
    not_an_object: "[1, 2]";
    empty_workflow: r#"{ "nodes": [] }"#;
    nothing_at_all: "{}";
    unknown_format_version: r#"{ "formatVersion": 2, "nodes": [{ "id": "a", "nodeType": "no-op" }] }"#;
    duplicate_ids_and_names: r#"{
  "nodes": [
    { "id": "a", "name": "Fetch", "nodeType": "no-op" },
    { "id": "b", "name": "Fetch", "nodeType": "no-op" },
    { "id": "a", "name": "Store", "nodeType": "no-op" }
  ]
}"#;
    id_that_is_another_name: r#"{
  "nodes": [
    { "id": "a", "name": "b", "nodeType": "no-op" },
    { "id": "b", "name": "c", "nodeType": "no-op" }
  ]
}"#;
    connections_to_and_from_nobody: r#"{
  "nodes": [
    { "id": "a", "name": "Fetch Orders", "nodeType": "no-op" },
    { "id": "b", "nodeType": "no-op" }
  ],
  "connections": {
    "Fetch-Order": { "main": [["b"]] },
    "a": { "main": [[{ "node": "c" }, { "node": "zebra" }]] }
  }
}"#;
    missing_ports: r#"{
  "nodes": [
    { "id": "start", "nodeType": "trigger.manual" },
    { "id": "if", "nodeType": "condition" },
    { "id": "switch", "nodeType": "switch", "parameters": { "rules": [1, 2] } },
    { "id": "end", "nodeType": "merge" }
  ],
  "connections": {
    "start": { "main": [["if"], ["if"]] },
    "if": { "main": [null, ["switch"], [{ "node": "end" }]], "error": [["end"]], "failed": [["end"]] },
    "switch": { "main": { "2": [{ "node": "end", "index": 1 }], "3": [{ "node": "end", "index": 2 }], "x": [] } },
    "end": { "main": [["start"]], "error": [[], ["if"]] }
  }
}"#;
    lost_objects: r#"{
  "nodes": [{ "id": "a", "nodeType": "no-op" }, { "id": "b", "nodeType": "no-op" }],
  "connections": {
    "a": { "main": [["[object Object]"], [{ "node": "[object Object]" }]] },
    "[object Object]": { "main": [["b"]] }
  }
}"#;
    unclear_and_wrong_targets: r#"{
  "nodes": [{ "id": "a", "nodeType": "no-op" }, { "id": "b", "nodeType": "no-op" }],
  "connections": {
    "a": { "main": ["b", "b"] },
    "b": { "main": [[7, { "index": 0 }, { "node": 3 }, { "node": "a", "index": -1 }, { "node": "a", "type": "ai_tool" }]] }
  }
}"#;
    self_loop: r#"{
  "nodes": [{ "id": "a", "name": "Again", "nodeType": "no-op" }],
  "connections": { "a": { "main": [["a"]] } }
}"#;
    cycle: r#"{
  "nodes": [
    { "id": "start", "nodeType": "trigger.manual" },
    { "id": "a", "name": "Fetch", "nodeType": "no-op" },
    { "id": "b", "name": "Check", "nodeType": "no-op" },
    { "id": "c", "name": "Store", "nodeType": "no-op" }
  ],
  "connections": {
    "start": { "main": [["a"]] },
    "a": { "main": [["b"]] },
    "b": { "main": [["c"]] },
    "c": { "main": [["a"]] }
  }
}"#;
    loop_that_is_not_closed: r#"{
  "nodes": [{ "id": "each", "nodeType": "loop" }, { "id": "work", "nodeType": "no-op" }],
  "connections": { "each": { "main": [[], ["work"]] } }
}"#;
    loop_with_outputs_mixed_up: r#"{
  "nodes": [{ "id": "each", "nodeType": "loop" }, { "id": "work", "nodeType": "no-op" }],
  "connections": { "each": { "main": [["work"]] }, "work": { "main": [["each"]] } }
}"#;
    unknown_types_and_versions: r#"{
  "nodes": [
    { "id": "a", "nodeType": "condtion", "parameters": { "x": "{{ ( }}" } },
    { "id": "b", "nodeType": "quantum" },
    { "id": "c", "nodeType": "transform", "typeVersion": 3 },
    { "id": "d", "nodeType": "transform", "typeVersion": "one" },
    { "id": "e", "nodeType": "my node" },
    { "id": "f" }
  ],
  "connections": { "a": { "main": [[], [], [], ["b", "e"]] } }
}"#;
    unknown_types_with_a_strategy: r#"{
  "nodes": [
    { "id": "a", "nodeType": "gone", "errorRecoveryStrategy": { "strategy": "fallback", "fallbackNodeType": "transform" } },
    { "id": "b", "nodeType": "gone", "errorRecoveryStrategy": "skip" },
    { "id": "c", "nodeType": "gone", "errorRecoveryStrategy": { "strategy": "retry", "maxRetries": 2 } },
    { "id": "d", "nodeType": "gone", "disabled": true }
  ]
}"#;
    wrong_recovery: r#"{
  "nodes": [
    {
      "id": "a", "nodeType": "no-op",
      "retryPolicy": { "maxAttempts": 0, "backoffType": "quick", "initalDelay": 5, "jitter": 0.1 },
      "errorRecoveryStrategy": { "strategy": "fallback" }
    },
    {
      "id": "b", "nodeType": "no-op",
      "retryPolicy": { "multiplier": 0.5, "jitter": 2, "initialDelay": "2m" },
      "errorRecoveryStrategy": { "strategy": "fallback", "fallbackNodeType": "transfrom" }
    },
    { "id": "c", "nodeType": "no-op", "errorRecoveryStrategy": "fall back", "onError": "continue", "timeout": "soon" }
  ],
  "errorRecovery": { "strategy": "skip", "allow": true }
}"#;
    senseless_recovery: r#"{
  "nodes": [
    {
      "id": "a", "nodeType": "no-op",
      "retryPolicy": {
        "maxAttempts": 1001, "initialDelay": "31d", "maxDelay": "32d", "deadline": "1000d", "multiplier": 1e9,
        "retryableErrors": ["TIMEOUT", "TIME_OUT", "ACME_BUSY"], "retryableStatusCodes": [503, 99, 600]
      },
      "errorRecoveryStrategy": { "strategy": "fallback", "fallbackNodeType": "no-op" }
    },
    {
      "id": "b", "nodeType": "no-op", "timeout": 0,
      "retryPolicy": { "initialDelay": "5s", "deadline": "2s" },
      "errorRecoveryStrategy": { "strategy": "skip", "fallbackNodeType": "transform", "maxRetries": 3 }
    },
    { "id": "c", "nodeType": "no-op", "errorRecoveryStrategy": { "strategy": "retry", "maxRetries": 0, "allowPartialOutput": true } },
    { "id": "d", "nodeType": "no-op", "errorRecoveryStrategy": { "strategy": "retry", "maxRetries": 4000000000 } },
    { "id": "e", "nodeType": "no-op", "retryPolicy": { "initialDelay": -5, "maxAttempts": -1 } },
    { "id": "f", "nodeType": "transform", "typeVersion": "1.4", "errorRecoveryStrategy": { "strategy": "fallback", "fallbackNodeType": "transform" } }
  ],
  "retryPolicy": { "maxAttempts": 5000 },
  "errorRecovery": { "strategy": "fallback", "fallbackNodeType": "no-op" }
}"#;
    likely_mistakes: r#"{
  "formatVersion": 1,
  "nodes": [
    { "id": "start", "nodeType": "trigger.manual" },
    { "id": "a", "nodeType": "transform", "parameters": { "field": "$json.name", "value": "={{ $json.name }}", "count": "{{ $json.n }} " } },
    { "id": "b", "nodeType": "transform", "parameters": { "field": "Dear ${$json.name}", "value": "$5 {plain} ${{ $json.n }}", "count": "{{ $json.n }}" } },
    { "id": "c", "nodeType": "filter", "parameters": { "condition": "{{ $json.age }} > 17" }, "onError": "continueErrorOutput" },
    { "id": "d", "nodeType": "merge" }
  ],
  "connections": {
    "start": { "main": [[{ "node": "a", "condition": "{{ $json.a }} && {{ $json.b }}" }, "b"]] },
    "a": { "main": [["c"]] },
    "b": { "main": [[{ "node": "d", "input": 1 }]] }
  }
}"#;
    unused_nodes: r#"{
  "formatVersion": 1,
  "nodes": [
    { "id": "start", "nodeType": "trigger.manual" },
    { "id": "off", "nodeType": "trigger.webhook", "disabled": true },
    { "id": "a", "nodeType": "no-op" },
    { "id": "b", "nodeType": "no-op" },
    { "id": "c", "nodeType": "no-op" },
    { "id": "alone", "nodeType": "no-op" },
    { "id": "if", "nodeType": "condition", "disabled": true },
    { "id": "pinned", "nodeType": "condition", "pinData": [{}] }
  ],
  "connections": {
    "start": { "main": [["if", "pinned"]] },
    "off": { "main": [["a"]] },
    "a": { "main": [["b"]] },
    "if": { "main": [[], ["c"]] },
    "pinned": { "main": [[], ["c"]] }
  }
}"#;
    unused_nodes_of_n8n: r#"{
  "nodes": [
    { "name": "When", "type": "trigger.manual", "typeVersion": 1, "position": [0, 0] },
    { "name": "A", "type": "no-op", "typeVersion": 1, "position": [0, 0] },
    { "name": "B", "type": "no-op", "typeVersion": 1, "position": [0, 0] },
    { "name": "C", "type": "no-op", "typeVersion": 1, "position": [0, 0] },
    { "name": "D", "type": "no-op", "typeVersion": 1, "position": [0, 0] }
  ],
  "connections": {
    "A": { "main": [[{ "node": "B", "type": "main", "index": 0 }]] },
    "C": { "main": [[{ "node": "D", "type": "main", "index": 0 }]] },
    "D": { "main": [[{ "node": "C", "type": "main", "index": 0 }]] }
  }
}"#;
    mistakes_in_an_inline_workflow: r#"{
  "formatVersion": 1,
  "nodes": [
    { "id": "a", "name": "Call", "nodeType": "execute-workflow", "parameters": { "workflow": {
      "formatVersion": 1,
      "nodes": [
        { "id": "x", "name": "Inner", "nodeType": "transfrom", "parameters": { "field": "{{ $json. }}" } },
        { "id": "y", "nodeType": "no-op", "colour": 1, "parameters": { "x": "{{ $('Nobody').first() }}" } }
      ]
    } } },
    { "id": "b", "nodeType": "execute-workflow", "parameters": { "workflow": {} } },
    { "id": "c", "nodeType": "execute-workflow", "parameters": { "workflow": {
      "nodes": [{ "id": "x", "nodeType": "transform", "parameters": { "field": "$json.a", "value": "{{ $json.b }}" } }]
    } } },
    { "id": "d", "nodeType": "execute-workflow", "parameters": { "workflow": "{{ $json.which }}" } },
    { "id": "e", "nodeType": "execute-workflow", "disabled": true, "parameters": { "workflow": {} } }
  ]
}"#;
    wrong_compensations: r#"{
  "nodes": [
    { "id": "a", "nodeType": "no-op", "compensation": "gone" },
    { "id": "b", "nodeType": "no-op", "compensation": "not a name" },
    { "id": "c", "nodeType": "no-op", "compensation": { "nodetype": "no-op" } },
    { "id": "d", "nodeType": "no-op", "compensation": { "nodeType": "transform", "parameters": { "count": "3", "field": "{{ $json. }}" } } },
    { "id": "e", "nodeType": "no-op", "compensation": { "nodeType": "no-op", "parameters": { "x": "{{ $('later').first() }}", "y": "{{ $('e').first() }} {{ $('d').first() }}" } } },
    { "id": "later", "nodeType": "no-op", "compensation": "trigger.manual" },
    { "id": "f", "nodeType": "trigger.manual", "compensation": "no-op" },
    {
      "id": "g", "nodeType": "no-op", "errorRecoveryStrategy": { "strategy": "fallback", "fallbackNodeType": "gone1" },
      "compensation": {
        "nodeType": "no-op", "timeout": "soon", "retryPolicy": { "maxAttempts": 9999, "quickly": true },
        "errorRecoveryStrategy": { "strategy": "fallback", "fallbackNodeType": "gone2" }
      }
    },
    { "id": "h", "nodeType": "no-op", "compensation": { "nodeType": "no-op", "errorRecoveryStrategy": { "strategy": "fallback", "fallbackNodeType": "no-op" } } },
    { "id": "i", "nodeType": "no-op", "compensation": 3 },
    { "id": "j", "nodeType": "no-op", "disabled": true, "compensation": "gone" }
  ],
  "connections": { "d": { "main": [["e"]] }, "e": { "main": [["later"]] } }
}"#;
    wrong_parameters: r#"{
  "nodes": [
    {
      "id": "a", "name": "Rename", "nodeType": "transform",
      "parameters": { "count": "3", "colour": 1 }
    },
    { "id": "b", "nodeType": "transform", "parameters": { "field": "x", "count": "{{ $json.n }}" } },
    { "id": "c", "nodeType": "transform" },
    { "id": "d", "nodeType": "transform", "parameters": ["x"] }
  ]
}"#;
    bad_expressions: r#"{
  "nodes": [
    { "id": "a", "nodeType": "no-op", "parameters": { "x": "\u00e4\n{{ $json.a + }}" } },
    { "id": "b", "nodeType": "no-op", "parameters": { "list": [1, { "x": "{{ new Map() }}" }] } },
    { "id": "c", "nodeType": "filter", "parameters": { "condition": "$json.a >" } },
    { "id": "d", "nodeType": "no-op", "parameters": { "x": "{{ $json.a" } }
  ],
  "connections": { "a": { "main": [[{ "node": "b", "condition": "$json.a ===" }]] } }
}"#;
    references_to_nobody_and_to_later_nodes: r#"{
  "nodes": [
    { "id": "s1", "name": "Fetch Orders", "nodeType": "no-op" },
    { "id": "s2", "name": "Check", "nodeType": "no-op", "parameters": { "x": "{{ $('Fetch Order').item }}", "y": "{{ $steps.s1.output }}" } },
    { "id": "s3", "name": "Store", "nodeType": "no-op", "parameters": { "x": "{{ $('Check').first() }} {{ $('Aside').first() }}", "z": "{{ $('Store').first() }}" } },
    { "id": "s4", "name": "Aside", "nodeType": "no-op" }
  ],
  "connections": {
    "s1": { "main": [["s2"]] },
    "s2": { "main": [[{ "node": "s3", "condition": "{{ $('Check').first().json.ok && $('Store') }}" }]] }
  }
}"#;
    unknown_fields: r#"{
  "nodes": [
    { "id": "a", "nodeType": "no-op", "paramters": {}, "retryOnFail": true, "name": 3 }
  ],
  "conections": {},
  "settings": { "missingfields": "strict", "timezone": "Europe/Berlinn" },
  "variables": { "count": { "type": "number", "defaultValue": "x" } }
}"#;
    several_errors_in_one_file: r#"{
  "name": "Orders",
  "nodes": [
    { "id": "start", "nodeType": "trigger.manual" },
    { "id": "a", "nodeType": "transform", "parameters": { "field": 7 }, "colour": "red" },
    { "id": "b", "nodeType": "htp-request" },
    { "nodeType": "no-op" },
    { "id": "x y", "nodeType": "no-op", "parameters": 5 }
  ],
  "connections": {
    "start": { "main": [["a"]] },
    "a": { "main": [["b"], ["c"]] },
    "b": { "main": [["x y"]] }
  }
}"#;
    n8n_mistakes: r#"{
  "nodes": [
    { "id": "1", "name": "When", "type": "trigger.manual", "typeVersion": 1, "position": [0, 0], "parameters": {} },
    { "id": "2", "name": "Rename", "type": "transform", "typeVersion": 2.1, "position": [200, 0],
      "parameters": { "field": "Order {{ $json.id }}", "value": "={{ $('Whenn').first() }}" } },
    { "id": "3", "name": "Alone", "type": "no-op", "typeVersion": 1, "position": [400, 0], "parameters": {} }
  ],
  "connections": { "When": { "main": [[{ "node": "Rename", "type": "main", "index": 0 }, { "node": "Nobody", "type": "main", "index": 0 }]] } },
  "settings": { "executionOrder": "v0" }
}"#;
}

#[test]
fn a_document_nested_ten_thousand_deep_is_refused_before_it_is_parsed() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let text = format!(
            "{{\"nodes\": {}1{}}}",
            open.repeat(10_000),
            close.repeat(10_000)
        );
        let error = plan(&text).unwrap_err();
        assert_eq!(codes(&error), ["LIMIT_EXCEEDED"]);
        let location = error.as_slice()[0].location.as_ref().unwrap();
        assert_eq!((location.line, location.length), (1, 1));
    }
}

#[test]
fn depth_is_refused_by_us_and_never_by_the_parser() {
    for depth in 120..=130 {
        let text = format!("{{\"meta\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
        let error = plan(&text).unwrap_err();
        assert!(
            !codes(&error).contains(&"INVALID_SYNTAX"),
            "{depth}: {error}"
        );
    }
}

#[test]
fn a_document_that_is_too_large_is_refused() {
    let size = usize::try_from(MAX_DOCUMENT_SIZE.as_u64()).unwrap() + 1;
    let error = SourceText::from_bytes("large.json", vec![b' '; size]).unwrap_err();
    assert_eq!(codes(&error), ["LIMIT_EXCEEDED"]);
    assert_eq!(error.file(), Some("large.json"));
    let error = read_workflow(&SourceText::new("large.json", " ".repeat(size))).unwrap_err();
    assert_eq!(codes(&error), ["LIMIT_EXCEEDED"]);
}

#[test]
fn bytes_that_are_not_utf8_are_refused_with_their_place() {
    let error =
        SourceText::from_bytes("latin1.json", b"{\"name\": \"\xe4\"}".to_vec()).unwrap_err();
    insta::assert_snapshot!(
        error,
        @"error[INVALID_SYNTAX] the document is not UTF-8: byte 10 belongs to no character; hint: save it as UTF-8"
    );
}

#[test]
fn a_byte_order_mark_is_passed_over_and_counts_for_no_column() {
    let text = "\u{feff}{ \"nodes\": [{ \"id\": \"a\", \"nodeType\": \"gone\" }] }";
    let error = plan(text).unwrap_err();
    let location = error.as_slice()[0].location.as_ref().unwrap();
    assert_eq!((location.line, location.column), (1, 38));
    assert!(text[location.offset..].starts_with("\"gone\""));
}

#[test]
fn findings_beyond_a_thousand_are_counted() {
    let fields: Vec<String> = (0..3_000).map(|place| format!("\"f{place}\": 1")).collect();
    let error = plan(&format!("{{ \"formatVersion\": 1, {} }}", fields.join(","))).unwrap_err();
    assert_eq!(error.len(), 1_001);
    assert_eq!(
        error.as_slice()[1_000].message,
        "2000 more findings are left out"
    );
}

#[test]
fn findings_are_written_as_json_with_their_places() {
    let error = plan(
        r#"{"nodes": [{ "id": "a", "nodeType": "transform", "parameters": { "field": "x", "count": "3" } }]}"#,
    );
    insta::assert_json_snapshot!(error.unwrap_err());
}

#[test]
fn a_key_that_is_written_twice_is_refused_where_it_stands() {
    let error =
        plan("{\"nodes\": [\n  { \"id\": \"a\", \"id\": \"b\", \"nodeType\": \"transform\" }\n]}");
    let text = error.unwrap_err().to_string();
    assert!(text.contains(":2:"), "{text}");
    assert!(text.contains("the key `id` is written twice"), "{text}");
}

#[test]
fn ids_that_are_numbers_can_be_named_as_numbers() {
    let text = r#"{"nodes": [
        { "id": 1, "nodeType": "no-op" }, { "id": 2, "nodeType": "no-op" },
        { "id": 3, "nodeType": "no-op" }
    ], "connections": { "1": { "main": [[2]] }, "2": { "main": [[{ "node": 3 }]] } }}"#;
    assert_eq!(plan(text).err().map(|error| error.to_string()), None);
}
