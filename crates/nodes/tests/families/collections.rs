use jackfield_types::ErrorCode;
use serde_json::{Value, json};

use crate::harness::{Call, error, result};

const DANGEROUS: [&str; 3] = ["__proto__", "constructor", "prototype"];

fn check(cases: &[(&str, Value, Value)]) {
    for (name, parameters, expected) in cases {
        let got = result(name, parameters.clone()).map_err(|error| error.to_string());
        assert_eq!(
            got.map(|got| got.to_string()),
            Ok(expected.to_string()),
            "{name} {parameters}"
        );
    }
}

#[test]
fn parts_of_lists() {
    check(&[
        (
            "list.at",
            json!({"array": [1, 2], "index": -3}),
            json!(null),
        ),
        (
            "list.at",
            json!({"array": [1, 2], "index": i64::MIN}),
            json!(null),
        ),
        (
            "list.slice",
            json!({"array": [1, 2, 3], "start": 2, "end": 1}),
            json!([]),
        ),
        (
            "list.slice",
            json!({"array": [1, 2, 3], "end": -1}),
            json!([1, 2]),
        ),
        ("list.first", json!({"array": []}), json!(null)),
        ("list.last", json!({"array": []}), json!(null)),
        ("list.concat", json!({"arrays": []}), json!([])),
        (
            "list.flatten",
            json!({"array": [[1], [[2]]], "depth": 0}),
            json!([[1], [[2]]]),
        ),
        (
            "list.push",
            json!({"array": [], "value": null}),
            json!([null]),
        ),
        (
            "list.push",
            json!({"array": [], "value": [1]}),
            json!([[1]]),
        ),
        (
            "list.unshift",
            json!({"array": [3], "values": [1, 2]}),
            json!([1, 2, 3]),
        ),
        (
            "list.indexOf",
            json!({"array": [1], "value": "1"}),
            json!(-1),
        ),
        (
            "list.includes",
            json!({"array": [[1, {"a": 2}]], "value": [1.0, {"a": 2}]}),
            json!(true),
        ),
    ]);
    for name in ["list.pop", "list.shift"] {
        let objects = Call::new(name, json!({"array": []})).objects().unwrap();
        assert_eq!(
            Value::Object(objects[0].clone()),
            json!({"result": null, "array": []})
        );
    }
    for parameters in [
        json!({"array": []}),
        json!({"array": [], "value": 1, "values": []}),
    ] {
        assert_eq!(
            error("list.push", parameters).0,
            ErrorCode::INVALID_PARAMETERS
        );
    }
}

#[test]
fn lists_do_not_grow_without_bound() {
    let large = vec![0; 600_000];
    for (name, parameters) in [
        ("list.concat", json!({"arrays": [large, large]})),
        ("list.push", json!({"array": large, "values": large})),
        ("list.flatten", json!({"array": [large, large]})),
    ] {
        assert_eq!(
            error(name, parameters).0,
            ErrorCode::LIMIT_EXCEEDED,
            "{name}"
        );
    }
}

#[test]
fn sorting_is_stable_and_total() {
    let mixed = json!([null, "b", 2, true, [1], "a", {"x": 1}, 1.5, false, null]);
    check(&[
        (
            "list.sort",
            json!({"array": mixed}),
            json!([1.5, 2, "a", "b", false, true, [1], {"x": 1}, null, null]),
        ),
        (
            "list.sort",
            json!({"array": [1, null, 3, 2], "order": "desc"}),
            json!([3, 2, 1, null]),
        ),
        (
            "list.sort",
            json!({"array": [9_007_199_254_740_993_u64, 9_007_199_254_740_992.0]}),
            json!([9_007_199_254_740_992.0, 9_007_199_254_740_993_u64]),
        ),
        (
            "list.sort",
            json!({"array": [{"k": {"n": 1}, "v": 1}, {"v": 2}, {"k": {"n": 0}, "v": 3}, {"k": {"n": 1}, "v": 4}], "key": "k.n", "order": "desc"}),
            json!([{"k": {"n": 1}, "v": 1}, {"k": {"n": 1}, "v": 4}, {"k": {"n": 0}, "v": 3}, {"v": 2}]),
        ),
        (
            "list.unique",
            json!({"array": [{"a": 1, "b": 2}, {"b": 2.0, "a": 1}, [1], [1], "1", 1]}),
            json!([{"a": 1, "b": 2}, [1], "1", 1]),
        ),
        (
            "list.unique",
            json!({"array": [{"v": 1}, {"v": 2}], "key": "id"}),
            json!([{"v": 1}]),
        ),
        (
            "list.groupBy",
            json!({"array": [{"k": 1}, {"k": true}, {}, {"k": "1"}], "key": "k"}),
            json!({"1": [{"k": 1}, {"k": "1"}], "true": [{"k": true}], "null": [{}]}),
        ),
    ]);
    let (code, text) = error("list.groupBy", json!({"array": [{"k": []}], "key": "k"}));
    assert_eq!(code, ErrorCode::WRONG_TYPE);
    assert!(text.starts_with("element 0"), "{text}");
}

#[test]
fn expressions_decide() {
    check(&[
        (
            "list.filter",
            json!({"array": [0, 1, "", "a", null], "condition": "$item"}),
            json!([1, "a"]),
        ),
        (
            "list.filter",
            json!({"array": [1, 2], "condition": true}),
            json!([1, 2]),
        ),
        (
            "list.find",
            json!({"array": [1, 2], "condition": "$item > 5"}),
            json!(null),
        ),
        (
            "list.every",
            json!({"array": [], "condition": "false"}),
            json!(true),
        ),
        (
            "list.some",
            json!({"array": [], "condition": "true"}),
            json!(false),
        ),
        (
            "list.map",
            json!({"array": ["a", "b"], "transform": "$index + ':' + $item"}),
            json!(["0:a", "1:b"]),
        ),
        (
            "list.map",
            json!({"array": [9_007_199_254_740_993_u64], "transform": "$item"}),
            json!([9_007_199_254_740_993_u64]),
        ),
        (
            "list.reduce",
            json!({"array": [], "transform": "$acc", "initial": null}),
            json!(null),
        ),
        (
            "list.reduce",
            json!({"array": [5], "transform": "$acc + $item"}),
            json!(5),
        ),
        (
            "list.reduce",
            json!({"array": ["a", "b"], "transform": "$acc + $index + $item", "initial": ""}),
            json!("0a1b"),
        ),
        (
            "dict.mapValues",
            json!({"object": {"a": 1, "b": 2}, "transform": "$key + $item + $index"}),
            json!({"a": "a10", "b": "b21"}),
        ),
        (
            "dict.filterEntries",
            json!({"object": {"a": 0, "b": 1}, "condition": "$item"}),
            json!({"b": 1}),
        ),
    ]);
    let (code, _) = error("list.reduce", json!({"array": [], "transform": "$acc"}));
    assert_eq!(code, ErrorCode::INVALID_PARAMETERS);
    let (code, _) = error("list.map", json!({"array": [1], "transform": {"a": 1}}));
    assert_eq!(code, ErrorCode::INVALID_PARAMETERS);
    assert!(result("list.map", json!({"array": [1], "transform": "$item +"})).is_err());
}

#[test]
fn paths_read_and_write() {
    check(&[
        (
            "dict.get",
            json!({"object": {"a": null}, "path": "a", "default": 1}),
            json!(null),
        ),
        (
            "dict.get",
            json!({"object": {"a": 1}, "path": "a.b.c", "default": [1]}),
            json!([1]),
        ),
        (
            "dict.get",
            json!({"object": {"a b": {"c.d": 5}}, "path": "['a b'][\"c.d\"]"}),
            json!(5),
        ),
        (
            "dict.has",
            json!({"object": {"a": [1]}, "path": "a[1]"}),
            json!(false),
        ),
        (
            "dict.set",
            json!({"object": {}, "path": "a[0].b", "value": 1}),
            json!({"a": [{"b": 1}]}),
        ),
        (
            "dict.set",
            json!({"object": {"a": {"b": 1}}, "path": "a", "value": null}),
            json!({"a": null}),
        ),
        (
            "dict.delete",
            json!({"object": {"a": [1, 2]}, "path": "a[0]"}),
            json!({"a": [2]}),
        ),
        (
            "dict.delete",
            json!({"object": {"a": 1, "b": 2, "c": 3}, "path": "a"}),
            json!({"b": 2, "c": 3}),
        ),
        (
            "dict.delete",
            json!({"object": {"a": 1}, "path": "x.y"}),
            json!({"a": 1}),
        ),
        (
            "dict.pick",
            json!({"object": {"a": 1, "b": 2}, "keys": ["b", "x", "a"]}),
            json!({"b": 2, "a": 1}),
        ),
        (
            "dict.omit",
            json!({"object": {"a": 1, "b": 2}, "keys": ["x", "a"]}),
            json!({"b": 2}),
        ),
    ]);
    let (code, text) = error(
        "dict.set",
        json!({"object": {"a": 3}, "path": "a.b", "value": 1}),
    );
    assert_eq!(code, ErrorCode::WRONG_TYPE, "{text}");
    for path in ["", "a.", "a[", "a..b", &"a.".repeat(99)] {
        let (code, text) = error("dict.get", json!({"object": {}, "path": path}));
        assert_eq!(code, ErrorCode::INVALID_PARAMETERS, "{path}: {text}");
        assert!(text.contains("`/path`"), "{text}");
    }
    let (code, _) = error(
        "dict.set",
        json!({"object": {}, "path": "a[999999999]", "value": 1}),
    );
    assert_eq!(code, ErrorCode::LIMIT_EXCEEDED);
}

#[test]
fn objects_are_put_together() {
    check(&[
        ("dict.merge", json!({"objects": []}), json!({})),
        (
            "dict.merge",
            json!({"objects": [{"a": 1, "b": 1}, {"a": 2}]}),
            json!({"a": 2, "b": 1}),
        ),
        (
            "dict.deepMerge",
            json!({"objects": [{"a": {"x": [1], "y": 1}}, {"a": {"x": [2]}}, {"a": {"z": null}}]}),
            json!({"a": {"x": [2], "y": 1, "z": null}}),
        ),
        (
            "dict.deepMerge",
            json!({"objects": [{"a": 1}, {"a": {"b": 2}}, {"a": 3}]}),
            json!({"a": 3}),
        ),
        (
            "dict.fromEntries",
            json!({"entries": [["a", 1], [2, "x"], ["a", 3]]}),
            json!({"a": 3, "2": "x"}),
        ),
        ("dict.entries", json!({"object": {}}), json!([])),
        (
            "dict.invert",
            json!({"object": {"a": "x", "b": "x"}}),
            json!({"x": "b"}),
        ),
        ("dict.size", json!({"object": {}}), json!(0)),
    ]);
    assert_eq!(
        error("dict.invert", json!({"object": {"a": [1]}})).0,
        ErrorCode::WRONG_TYPE
    );
    let deep = (0..120).fold(json!({}), |inner, _| json!({"a": inner}));
    assert_eq!(
        error("dict.deepMerge", json!({"objects": [deep]})).0,
        ErrorCode::LIMIT_EXCEEDED
    );
}

#[test]
fn dangerous_keys_are_refused_everywhere() {
    for key in DANGEROUS {
        let inside = json!({"a": {key: 1}});
        for (name, parameters) in [
            ("dict.get", json!({"object": {}, "path": key})),
            (
                "dict.get",
                json!({"object": {}, "path": format!("a.{key}.b")}),
            ),
            (
                "dict.has",
                json!({"object": {}, "path": format!("a['{key}']")}),
            ),
            (
                "dict.set",
                json!({"object": {}, "path": format!("a[0].{key}"), "value": 1}),
            ),
            ("dict.delete", json!({"object": {}, "path": key})),
            ("dict.pick", json!({"object": {}, "keys": [key]})),
            ("dict.omit", json!({"object": {}, "keys": [key]})),
            ("dict.merge", json!({"objects": [{key: 1}]})),
            ("dict.deepMerge", json!({"objects": [inside]})),
            (
                "dict.deepMerge",
                json!({"objects": [{"a": {"b": 1}}, inside]}),
            ),
            ("dict.fromEntries", json!({"entries": [[key, 1]]})),
            (
                "dict.fromEntries",
                json!({"entries": [{"key": key, "value": 1}]}),
            ),
            ("dict.invert", json!({"object": {"a": key}})),
            (
                "dict.mapValues",
                json!({"object": {key: 1}, "transform": "1"}),
            ),
            (
                "dict.filterEntries",
                json!({"object": {key: 1}, "condition": "true"}),
            ),
            ("convert.toObject", json!({"value": [[key, 1]]})),
            ("list.groupBy", json!({"array": [{"k": key}], "key": "k"})),
            ("list.groupBy", json!({"array": [], "key": key})),
            ("list.sort", json!({"array": [], "key": key})),
            ("list.unique", json!({"array": [], "key": key})),
            ("var.get", json!({"name": key})),
            ("var.set", json!({"name": key, "value": 1})),
            ("var.append", json!({"name": key, "value": 1})),
            ("var.increment", json!({"name": key})),
            ("var.delete", json!({"name": key})),
            ("var.setMultiple", json!({"values": {key: 1}})),
            ("var.merge", json!({"object": {key: 1}})),
            ("var.merge", json!({"name": "a", "object": {key: 1}})),
        ] {
            let (code, text) = error(name, parameters.clone());
            let is_refusal =
                [ErrorCode::INVALID_PARAMETERS, ErrorCode::INVALID_INPUT].contains(&code);
            assert!(
                is_refusal && text.contains(key),
                "{name} {parameters}: {code} {text}"
            );
        }
    }
}
