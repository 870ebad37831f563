use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, TypedCall};
use jackfield_types::{NodeTypeMetadata, Ports, ValidationIssue};
use serde_json::json;

use super::condition::{Others, part};
use super::predicate::Predicate;
use crate::declaration::{declare, example, tags};

/// `filter`: keeps the items for which a condition holds.
pub(crate) struct Filter;

const DOCUMENTATION: &str = "\
Items for which the condition holds go on, in their order; the others do not. Use `condition` where both \
are wanted. The parameters are those of `condition`.";

impl NodeType for Filter {
    type Params = Predicate;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["where", "select", "discard"]),
            ports: Ports::with_outputs(&["kept"]),
            examples: vec![example(
                "Keep what is in stock",
                json!({"condition": "$json.stock"}),
                json!([[{"sku": "a", "stock": 3}, {"sku": "b", "stock": 0}, {"sku": "c"}]]),
                json!([[{"sku": "a", "stock": 3}]]),
            )],
            ..declare(
                "filter",
                super::CATEGORY,
                "Keeps the items for which a condition holds.",
            )
        }
    }

    async fn run(&self, call: TypedCall<'_, Predicate>) -> Result<NodeOutput, NodeError> {
        part(&call, Others::End)
    }

    fn check(&self, params: &Predicate) -> Vec<ValidationIssue> {
        params.check()
    }
}
