use jackfield_types::ErrorCode;
use serde_json::{Value, json};

use crate::harness::{error, result};

fn check(cases: &[(&str, Value, Value)]) {
    for (name, parameters, expected) in cases {
        let got = result(name, parameters.clone()).map_err(|error| error.to_string());
        assert_eq!(got, Ok(expected.clone()), "{name} {parameters}");
    }
}

#[test]
fn texts_are_counted_in_code_points() {
    check(&[
        ("string.length", json!({"value": "naïve👍"}), json!(6)),
        ("string.length", json!({"value": "e\u{301}"}), json!(2)),
        ("string.length", json!({"value": ""}), json!(0)),
        (
            "string.substring",
            json!({"value": "👍👎✋", "start": 1, "end": 2}),
            json!("👎"),
        ),
        (
            "string.substring",
            json!({"value": "abc", "start": 2, "end": 1}),
            json!(""),
        ),
        (
            "string.substring",
            json!({"value": "abc", "start": -99, "end": 99}),
            json!("abc"),
        ),
        (
            "string.substring",
            json!({"value": "abc", "end": -1}),
            json!("ab"),
        ),
        (
            "string.padStart",
            json!({"value": "👍", "length": 3, "pad": "é"}),
            json!("éé👍"),
        ),
        (
            "string.padEnd",
            json!({"value": "long enough", "length": 3}),
            json!("long enough"),
        ),
        (
            "string.split",
            json!({"value": "a👍b", "separator": ""}),
            json!(["a", "👍", "b"]),
        ),
    ]);
}

#[test]
fn pieces_are_cut_and_put_together() {
    check(&[
        (
            "string.split",
            json!({"value": "", "separator": ","}),
            json!([""]),
        ),
        (
            "string.split",
            json!({"value": "a,b", "separator": ",", "limit": 0}),
            json!([]),
        ),
        (
            "string.split",
            json!({"value": "a,,b", "separator": ","}),
            json!(["a", "", "b"]),
        ),
        ("string.join", json!({"values": []}), json!("")),
        (
            "string.join",
            json!({"values": [1, true, null, [2], "x"]}),
            json!("1,true,,[2],x"),
        ),
        (
            "string.concat",
            json!({"values": [9_007_199_254_740_993_u64]}),
            json!("9007199254740993"),
        ),
        (
            "string.replace",
            json!({"value": "aaa", "search": "aa", "replacement": "b"}),
            json!("ba"),
        ),
        (
            "string.replace",
            json!({"value": "a.b", "search": ".", "replacement": "$1"}),
            json!("a$1b"),
        ),
        (
            "string.trim",
            json!({"value": "\u{a0} x \u{2003}", "mode": "end"}),
            json!("\u{a0} x"),
        ),
        (
            "string.includes",
            json!({"value": "abc", "search": ""}),
            json!(true),
        ),
        ("string.upper", json!({"value": "ŉ"}), json!("ʼN")),
        (
            "string.lower",
            json!({"value": "ὈΔΥΣΣΕΎΣ"}),
            json!("ὀδυσσεύς"),
        ),
        (
            "string.sha256",
            json!({"value": ""}),
            json!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ),
    ]);
}

#[test]
fn templates_are_filled_in() {
    let variables = json!({"a": {"b": [1, {"c d": "x"}]}, "n": null, "o": {"k": 1}});
    for (template, expected) in [
        ("{a.b[1]['c d']}", "x"),
        ("{ a.b.0 }!", "1!"),
        ("{n}", ""),
        ("{o}", "{\"k\":1}"),
        ("{{a}} {{{a.b[0]}}}", "{a} {1}"),
        ("", ""),
        ("no braces", "no braces"),
    ] {
        let parameters = json!({"template": template, "variables": variables});
        assert_eq!(
            result("string.format", parameters).unwrap(),
            json!(expected),
            "{template}"
        );
    }
    for (template, code) in [
        ("{missing}", ErrorCode::MISSING_FIELD),
        ("{a", ErrorCode::INVALID_PARAMETERS),
        ("a}", ErrorCode::INVALID_PARAMETERS),
        ("{}", ErrorCode::INVALID_PARAMETERS),
        ("{__proto__}", ErrorCode::INVALID_PARAMETERS),
        ("{a.constructor}", ErrorCode::INVALID_PARAMETERS),
    ] {
        let parameters = json!({"template": template, "variables": variables});
        assert_eq!(error("string.format", parameters).0, code, "{template}");
    }
    assert!(
        error("string.format", json!({"template": "{a}"}))
            .1
            .contains("no `variables`")
    );
}

#[test]
fn texts_do_not_grow_without_bound() {
    let long = "a".repeat(1 << 20);
    for (name, parameters) in [
        ("string.padStart", json!({"value": "", "length": i64::MAX})),
        (
            "string.padEnd",
            json!({"value": "", "length": 8 << 20, "pad": "👍"}),
        ),
        (
            "string.replace",
            json!({"value": long, "search": "a", "replacement": "x".repeat(20)}),
        ),
        (
            "string.join",
            json!({"values": vec!["b"; 100], "separator": long}),
        ),
        ("string.split", json!({"value": long, "separator": ""})),
        ("convert.urlEncode", json!({"value": "ü".repeat(3 << 20)})),
        (
            "convert.base64Encode",
            json!({"value": "a".repeat(13 << 20)}),
        ),
    ] {
        assert_eq!(
            error(name, parameters).0,
            ErrorCode::LIMIT_EXCEEDED,
            "{name}"
        );
    }
    let names = json!({"template": "{a}".repeat(20), "variables": {"a": long}});
    assert_eq!(error("string.format", names).0, ErrorCode::LIMIT_EXCEEDED);
}

#[test]
fn empty_searches_and_paddings_are_refused() {
    for (name, parameters) in [
        ("string.replace", json!({"value": "a", "search": ""})),
        (
            "string.padStart",
            json!({"value": "a", "length": 3, "pad": ""}),
        ),
        ("string.padStart", json!({"value": "a", "length": -1})),
        (
            "string.split",
            json!({"value": "a", "separator": ",", "limit": -1}),
        ),
    ] {
        assert_eq!(
            error(name, parameters).0,
            ErrorCode::INVALID_PARAMETERS,
            "{name}"
        );
    }
}
