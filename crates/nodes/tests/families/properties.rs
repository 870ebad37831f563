use jackfield_types::{ErrorCode, Object};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::harness::{Call, functions, result};

fn any_json() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-20..20_i64).prop_map(Value::from),
        any::<f64>().prop_filter_map("JSON has no such number", |float| {
            serde_json::Number::from_f64(float).map(Value::Number)
        }),
        "\\PC{0,12}".prop_map(Value::from),
        select(
            &[
                "a",
                "a.b[0]",
                "[",
                "{a}",
                "%Y",
                "1e9",
                "desc",
                "start",
                "$item",
                "__proto__"
            ][..]
        )
        .prop_map(Value::from),
    ];
    scalar.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map("[a-c_]{0,3}", inner, 0..6)
                .prop_map(|map| map.into_iter().collect::<Object>().into()),
        ]
    })
}

/// A function, and values for its parameters, each of which may be left out.
fn any_call() -> impl Strategy<Value = (&'static str, Value)> {
    (0..functions().len()).prop_flat_map(|place| {
        let metadata = &functions()[place].metadata;
        let schema = metadata.schema.as_ref();
        let properties = schema.and_then(|schema| schema["properties"].as_object());
        let names: Vec<&String> = properties
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
            .collect();
        let count = names.len();
        (
            Just((metadata.node_type.as_str(), names)),
            vec(proptest::option::weighted(0.9, any_json()), count),
        )
            .prop_map(|((name, names), values)| {
                let parameters: Object = names
                    .into_iter()
                    .zip(values)
                    .filter_map(|(name, value)| Some((name.clone(), value?)))
                    .collect();
                (name, parameters.into())
            })
    })
}

/// The result of an operation with integers, as JSON, if it fits.
fn in_range(exact: i128) -> Option<Value> {
    i64::try_from(exact)
        .map(Value::from)
        .or_else(|_| u64::try_from(exact).map(Value::from))
        .ok()
}

fn integer() -> impl Strategy<Value = (Value, i128)> {
    prop_oneof![
        any::<i64>().prop_map(|n| (json!(n), n.into())),
        any::<u64>().prop_map(|n| (json!(n), n.into())),
        any::<i32>().prop_map(|n| (json!(n), n.into())),
        (-9..9_i64).prop_map(|n| (json!(n), n.into())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn no_parameters_make_a_function_panic((name, parameters) in any_call()) {
        let variables: Object = [("a".to_owned(), json!([1])), ("b".to_owned(), json!(2))].into_iter().collect();
        if let Err(error) = Call::new(name, parameters).with_variables(variables).run() {
            prop_assert!(!error.to_string().is_empty());
            prop_assert_ne!(error.code(), ErrorCode::TRAPPED);
        }
    }
}

proptest! {
    #[test]
    fn integer_arithmetic_agrees_with_wider_integers((a, x) in integer(), (b, y) in integer()) {
        let cases: [(&str, Option<i128>); 4] = [
            ("math.add", x.checked_add(y)),
            ("math.subtract", x.checked_sub(y)),
            ("math.multiply", x.checked_mul(y)),
            ("math.modulo", x.checked_rem(y)),
        ];
        for (name, exact) in cases {
            let got = result(name, json!({"a": a, "b": b}));
            match exact.and_then(in_range) {
                Some(expected) => prop_assert_eq!(got.unwrap(), expected, "{}", name),
                None => prop_assert_eq!(got.unwrap_err().code(), ErrorCode::NUMBER_ERROR),
            }
        }
        let order = result("logic.gt", json!({"a": a, "b": b})).unwrap();
        prop_assert_eq!(order, json!(x > y));
    }

    #[test]
    fn what_is_left_over_by_nothing_is_divided_exactly((_, x) in integer(), (b, y) in integer()) {
        let Some((a, exact)) = x.checked_mul(y).and_then(|a| Some((in_range(a)?, in_range(x)?)))
        else {
            return Ok(());
        };
        let quotient = result("math.divide", json!({"a": a, "b": b}));
        if y == 0 {
            prop_assert_eq!(quotient.unwrap_err().code(), ErrorCode::NUMBER_ERROR);
        } else {
            prop_assert_eq!(quotient.unwrap(), exact);
        }
    }

    #[test]
    fn what_was_set_is_got(keys in vec("[a-z ]{1,5}", 1..6), value in any_json()) {
        let path: String = keys.iter().map(|key| format!("['{key}']")).collect();
        let set = result("dict.set", json!({"object": {}, "path": path, "value": value})).unwrap();
        prop_assert_eq!(result("dict.get", json!({"object": set, "path": path})).unwrap(), value);
        let deleted = result("dict.delete", json!({"object": set, "path": path})).unwrap();
        prop_assert_eq!(result("dict.has", json!({"object": deleted, "path": path})).unwrap(), json!(false));
    }

    #[test]
    fn readers_of_texts_never_panic(text in "\\PC{0,40}", format in "[%A-Za-z0-9:.#^_-]{0,12}") {
        for name in [
            "convert.toNumber", "convert.toInteger", "convert.toFloat", "convert.toBoolean",
            "convert.toObject", "convert.parseJson", "convert.parseDate", "convert.base64Decode",
            "convert.urlDecode",
        ] {
            let _ = result(name, json!({"value": text}));
        }
        let _ = result("convert.parseDate", json!({"value": text, "format": format}));
        let _ = result("convert.parseDate", json!({"value": 0, "timezone": text}));
        let _ = result("convert.formatDate", json!({"value": 0, "format": format}));
        let _ = result("string.format", json!({"template": text, "variables": {}}));
        let _ = result("dict.get", json!({"object": {}, "path": text}));
    }

    #[test]
    fn numbers_survive_texts(value in prop_oneof![any::<i64>().prop_map(Value::from), any::<u64>().prop_map(Value::from)]) {
        let text = result("convert.toString", json!({"value": value})).unwrap();
        prop_assert_eq!(result("convert.toNumber", json!({"value": text})).unwrap(), value);
    }

    #[test]
    fn json_goes_there_and_back(value in any_json(), indent in 0..=10) {
        let text = result("convert.toJson", json!({"value": value, "indent": indent})).unwrap();
        prop_assert_eq!(result("convert.parseJson", json!({"value": text})).unwrap(), value);
    }

    #[test]
    fn what_the_executor_takes_the_schema_takes((name, parameters) in any_call()) {
        let built_in = crate::harness::function(name);
        if built_in.executor.validate(&parameters).is_empty() {
            let schema = built_in.metadata.schema.as_ref().unwrap();
            prop_assert!(jsonschema::draft202012::new(schema).unwrap().is_valid(&parameters));
        }
    }

    #[test]
    fn rounding_agrees_with_printing(float in -1e6..1e6_f64, decimals in 0..8_usize) {
        let rounded = result("math.round", json!({"value": float, "decimals": decimals})).unwrap();
        let off = (rounded.as_f64().unwrap() - float).abs();
        // The nearest float to the rounded number may be half a step of floats farther off.
        let half = 0.5 * 10_f64.powi(-i32::try_from(decimals).unwrap());
        prop_assert!(off <= half + float.abs() * f64::EPSILON, "{off}");
    }
}
