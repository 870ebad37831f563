//! Data to evaluate over, and a table of rows to compare.

use jackfield_definition::expression::{EvaluateOptions, StaticRoots, Syntax, Template};
use jackfield_types::Item;
use serde_json::{Value, json};

pub(crate) fn item(value: Value) -> Item {
    Item::from_value(value).unwrap()
}

pub(crate) fn roots() -> StaticRoots {
    let first = json!({
        "id": 7, "price": 2.5, "qty": 4, "big": 9_007_199_254_740_993_i64, "name": "Ünal Çelik",
        "email": "a.b@example.com", "tags": ["b", "a", "c", "a"], "zero": 0, "empty": "",
        "nothing": null, "ok": true, "customer": {"name": "Ada", "address": {"city": "Köln"}},
        "lines": [{"sku": "x", "n": 2, "p": 1.5}, {"sku": "y", "n": 1, "p": 10}],
        "text": "The quick brown fox", "emoji": "a😀b", "json": "{\"a\":[1,2]}",
        "__proto__": {"polluted": true}, "constructor": "c", "when": "2024-02-29T12:30:45.678Z"
    });
    StaticRoots::new("2024-05-15T10:20:30Z".parse().unwrap())
        .with_input(vec![item(first), item(json!({"id": 8, "price": 1}))])
        .with_node(
            "Set Price",
            vec![item(json!({"total": 12})), item(json!({"total": 13}))],
        )
        .with_node("fetch", vec![item(json!({"a": 1})), item(json!({"a": 2}))])
        .with_variables(json!({"rate": 3}).as_object().unwrap().clone())
        .with_context(json!({"user": "u1"}))
        .with_workflow(json!({"id": "w", "name": "Orders"}))
        .with_execution(json!({"id": "exec_1"}))
        .with_environment("REGION", "eu")
        .with_binding("$item", json!({"price": 5, "name": "Bo"}))
        .with_binding("$index", json!(2))
        .with_run_index(1)
}

pub(crate) fn evaluate(expression: &str, options: &EvaluateOptions) -> Result<Value, String> {
    let text = format!("{{{{ {expression} }}}}");
    let template = Template::parse(&text, Syntax::Native)
        .map_err(|error| format!("{}: {} ({:?})", error.code, error.message, error.hint))?;
    template
        .evaluate(&roots(), options)
        .map_err(|error| format!("{}: {}", error.code, error.message))
}

pub(crate) fn check(rows: &[(&str, Value)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(expression, expected)| {
            let found = evaluate(expression, &EvaluateOptions::default());
            (found.as_ref() != Ok(expected))
                .then(|| format!("{expression}\n  expected {expected}\n  found    {found:?}"))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {} rows:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}
