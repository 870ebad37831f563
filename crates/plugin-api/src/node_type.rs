use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use jackfield_types::{ErrorCode, Item, NodeTypeMetadata, Object, ValidationIssue};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{ItemResults, NodeCall, NodeError, NodeExecutor, NodeOutput, Scheduling};

/// A node type, as its author writes it: parameters, declaration, one function.
pub trait NodeType: Send + Sync + 'static {
    /// The parameters. Their JSON Schema, with the doc comments as descriptions, becomes the
    /// schema of the node type.
    type Params: DeserializeOwned + JsonSchema + Send + Sync + 'static;

    /// What the node type says of itself, but for schema and required fields, which come from
    /// [`Params`](Self::Params).
    fn declaration(&self) -> NodeTypeMetadata;

    /// Runs one attempt. The contract is that of [`NodeExecutor::execute`].
    fn run<'a>(
        &'a self,
        call: TypedCall<'a, Self::Params>,
    ) -> impl Future<Output = Result<NodeOutput, NodeError>> + Send + 'a;

    /// Checks what the types of the parameters don't keep by themselves.
    fn check(&self, params: &Self::Params) -> Vec<ValidationIssue> {
        let _ = params;
        Vec::new()
    }

    /// How its calls are scheduled beside others of the same execution.
    fn scheduling(&self) -> Scheduling {
        Scheduling::Spawned
    }

    /// The whole metadata: the declaration, with the schema and the required fields.
    fn metadata(&self) -> NodeTypeMetadata {
        let mut metadata = self.declaration();
        if metadata.schema.is_none() {
            let schema = parameter_schema::<Self::Params>();
            let required = schema.get("required").and_then(Value::as_array);
            metadata.required_fields = required
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
            metadata.schema = Some(schema);
        }
        metadata
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

impl<T: NodeType> NodeExecutor for T {
    fn execute<'a>(&'a self, call: NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>> {
        Box::pin(self.run(TypedCall {
            call,
            params: PhantomData,
        }))
    }

    fn validate(&self, parameters: &Value) -> Vec<ValidationIssue> {
        match typed::<T::Params>(parameters) {
            Ok(params) => self.check(&params),
            Err(NodeError::Params(issues)) => issues,
            Err(other) => vec![ValidationIssue::parameter("", other.to_string())],
        }
    }

    fn scheduling(&self) -> Scheduling {
        NodeType::scheduling(self)
    }
}

/// A [`NodeCall`] whose parameters have a type.
pub struct TypedCall<'a, P> {
    call: NodeCall<'a>,
    params: PhantomData<fn() -> P>,
}

impl<'a, P> Deref for TypedCall<'a, P> {
    type Target = NodeCall<'a>;

    fn deref(&self) -> &NodeCall<'a> {
        &self.call
    }
}

impl<'a, P: DeserializeOwned + Send + Sync + 'static> TypedCall<'a, P> {
    /// The untyped call.
    pub fn untyped(&self) -> NodeCall<'a> {
        self.call
    }

    /// The parameters for one item of the first input. Parameters without expressions are made
    /// once per plan and shared.
    ///
    /// # Errors
    /// Those of [`Parameters::resolve`](crate::Parameters::resolve), and [`NodeError::Params`]
    /// when what was resolved is not of the type `P`.
    pub fn params_for(&self, item: usize) -> Result<Arc<P>, NodeError> {
        let parameters = self.call.parameters;
        if !parameters.is_static() {
            return typed::<P>(&*parameters.resolve(item)?).map(Arc::new);
        }
        let slot = parameters.prepared();
        if let Some(prepared) = slot
            .get()
            .and_then(|any| Arc::clone(any).downcast::<P>().ok())
        {
            return Ok(prepared);
        }
        let prepared = Arc::new(typed::<P>(&*parameters.resolve(item)?)?);
        // Whoever came first keeps the slot; both made the same.
        let _ = slot.set(Arc::clone(&prepared) as Arc<dyn Any + Send + Sync>);
        Ok(prepared)
    }

    /// The parameters for the first item, of a node that treats its items as one list.
    ///
    /// # Errors
    /// Those of [`params_for`](Self::params_for).
    pub fn params(&self) -> Result<Arc<P>, NodeError> {
        self.params_for(0)
    }

    /// The parameters for the first item for which there are any: for what a node that works item
    /// by item takes once for all of them.
    ///
    /// # Errors
    /// That of [`params_for`](Self::params_for) for the first item, when there are none at all, or
    /// when a failure of the node stops the workflow.
    pub fn any_params(&self) -> Result<Arc<P>, NodeError> {
        let count = self.items().len();
        self.params_for(0).or_else(|error| {
            let goes_on = self.context.on_error.continues() && !self.parameters.is_static();
            let others = if goes_on { 1..count } else { 0..0 };
            let found = others
                .into_iter()
                .find_map(|item| self.params_for(item).ok());
            found.ok_or_else(|| self.results().stop(0, error))
        })
    }

    /// Begins to collect what is made of the items one by one.
    pub fn results(&self) -> ItemResults<'a> {
        ItemResults::of(&self.call)
    }

    /// Makes one item of each item of the first input and gives them on the first port.
    ///
    /// # Errors
    /// Those of the parameters and of `make`, as [`ItemResults`] says.
    pub fn map_items(
        &self,
        mut make: impl FnMut(&P, &Item) -> Result<Object, NodeError>,
    ) -> Result<NodeOutput, NodeError> {
        let mut results = self.results();
        for (index, item) in self.items().iter().enumerate() {
            let made = self
                .params_for(index)
                .and_then(|params| make(&params, item));
            match made {
                Ok(object) => results.put(Item::new(object).paired_with(index)),
                Err(error) => results.fail(index, error)?,
            }
        }
        results.finish()
    }
}

fn typed<P: DeserializeOwned>(parameters: &Value) -> Result<P, NodeError> {
    let empty = Value::Object(Object::new());
    let parameters = if parameters.is_null() {
        &empty
    } else {
        parameters
    };
    P::deserialize(parameters).map_err(|error| {
        NodeError::Params(vec![ValidationIssue {
            code: ErrorCode::INVALID_PARAMETERS,
            ..ValidationIssue::parameter("", error.to_string())
        }])
    })
}

#[cfg(test)]
mod tests {
    use jackfield_types::NodeTypeId;
    use semver::Version;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Deserialize, JsonSchema)]
    struct Repeat {
        /// What is repeated.
        text: String,
        /// How often.
        #[serde(default)]
        times: u8,
    }

    struct Repeater;

    impl NodeType for Repeater {
        type Params = Repeat;

        fn declaration(&self) -> NodeTypeMetadata {
            let node_type = NodeTypeId::parse("repeat").unwrap();
            NodeTypeMetadata::new(node_type, Version::new(1, 0, 0), "text")
        }

        async fn run(&self, call: TypedCall<'_, Repeat>) -> Result<NodeOutput, NodeError> {
            call.map_items(|params, _| {
                let text = params.text.repeat(usize::from(params.times));
                Ok([("text".to_owned(), text.into())].into_iter().collect())
            })
        }

        fn check(&self, params: &Repeat) -> Vec<ValidationIssue> {
            if params.times > 9 {
                return vec![ValidationIssue::parameter("/times", "at most 9")];
            }
            Vec::new()
        }
    }

    #[test]
    fn one_declaration_gives_schema_and_required_fields() {
        let metadata = Repeater.metadata();
        assert_eq!(metadata.required_fields, ["text"]);
        let schema = metadata.schema.unwrap();
        assert_eq!(
            schema["properties"]["text"]["description"],
            "What is repeated."
        );
        assert!(schema.get("$schema").is_none());
    }

    #[test]
    fn the_erased_face_validates_types_and_rules() {
        let executor: &dyn NodeExecutor = &Repeater;
        assert!(
            executor
                .validate(&json!({"text": "a", "times": 2}))
                .is_empty()
        );
        assert_eq!(
            executor.validate(&json!({"text": "a", "times": 12}))[0].path,
            "/times"
        );
        assert!(
            executor.validate(&json!({"times": 2}))[0]
                .message
                .contains("text")
        );
    }
}
