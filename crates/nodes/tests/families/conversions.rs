use jackfield_types::ErrorCode;
use serde_json::{Value, json};

use crate::harness::{error, result};

fn check(name: &str, cases: &[(Value, Value)]) {
    for (parameters, expected) in cases {
        let got = result(name, parameters.clone()).map_err(|error| error.to_string());
        assert_eq!(
            got.map(|got| got.to_string()),
            Ok(expected.to_string()),
            "{name} {parameters}"
        );
    }
}

fn refuse(name: &str, values: impl IntoIterator<Item = Value>) {
    for value in values {
        let (code, text) = error(name, json!({"value": value}));
        assert_eq!(code, ErrorCode::INVALID_INPUT, "{name} {value}: {text}");
    }
}

#[test]
fn numbers() {
    check(
        "convert.toNumber",
        &[
            (json!({"value": "18446744073709551615"}), json!(u64::MAX)),
            (json!({"value": "-9223372036854775808"}), json!(i64::MIN)),
            (json!({"value": "\t+7\n"}), json!(7)),
            (json!({"value": "1E-2"}), json!(0.01)),
            (json!({"value": true}), json!(1)),
            (json!({"value": 1.5}), json!(1.5)),
        ],
    );
    refuse(
        "convert.toNumber",
        [
            json!(""),
            json!("12 px"),
            json!("1,5"),
            json!(null),
            json!([1]),
            json!("Infinity"),
            json!("０"),
        ],
    );
    for text in ["18446744073709551616", "1e400"] {
        assert_eq!(
            error("convert.toNumber", json!({"value": text})).0,
            ErrorCode::NUMBER_ERROR
        );
    }
    check(
        "convert.toInteger",
        &[
            (json!({"value": 2.9}), json!(2)),
            (json!({"value": "-1e3"}), json!(-1000)),
            (json!({"value": "-7F", "radix": 16}), json!(-127)),
            (json!({"value": "zz", "radix": 36}), json!(1295)),
            (
                json!({"value": "1".repeat(64), "radix": 2}),
                json!(u64::MAX),
            ),
            (json!({"value": 5, "radix": 16}), json!(5)),
        ],
    );
    for (text, radix) in [("12", 2), ("0xff", 16), ("", 16), ("-", 16), ("1.5", 16)] {
        let (code, _) = error("convert.toInteger", json!({"value": text, "radix": radix}));
        assert_eq!(code, ErrorCode::INVALID_INPUT, "{text}");
    }
    for parameters in [
        json!({"value": 1e300}),
        json!({"value": "z".repeat(99), "radix": 36}),
    ] {
        assert_eq!(
            error("convert.toInteger", parameters).0,
            ErrorCode::NUMBER_ERROR
        );
    }
    for radix in [1, 37] {
        let (code, _) = error("convert.toInteger", json!({"value": "1", "radix": radix}));
        assert_eq!(code, ErrorCode::INVALID_PARAMETERS);
    }
    check(
        "convert.toFloat",
        &[
            (json!({"value": 5}), json!(5.0)),
            (
                json!({"value": "18446744073709551616"}),
                json!(18_446_744_073_709_551_616.0),
            ),
        ],
    );
    assert_eq!(
        error("convert.toFloat", json!({"value": "9".repeat(400)})).0,
        ErrorCode::NUMBER_ERROR
    );
}

#[test]
fn booleans_and_texts() {
    check(
        "convert.toBoolean",
        &[
            (json!({"value": " ON "}), json!(true)),
            (json!({"value": "no"}), json!(false)),
            (json!({"value": 1}), json!(true)),
            (json!({"value": 0.0}), json!(false)),
        ],
    );
    refuse(
        "convert.toBoolean",
        [json!(""), json!("maybe"), json!(2), json!(null), json!([])],
    );
    check(
        "convert.toString",
        &[
            (json!({"value": null}), json!("")),
            (json!({"value": u64::MAX}), json!("18446744073709551615")),
            (json!({"value": {"a": 1}}), json!("{\"a\":1}")),
        ],
    );
}

#[test]
fn lists_objects_and_json() {
    check(
        "convert.toArray",
        &[
            (json!({"value": [1]}), json!([1])),
            (json!({"value": {"a": 1}}), json!([{"a": 1}])),
            (json!({"value": 0}), json!([0])),
        ],
    );
    check(
        "convert.toObject",
        &[
            (json!({"value": {"a": 1}}), json!({"a": 1})),
            (
                json!({"value": [{"key": "k", "value": null}]}),
                json!({"k": null}),
            ),
        ],
    );
    refuse(
        "convert.toObject",
        [json!("[1]"), json!("{"), json!(null), json!(5)],
    );
    for value in [
        json!([["__proto__", 1]]),
        json!([1]),
        json!([[1, 2, 3]]),
        json!([[null, 1]]),
    ] {
        let (code, text) = error("convert.toObject", json!({"value": value}));
        assert_eq!(code, ErrorCode::INVALID_PARAMETERS, "{text}");
        assert!(text.contains("`/value/0`"), "{text}");
    }
    refuse(
        "convert.parseJson",
        [
            json!(""),
            json!("{]"),
            json!("NaN"),
            json!("1 2"),
            json!("[".repeat(5000)),
        ],
    );
    let many = format!("[{}1]", "1,".repeat(1_000_001));
    assert_eq!(
        error("convert.parseJson", json!({"value": many})).0,
        ErrorCode::LIMIT_EXCEEDED
    );
    // Separators inside of a text are no values.
    let text = Value::from(",[{\\\"".repeat(400_000));
    let json = text.to_string();
    assert_eq!(
        result("convert.parseJson", json!({"value": json})).unwrap(),
        text
    );
    let long = json!({"value": "\u{1}".repeat(3 << 20)});
    assert_eq!(error("convert.toJson", long).0, ErrorCode::LIMIT_EXCEEDED);
}

#[test]
fn dates_are_read() {
    check(
        "convert.parseDate",
        &[
            (
                json!({"value": "2025-03-01"}),
                json!("2025-03-01T00:00:00Z"),
            ),
            (
                json!({"value": "2025-03-01 09:30", "timezone": "+05:30"}),
                json!("2025-03-01T04:00:00Z"),
            ),
            (
                json!({"value": "2025-07-01T12:00", "timezone": "America/New_York"}),
                json!("2025-07-01T16:00:00Z"),
            ),
            (
                json!({"value": "2025-07-01T12:00:00Z", "timezone": "Asia/Tokyo"}),
                json!("2025-07-01T12:00:00Z"),
            ),
            (
                json!({"value": 1_700_000_000_123_u64}),
                json!("2023-11-14T22:13:20.123Z"),
            ),
            (json!({"value": 0.5}), json!("1970-01-01T00:00:00.5Z")),
            (
                json!({"value": 1000, "unit": "milliseconds"}),
                json!("1970-01-01T00:00:01Z"),
            ),
            (json!({"value": -1}), json!("1969-12-31T23:59:59Z")),
            (
                json!({"value": "03/04/25", "format": "%m/%d/%y"}),
                json!("2025-03-04T00:00:00Z"),
            ),
            (
                json!({"value": "2025-03-04 05:06 +0100", "format": "%Y-%m-%d %H:%M %z"}),
                json!("2025-03-04T04:06:00Z"),
            ),
            (
                json!({"value": "1700000000", "format": "%s"}),
                json!("2023-11-14T22:13:20Z"),
            ),
        ],
    );
    refuse(
        "convert.parseDate",
        [
            json!("yesterday"),
            json!(""),
            json!("2025-13-01"),
            json!("2025-02-30"),
            json!(1e300),
            json!(u64::MAX),
            json!("9".repeat(5000)),
        ],
    );
    for (parameters, place) in [
        (json!({"value": 0, "timezone": "Mars/Olympus"}), "/timezone"),
        (
            json!({"value": 0, "timezone": "../../etc/passwd"}),
            "/timezone",
        ),
        (json!({"value": true}), "/value"),
        (json!({"value": 0, "unit": "days"}), "/unit"),
    ] {
        let (code, text) = error("convert.parseDate", parameters);
        assert_eq!(code, ErrorCode::INVALID_PARAMETERS, "{text}");
        assert!(text.contains(place), "{text}");
    }
    let (_, text) = error("convert.parseDate", json!({"value": "x", "format": "%Y"}));
    assert!(text.contains("in the format `%Y`"), "{text}");
}

#[test]
fn dates_are_written() {
    check(
        "convert.formatDate",
        &[
            (json!({"value": 0}), json!("1970-01-01T00:00:00+00:00")),
            (
                json!({"value": "2025-01-15", "format": "%d.%m.%y", "timezone": "Europe/Berlin"}),
                json!("15.01.25"),
            ),
            (
                json!({"value": "2025-01-15T23:30:00Z", "format": "%F %Z", "timezone": "Asia/Tokyo"}),
                json!("2025-01-16 JST"),
            ),
        ],
    );
    let (code, _) = error("convert.formatDate", json!({"value": 0, "format": "%!"}));
    assert_eq!(code, ErrorCode::INVALID_PARAMETERS);
    let (code, _) = error(
        "convert.formatDate",
        json!({"value": 0, "format": "%Y".repeat(999)}),
    );
    assert_eq!(code, ErrorCode::INVALID_PARAMETERS);
}

#[test]
fn encodings_go_there_and_back() {
    for text in ["", "a", "naïve👍", "a?>~", "a b&c=d/e+f%"] {
        for url_safe in [false, true] {
            let encoded = result(
                "convert.base64Encode",
                json!({"value": text, "urlSafe": url_safe}),
            )
            .unwrap();
            let parameters = json!({"value": encoded, "urlSafe": url_safe});
            assert_eq!(
                result("convert.base64Decode", parameters).unwrap(),
                json!(text)
            );
        }
        let encoded = result("convert.urlEncode", json!({"value": text})).unwrap();
        assert_eq!(
            result("convert.urlDecode", json!({"value": encoded})).unwrap(),
            json!(text)
        );
    }
    assert_eq!(
        result("convert.base64Decode", json!({"value": "YQ"})).unwrap(),
        json!("a")
    );
    refuse(
        "convert.base64Decode",
        [json!("*"), json!("a"), json!("//79"), json!("YT8-")],
    );
    assert!(
        error("convert.base64Decode", json!({"value": "YT8-"}))
            .1
            .contains("urlSafe")
    );
    refuse(
        "convert.urlDecode",
        [
            json!("%"),
            json!("%f"),
            json!("%zz"),
            json!("%ff"),
            json!("a%é"),
        ],
    );
}
