//! Checking parameters: what is said, where, and what is left for later.

use std::sync::Arc;

use jackfield_plugin_api::{BoxFuture, NodeCall, NodeError, NodeExecutor, NodeOutput};
use jackfield_registry::Registry;
use jackfield_types::{NodeTypeMetadata, ValidationIssue};
use serde_json::{Value, json};

use crate::common::{metadata, numbered};

fn schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["entity"],
        "properties": {
            "entity": {"type": "string", "minLength": 1},
            "limit": {"type": "integer", "minimum": 1, "maximum": 100},
            "order": {"enum": ["asc", "desc"]},
            "mode": {"type": ["string", "null"]},
            "condition": {"type": ["string", "boolean", "number"], "format": "expression"},
            "key": {"type": "string", "pattern": "^[a-z]+$"},
            "sort": {
                "type": "array",
                "maxItems": 3,
                "uniqueItems": true,
                "items": {
                    "type": "object",
                    "required": ["field"],
                    "properties": {"field": {"type": "string"}, "a/b": {"type": "number"}}
                }
            },
            "either": {"anyOf": [{"type": "number"}, {"type": "string"}]},
            "auth": {
                "oneOf": [
                    {
                        "type": "object",
                        "properties": {"kind": {"const": "basic"}, "user": {"type": "string"}},
                        "required": ["kind", "user"]
                    },
                    {
                        "type": "object",
                        "properties": {"kind": {"const": "bearer"}, "token": {"type": "string"}},
                        "required": ["kind", "token"]
                    }
                ]
            },
            "never": false,
            "then": {"type": "number"}
        },
        "if": {"properties": {"mode": {"const": "page"}}, "required": ["mode"]},
        "then": {"required": ["limit"]}
    })
}

fn check_with(
    schema: Value,
    required: &[&str],
    parameters: &Value,
    unknown: &[&str],
) -> Vec<ValidationIssue> {
    let registry = Registry::new();
    let metadata = NodeTypeMetadata {
        schema: Some(schema),
        required_fields: required.iter().map(|&field| field.to_owned()).collect(),
        ..metadata("test", "1.0.0")
    };
    let one = registry
        .register_with_metadata("test", numbered(0), metadata)
        .unwrap();
    let unknown: Vec<_> = unknown.iter().map(|&path| path.to_owned()).collect();
    one.check(parameters, &unknown)
}

fn check(parameters: &Value) -> Vec<String> {
    said(&check_with(schema(), &["entity"], parameters, &[]))
}

fn check_unknown(parameters: &Value, unknown: &[&str]) -> Vec<String> {
    said(&check_with(schema(), &["entity"], parameters, unknown))
}

fn said(issues: &[ValidationIssue]) -> Vec<String> {
    let one = |issue: &ValidationIssue| match &issue.hint {
        Some(hint) => format!("{issue} ({hint})"),
        None => issue.to_string(),
    };
    issues.iter().map(one).collect()
}

#[test]
fn what_is_right_is_not_spoken_of() {
    let right = json!({
        "entity": "order", "limit": 5, "order": "asc", "mode": null, "condition": "$item.a > 3",
        "key": "abc", "sort": [{"field": "a"}], "either": 3, "auth": {"kind": "basic", "user": "u"}
    });
    assert!(check(&right).is_empty());
}

#[test]
fn each_mistake_says_where_what_was_expected_and_what_came() {
    let cases = [
        (json!({}), "the parameter `entity` is missing"),
        (json!(null), "the parameter `entity` is missing"),
        (json!({"entity": ""}), "`/entity`: must not be empty"),
        (
            json!({"entity": 3}),
            "`/entity`: expected a text, got the number `3`",
        ),
        (
            json!({"entity": null}),
            "`/entity`: expected a text, got null",
        ),
        (
            json!({"entity": "a", "limit": "abc"}),
            "`/limit`: expected a whole number, got the text `abc`",
        ),
        (
            json!({"entity": "a", "limit": "7"}),
            "`/limit`: expected a whole number, got the text `7` (write it without quotes: `7`)",
        ),
        (
            json!({"entity": "a", "limit": 0}),
            "`/limit`: must be at least 1, is 0",
        ),
        (
            json!({"entity": "a", "limit": 101}),
            "`/limit`: must be at most 100, is 101",
        ),
        (
            json!({"entity": "a", "limt": 1}),
            "`/limt`: unknown parameter `limt` (did you mean `limit`?)",
        ),
        (
            json!({"entity": "a", "order": "ascc"}),
            "`/order`: expected one of `asc` or `desc`, got the text `ascc` (did you mean `asc`?)",
        ),
        (
            json!({"entity": "a", "mode": []}),
            "`/mode`: expected null or a text, got a list",
        ),
        (
            json!({"entity": "a", "key": "A"}),
            "`/key`: must match the pattern `^[a-z]+$`, got the text `A`",
        ),
        (
            json!({"entity": "a", "sort": [{}]}),
            "`/sort/0`: the property `field` is missing",
        ),
        (
            json!({"entity": "a", "sort": [{"field": "a", "a/b": {}}]}),
            "`/sort/0/a~1b`: expected a number, got an object",
        ),
        (
            json!({"entity": "a", "sort": [{"field": "a"}, {"field": "a"}]}),
            "`/sort`: the entries must differ from each other",
        ),
        (
            json!({"entity": "a", "either": true}),
            "`/either`: expected a number or a text, got `true`",
        ),
        (
            json!({"entity": "a", "auth": {"kind": "basic"}}),
            "`/auth`: the property `user` is missing",
        ),
        (
            json!({"entity": "a", "auth": {"kind": "bearer", "token": 1}}),
            "`/auth/token`: expected a text, got the number `1`",
        ),
        (
            json!({"entity": "a", "never": 1}),
            "`/never`: nothing may be given here",
        ),
        (
            json!({"entity": "a", "mode": "page"}),
            "the parameter `limit` is missing",
        ),
        (
            json!({"entity": "x".repeat(50), "key": "B".repeat(50)}),
            "`/key`: must match the pattern `^[a-z]+$`, got the text `BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB…`",
        ),
    ];
    for (parameters, expected) in cases {
        assert_eq!(check(&parameters), [expected], "{parameters}");
    }
}

#[test]
fn all_mistakes_are_reported_in_one_go() {
    let issues = check(&json!({"limit": 0, "order": "up", "x": 1, "y": 2}));
    assert_eq!(issues.len(), 5, "{issues:#?}");
    assert!(issues[0].contains("`entity` is missing"));
}

#[test]
fn parameters_that_are_no_object_are_refused() {
    for parameters in [json!([1]), json!("a"), json!(3)] {
        assert!(
            check(&parameters)[0].starts_with("expected an object, got"),
            "{parameters}"
        );
    }
}

#[test]
fn a_list_full_of_mistakes_makes_a_short_report() {
    let schema = json!({"properties": {"list": {"items": {"type": "number"}}}});
    let issues = check_with(schema, &[], &json!({"list": vec!["a"; 10_000]}), &[]);
    assert_eq!(issues.len(), 100);
}

#[test]
fn nothing_is_said_about_what_is_unknown() {
    let template = "={{ $json.x }}";
    let silent: [(Value, &[&str]); 8] = [
        (json!({"entity": "a", "limit": template}), &["/limit"]),
        (json!({"entity": "a", "order": template}), &["/order"]),
        (json!({"entity": "a", "sort": template}), &["/sort"]),
        (json!({"entity": "a", "sort": [template]}), &["/sort/0"]),
        (
            json!({"entity": "a", "sort": [{"field": "x", "a/b": template}]}),
            &["/sort/0/a~1b"],
        ),
        (
            json!({"entity": "a", "auth": {"kind": template}}),
            &["/auth/kind"],
        ),
        (
            json!({"entity": "a", "mode": "page", "auth": {"kind": template}}),
            &["/auth/kind"],
        ),
        (json!(template), &[""]),
    ];
    for (parameters, unknown) in silent {
        assert!(
            check_unknown(&parameters, unknown).is_empty(),
            "{parameters}"
        );
    }
}

#[test]
fn what_is_wrong_whatever_comes_is_said_all_the_same() {
    let template = "={{ $json.x }}";
    let cases: [(Value, &[&str], &str); 5] = [
        (
            json!({"limit": template}),
            &["/limit"],
            "the parameter `entity` is missing",
        ),
        (
            json!({"entity": "a", "limt": template}),
            &["/limt"],
            "`/limt`: unknown parameter `limt` (did you mean `limit`?)",
        ),
        (
            json!({"entity": "a", "sort": [{"a/b": template}]}),
            &["/sort/0/a~1b"],
            "`/sort/0`: the property `field` is missing",
        ),
        (
            json!({"entity": "a", "sort": [{"field": "1"}, template, {"field": "3"}, {"field": "4"}]}),
            &["/sort/1"],
            "`/sort`: must have at most 3 entries, has 4",
        ),
        (
            json!({"entity": template, "limit": 0}),
            &["/entity"],
            "`/limit`: must be at least 1, is 0",
        ),
    ];
    for (parameters, unknown, expected) in cases {
        assert_eq!(
            check_unknown(&parameters, unknown),
            [expected],
            "{parameters}"
        );
    }
}

#[test]
fn a_place_is_not_taken_for_another_that_begins_like_it() {
    let issues = check_unknown(&json!({"entity": "a", "limit": 0, "lim": 1}), &["/lim"]);
    assert_eq!(issues.len(), 2, "{issues:?}");
}

#[test]
fn a_parameter_named_like_a_keyword_is_checked_like_any_other() {
    let issues = check_unknown(
        &json!({"entity": "a", "then": "x", "key": "{{ 1 }}"}),
        &["/key"],
    );
    assert_eq!(issues, ["`/then`: expected a number, got the text `x`"]);
}

/// Has a rule of its own, and breaks off when it is asked about 13.
struct Picky;

impl NodeExecutor for Picky {
    fn execute<'a>(&'a self, _: NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>> {
        Box::pin(async { Ok(NodeOutput::default()) })
    }

    fn validate(&self, parameters: &Value) -> Vec<ValidationIssue> {
        assert_ne!(parameters["n"], 13, "unlucky");
        vec![ValidationIssue::parameter("/n", "is odd")]
    }
}

#[test]
fn the_executors_own_rules_come_last_and_only_when_all_is_known() {
    let registry = Registry::new();
    let metadata = NodeTypeMetadata {
        schema: Some(json!({"properties": {"n": {"type": "integer"}}})),
        ..metadata("picky", "1.0.0")
    };
    let one = registry
        .register_with_metadata("picky", Arc::new(Picky), metadata)
        .unwrap();
    assert_eq!(said(&one.check(&json!({"n": 3}), &[])), ["`/n`: is odd"]);
    assert!(
        one.check(&json!({"n": "{{ 3 }}"}), &["/n".to_owned()])
            .is_empty()
    );
    assert_eq!(one.check(&json!({"n": "x"}), &[]).len(), 1);
    assert_eq!(
        one.check(&json!({"n": 13}), &[])[0].message.lines().next(),
        Some("the executor's own check panicked: assertion `left != right` failed: unlucky"),
    );
}

#[test]
fn a_pattern_that_goes_astray_is_stopped() {
    let schema = json!({"properties": {"a": {"pattern": "^(?=(a+)+$)(a|aa)+\\1b$"}}});
    let issues = check_with(schema, &[], &json!({"a": "a".repeat(200)}), &[]);
    assert_eq!(issues.len(), 1);
    assert_eq!(issues[0].path, "/a");
}
