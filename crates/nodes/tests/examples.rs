//! The examples of all built-in node types do what they say, and what they say of themselves is
//! in order.

use jackfield_nodes::{NodeSettings, node_types};
use jackfield_testkit::StaticCall;
use jackfield_types::NodeRole;
use serde_json::{Value, json};

#[tokio::test]
async fn examples_give_what_they_say() {
    let mut wrong = Vec::new();
    for built_in in node_types(&NodeSettings::default()) {
        let metadata = &built_in.metadata;
        for example in &metadata.examples {
            let Some(expected) = &example.output else {
                continue;
            };
            let mut inputs: Vec<Value> = example.input.iter().map(|items| json!(items)).collect();
            if inputs.is_empty() {
                inputs.push(json!([{}]));
            }
            let call = StaticCall::new(metadata, example.parameters.clone())
                .with_variables(Value::Object(example.variables.clone()));
            let call = inputs.into_iter().fold(call, StaticCall::with_input);
            let got = call.execute(&*built_in.executor).await;
            // As text, so that the order of keys counts, and `1` is not `1.0`.
            let text = |ports: Value| ports.to_string();
            let is_right = got
                .as_ref()
                .is_ok_and(|got| text(StaticCall::ports(got)) == text(json!(expected)));
            if !is_right {
                wrong.push(format!(
                    "{}, {}: {got:?}",
                    metadata.node_type, example.title
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_node_type_says_what_it_is() {
    let all = node_types(&NodeSettings::default());
    let mut names: Vec<&str> = Vec::new();
    for built_in in &all {
        let metadata = &built_in.metadata;
        let name = metadata.node_type.as_str();
        metadata.check().unwrap();
        assert!(!names.contains(&name), "{name} is there twice");
        names.push(name);
        assert!(metadata.description.ends_with('.'), "{name}");
        assert!(
            !metadata.documentation.is_empty() && !metadata.tags.is_empty(),
            "{name}"
        );
        assert!(!metadata.examples.is_empty(), "{name} has no example");
        let schema = metadata.schema.as_ref().unwrap();
        assert_eq!(schema["additionalProperties"], false, "{name}");
        for (property, of_property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(
                of_property.get("description").is_some(),
                "{name}: `{property}` is not described"
            );
        }
    }
}

#[test]
fn examples_have_as_many_outputs_as_the_ports_say() {
    for built_in in node_types(&NodeSettings::default()) {
        let metadata = &built_in.metadata;
        for example in metadata
            .examples
            .iter()
            .filter(|_| metadata.role == NodeRole::Plain)
        {
            if let Some(output) = &example.output {
                let count = metadata.ports.output_count(&example.parameters);
                assert_eq!(
                    count,
                    Some(output.len()),
                    "{}, {}",
                    metadata.node_type,
                    example.title
                );
            }
        }
    }
}
