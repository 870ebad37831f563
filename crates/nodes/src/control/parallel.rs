use std::num::NonZeroU16;

use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, Scheduling, TypedCall};
use jackfield_types::{DynamicOutputs, NodeTypeMetadata, Outputs, Ports, ValidationIssue};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::declaration::{declare, example, tags};
use crate::items::{MAX_PORTS, pass_on};

/// `parallel`: gives its items to several branches.
pub(crate) struct Parallel;

/// Parameters of `parallel`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ParallelParams {
    /// How many branches there are.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 1024))]
    branches: NonZeroU16,
}

const fn two() -> NonZeroU16 {
    NonZeroU16::MIN.saturating_add(1)
}

const DOCUMENTATION: &str = "\
Gives all of its items on each of `branches` outputs. What hangs on them runs at the same time; bring the \
branches together again with `merge`. The items are shared, not copied.";

impl NodeType for Parallel {
    type Params = ParallelParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["fork", "branch", "concurrent"]),
            ports: Ports {
                inputs: 1,
                outputs: Vec::new(),
                dynamic_outputs: Some(DynamicOutputs {
                    parameter: "branches".to_owned(),
                    default: 2,
                }),
            },
            examples: vec![example(
                "Three branches",
                json!({"branches": 3}),
                json!([[{"a": 1}]]),
                json!([[{"a": 1}], [{"a": 1}], [{"a": 1}]]),
            )],
            ..declare(
                "parallel",
                super::CATEGORY,
                "Gives its items to branches that run at the same time.",
            )
        }
    }

    async fn run(&self, call: TypedCall<'_, ParallelParams>) -> Result<NodeOutput, NodeError> {
        let params = call.params()?;
        let issues = self.check(&params);
        if !issues.is_empty() {
            return Err(NodeError::Params(issues));
        }
        let items = pass_on(call.items());
        let main = (0..params.branches.get()).map(|_| items.clone()).collect();
        Ok(Outputs { main, error: None }.into())
    }

    fn check(&self, params: &ParallelParams) -> Vec<ValidationIssue> {
        if params.branches.get() > MAX_PORTS {
            let message = format!("at most {MAX_PORTS} branches");
            return vec![ValidationIssue::parameter("/branches", message)];
        }
        Vec::new()
    }

    fn scheduling(&self) -> Scheduling {
        Scheduling::Inline
    }
}
