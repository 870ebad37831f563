use jackfield_types::{Example, Object};
use serde_json::{Value, json};

use super::{elements, expressions, keys, parts};
use crate::BuiltIn;
use crate::declaration::example_without_output;
use crate::family::{Family, Function, Kind, Parameter, defaulted, optional, required};

pub(crate) fn node_types() -> Vec<BuiltIn> {
    let mut functions = of_parts();
    functions.extend(of_expressions());
    functions.extend(of_keys());
    functions.extend(of_elements());
    let family = Family {
        name: "list",
        tags: &["array"],
        documentation: "The given list stays as it is; the result is a new one.",
        functions,
    };
    family.node_types()
}

fn array() -> Parameter {
    required("array", Kind::List, "The list.")
}

fn of_parts() -> Vec<Function> {
    vec![
        Function::new("concat", "Puts lists together to one list.", parts::concat)
            .takes(required("arrays", Kind::Lists, "The lists."))
            .tagged(&["append", "combine"])
            .example(
                "Two lists",
                json!({"arrays": [[1, 2], [3]]}),
                json!([1, 2, 3]),
            ),
        Function::new("length", "Counts the elements of a list.", parts::length)
            .takes(array())
            .tagged(&["count", "size"])
            .example("Three elements", json!({"array": ["a", null, 3]}), json!(3)),
        Function::new("slice", "Takes a part of a list.", parts::slice)
            .takes(array())
            .takes(defaulted(
                "start",
                Kind::INTEGER,
                0,
                "The first element, from 0; a negative number counts from the end.",
            ))
            .takes(optional(
                "end",
                Kind::INTEGER,
                "The element before which it ends; the end of the list when left out.",
            ))
            .tagged(&["part"])
            .example(
                "The middle",
                json!({"array": [1, 2, 3, 4], "start": 1, "end": 3}),
                json!([2, 3]),
            )
            .example(
                "The last two",
                json!({"array": [1, 2, 3, 4], "start": -2}),
                json!([3, 4]),
            ),
        Function::new("at", "Takes one element of a list.", parts::at)
            .takes(array())
            .takes(required(
                "index",
                Kind::INTEGER,
                "Its place, from 0; a negative number counts from the end.",
            ))
            .tagged(&["get", "index"])
            .documented("The result is null when there is no such place.")
            .example(
                "The last element",
                json!({"array": ["a", "b", "c"], "index": -1}),
                json!("c"),
            )
            .example(
                "No such place",
                json!({"array": ["a"], "index": 5}),
                json!(null),
            ),
        Function::new("first", "Takes the first element of a list.", parts::first)
            .takes(array())
            .tagged(&["head"])
            .documented("The result is null when the list is empty.")
            .example("Two elements", json!({"array": [7, 8]}), json!(7)),
        Function::new("last", "Takes the last element of a list.", parts::last)
            .takes(array())
            .tagged(&["tail"])
            .documented("The result is null when the list is empty.")
            .example("Two elements", json!({"array": [7, 8]}), json!(8)),
        Function::new("reverse", "Turns a list round.", parts::reverse)
            .takes(array())
            .example(
                "Three elements",
                json!({"array": [1, 2, 3]}),
                json!([3, 2, 1]),
            ),
        Function::new(
            "flatten",
            "Takes lists apart that are elements of a list.",
            parts::flatten,
        )
        .takes(array())
        .takes(defaulted(
            "depth",
            Kind::Integer(0, i64::MAX),
            1,
            "How many levels are taken apart.",
        ))
        .tagged(&["nested"])
        .example(
            "One level",
            json!({"array": [1, [2, [3]]]}),
            json!([1, 2, [3]]),
        )
        .example(
            "All levels",
            json!({"array": [1, [2, [3]]], "depth": 10}),
            json!([1, 2, 3]),
        ),
    ]
}

fn condition() -> Parameter {
    required(
        "condition",
        Kind::Expression,
        "An expression over `$item` and `$index`.",
    )
}

fn of_expressions() -> Vec<Function> {
    let people = || json!([{"name": "Ada", "age": 36}, {"name": "Alan", "age": 41}]);
    vec![
        Function::new("find", "Finds the first element that meets a condition.", expressions::find)
            .takes(array())
            .takes(condition())
            .tagged(&["search"])
            .documented("The result is null when there is none.")
            .example("By a field", json!({"array": people(), "condition": "$item.age > 40"}), json!({"name": "Alan", "age": 41})),
        Function::new("findIndex", "Finds the place of the first element that meets a condition.", expressions::find_index)
            .takes(array())
            .takes(condition())
            .tagged(&["search"])
            .documented("The result is -1 when there is none.")
            .example("By a field", json!({"array": people(), "condition": "$item.name === 'Alan'"}), json!(1))
            .example("There is none", json!({"array": [1, 2], "condition": "$item > 5"}), json!(-1)),
        Function::new("filter", "Keeps the elements that meet a condition.", expressions::filter)
            .takes(array())
            .takes(condition())
            .tagged(&["where"])
            .example("Large numbers", json!({"array": [5, 12, 8], "condition": "$item >= 8"}), json!([12, 8]))
            .example("Every other one", json!({"array": ["a", "b", "c"], "condition": "$index % 2 === 0"}), json!(["a", "c"])),
        Function::new("every", "Says whether all elements meet a condition.", expressions::every)
            .takes(array())
            .takes(condition())
            .tagged(&["all"])
            .documented("Of no elements all do.")
            .example("All are positive", json!({"array": [1, 2], "condition": "$item > 0"}), json!(true)),
        Function::new("some", "Says whether any element meets a condition.", expressions::some)
            .takes(array())
            .takes(condition())
            .tagged(&["any"])
            .documented("Of no elements none does.")
            .example("None is negative", json!({"array": [1, 2], "condition": "$item < 0"}), json!(false)),
        Function::new("map", "Makes something of every element.", expressions::map)
            .takes(array())
            .takes(required("transform", Kind::Expression, "An expression over `$item` and `$index`: what is made."))
            .tagged(&["transform"])
            .example("Doubles", json!({"array": [1, 2, 3], "transform": "$item * 2"}), json!([2, 4, 6]))
            .example("A field", json!({"array": people(), "transform": "$item.name"}), json!(["Ada", "Alan"]))
            .example_of(with_item_field()),
        Function::new("reduce", "Makes one value of all elements, one by one.", expressions::reduce)
            .takes(array())
            .takes(required("transform", Kind::Expression, "An expression over `$acc`, `$item` and `$index`: the next `$acc`."))
            .takes(optional("initial", Kind::Any, "The first `$acc`; the first element when left out."))
            .tagged(&["fold", "accumulate"])
            .example("A total", json!({"array": [{"price": 3}, {"price": 4}], "transform": "$acc + $item.price", "initial": 0}), json!(7))
            .example("Without a beginning", json!({"array": [2, 3, 4], "transform": "$acc * $item"}), json!(24)),
    ]
}

/// An example in which the expression sees the item that the node got.
fn with_item_field() -> Example {
    let item = |value: Value| match value {
        Value::Object(object) => vec![vec![object]],
        _ => vec![vec![Object::new()]],
    };
    let parameters = json!({"array": [1, 2], "transform": "$item + $json.offset"});
    Example {
        input: item(json!({"offset": 10})),
        output: Some(item(json!({"result": [11, 12]}))),
        ..example_without_output("With a field of the item", parameters)
    }
}

fn of_keys() -> Vec<Function> {
    vec![
        Function::new("sort", "Sorts a list.", keys::sort)
            .takes(array())
            .takes(optional("key", Kind::Path, "The field to sort by, such as `address.city`; the elements themselves when left out."))
            .takes(defaulted("order", Kind::Choice(&["asc", "desc"]), "asc", "The least first, or the greatest."))
            .tagged(&["order"])
            .documented(
                "Numbers come before texts, texts before booleans, those before lists and objects; \
                 null and missing fields come last, whichever way is sorted. Texts are sorted by \
                 code point. Elements that are alike stay in the order in which they are.",
            )
            .example("Numbers", json!({"array": [10, 9, null, 1.5]}), json!([1.5, 9, 10, null]))
            .example("By a field", json!({"array": [{"n": 1}, {"n": 3}, {"n": 2}], "key": "n", "order": "desc"}), json!([{"n": 3}, {"n": 2}, {"n": 1}])),
        Function::new("unique", "Drops elements that were there before.", keys::unique)
            .takes(array())
            .takes(optional("key", Kind::Path, "The field to tell them apart by; the elements themselves when left out."))
            .tagged(&["distinct", "duplicates"])
            .example("Numbers", json!({"array": [1, 2, 1.0, 2, "2"]}), json!([1, 2, "2"]))
            .example("By a field", json!({"array": [{"id": 1, "v": "a"}, {"id": 1, "v": "b"}], "key": "id"}), json!([{"id": 1, "v": "a"}])),
        Function::new("groupBy", "Groups elements by a field.", keys::group_by)
            .takes(array())
            .takes(required("key", Kind::Path, "The field, such as `address.city`."))
            .tagged(&["group"])
            .documented(
                "The result is an object with a list for every value of the field, in the order \
                 in which they first come. Numbers and booleans are written as texts; elements \
                 without the field are in the group `null`.",
            )
            .example("By country", json!({"array": [{"c": "DE", "n": 1}, {"c": "FR", "n": 2}, {"c": "DE", "n": 3}], "key": "c"}), json!({"DE": [{"c": "DE", "n": 1}, {"c": "DE", "n": 3}], "FR": [{"c": "FR", "n": 2}]})),
    ]
}

fn of_elements() -> Vec<Function> {
    let adding = |function: Function| {
        function
            .takes(array())
            .takes(optional(
                "value",
                Kind::Any,
                "The new element; or give `values`.",
            ))
            .takes(optional("values", Kind::List, "The new elements."))
            .in_forms(&[&["value"], &["values"]])
            .tagged(&["add", "insert"])
    };
    let value = || required("value", Kind::Any, "The element.");
    let fields = |title: &str, parameters: Value, result: Value, array: Value| Example {
        output: Some(vec![vec![
            [("result".to_owned(), result), ("array".to_owned(), array)]
                .into_iter()
                .collect(),
        ]]),
        ..example_without_output(title, parameters)
    };
    vec![
        adding(Function::new("push", "Adds elements to the end of a list.", elements::push))
            .example("One element", json!({"array": [1], "value": 2}), json!([1, 2]))
            .example("More elements", json!({"array": [1], "values": [2, 3]}), json!([1, 2, 3])),
        adding(Function::new("unshift", "Adds elements to the start of a list.", elements::unshift))
            .example("One element", json!({"array": [1], "value": 0}), json!([0, 1])),
        Function::of_fields("pop", "Takes the last element off a list.", elements::pop)
            .takes(array())
            .tagged(&["remove"])
            .documented("The item has the element in `result`, null if there is none, and what is left in `array`.")
            .example_of(fields("Three elements", json!({"array": [1, 2, 3]}), json!(3), json!([1, 2]))),
        Function::of_fields("shift", "Takes the first element off a list.", elements::shift)
            .takes(array())
            .tagged(&["remove"])
            .documented("The item has the element in `result`, null if there is none, and what is left in `array`.")
            .example_of(fields("Three elements", json!({"array": [1, 2, 3]}), json!(1), json!([2, 3]))),
        Function::new("includes", "Says whether a value is an element of a list.", elements::includes)
            .takes(array())
            .takes(value())
            .tagged(&["contains"])
            .documented("Lists and objects are compared by what is in them.")
            .example("An object", json!({"array": [{"a": 1}], "value": {"a": 1.0}}), json!(true)),
        Function::new("indexOf", "Finds the place of a value in a list.", elements::index_of)
            .takes(array())
            .takes(value())
            .tagged(&["search"])
            .documented("The result is -1 when it is not there. Lists and objects are compared by what is in them.")
            .example("The first place", json!({"array": ["a", "b", "b"], "value": "b"}), json!(1)),
    ]
}
