use jackfield_plugin_api::NodeError;
use jackfield_types::{ErrorCode, Item, ItemSource};
use serde_json::json;

use crate::harness::{Call, error, function, result};

#[test]
fn each_item_gives_one_that_is_paired_with_it() {
    let parameters = (0..3).map(|n| json!({"a": n, "b": 10})).collect();
    let output = Call::new("math.add", json!({}))
        .with_parameters(parameters)
        .run()
        .unwrap();
    let items = &output.outputs.main[0];
    for (place, item) in items.iter().enumerate() {
        assert_eq!(item.json()["result"], json!(10 + place));
        let source = ItemSource {
            input: 0,
            item: u32::try_from(place).unwrap(),
        };
        assert_eq!(item.source(), Some(source));
    }
}

#[test]
fn constant_results_are_shared_and_still_paired() {
    let output = Call::new("string.upper", json!({"value": "a"}))
        .with_items(vec![Item::default(); 3])
        .run()
        .unwrap();
    let items = &output.outputs.main[0];
    assert!(std::ptr::eq(items[0].json(), items[2].json()));
    assert_eq!(items[2].source().unwrap().item, 2);
}

#[test]
fn random_numbers_are_not_shared() {
    let objects = Call::new("math.random", json!({}))
        .with_items(vec![Item::default(); 20])
        .objects()
        .unwrap();
    assert!(objects.iter().any(|object| object != &objects[0]));
}

#[test]
fn expressions_see_each_item() {
    let item = |n: i64| Item::new([("n".to_owned(), n.into())].into_iter().collect());
    let objects = Call::new(
        "list.map",
        json!({"array": [1, 2], "transform": "$item * $json.n"}),
    )
    .with_items(vec![item(1), item(10)])
    .objects()
    .unwrap();
    let results: Vec<_> = objects
        .iter()
        .map(|object| object["result"].clone())
        .collect();
    assert_eq!(results, [json!([1, 2]), json!([10, 20])]);
}

#[test]
fn no_items_give_no_items() {
    let call = Call::new("math.add", json!({"a": 1, "b": 2})).with_items(Vec::new());
    assert!(call.objects().unwrap().is_empty());
}

#[test]
fn a_wrong_type_is_named_with_its_place_and_the_way_out() {
    let cases = [
        (
            "list.length",
            json!({"array": "abc"}),
            "`/array`: expected a list, got the text `abc`",
        ),
        (
            "math.add",
            json!({"a": "12", "b": 1}),
            "`/a`: expected a number, got the text `12`",
        ),
        (
            "math.sum",
            json!({"values": [1, null]}),
            "`/values/1`: expected a number, got null",
        ),
        (
            "string.upper",
            json!({"value": 7}),
            "`/value`: expected a text, got the number `7`",
        ),
        (
            "string.upper",
            json!({}),
            "`/value`: expected a text, got nothing",
        ),
        (
            "string.upper",
            json!({"value": null}),
            "`/value`: expected a text, got null",
        ),
        (
            "dict.keys",
            json!({"object": [1]}),
            "`/object`: expected an object, got a list of 1",
        ),
        (
            "string.trim",
            json!({"value": "", "mode": "left"}),
            "`/mode`: expected one of `both`, `start`, `end`, got the text `left`",
        ),
        (
            "logic.not",
            json!({"value": 1, "vaule": 2}),
            "`/vaule`: no such parameter",
        ),
        (
            "math.round",
            json!({"value": 1, "decimals": 1.5}),
            "`/decimals`: expected a number without fraction from -400 to 400, got the number `1.5`",
        ),
    ];
    for (name, parameters, message) in cases {
        let (code, text) = error(name, parameters);
        assert_eq!(code, ErrorCode::INVALID_PARAMETERS, "{name}");
        assert_eq!(text, format!("invalid parameters: {message}"), "{name}");
    }
    let Err(NodeError::Params(issues)) = result("math.add", json!({"a": "12", "b": 1})) else {
        panic!("a text is no number");
    };
    assert!(
        issues[0]
            .hint
            .as_ref()
            .unwrap()
            .contains("convert.toNumber")
    );
}

#[test]
fn all_wrong_parameters_are_named_at_once() {
    let Err(NodeError::Params(issues)) = result("math.add", json!({"a": "x", "c": 1})) else {
        panic!("these are wrong");
    };
    let paths: Vec<_> = issues.iter().map(|issue| issue.path.as_str()).collect();
    assert_eq!(paths, ["/a", "/b", "/c"]);
}

#[test]
fn a_wrong_type_in_one_of_many_items_names_the_item() {
    let parameters = vec![json!({"a": 1, "b": 2}), json!({"a": 1, "b": "2"})];
    let error = Call::new("math.add", json!({}))
        .with_parameters(parameters)
        .run()
        .unwrap_err();
    let message = "invalid parameters: `/b`: item 1: expected a number, got the text `2`";
    assert_eq!(error.to_string(), message);
}

#[test]
fn parameters_of_one_form_are_given_and_of_no_other() {
    let issues = |name: &str, parameters| function(name).executor.validate(&parameters);
    assert_eq!(
        issues("logic.and", json!({"a": 1}))[0].message,
        "expected one of these, and nothing of the others: `values`, or `a` and `b`"
    );
    assert_eq!(issues("logic.and", json!({"a": 1, "b": null})), []);
    assert_eq!(
        issues("list.push", json!({"array": [], "value": 1, "values": []})).len(),
        1
    );
    assert_eq!(issues("logic.in", json!({"value": 1})).len(), 1);
}

#[test]
fn parameters_that_are_no_object_are_refused() {
    assert_eq!(
        error("math.add", json!([1, 2])).0,
        ErrorCode::INVALID_PARAMETERS
    );
    assert_eq!(
        error("math.add", json!(null)).0,
        ErrorCode::INVALID_PARAMETERS
    );
}

#[test]
fn a_failure_says_at_which_item_and_keeps_what_was_made() {
    let parameters = [4, 2, 0].map(|b| json!({"a": 8, "b": b})).to_vec();
    let error = Call::new("math.divide", json!({}))
        .with_parameters(parameters)
        .run()
        .unwrap_err();
    let failure = error.into_failure();
    assert_eq!(failure.code, ErrorCode::NUMBER_ERROR);
    assert_eq!(failure.details, Some(json!({"item": 2})));
    assert_eq!(failure.partial.unwrap().item_count(), 2);
}

#[test]
fn a_cancelled_call_ends() {
    let call = Call::new("math.add", json!({"a": 1, "b": 2})).cancelled();
    assert!(matches!(call.run(), Err(NodeError::Cancelled)));
}

#[test]
fn results_are_bounded_in_depth() {
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(
        error("logic.coalesce", json!({"values": [deep]})).0,
        ErrorCode::LIMIT_EXCEEDED
    );
}

#[test]
fn results_of_one_call_are_bounded_together() {
    let text = "x".repeat(4 << 20);
    let parameters = vec![json!({"values": [text, null]}); 80];
    let call = Call::new("string.concat", json!({})).with_parameters(parameters);
    assert_eq!(call.run().unwrap_err().code(), ErrorCode::LIMIT_EXCEEDED);
}

#[test]
fn what_is_wrong_with_fixed_values_is_known_before_anything_runs() {
    let issues = |name: &str, parameters| function(name).executor.validate(&parameters);
    for name in ["math.min", "math.max", "math.average"] {
        let found = issues(name, json!({"values": []}));
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0].path, "/values", "{name}");
        assert_eq!(
            found[0].message,
            "expected at least one number, got an empty list"
        );
    }
    assert_eq!(issues("math.sum", json!({"values": []})), []);
    for (name, parameters, path) in [
        (
            "convert.formatDate",
            json!({"value": 0, "timezone": "Mars/Olympus"}),
            "/timezone",
        ),
        (
            "convert.parseDate",
            json!({"value": 0, "timezone": "Mars/Olympus"}),
            "/timezone",
        ),
        (
            "convert.formatDate",
            json!({"value": 0, "format": "%"}),
            "/format",
        ),
        ("var.get", json!({"name": "__proto__"}), "/name"),
        (
            "var.set",
            json!({"name": "x".repeat(257), "value": 1}),
            "/name",
        ),
    ] {
        let found = issues(name, parameters);
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0].path, path, "{name}");
    }
}
