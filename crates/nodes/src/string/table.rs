use serde_json::json;

use super::{format, pieces, text};
use crate::BuiltIn;
use crate::family::{Family, Function, Kind, Parameter, defaulted, optional, required};

pub(crate) fn node_types() -> Vec<BuiltIn> {
    let mut functions = of_pieces();
    functions.extend(of_one_text());
    functions.extend(of_searches());
    let family = Family {
        name: "string",
        tags: &["text"],
        documentation: "Lengths and places are counted in Unicode code points: `naïve👍` has 6.",
        functions,
    };
    family.node_types()
}

fn value() -> Parameter {
    required("value", Kind::Text, "The text.")
}

fn of_pieces() -> Vec<Function> {
    const SHOWN: &str = "Numbers and booleans are written as they are in JSON, null is written as \
        nothing, and lists and objects are written as JSON.";
    vec![
        Function::new("concat", "Puts values together to one text.", pieces::join)
            .takes(required("values", Kind::List, "What is put together."))
            .takes(defaulted("separator", Kind::Text, "", "What is put between them."))
            .tagged(&["append", "combine"])
            .documented(SHOWN)
            .example("A full name", json!({"values": ["Ada", "Lovelace"], "separator": " "}), json!("Ada Lovelace"))
            .example("A text and a number", json!({"values": ["A-", 17, null]}), json!("A-17")),
        Function::new("join", "Puts the elements of a list together to one text.", pieces::join)
            .takes(required("values", Kind::List, "The elements."))
            .takes(defaulted("separator", Kind::Text, ",", "What is put between them."))
            .tagged(&["combine"])
            .documented(SHOWN)
            .example("Words to a line", json!({"values": ["red", "green"], "separator": ", "}), json!("red, green")),
        Function::new("format", "Fills values into a template.", format::format)
            .takes(required("template", Kind::Text, "The text with `{name}` where a value goes."))
            .takes(optional("variables", Kind::ListOrObject, "The values, by name or by place."))
            .tagged(&["template", "interpolate"])
            .documented(
                "A placeholder is a path, such as `{name}`, `{customer.city}` or `{0}`. Write `{{` \
                 and `}}` for braces that are meant as such. In a parameter `{{ … }}` is an \
                 expression of the workflow, evaluated before this function sees it. A \
                 value that is not there is an error.",
            )
            .example("By name", json!({"template": "Dear {customer.name}", "variables": {"customer": {"name": "Ada"}}}), json!("Dear Ada"))
            .example("By place", json!({"template": "{1} of {0}", "variables": [12, 3]}), json!("3 of 12")),
        Function::new("split", "Cuts a text into a list of texts.", pieces::split)
            .takes(value())
            .takes(required("separator", Kind::Text, "Where it is cut; empty cuts between all characters."))
            .takes(optional("limit", Kind::Integer(0, i64::MAX), "The most pieces; the others are dropped."))
            .tagged(&["cut", "explode"])
            .example("A line of words", json!({"value": "red,green,blue", "separator": ","}), json!(["red", "green", "blue"]))
            .example("The first two", json!({"value": "a-b-c", "separator": "-", "limit": 2}), json!(["a", "b"])),
        Function::new("substring", "Takes a part of a text.", pieces::substring)
            .takes(value())
            .takes(defaulted("start", Kind::INTEGER, 0, "The first character, from 0; a negative number counts from the end."))
            .takes(optional("end", Kind::INTEGER, "The character before which it ends; the end of the text when left out."))
            .tagged(&["slice", "part"])
            .example("The first three", json!({"value": "Lovelace", "start": 0, "end": 3}), json!("Lov"))
            .example("The last two", json!({"value": "naïve👍", "start": -2}), json!("e👍")),
    ]
}

fn of_one_text() -> Vec<Function> {
    let length = || {
        required(
            "length",
            Kind::Integer(0, i64::MAX),
            "How long it is to be at least.",
        )
    };
    let pad = || defaulted("pad", Kind::NonEmptyText, " ", "What it is filled up with.");
    vec![
        Function::new("length", "Counts the characters of a text.", text::length)
            .takes(value())
            .tagged(&["count", "size"])
            .example(
                "With an accent and an emoji",
                json!({"value": "naïve👍"}),
                json!(6),
            ),
        Function::new("lower", "Turns a text into lower case.", text::lower)
            .takes(value())
            .tagged(&["lowercase", "case"])
            .example("A name", json!({"value": "ÄRGER"}), json!("ärger")),
        Function::new("upper", "Turns a text into upper case.", text::upper)
            .takes(value())
            .tagged(&["uppercase", "case"])
            .example("A street", json!({"value": "straße"}), json!("STRASSE")),
        Function::new(
            "trim",
            "Takes white space from the ends of a text.",
            text::trim,
        )
        .takes(value())
        .takes(defaulted(
            "mode",
            Kind::Choice(&["both", "start", "end"]),
            "both",
            "Which ends.",
        ))
        .tagged(&["whitespace", "strip"])
        .example("Both ends", json!({"value": "  a b \n"}), json!("a b"))
        .example(
            "The start",
            json!({"value": "  a ", "mode": "start"}),
            json!("a "),
        ),
        Function::new("padStart", "Fills up a text at its start.", text::pad_start)
            .takes(value())
            .takes(length())
            .takes(pad())
            .tagged(&["fill"])
            .example(
                "A number with zeros",
                json!({"value": "42", "length": 5, "pad": "0"}),
                json!("00042"),
            ),
        Function::new("padEnd", "Fills up a text at its end.", text::pad_end)
            .takes(value())
            .takes(length())
            .takes(pad())
            .tagged(&["fill"])
            .example(
                "A column",
                json!({"value": "ab", "length": 5, "pad": ".-"}),
                json!("ab.-."),
            ),
        Function::new(
            "sha256",
            "Computes the SHA-256 digest of a text, in hexadecimal digits.",
            text::sha256,
        )
        .takes(value())
        .tagged(&["hash", "digest", "checksum"])
        .documented("The digest is that of the text in UTF-8.")
        .example(
            "Three letters",
            json!({"value": "abc"}),
            json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ),
    ]
}

fn of_searches() -> Vec<Function> {
    let search = || required("search", Kind::Text, "The text that is looked for.");
    vec![
        Function::new(
            "replace",
            "Replaces a text inside of another.",
            text::replace,
        )
        .takes(value())
        .takes(required(
            "search",
            Kind::NonEmptyText,
            "The text that is looked for.",
        ))
        .takes(defaulted(
            "replacement",
            Kind::Text,
            "",
            "What takes its place.",
        ))
        .takes(defaulted(
            "all",
            Kind::Boolean,
            true,
            "Whether all places are replaced, or only the first.",
        ))
        .tagged(&["substitute"])
        .example(
            "All places",
            json!({"value": "1.234.567", "search": ".", "replacement": ""}),
            json!("1234567"),
        )
        .example(
            "The first place",
            json!({"value": "a-b-c", "search": "-", "replacement": "+", "all": false}),
            json!("a+b-c"),
        ),
        Function::new(
            "includes",
            "Says whether a text contains another.",
            text::includes,
        )
        .takes(value())
        .takes(search())
        .tagged(&["contains", "search"])
        .example(
            "It does",
            json!({"value": "urgent: call back", "search": "urgent"}),
            json!(true),
        ),
        Function::new(
            "startsWith",
            "Says whether a text starts with another.",
            text::starts_with,
        )
        .takes(value())
        .takes(search())
        .tagged(&["prefix"])
        .example(
            "It does not",
            json!({"value": "order-7", "search": "Order"}),
            json!(false),
        ),
        Function::new(
            "endsWith",
            "Says whether a text ends with another.",
            text::ends_with,
        )
        .takes(value())
        .takes(search())
        .tagged(&["suffix"])
        .example(
            "A file name",
            json!({"value": "report.pdf", "search": ".pdf"}),
            json!(true),
        ),
    ]
}
