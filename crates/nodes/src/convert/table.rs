use serde_json::json;

use super::{basic, dates, encoding, json};
use crate::BuiltIn;
use crate::family::{Family, Function, Kind, Parameter, defaulted, optional, required};

pub(crate) fn node_types() -> Vec<BuiltIn> {
    let mut functions = to_scalars();
    functions.extend(to_structures());
    functions.extend(of_dates());
    functions.extend(of_encodings());
    let family = Family {
        name: "convert",
        tags: &["type", "conversion"],
        documentation: "What cannot be converted is an error; nothing becomes null in silence.",
        functions,
    };
    family.node_types()
}

fn value(kind: Kind) -> Parameter {
    required("value", kind, "What is converted.")
}

fn to_scalars() -> Vec<Function> {
    const TEXTS: &str = "A text is digits, with a sign, a fraction after a point and an exponent if \
        need be; white space around it does not matter. True counts as 1 and false as 0.";
    vec![
        Function::new("toString", "Turns a value into a text.", basic::to_string)
            .takes(value(Kind::Any))
            .tagged(&["text"])
            .documented("Null becomes the empty text; lists and objects become JSON.")
            .example("A number", json!({"value": 12.5}), json!("12.5"))
            .example("A list", json!({"value": [1, "a"]}), json!("[1,\"a\"]")),
        Function::new("toNumber", "Turns a value into a number.", basic::to_number)
            .takes(value(Kind::Any))
            .tagged(&["number", "parse"])
            .documented(TEXTS)
            .example(
                "A large integer, exactly",
                json!({"value": "9007199254740993"}),
                json!(9_007_199_254_740_993_u64),
            )
            .example("With a fraction", json!({"value": " 12.50 "}), json!(12.5)),
        Function::new(
            "toInteger",
            "Turns a value into an integer.",
            basic::to_integer,
        )
        .takes(value(Kind::Any))
        .takes(defaulted(
            "radix",
            Kind::Integer(2, 36),
            10,
            "The base in which a text is written.",
        ))
        .tagged(&["number", "parse", "hexadecimal"])
        .documented("A fraction is cut off.")
        .example("Cut off", json!({"value": "-12.9"}), json!(-12))
        .example(
            "Hexadecimal",
            json!({"value": "ff", "radix": 16}),
            json!(255),
        ),
        Function::new(
            "toFloat",
            "Turns a value into a floating-point number.",
            basic::to_float,
        )
        .takes(value(Kind::Any))
        .tagged(&["number", "parse"])
        .documented(TEXTS)
        .example("An exponent", json!({"value": "1.5e3"}), json!(1500.0)),
        Function::new(
            "toBoolean",
            "Turns a value into true or false.",
            basic::to_boolean,
        )
        .takes(value(Kind::Any))
        .tagged(&["boolean", "parse"])
        .documented(
            "True are `true`, `yes`, `on` and `1`, false are `false`, `no`, `off` and `0`, in \
                 upper or lower case. To know what counts as true in a condition, use `logic.not`.",
        )
        .example("A word", json!({"value": "Yes"}), json!(true))
        .example("A number", json!({"value": 0}), json!(false)),
    ]
}

fn to_structures() -> Vec<Function> {
    vec![
        Function::new("toArray", "Turns a value into a list.", basic::to_array)
            .takes(value(Kind::Any))
            .tagged(&["list"])
            .documented(
                "A list stays as it is, null becomes the empty list, and anything else becomes a \
                 list of one.",
            )
            .example("A text", json!({"value": "a"}), json!(["a"]))
            .example("Null", json!({"value": null}), json!([])),
        Function::new(
            "toObject",
            "Turns a value into an object.",
            basic::to_object,
        )
        .takes(value(Kind::Any))
        .tagged(&["object"])
        .documented(
            "An object stays as it is; a list of entries, each `[key, value]` or an object with \
                 `key` and `value`, and a JSON text of an object become one.",
        )
        .example("Entries", json!({"value": [["a", 1]]}), json!({"a": 1}))
        .example("JSON", json!({"value": "{\"a\": 1}"}), json!({"a": 1})),
        Function::new("parseJson", "Reads a JSON text.", json::parse_json)
            .takes(value(Kind::Text))
            .tagged(&["json", "parse", "deserialize"])
            .example(
                "An object",
                json!({"value": "{\"id\": 9007199254740993}"}),
                json!({"id": 9_007_199_254_740_993_u64}),
            ),
        Function::new("toJson", "Writes a value as a JSON text.", json::to_json)
            .takes(value(Kind::Any))
            .takes(defaulted(
                "indent",
                Kind::Integer(0, 10),
                0,
                "How many spaces a level is indented; 0 for one line.",
            ))
            .tagged(&["json", "stringify", "serialize"])
            .example(
                "One line",
                json!({"value": {"a": [1, null]}}),
                json!("{\"a\":[1,null]}"),
            )
            .example(
                "Indented",
                json!({"value": {"a": 1}, "indent": 2}),
                json!("{\n  \"a\": 1\n}"),
            ),
    ]
}

fn of_dates() -> Vec<Function> {
    let zone = |description| {
        defaulted("timezone", Kind::Text, "UTC", description).which(dates::check_zone)
    };
    let unit = || {
        defaulted(
            "unit",
            Kind::Choice(&["auto", "seconds", "milliseconds"]),
            "auto",
            "What a number counts, since 1970; `auto` takes numbers from 100,000,000,000 on for \
             milliseconds.",
        )
    };
    vec![
        Function::new("parseDate", "Reads a date and gives it in UTC, as in RFC 3339.", dates::parse_date)
            .takes(value(Kind::Time))
            .takes(optional("format", Kind::Text, "How it is written, such as `%d.%m.%Y %H:%M`; ISO 8601 and RFC 2822 are recognized when left out."))
            .takes(zone("The time zone of a text that names none."))
            .takes(unit())
            .tagged(&["date", "time", "timestamp"])
            .documented("A date without a time of day means its beginning.")
            .example("With an offset", json!({"value": "2025-03-01T09:30:00+02:00"}), json!("2025-03-01T07:30:00Z"))
            .example("In a format, in a time zone", json!({"value": "24.12.2025 18:00", "format": "%d.%m.%Y %H:%M", "timezone": "Europe/Berlin"}), json!("2025-12-24T17:00:00Z"))
            .example("Seconds", json!({"value": 1_700_000_000}), json!("2023-11-14T22:13:20Z"))
            .example("An e-mail's date", json!({"value": "Sat, 01 Mar 2025 09:30:00 +0200"}), json!("2025-03-01T07:30:00Z")),
        Function::new("formatDate", "Writes a date in a format and a time zone.", dates::format_date)
            .takes(value(Kind::Time))
            .takes(defaulted("format", Kind::Text, "%Y-%m-%dT%H:%M:%S%:z", "How it is written, with the directives of `strftime`.").which(dates::check_format))
            .takes(zone("The time zone in which it is written; also that of a text that names none."))
            .takes(unit())
            .tagged(&["date", "time", "strftime"])
            .example("For people", json!({"value": "2025-03-01T23:30:00Z", "format": "%A, %d %B %Y", "timezone": "Asia/Tokyo"}), json!("Sunday, 02 March 2025"))
            .example("As in RFC 3339", json!({"value": 1_700_000_000_000_u64, "timezone": "+01:00"}), json!("2023-11-14T23:13:20+01:00")),
    ]
}

fn of_encodings() -> Vec<Function> {
    let url_safe = || {
        defaulted(
            "urlSafe",
            Kind::Boolean,
            false,
            "Whether `-` and `_` are used in place of `+` and `/`, and no padding.",
        )
    };
    vec![
        Function::new(
            "base64Encode",
            "Writes a text in Base64.",
            encoding::base64_encode,
        )
        .takes(value(Kind::Text))
        .takes(url_safe())
        .tagged(&["encode"])
        .example("A word", json!({"value": "naïve"}), json!("bmHDr3Zl"))
        .example(
            "For a URL",
            json!({"value": "a?>", "urlSafe": true}),
            json!("YT8-"),
        ),
        Function::new(
            "base64Decode",
            "Reads a text in Base64.",
            encoding::base64_decode,
        )
        .takes(value(Kind::Text))
        .takes(url_safe())
        .tagged(&["decode"])
        .documented("Padding may be missing. What was encoded must be a text in UTF-8.")
        .example("A word", json!({"value": "bmHDr3Zl"}), json!("naïve")),
        Function::new(
            "urlEncode",
            "Writes a text so that it can be a part of a URL.",
            encoding::url_encode,
        )
        .takes(value(Kind::Text))
        .tagged(&["encode", "percent"])
        .example(
            "A query",
            json!({"value": "a b&c=ü"}),
            json!("a%20b%26c%3D%C3%BC"),
        ),
        Function::new(
            "urlDecode",
            "Reads a text that was a part of a URL.",
            encoding::url_decode,
        )
        .takes(value(Kind::Text))
        .tagged(&["decode", "percent"])
        .documented("A `+` stays as it is.")
        .example(
            "A query",
            json!({"value": "a%20b%26c%3D%C3%BC"}),
            json!("a b&c=ü"),
        ),
    ]
}
