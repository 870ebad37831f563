use serde_json::json;

use super::{comparison, truth};
use crate::BuiltIn;
use crate::family::{Family, Function, Kind, Parameter, defaulted, optional, required};

pub(crate) fn node_types() -> Vec<BuiltIn> {
    let mut functions = of_truth();
    functions.extend(of_comparison());
    functions.extend(of_values());
    let family = Family {
        name: "logic",
        tags: &["boolean", "condition"],
        documentation: "What counts as true is what counts as true in JavaScript: all but `false`, \
            `null`, `0` and the empty text.",
        functions,
    };
    family.node_types()
}

fn value() -> Parameter {
    required("value", Kind::Any, "The value.")
}

fn of_truth() -> Vec<Function> {
    let over_values = |function: Function| {
        function
            .takes(optional(
                "values",
                Kind::List,
                "The values; or give `a` and `b`.",
            ))
            .takes(optional("a", Kind::Any, "The first value."))
            .takes(optional("b", Kind::Any, "The second value."))
            .in_forms(&[&["values"], &["a", "b"]])
    };
    vec![
        over_values(Function::new(
            "and",
            "Says whether all values are true.",
            truth::and,
        ))
        .tagged(&["all"])
        .documented("Of no values all are true.")
        .example("Two values", json!({"a": true, "b": 0}), json!(false))
        .example("A list", json!({"values": [true, 1, "yes"]}), json!(true)),
        over_values(Function::new(
            "or",
            "Says whether any value is true.",
            truth::or,
        ))
        .tagged(&["any"])
        .documented("Of no values none is true.")
        .example("Two values", json!({"a": false, "b": "yes"}), json!(true))
        .example("A list", json!({"values": [null, "", 0]}), json!(false)),
        over_values(Function::new(
            "xor",
            "Says whether one of two values is true, but not both.",
            truth::xor,
        ))
        .tagged(&["exclusive"])
        .documented("Of a list it says whether the number of true values is odd.")
        .example("Both", json!({"a": true, "b": true}), json!(false))
        .example("One", json!({"a": true, "b": false}), json!(true)),
        Function::new(
            "not",
            "Turns true into false and false into true.",
            truth::not,
        )
        .takes(value())
        .tagged(&["negate"])
        .example("An empty text", json!({"value": ""}), json!(true)),
        Function::new(
            "ternary",
            "Chooses one of two values by a condition.",
            truth::ternary,
        )
        .takes(required("condition", Kind::Any, "What decides."))
        .takes(required(
            "then",
            Kind::Any,
            "The result if the condition is true.",
        ))
        .takes(optional(
            "else",
            Kind::Any,
            "The result if it is not; null when left out.",
        ))
        .tagged(&["if", "choose"])
        .example(
            "By a boolean",
            json!({"condition": true, "then": "express", "else": "standard"}),
            json!("express"),
        ),
        Function::new(
            "coalesce",
            "Finds the first value that is not null.",
            truth::coalesce,
        )
        .takes(required("values", Kind::List, "The values."))
        .tagged(&["default", "fallback"])
        .documented("The result is null when all values are.")
        .example(
            "A default",
            json!({"values": [null, null, "unknown"]}),
            json!("unknown"),
        ),
    ]
}

fn of_comparison() -> Vec<Function> {
    let equality = |function: Function| {
        function
            .takes(required("a", Kind::Any, "The first value."))
            .takes(required("b", Kind::Any, "The second value."))
            .takes(defaulted(
                "strict",
                Kind::Boolean,
                true,
                "Whether a text and a number are always different.",
            ))
            .documented(
                "Numbers are compared by value, exactly; lists and objects by what is in them, \
                 objects without regard to the order of their fields. With `strict` off a text \
                 that is a number equals that number: `\"12\"` equals `12`.",
            )
    };
    let order = |function: Function| {
        function
            .takes(required("a", Kind::Any, "The first number or text."))
            .takes(required("b", Kind::Any, "The second number or text."))
            .tagged(&["compare"])
            .documented(
                "Numbers are compared exactly, texts by code point. A number and a text cannot be \
                 compared.",
            )
    };
    vec![
        equality(Function::new(
            "equals",
            "Says whether two values are the same.",
            comparison::equals,
        ))
        .tagged(&["compare", "same"])
        .example(
            "Two objects",
            json!({"a": {"x": [1, 2]}, "b": {"x": [1.0, 2]}}),
            json!(true),
        )
        .example(
            "A text and a number",
            json!({"a": "12", "b": 12}),
            json!(false),
        )
        .example(
            "The same, but not strictly",
            json!({"a": "12", "b": 12, "strict": false}),
            json!(true),
        ),
        equality(Function::new(
            "notEquals",
            "Says whether two values differ.",
            comparison::not_equals,
        ))
        .tagged(&["compare", "different"])
        .example(
            "Two texts",
            json!({"a": "open", "b": "closed"}),
            json!(true),
        ),
        order(Function::new(
            "gt",
            "Says whether a value is greater than another.",
            comparison::gt,
        ))
        .example("Two numbers", json!({"a": 10, "b": 9.5}), json!(true)),
        order(Function::new(
            "gte",
            "Says whether a value is greater than another, or equal.",
            comparison::gte,
        ))
        .example("The same number", json!({"a": 3, "b": 3.0}), json!(true)),
        order(Function::new(
            "lt",
            "Says whether a value is less than another.",
            comparison::lt,
        ))
        .example("Two texts", json!({"a": "apple", "b": "pear"}), json!(true)),
        order(Function::new(
            "lte",
            "Says whether a value is less than another, or equal.",
            comparison::lte,
        ))
        .example("Two numbers", json!({"a": 4, "b": 3}), json!(false)),
        Function::new(
            "between",
            "Says whether a value is between two others.",
            comparison::between,
        )
        .takes(required("value", Kind::Any, "The number or text."))
        .takes(required("min", Kind::Any, "The least."))
        .takes(required("max", Kind::Any, "The greatest."))
        .takes(defaulted(
            "inclusive",
            Kind::Boolean,
            true,
            "Whether `min` and `max` belong to the range.",
        ))
        .tagged(&["range", "compare"])
        .example(
            "At the end",
            json!({"value": 10, "min": 1, "max": 10}),
            json!(true),
        )
        .example(
            "At the end, which does not count",
            json!({"value": 10, "min": 1, "max": 10, "inclusive": false}),
            json!(false),
        ),
        Function::new(
            "in",
            "Says whether a value is in a list, a key in an object, or a text in a text.",
            comparison::is_in,
        )
        .takes(value())
        .takes(optional("array", Kind::List, "The list."))
        .takes(optional(
            "object",
            Kind::Object,
            "The object whose keys are meant.",
        ))
        .takes(optional("text", Kind::Text, "The text."))
        .tagged(&["contains", "member"])
        .in_forms(&[&["array"], &["object"], &["text"]])
        .documented("Give one of `array`, `object` and `text`.")
        .example(
            "A list",
            json!({"value": "DE", "array": ["AT", "CH", "DE"]}),
            json!(true),
        )
        .example(
            "An object",
            json!({"value": "email", "object": {"name": "Ada"}}),
            json!(false),
        ),
    ]
}

fn of_values() -> Vec<Function> {
    vec![
        Function::new("isNull", "Says whether a value is null.", truth::is_null)
            .takes(value())
            .tagged(&["missing"])
            .example("Null", json!({"value": null}), json!(true))
            .example("Zero", json!({"value": 0}), json!(false)),
        Function::new(
            "isEmpty",
            "Says whether there is nothing in a value.",
            truth::is_empty,
        )
        .takes(value())
        .tagged(&["missing", "blank"])
        .documented(
            "Null, the empty text, the empty list and the empty object are empty. Numbers and \
                 booleans never are.",
        )
        .example("An empty list", json!({"value": []}), json!(true))
        .example("Zero", json!({"value": 0}), json!(false)),
        Function::new("typeOf", "Names the type of a value.", truth::type_of)
            .takes(value())
            .tagged(&["type", "kind"])
            .documented("The result is `null`, `boolean`, `number`, `string`, `array` or `object`.")
            .example("A list", json!({"value": [1]}), json!("array"))
            .example("Null", json!({"value": null}), json!("null")),
    ]
}
