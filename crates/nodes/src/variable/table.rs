use serde_json::json;

use super::{many, one};
use crate::BuiltIn;
use crate::family::{Family, Function, Kind, Parameter, defaulted, optional, required};

pub(crate) fn node_types() -> Vec<BuiltIn> {
    let mut functions = of_one();
    functions.extend(of_many());
    let family = Family {
        name: "var",
        tags: &["variable", "state"],
        documentation: "Variables belong to the execution. Later nodes see what was written, in \
            `var.get` as in `{{ $vars.name }}`; within this node each item sees what the items \
            before it wrote, but its templates see the variables as they were before the node. What a node writes takes effect together or not at all: \
            one item that fails fails the node as a whole. The names `__proto__`, `constructor` and `prototype` are refused.",
        functions,
    };
    family.node_types()
}

fn name() -> Parameter {
    required("name", Kind::NonEmptyText, "The name of the variable.").which(one::check_name)
}

fn of_one() -> Vec<Function> {
    let by = || defaulted("by", Kind::Number, 1, "How much.");
    let counting = "A variable that is not there counts as 0. The result is the new value.";
    let adding = "A variable that is not there becomes a list. The result is the new length.";
    vec![
        Function::reading("get", "Reads a variable.", one::get)
            .takes(name())
            .takes(optional(
                "default",
                Kind::Any,
                "The result when there is no such variable; null when left out.",
            ))
            .tagged(&["read"])
            .variables_example(
                "It is there",
                json!({"region": "eu"}),
                json!({"name": "region"}),
                json!("eu"),
            )
            .example(
                "It is not there",
                json!({"name": "region", "default": "us"}),
                json!("us"),
            ),
        Function::writing("set", "Sets a variable.", one::set)
            .takes(name())
            .takes(required("value", Kind::Any, "Its new value."))
            .tagged(&["write", "assign"])
            .documented("The result is the value.")
            .example(
                "A text",
                json!({"name": "region", "value": "eu"}),
                json!("eu"),
            ),
        Function::writing("delete", "Deletes a variable.", one::delete)
            .takes(name())
            .tagged(&["remove"])
            .documented("The result says whether it was there.")
            .variables_example(
                "It was there",
                json!({"region": "eu"}),
                json!({"name": "region"}),
                json!(true),
            ),
        Function::reading("exists", "Says whether there is a variable.", one::exists)
            .takes(name())
            .tagged(&["has"])
            .documented("A variable that is null is there.")
            .variables_example(
                "It is there",
                json!({"region": null}),
                json!({"name": "region"}),
                json!(true),
            ),
        Function::writing(
            "increment",
            "Adds to a variable that is a number.",
            one::increment,
        )
        .takes(name())
        .takes(by())
        .tagged(&["count", "add"])
        .documented(counting)
        .variables_example(
            "A counter",
            json!({"count": 41}),
            json!({"name": "count"}),
            json!(42),
        )
        .example(
            "It was not there",
            json!({"name": "count", "by": 5}),
            json!(5),
        ),
        Function::writing(
            "decrement",
            "Takes from a variable that is a number.",
            one::decrement,
        )
        .takes(name())
        .takes(by())
        .tagged(&["count", "subtract"])
        .documented(counting)
        .variables_example(
            "A stock",
            json!({"stock": 10}),
            json!({"name": "stock", "by": 3}),
            json!(7),
        ),
        Function::writing(
            "toggle",
            "Turns a variable from true to false, or from false to true.",
            one::toggle,
        )
        .takes(name())
        .tagged(&["boolean", "flip"])
        .documented("A variable that is not there becomes true. The result is the new value.")
        .variables_example(
            "It was true",
            json!({"open": true}),
            json!({"name": "open"}),
            json!(false),
        ),
        Function::writing(
            "append",
            "Adds one value to the end of a variable that is a list or a text.",
            one::append,
        )
        .takes(name())
        .takes(required("value", Kind::Any, "What is added."))
        .tagged(&["push", "add"])
        .documented(adding)
        .variables_example(
            "A list",
            json!({"seen": [1, 2]}),
            json!({"name": "seen", "value": 3}),
            json!(3),
        )
        .variables_example(
            "A text",
            json!({"log": "ab"}),
            json!({"name": "log", "value": "c"}),
            json!(3),
        ),
        Function::writing(
            "concat",
            "Adds values to the end of a variable that is a list or a text.",
            one::concat,
        )
        .takes(name())
        .takes(required("values", Kind::List, "What is added."))
        .tagged(&["push", "add"])
        .documented(adding)
        .variables_example(
            "A list",
            json!({"seen": [1]}),
            json!({"name": "seen", "values": [2, 3]}),
            json!(3),
        ),
    ]
}

fn of_many() -> Vec<Function> {
    vec![
        Function::reading("list", "Lists the names of all variables.", many::list)
            .tagged(&["names"])
            .variables_example(
                "Two variables",
                json!({"a": 1, "b": 2}),
                json!({}),
                json!(["a", "b"]),
            ),
        Function::reading("getAll", "Reads all variables.", many::get_all)
            .tagged(&["read", "all"])
            .variables_example(
                "Two variables",
                json!({"a": 1, "b": 2}),
                json!({}),
                json!({"a": 1, "b": 2}),
            ),
        Function::writing("setMultiple", "Sets some variables.", many::set_multiple)
            .takes(required("values", Kind::Object, "Their values, by name."))
            .tagged(&["write", "assign"])
            .documented("The result is `values`.")
            .example(
                "Two variables",
                json!({"values": {"a": 1, "b": 2}}),
                json!({"a": 1, "b": 2}),
            ),
        Function::writing("clear", "Deletes all variables.", many::clear)
            .tagged(&["remove", "reset"])
            .documented("The result is how many there were.")
            .variables_example(
                "Two variables",
                json!({"a": 1, "b": 2}),
                json!({}),
                json!(2),
            ),
        Function::writing(
            "merge",
            "Puts the fields of an object into a variable, or into the variables.",
            many::merge,
        )
        .takes(optional(
            "name",
            Kind::NonEmptyText,
            "The variable, which is an object; the variables themselves when left out.",
        ))
        .takes(required("object", Kind::Object, "The fields."))
        .tagged(&["combine", "assign"])
        .documented(
            "With `name` the fields are put into that variable, which becomes an object if it \
                 is not there. Without it each field is put into the variable of its name: an \
                 object into an object, anything else in place of what was there. The result is \
                 what was written.",
        )
        .variables_example(
            "Into a variable",
            json!({"options": {"a": 1, "b": 1}}),
            json!({"name": "options", "object": {"b": 2}}),
            json!({"a": 1, "b": 2}),
        )
        .variables_example(
            "Into the variables",
            json!({"options": {"a": 1}}),
            json!({"object": {"options": {"b": 2}, "n": 3}}),
            json!({"options": {"a": 1, "b": 2}, "n": 3}),
        ),
    ]
}
