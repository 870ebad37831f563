use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Call, NodeError, NodeOutput, NodeTypeMetadata, TypedCall};

/// A node type, as its author writes it: parameters, declaration, one function.
pub trait NodeType {
    /// The parameters. Their JSON Schema, with the doc comments as descriptions, becomes the
    /// schema of the node type.
    type Params: DeserializeOwned + JsonSchema;

    /// What the node type says of itself, but for schema and required fields, which come from
    /// [`Params`](Self::Params). Says the same each time, and reaches for nothing.
    fn declaration(&self) -> NodeTypeMetadata;

    /// Runs one attempt. Keeps nothing: the next call may be another instance's.
    ///
    /// # Errors
    /// [`NodeError`], whose variant says whether the same call may succeed later.
    fn run(&self, call: TypedCall<'_, Self::Params>) -> Result<NodeOutput, NodeError>;
}

/// Any [`NodeType`], whatever its parameters are.
pub trait AnyNodeType {
    /// Its [`NodeType::declaration`].
    fn declaration(&self) -> NodeTypeMetadata;

    /// The whole metadata: the declaration, with the schema and the required fields.
    fn metadata(&self) -> NodeTypeMetadata;

    /// Runs one attempt.
    ///
    /// # Errors
    /// Those of [`NodeType::run`].
    fn call(&self, call: &Call) -> Result<NodeOutput, NodeError>;
}

impl<T: NodeType> AnyNodeType for T {
    fn declaration(&self) -> NodeTypeMetadata {
        NodeType::declaration(self)
    }

    fn metadata(&self) -> NodeTypeMetadata {
        let mut metadata = NodeType::declaration(self);
        if metadata.schema.is_none() {
            let schema = parameter_schema::<T::Params>();
            let required = schema.get("required").and_then(Value::as_array);
            let required = required.into_iter().flatten().filter_map(Value::as_str);
            metadata.required_fields = required.map(str::to_owned).collect();
            metadata.schema = Some(schema);
        }
        metadata
    }

    fn call(&self, call: &Call) -> Result<NodeOutput, NodeError> {
        self.run(TypedCall::new(call))
    }
}

fn parameter_schema<P: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<P>();
    schema.remove("title");
    schema.to_value()
}
