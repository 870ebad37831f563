use jackfield_types::ErrorCode;
use serde_json::{Value, json};

use crate::harness::{error, result};

const BEYOND_FLOATS: u64 = 9_007_199_254_740_993;

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
fn integers_are_exact() {
    check(&[
        (
            "math.add",
            json!({"a": BEYOND_FLOATS, "b": 0}),
            json!(BEYOND_FLOATS),
        ),
        (
            "math.add",
            json!({"a": i64::MIN, "b": u64::MAX}),
            json!(i64::MAX),
        ),
        (
            "math.subtract",
            json!({"a": 0, "b": i64::MAX}),
            json!(-i64::MAX),
        ),
        (
            "math.multiply",
            json!({"a": 3_037_000_500_u64, "b": 3_037_000_500_u64}),
            json!(9_223_372_037_000_250_000_u64),
        ),
        (
            "math.divide",
            json!({"a": BEYOND_FLOATS, "b": 1}),
            json!(BEYOND_FLOATS),
        ),
        ("math.divide", json!({"a": -9, "b": 3}), json!(-3)),
        (
            "math.modulo",
            json!({"a": BEYOND_FLOATS, "b": 10}),
            json!(3),
        ),
        ("math.modulo", json!({"a": 7.5, "b": 2}), json!(1.5)),
        (
            "math.power",
            json!({"a": 3, "b": 39}),
            json!(4_052_555_153_018_976_267_u64),
        ),
        ("math.power", json!({"a": -1, "b": u64::MAX}), json!(-1)),
        ("math.power", json!({"a": 0, "b": 0}), json!(1)),
        (
            "math.power",
            json!({"a": 2.0, "b": 70}),
            json!(1_180_591_620_717_411_303_424.0),
        ),
        (
            "math.abs",
            json!({"value": i64::MIN}),
            json!(9_223_372_036_854_775_808_u64),
        ),
        (
            "math.sum",
            json!({"values": [u64::MAX, 1, -1]}),
            json!(u64::MAX),
        ),
        ("math.sum", json!({"values": []}), json!(0)),
        ("math.sum", json!({"values": [0.5, 1]}), json!(1.5)),
        (
            "math.average",
            json!({"values": [u64::MAX, u64::MAX]}),
            json!(u64::MAX),
        ),
        (
            "math.max",
            json!({"values": [9_007_199_254_740_992.0, BEYOND_FLOATS]}),
            json!(BEYOND_FLOATS),
        ),
        (
            "math.clamp",
            json!({"value": BEYOND_FLOATS, "min": 0, "max": 9_007_199_254_740_992.0}),
            json!(9_007_199_254_740_992.0),
        ),
        (
            "math.sqrt",
            json!({"value": 4_611_686_014_132_420_609_u64}),
            json!(2_147_483_647),
        ),
        ("math.sqrt", json!({"value": 0}), json!(0)),
        ("math.floor", json!({"value": -0.5}), json!(-1)),
        ("math.ceil", json!({"value": 1e300}), json!(1e300)),
        (
            "math.floor",
            json!({"value": BEYOND_FLOATS}),
            json!(BEYOND_FLOATS),
        ),
        ("math.round", json!({"value": 2.5}), json!(3)),
        (
            "math.round",
            json!({"value": 2.0, "decimals": 1}),
            json!(2.0),
        ),
        (
            "math.round",
            json!({"value": BEYOND_FLOATS, "decimals": 5}),
            json!(BEYOND_FLOATS),
        ),
        (
            "math.round",
            json!({"value": 5, "decimals": null}),
            json!(5),
        ),
    ]);
}

#[test]
fn what_is_no_number_is_an_error() {
    for (name, parameters) in [
        ("math.add", json!({"a": u64::MAX, "b": 1})),
        ("math.subtract", json!({"a": i64::MIN, "b": 1})),
        ("math.multiply", json!({"a": u64::MAX, "b": u64::MAX})),
        ("math.multiply", json!({"a": 1e308, "b": 10})),
        ("math.divide", json!({"a": 1, "b": 0})),
        ("math.divide", json!({"a": 1, "b": -0.0})),
        ("math.modulo", json!({"a": 1, "b": 0})),
        ("math.power", json!({"a": 2, "b": 64})),
        ("math.power", json!({"a": 10, "b": u64::MAX})),
        ("math.power", json!({"a": 0, "b": -1})),
        ("math.power", json!({"a": -8, "b": 0.5})),
        ("math.sqrt", json!({"value": -1})),
        ("math.sum", json!({"values": [u64::MAX, 1]})),
        ("math.sum", json!({"values": [1.7e308, 1.7e308]})),
        ("math.random", json!({"min": -1.7e308, "max": 1.7e308})),
        ("math.round", json!({"value": u64::MAX, "decimals": -1})),
    ] {
        let (code, text) = error(name, parameters.clone());
        assert_eq!(code, ErrorCode::NUMBER_ERROR, "{name} {parameters}: {text}");
    }
}

#[test]
fn senseless_ranges_are_refused() {
    for (name, parameters) in [
        ("math.min", json!({"values": []})),
        ("math.average", json!({"values": []})),
        ("math.clamp", json!({"value": 1, "min": 5, "max": 4})),
        ("math.random", json!({"min": 5, "max": 4})),
        (
            "math.random",
            json!({"min": 0.5, "max": 4, "integer": true}),
        ),
    ] {
        assert_eq!(
            error(name, parameters.clone()).0,
            ErrorCode::INVALID_PARAMETERS,
            "{name}"
        );
    }
}

#[test]
fn random_numbers_stay_in_their_range() {
    let mut seen = [false; 3];
    for _ in 0..300 {
        let die = result("math.random", json!({"min": -1, "max": 1, "integer": true})).unwrap();
        seen[usize::try_from(die.as_i64().unwrap() + 1).unwrap()] = true;
        let float = result("math.random", json!({"min": 1, "max": 1.5}))
            .unwrap()
            .as_f64()
            .unwrap();
        assert!((1.0..1.5).contains(&float));
    }
    assert_eq!(seen, [true; 3]);
    let whole = json!({"min": i64::MIN, "max": u64::MAX, "integer": true});
    assert!(result("math.random", whole).unwrap().is_number());
    assert_eq!(
        result("math.random", json!({"min": 2, "max": 2})).unwrap(),
        json!(2.0)
    );
}

#[test]
fn comparison_is_exact_and_never_mixed() {
    check(&[
        (
            "logic.gt",
            json!({"a": BEYOND_FLOATS, "b": 9_007_199_254_740_992.0}),
            json!(true),
        ),
        (
            "logic.equals",
            json!({"a": BEYOND_FLOATS, "b": 9_007_199_254_740_992.0}),
            json!(false),
        ),
        (
            "logic.lte",
            json!({"a": i64::MIN, "b": u64::MAX}),
            json!(true),
        ),
        ("logic.lt", json!({"a": "Z", "b": "a"}), json!(true)),
        ("logic.gte", json!({"a": "ä", "b": "z"}), json!(true)),
        (
            "logic.between",
            json!({"value": "m", "min": "a", "max": "z"}),
            json!(true),
        ),
        (
            "logic.equals",
            json!({"a": [{"x": " 1e3 "}], "b": [{"x": 1000}], "strict": false}),
            json!(true),
        ),
        (
            "logic.equals",
            json!({"a": "", "b": 0, "strict": false}),
            json!(false),
        ),
        (
            "logic.equals",
            json!({"a": null, "b": false, "strict": false}),
            json!(false),
        ),
        (
            "logic.notEquals",
            json!({"a": {"x": 1, "y": 2}, "b": {"y": 2, "x": 1}}),
            json!(false),
        ),
    ]);
    for (a, b) in [
        (json!(1), json!("1")),
        (json!("1"), json!(1)),
        (json!(null), json!(1)),
    ] {
        let (code, text) = error("logic.gt", json!({"a": a, "b": b}));
        assert_eq!(code, ErrorCode::INVALID_PARAMETERS, "{text}");
    }
    assert!(
        error("logic.between", json!({"value": 5, "min": 1, "max": "9"}))
            .1
            .contains("`/max`")
    );
}

#[test]
fn truth_is_that_of_javascript() {
    for (value, is_true) in [
        (json!(null), false),
        (json!(0), false),
        (json!(-0.0), false),
        (json!(""), false),
        (json!("0"), true),
        (json!([]), true),
        (json!({}), true),
    ] {
        check(&[
            ("logic.not", json!({"value": value}), json!(!is_true)),
            ("logic.and", json!({"a": true, "b": value}), json!(is_true)),
            ("logic.or", json!({"values": [value]}), json!(is_true)),
            (
                "logic.xor",
                json!({"values": [value, value, value]}),
                json!(is_true),
            ),
            (
                "logic.ternary",
                json!({"condition": value, "then": true, "else": false}),
                json!(is_true),
            ),
        ]);
    }
    check(&[
        ("logic.and", json!({"values": []}), json!(true)),
        ("logic.or", json!({"values": []}), json!(false)),
        ("logic.and", json!({"a": null, "b": null}), json!(false)),
        (
            "logic.ternary",
            json!({"condition": 0, "then": 1}),
            json!(null),
        ),
        (
            "logic.coalesce",
            json!({"values": [null, false]}),
            json!(false),
        ),
        ("logic.coalesce", json!({"values": []}), json!(null)),
        ("logic.isEmpty", json!({"value": " "}), json!(false)),
        ("logic.isEmpty", json!({"value": {}}), json!(true)),
        ("logic.typeOf", json!({"value": {}}), json!("object")),
        (
            "logic.in",
            json!({"value": "b", "text": "abc"}),
            json!(true),
        ),
        (
            "logic.in",
            json!({"value": {"x": 1}, "array": [{"x": 1.0}]}),
            json!(true),
        ),
    ]);
    for parameters in [
        json!({}),
        json!({"a": 1}),
        json!({"b": 1}),
        json!({"a": 1, "b": 1, "values": []}),
    ] {
        assert_eq!(
            error("logic.and", parameters).0,
            ErrorCode::INVALID_PARAMETERS
        );
    }
    for parameters in [
        json!({"value": 1}),
        json!({"value": 1, "text": "1"}),
        json!({"value": "__proto__", "object": {}}),
        json!({"value": 1, "array": [], "text": ""}),
    ] {
        assert_eq!(
            error("logic.in", parameters).0,
            ErrorCode::INVALID_PARAMETERS
        );
    }
}
