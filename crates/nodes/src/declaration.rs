use jackfield_plugin_api::Version;
use jackfield_types::{Example, NodeTypeId, NodeTypeMetadata, Object};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Begins the declaration of a built-in node type, version 1.0.0.
pub(crate) fn declare(name: &str, category: &str, description: &str) -> NodeTypeMetadata {
    let node_type = NodeTypeId::parse(name).expect("built-in node types have valid names");
    NodeTypeMetadata {
        description: description.to_owned(),
        author: Some("Jackfield".to_owned()),
        ..NodeTypeMetadata::new(node_type, Version::new(1, 0, 0), category)
    }
}

/// Makes the list of words that a node type is found by.
pub(crate) fn tags(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Makes an example: `input` and `output` are lists of ports, each of them a list of objects.
pub(crate) fn example(title: &str, parameters: Value, input: Value, output: Value) -> Example {
    Example {
        title: title.to_owned(),
        parameters,
        input: ports(input),
        variables: Object::new(),
        output: Some(ports(output)),
    }
}

/// Makes an example whose output differs from run to run, or needs a network.
pub(crate) fn example_without_output(title: &str, parameters: Value) -> Example {
    Example {
        title: title.to_owned(),
        parameters,
        input: Vec::new(),
        variables: Object::new(),
        output: None,
    }
}

fn ports<T: DeserializeOwned>(ports: Value) -> T {
    serde_json::from_value(ports).expect("examples are written as lists of lists of objects")
}
