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
        part(&call, Others::LeaveBySecond)
    }

    fn check(&self, params: &Predicate) -> Vec<ValidationIssue> {
        params.check()
    }
}

/// What becomes of the items for which a predicate does not hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    /// They leave by the second output.
    LeaveBySecond,
    /// They don't go on.
    End,
}

/// Sends the items for which the predicate holds by the first output.
pub(super) fn part(
    call: &TypedCall<'_, Predicate>,
    others: Others,
) -> Result<NodeOutput, NodeError> {
    let items = call.items();
    let mut results = call.results();
    if others == Others::LeaveBySecond {
        results.open_ports(2);
    }
    for index in 0..items.len() {
        let holds = call
            .params_for(index)
            .and_then(|params| params.holds(call, index));
        match holds {
            Ok(true) => results.put(take(items, index)),
            Ok(false) if others == Others::LeaveBySecond => results.put_on(1, take(items, index)),
            Ok(false) => {}
            Err(error) => results.fail(index, error)?,
        }
    }
    results.finish()
}
