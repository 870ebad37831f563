use jackfield_types::{ErrorCode, Object, VariableWrite};
use serde_json::{Value, json};

use crate::harness::{Call, written};

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}

/// What a call did.
#[derive(Debug)]
struct Done {
    results: Vec<Value>,
    variables: Value,
    writes: Vec<VariableWrite>,
}

/// What a call does with one item for each of these parameters.
fn run(name: &str, before: Value, parameters: Vec<Value>) -> Result<Done, (ErrorCode, String)> {
    let before = object(before);
    let output = Call::new(name, json!({}))
        .with_parameters(parameters)
        .with_variables(before.clone())
        .run()
        .map_err(|error| (error.code(), error.to_string()))?;
    let results = output.outputs.main[0]
        .iter()
        .map(|item| item.json()["result"].clone())
        .collect();
    let after = written(before, &output.variables);
    Ok(Done {
        results,
        variables: after.into(),
        writes: output.variables,
    })
}

fn check(name: &str, before: Value, parameters: Vec<Value>, results: Value, after: Value) {
    let done = run(name, before, parameters).expect("it goes well");
    assert_eq!(
        (Value::from(done.results), done.variables),
        (results, after),
        "{name}"
    );
}

#[test]
fn each_item_sees_the_writes_before_it() {
    let twice = |parameters: Value| vec![parameters.clone(), parameters];
    check(
        "var.increment",
        json!({}),
        twice(json!({"name": "n"})),
        json!([1, 2]),
        json!({"n": 2}),
    );
    check(
        "var.decrement",
        json!({"n": 1.5}),
        twice(json!({"name": "n", "by": 2})),
        json!([-0.5, -2.5]),
        json!({"n": -2.5}),
    );
    check(
        "var.toggle",
        json!({}),
        twice(json!({"name": "t"})),
        json!([true, false]),
        json!({"t": false}),
    );
    check(
        "var.append",
        json!({}),
        twice(json!({"name": "l", "value": [1]})),
        json!([1, 2]),
        json!({"l": [[1], [1]]}),
    );
    check(
        "var.append",
        json!({"l": "é"}),
        twice(json!({"name": "l", "value": 7})),
        json!([2, 3]),
        json!({"l": "é77"}),
    );
    check(
        "var.concat",
        json!({"l": [0]}),
        twice(json!({"name": "l", "values": [1, 2]})),
        json!([3, 5]),
        json!({"l": [0, 1, 2, 1, 2]}),
    );
    check(
        "var.delete",
        json!({"d": 1}),
        twice(json!({"name": "d"})),
        json!([true, false]),
        json!({}),
    );
    check(
        "var.clear",
        json!({"a": 1, "b": 2}),
        twice(json!({})),
        json!([2, 0]),
        json!({}),
    );
    check(
        "var.setMultiple",
        json!({"a": 1}),
        vec![json!({"values": {"a": 2}}), json!({"values": {"b": 3}})],
        json!([{"a": 2}, {"b": 3}]),
        json!({"a": 2, "b": 3}),
    );
    check(
        "var.merge",
        json!({}),
        vec![
            json!({"name": "o", "object": {"a": 1}}),
            json!({"name": "o", "object": {"b": 2}}),
        ],
        json!([{"a": 1}, {"a": 1, "b": 2}]),
        json!({"o": {"a": 1, "b": 2}}),
    );
    check(
        "var.merge",
        json!({"o": {"a": 1}, "s": 1}),
        vec![json!({"object": {"o": {"b": 2}, "s": {"x": 1}}})],
        json!([{"o": {"a": 1, "b": 2}, "s": {"x": 1}}]),
        json!({"o": {"a": 1, "b": 2}, "s": {"x": 1}}),
    );
}

#[test]
fn a_variable_is_written_once_however_many_items_change_it() {
    let parameters = vec![json!({"name": "n"}); 1000];
    let writes = run("var.increment", json!({}), parameters).unwrap().writes;
    assert_eq!(
        writes,
        [VariableWrite::Set {
            name: "n".to_owned(),
            value: json!(1000)
        }]
    );
}

#[test]
fn reading_writes_nothing() {
    for (name, parameters) in [
        ("var.get", json!({"name": "a"})),
        ("var.exists", json!({"name": "a"})),
        ("var.list", json!({})),
        ("var.getAll", json!({})),
    ] {
        let writes = run(name, json!({"a": 1}), vec![parameters]).unwrap().writes;
        assert_eq!(writes, [], "{name}");
    }
}

#[test]
fn integers_of_variables_are_exact() {
    let before = json!({"n": 9_007_199_254_740_992_u64});
    let done = run("var.increment", before, vec![json!({"name": "n"})]).unwrap();
    assert_eq!(done.results, [json!(9_007_199_254_740_993_u64)]);
    let before = json!({"n": u64::MAX});
    let (code, _) = run("var.increment", before, vec![json!({"name": "n"})]).unwrap_err();
    assert_eq!(code, ErrorCode::NUMBER_ERROR);
}

#[test]
fn a_variable_of_another_type_is_an_error() {
    for (name, before, parameters) in [
        ("var.increment", json!({"x": "1"}), json!({"name": "x"})),
        ("var.toggle", json!({"x": 1}), json!({"name": "x"})),
        (
            "var.append",
            json!({"x": {}}),
            json!({"name": "x", "value": 1}),
        ),
        (
            "var.merge",
            json!({"x": []}),
            json!({"name": "x", "object": {}}),
        ),
    ] {
        let (code, text) = run(name, before, vec![parameters]).unwrap_err();
        assert_eq!(code, ErrorCode::WRONG_TYPE, "{name}");
        assert!(text.contains("the variable `x`"), "{name}: {text}");
    }
}

#[test]
fn names_are_bounded_and_lists_too() {
    for name in [String::new(), "x".repeat(300)] {
        let (code, _) = run(
            "var.set",
            json!({}),
            vec![json!({"name": name, "value": 1})],
        )
        .unwrap_err();
        assert_eq!(code, ErrorCode::INVALID_PARAMETERS);
    }
    let large = vec![0; 1_000_000];
    let parameters = vec![json!({"name": "l", "value": 1})];
    let (code, _) = run("var.append", json!({"l": large}), parameters).unwrap_err();
    assert_eq!(code, ErrorCode::LIMIT_EXCEEDED);
}
