//! Node types as they come: each with a schema of eight parameters.

use std::sync::Arc;

use jackfield_plugin_api::{BoxFuture, NodeCall, NodeError, NodeExecutor, NodeOutput, Version};
use jackfield_registry::{Registration, Registry};
use jackfield_types::{NodeTypeId, NodeTypeMetadata};
use serde_json::{Value, json};

/// Gives nothing and takes no time.
pub(crate) struct Noop;

impl NodeExecutor for Noop {
    fn execute<'a>(&'a self, _: NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>> {
        Box::pin(async { Ok(NodeOutput::default()) })
    }
}

/// Metadata of a node type with eight parameters.
pub(crate) fn metadata(place: usize) -> NodeTypeMetadata {
    let node_type = NodeTypeId::parse(&format!("acme/read-{place}")).expect("a valid name");
    NodeTypeMetadata {
        description: "Reads rows with a filter, sorted and in pages".to_owned(),
        required_fields: vec!["entity".to_owned()],
        tags: ["database", "query", "read"].map(str::to_owned).to_vec(),
        author: Some("Acme".to_owned()),
        schema: Some(schema()),
        ..NodeTypeMetadata::new(node_type, Version::new(1, 0, 0), "database")
    }
}

fn schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["entity"],
        "properties": {
            "entity": {"type": "string", "minLength": 1, "description": "What is read."},
            "filter": {"type": "object", "description": "Which rows are wanted."},
            "sort": {
                "type": "array",
                "description": "By what the rows are sorted.",
                "items": {
                    "type": "object",
                    "required": ["field"],
                    "properties": {
                        "field": {"type": "string"},
                        "order": {"type": "string", "enum": ["asc", "desc"]}
                    }
                }
            },
            "limit": {"type": "integer", "minimum": 1, "maximum": 10000, "default": 100},
            "offset": {"type": "integer", "minimum": 0, "default": 0},
            "fields": {"type": "array", "items": {"type": "string"}},
            "mode": {"type": "string", "enum": ["all", "first", "page"]},
            "timeout": {"type": ["integer", "string"], "description": "At most this long."}
        }
    })
}

/// Registers so many node types.
pub(crate) fn filled(registry: &Registry, count: usize) -> Vec<Arc<Registration>> {
    let register = |place| {
        let executor: Arc<dyn NodeExecutor> = Arc::new(Noop);
        let metadata = metadata(place);
        let node_type = metadata.node_type.clone();
        registry
            .register_with_metadata(node_type.as_str(), executor, metadata)
            .expect("valid metadata")
    };
    (0..count).map(register).collect()
}
