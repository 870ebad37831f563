use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, TypedCall};
use jackfield_types::{NodeTypeMetadata, Ports, ValidationIssue};
use serde_json::json;

use super::predicate::Predicate;
use crate::declaration::{declare, example, tags};
use crate::items::take;

/// `condition`: sends each item one of two ways.
pub(crate) struct Condition;

const DOCUMENTATION: &str = "\
Looks at each item by itself: where the condition holds it leaves by the output `true` (0), else by \
`false` (1). The order of the items is kept. An output that no item left by delivers nothing, so what \
hangs on it alone is skipped.

`condition` is an expression; `false`, `null`, `0` and `\"\"` don't hold, everything else does. Or give \
`conditions`, a list of `{left, operator, right}` with `combine` (`all`, `any`). Values of two kinds are \
never equal, and neither is greater: `\"10\"` is not `10`.";

impl NodeType for Condition {
    type Params = Predicate;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["if", "branch", "route"]),
            ports: Ports::with_outputs(&["true", "false"]),
            examples: vec![
                example(
                    "Part large orders from small ones",
                    json!({"condition": "$json.total > 100"}),
                    json!([[{"total": 250}, {"total": 20}]]),
                    json!([[{"total": 250}], [{"total": 20}]]),
                ),
                example(
                    "Two comparisons, one of which has to hold",
                    json!({
                        "conditions": [
                            {"left": "{{ $json.country }}", "operator": "in", "right": ["DE", "AT"]},
                            {"left": "{{ $json.vip }}", "operator": "isTrue"}
                        ],
                        "combine": "any"
                    }),
                    json!([[{"country": "AT"}, {"country": "US"}, {"country": "US", "vip": true}]]),
                    json!([[{"country": "AT"}, {"country": "US", "vip": true}], [{"country": "US"}]]),
                ),
            ],
            ..declare(
                "condition",
                super::CATEGORY,
                "Sends each item one of two ways.",
            )
        }
    }

    async fn run(&self, call: TypedCall<'_, Predicate>) -> Result<NodeOutput, NodeError> {
        let (held, not_held) = part(&call)?;
        Ok(NodeOutput::ports([held, not_held]))
    }

    fn check(&self, params: &Predicate) -> Vec<ValidationIssue> {
        params.check()
    }
}

/// Parts the items into those for which the predicate holds and the others.
pub(super) fn part(
    call: &TypedCall<'_, Predicate>,
) -> Result<(Vec<jackfield_types::Item>, Vec<jackfield_types::Item>), NodeError> {
    let items = call.items();
    let (mut held, mut not_held) = (Vec::with_capacity(items.len()), Vec::new());
    for index in 0..items.len() {
        let holds = call.params_for(index)?.holds(call, index)?;
        let side = if holds { &mut held } else { &mut not_held };
        side.push(take(items, index));
    }
    Ok((held, not_held))
}
