use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, TypedCall};
use jackfield_types::{NodeTypeMetadata, Ports, ValidationIssue};
use serde_json::json;

use super::condition::part;
use super::predicate::Predicate;
use crate::declaration::{declare, example, tags};

/// `filter`: keeps the items for which a condition holds.
pub(crate) struct Filter;

const DOCUMENTATION: &str = "\
Items for which the condition holds leave by the output `kept` (0), the others by `discarded` (1), which \
may be left unconnected. The order of the items is kept. The parameters are those of `condition`.";

impl NodeType for Filter {
    type Params = Predicate;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["where", "select", "discard"]),
            ports: Ports::with_outputs(&["kept", "discarded"]),
            examples: vec![example(
                "Keep what is in stock",
                json!({"condition": "$json.stock"}),
                json!([[{"sku": "a", "stock": 3}, {"sku": "b", "stock": 0}, {"sku": "c"}]]),
                json!([[{"sku": "a", "stock": 3}], [{"sku": "b", "stock": 0}, {"sku": "c"}]]),
            )],
            ..declare(
                "filter",
                super::CATEGORY,
                "Keeps the items for which a condition holds.",
            )
        }
    }

    async fn run(&self, call: TypedCall<'_, Predicate>) -> Result<NodeOutput, NodeError> {
        let (kept, discarded) = part(&call)?;
        Ok(NodeOutput::ports([kept, discarded]))
    }

    fn check(&self, params: &Predicate) -> Vec<ValidationIssue> {
        params.check()
    }
}
