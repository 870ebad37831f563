use serde_json::json;

use super::{entries, expressions, merge, places};
use crate::BuiltIn;
use crate::family::{Family, Function, Kind, Parameter, optional, required};

pub(crate) fn node_types() -> Vec<BuiltIn> {
    let mut functions = of_places();
    functions.extend(of_entries());
    functions.extend(of_objects());
    let family = Family {
        name: "dict",
        tags: &["object", "map"],
        documentation: "The given object stays as it is; the result is a new one. The keys \
            `__proto__`, `constructor` and `prototype` are refused.",
        functions,
    };
    family.node_types()
}

fn object() -> Parameter {
    required("object", Kind::Object, "The object.")
}

fn path() -> Parameter {
    required(
        "path",
        Kind::Path,
        "The place of the value, such as `address.city`, `lines[0].price` or `['a b']`.",
    )
}

fn of_places() -> Vec<Function> {
    let order = || json!({"id": 7, "customer": {"name": "Ada", "tags": ["vip", "eu"]}});
    vec![
        Function::new("get", "Takes a value out of an object.", places::get)
            .takes(object())
            .takes(path())
            .takes(optional(
                "default",
                Kind::Any,
                "The result when the value is not there; null when left out.",
            ))
            .tagged(&["read", "path"])
            .example(
                "A nested value",
                json!({"object": order(), "path": "customer.tags[0]"}),
                json!("vip"),
            )
            .example(
                "It is not there",
                json!({"object": order(), "path": "customer.phone", "default": "none"}),
                json!("none"),
            ),
        Function::new("set", "Puts a value into an object.", places::set)
            .takes(object())
            .takes(path())
            .takes(required("value", Kind::Any, "The value."))
            .tagged(&["write", "path"])
            .documented("Objects and lists on the way that are not there are made.")
            .example(
                "A nested value",
                json!({"object": {"id": 7}, "path": "customer.name", "value": "Ada"}),
                json!({"id": 7, "customer": {"name": "Ada"}}),
            ),
        Function::new(
            "delete",
            "Takes a field away from an object.",
            places::delete,
        )
        .takes(object())
        .takes(path())
        .tagged(&["remove", "path"])
        .documented("Nothing changes when it is not there.")
        .example(
            "A nested field",
            json!({"object": {"a": {"b": 1, "c": 2}}, "path": "a.b"}),
            json!({"a": {"c": 2}}),
        ),
        Function::new(
            "has",
            "Says whether an object has a value at a place.",
            places::has,
        )
        .takes(object())
        .takes(path())
        .tagged(&["contains", "exists"])
        .documented("A value that is null is there.")
        .example(
            "It is there",
            json!({"object": {"a": {"b": null}}, "path": "a.b"}),
            json!(true),
        ),
        Function::new("pick", "Keeps some fields of an object.", places::pick)
            .takes(object())
            .takes(required(
                "keys",
                Kind::Texts,
                "The keys of those that stay.",
            ))
            .tagged(&["select", "fields"])
            .documented(
                "The fields come in the order of `keys`; those that are not there are left out.",
            )
            .example(
                "Two fields",
                json!({"object": {"a": 1, "b": 2, "c": 3}, "keys": ["a", "c"]}),
                json!({"a": 1, "c": 3}),
            ),
        Function::new("omit", "Drops some fields of an object.", places::omit)
            .takes(object())
            .takes(required("keys", Kind::Texts, "The keys of those that go."))
            .tagged(&["remove", "fields"])
            .example(
                "One field",
                json!({"object": {"name": "Ada", "password": "x"}, "keys": ["password"]}),
                json!({"name": "Ada"}),
            ),
    ]
}

fn of_entries() -> Vec<Function> {
    vec![
        Function::new("keys", "Lists the keys of an object.", entries::keys)
            .takes(object())
            .tagged(&["fields"])
            .example(
                "Two fields",
                json!({"object": {"a": 1, "b": 2}}),
                json!(["a", "b"]),
            ),
        Function::new("values", "Lists the values of an object.", entries::values)
            .takes(object())
            .example(
                "Two fields",
                json!({"object": {"a": 1, "b": [2]}}),
                json!([1, [2]]),
            ),
        Function::new(
            "entries",
            "Lists keys and values of an object.",
            entries::entries,
        )
        .takes(object())
        .tagged(&["pairs"])
        .example(
            "Two fields",
            json!({"object": {"a": 1, "b": 2}}),
            json!([["a", 1], ["b", 2]]),
        ),
        Function::new(
            "fromEntries",
            "Makes an object of keys and values.",
            entries::from_entries_of,
        )
        .takes(required(
            "entries",
            Kind::List,
            "The entries, each `[key, value]` or an object with `key` and `value`.",
        ))
        .tagged(&["pairs"])
        .documented("Of two entries with the same key the later one stays.")
        .example(
            "Pairs",
            json!({"entries": [["a", 1], ["b", 2]]}),
            json!({"a": 1, "b": 2}),
        )
        .example(
            "Objects",
            json!({"entries": [{"key": "a", "value": 1}]}),
            json!({"a": 1}),
        ),
        Function::new("size", "Counts the fields of an object.", entries::size)
            .takes(object())
            .tagged(&["count", "length"])
            .example("Two fields", json!({"object": {"a": 1, "b": 2}}), json!(2)),
        Function::new(
            "invert",
            "Makes values of keys, and keys of values.",
            entries::invert,
        )
        .takes(object())
        .tagged(&["swap"])
        .documented("Of two fields with the same value the later one stays.")
        .example(
            "Codes",
            json!({"object": {"DE": "Germany", "one": 1}}),
            json!({"Germany": "DE", "1": "one"}),
        ),
    ]
}

fn of_objects() -> Vec<Function> {
    let objects = || required("objects", Kind::Objects, "The objects.");
    vec![
        Function::new(
            "merge",
            "Puts the fields of some objects together.",
            merge::merge,
        )
        .takes(objects())
        .tagged(&["combine", "assign"])
        .documented("Of two fields with the same key the one of the later object stays.")
        .example(
            "Defaults and changes",
            json!({"objects": [{"a": 1, "b": {"x": 1}}, {"b": {"y": 2}}]}),
            json!({"a": 1, "b": {"y": 2}}),
        ),
        Function::new(
            "deepMerge",
            "Puts the fields of some objects together, and of the objects in them.",
            merge::deep_merge,
        )
        .takes(objects())
        .tagged(&["combine", "recursive"])
        .documented("Everything but objects is replaced by what the later object has, lists too.")
        .example(
            "Defaults and changes",
            json!({"objects": [{"a": 1, "b": {"x": 1}}, {"b": {"y": 2}}]}),
            json!({"a": 1, "b": {"x": 1, "y": 2}}),
        ),
        Function::new(
            "mapValues",
            "Makes something of every value of an object.",
            expressions::map_values,
        )
        .takes(object())
        .takes(required(
            "transform",
            Kind::Expression,
            "An expression over `$item`, the value, `$key` and `$index`: what is made.",
        ))
        .tagged(&["transform"])
        .example(
            "Doubles",
            json!({"object": {"a": 1, "b": 2}, "transform": "$item * 2"}),
            json!({"a": 2, "b": 4}),
        ),
        Function::new(
            "filterEntries",
            "Keeps the fields that meet a condition.",
            expressions::filter_entries,
        )
        .takes(object())
        .takes(required(
            "condition",
            Kind::Expression,
            "An expression over `$item`, the value, `$key` and `$index`.",
        ))
        .tagged(&["where", "fields"])
        .example(
            "By value",
            json!({"object": {"a": 1, "b": 5}, "condition": "$item > 3"}),
            json!({"b": 5}),
        )
        .example(
            "By key",
            json!({"object": {"a": 1, "b": 5}, "condition": "$key === 'a'"}),
            json!({"a": 1}),
        ),
    ]
}
