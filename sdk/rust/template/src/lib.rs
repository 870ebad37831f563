//! Greets: a plugin for Jackfield, to begin with.

use jackfield_plugin::{
    Example, NodeError, NodeOutput, NodeType, NodeTypeMetadata, TypedCall, export,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

export!(Greet);

/// Greets somebody.
struct Greet;

/// Who is greeted.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Params {
    /// The name.
    name: String,
}

impl NodeType for Greet {
    type Params = Params;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata::new("acme/greet", "0.1.0", "text")
            .described("Greets somebody.")
            .with_example(Example::new(
                "A greeting",
                json!({ "name": "Ada" }),
                [json!({})],
                [json!({ "greeting": "hello Ada" })],
            ))
    }

    fn run(&self, call: TypedCall<'_, Params>) -> Result<NodeOutput, NodeError> {
        call.map_items(|params, item| {
            let mut made = item.clone();
            let greeting = format!("hello {}", params.name);
            made.insert("greeting".to_owned(), greeting.into());
            Ok(made)
        })
    }
}

#[cfg(test)]
mod tests {
    use jackfield_plugin::{AnyNodeType, Call, object};

    use super::*;

    #[test]
    fn a_greeting_names_who_is_greeted() {
        let call = Call::sample(&json!({ "name": "Ada" }), [object([("id", 7.into())])]);
        let output = Greet.call(&call).unwrap();
        let expected = object([("id", 7.into()), ("greeting", "hello Ada".into())]);
        assert_eq!(output.ports[0][0].json(), &expected);
    }
}
