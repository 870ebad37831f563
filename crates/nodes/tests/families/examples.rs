use jackfield_types::{Example, Item, Object};
use serde_json::Value;

use crate::harness::{Call, functions};

#[test]
fn every_example_gives_what_it_says() {
    let mut wrong = Vec::new();
    for built_in in functions() {
        let name = built_in.metadata.node_type.as_str();
        for example in &built_in.metadata.examples {
            let Some(expected) = &example.output else {
                continue;
            };
            let got = Call::new(name, example.parameters.clone())
                .with_items(items(example))
                .with_variables(example.variables.clone())
                .objects();
            let is_right = got
                .as_ref()
                .is_ok_and(|got| text(got) == text(&expected[0]));
            if !is_right {
                let title = &example.title;
                wrong.push(format!(
                    "{name}, {title}: expected {expected:?}, got {got:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Compared as text: `1` and `1.0` are different results, and the order of the fields counts.
fn text(objects: &[Object]) -> String {
    objects
        .iter()
        .map(|object| Value::Object(object.clone()).to_string())
        .collect()
}

fn items(example: &Example) -> Vec<Item> {
    match example.input.first() {
        Some(objects) => objects.iter().cloned().map(Item::new).collect(),
        None => vec![Item::default()],
    }
}

#[test]
fn open_examples_run() {
    for built_in in functions() {
        for example in built_in
            .metadata
            .examples
            .iter()
            .filter(|it| it.output.is_none())
        {
            let name = built_in.metadata.node_type.as_str();
            let result = Call::new(name, example.parameters.clone())
                .result()
                .unwrap();
            assert!(
                (1..=6).contains(&result.as_i64().unwrap()),
                "{name} gave {result}"
            );
        }
    }
}

#[test]
fn examples_keep_the_schema_and_the_executors_rules() {
    for built_in in functions() {
        let name = &built_in.metadata.node_type;
        let schema = built_in.metadata.schema.as_ref().unwrap();
        let validator = jsonschema::draft202012::new(schema).unwrap();
        for example in &built_in.metadata.examples {
            let parameters = &example.parameters;
            assert!(validator.is_valid(parameters), "{name}: {parameters}");
            assert_eq!(
                built_in.executor.validate(parameters),
                [],
                "{name}: {parameters}"
            );
        }
    }
}
