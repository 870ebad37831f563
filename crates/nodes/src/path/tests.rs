use serde_json::json;

use super::*;

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

#[test]
fn a_path_reads_keys_indexes_and_quoted_keys() {
    let item = object(json!({"a": {"b": [{"x y": 1}, 2]}, "a.b": 3, "it's": 4}));
    for (text, expected) in [
        ("a.b[0]['x y']", Some(json!(1))),
        ("a.b.1", Some(json!(2))),
        ("['a.b']", Some(json!(3))),
        (r"['it\'s']", Some(json!(4))),
        ("a.c", None),
        ("a.b[9]", None),
        ("a.b[1].c", None),
    ] {
        assert_eq!(path(text).get(&item), expected.as_ref(), "{text}");
    }
    assert_eq!(path("a.b[1]").get_in(&Value::Object(item)), Some(&json!(2)));
}

#[test]
fn what_is_no_path_is_refused_with_the_reason() {
    for text in [
        "", ".", "a.", ".a", "a..b", "a[", "a[x]", "a['x", "a[0]b", "a]", "a[-1]",
    ] {
        assert!(
            matches!(Path::parse(text), Err(PathError::Syntax { .. })),
            "{text}"
        );
    }
    assert!(Path::parse(&"a.".repeat(80)).is_err());
    assert!(Path::parse(&"a".repeat(5_000)).is_err());
}

#[test]
fn setting_makes_what_is_missing_and_stops_at_what_is_in_the_way() {
    let mut item = object(json!({"a": null, "n": 1}));
    path("a.b[1].c").set(&mut item, json!(7)).unwrap();
    assert_eq!(item["a"], json!({"b": [null, {"c": 7}]}));
    let error = path("n.x").set(&mut item, json!(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot write to `n.x`: `x` leads into a number"
    );
    assert!(path("a.b[99999]").set(&mut item, json!(1)).is_err());
    assert!(path("a.b.c").set(&mut item, json!(1)).is_err());
}

#[test]
fn prototype_keys_are_not_written() {
    let mut item = Object::new();
    for text in ["__proto__.x", "a.constructor", "a['prototype'].b"] {
        let error = path(text).set(&mut item, json!(1)).unwrap_err();
        assert!(matches!(error, PathError::Forbidden { .. }), "{text}");
    }
    assert!(item.is_empty());
}

#[test]
fn values_never_nest_deeper_than_the_bound() {
    let mut value = Value::Null;
    for _ in 0..MAX_DEPTH {
        let mut item = Object::new();
        path("a").set(&mut item, value).unwrap();
        value = Value::Object(item);
    }
    let error = path("a").set(&mut Object::new(), value).unwrap_err();
    assert!(matches!(error, PathError::Limit { .. }));
}

#[test]
fn removing_takes_out_keys_and_elements() {
    let mut item = object(json!({"a": {"b": [1, 2, 3]}, "c": 1}));
    assert_eq!(path("a.b[1]").remove(&mut item), Some(json!(2)));
    assert_eq!(path("c").remove(&mut item), Some(json!(1)));
    assert_eq!(path("a.x.y").remove(&mut item), None);
    assert_eq!(Value::Object(item), json!({"a": {"b": [1, 3]}}));
}
