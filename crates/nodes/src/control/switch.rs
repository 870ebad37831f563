use jackfield_plugin_api::{Expr, NodeCall, NodeError, NodeOutput, NodeType, TypedCall};
use jackfield_types::{DynamicOutputs, NodeTypeMetadata, Ports, ValidationIssue};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::declaration::{declare, example, tags};
use crate::items::{MAX_PORTS, take};
use crate::value::{equal, is_truthy};

/// `switch`: sends each item by the output of the rule that it meets.
pub(crate) struct Switch;

/// Parameters of `switch`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SwitchParams {
    /// The rules, one an output, tried in order.
    rules: Vec<Rule>,
    /// The value that rules with `equals` are compared with, mostly a template.
    #[serde(default)]
    value: Value,
    /// Whether an item leaves by the first rule that it meets, or by all of them.
    #[serde(default)]
    mode: Mode,
}

/// One rule: an expression or a value.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Rule {
    /// An expression that has to hold.
    Bare(Expr),
    /// A rule with a name.
    Named(NamedRule),
}

/// A rule in its long form: `when` or `equals`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NamedRule {
    /// What the output is called.
    #[expect(
        dead_code,
        reason = "pictures of the workflow show it; it does nothing"
    )]
    name: Option<String>,
    /// An expression that has to hold.
    when: Option<Expr>,
    /// What `value` has to be.
    #[serde(default, deserialize_with = "present")]
    equals: Option<Value>,
}

/// By how many outputs an item may leave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Mode {
    /// By that of the first rule that it meets.
    #[default]
    First,
    /// By those of all rules that it meets.
    All,
}

/// Keeps apart `null` that is given and nothing that is given.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let rule = if value.is_object() {
            NamedRule::deserialize(value).map(Self::Named)
        } else {
            Expr::deserialize(value).map(Self::Bare)
        };
        rule.map_err(serde::de::Error::custom)
    }
}

impl Rule {
    fn holds(&self, call: &NodeCall<'_>, item: usize, value: &Value) -> Result<bool, NodeError> {
        let condition = match self {
            Self::Bare(condition) => condition,
            Self::Named(NamedRule {
                when: Some(condition),
                ..
            }) => condition,
            Self::Named(NamedRule { equals, .. }) => {
                return Ok(equals
                    .as_ref()
                    .is_some_and(|expected| equal(expected, value)));
            }
        };
        Ok(is_truthy(&call.parameters.evaluate(
            condition,
            item,
            &[],
        )?))
    }
}

const DOCUMENTATION: &str = "\
There is one output for each of `rules`, in their order, and one more at the end, `otherwise`, for items \
that meet none of them. A rule is an expression (`$json.total > 100`), an object with an expression \
(`{\"name\": \"large\", \"when\": \"$json.total > 100\"}`), or an object with a value that the parameter `value` \
has to be equal to (`{\"equals\": \"open\"}`).

Each item is looked at by itself. With `mode: first` it leaves by the first rule that it meets; later rules \
are not evaluated. With `mode: all` it leaves by each rule that it meets.";

impl NodeType for Switch {
    type Params = SwitchParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["case", "branch", "route"]),
            ports: Ports {
                inputs: 1,
                outputs: vec!["otherwise".to_owned()],
                dynamic_outputs: Some(DynamicOutputs {
                    parameter: "rules".to_owned(),
                    default: 0,
                }),
            },
            examples: vec![
                example(
                    "By a value",
                    json!({
                        "value": "{{ $json.status }}",
                        "rules": [{"equals": "open"}, {"equals": "closed"}]
                    }),
                    json!([[{"status": "closed"}, {"status": "open"}, {"status": "lost"}]]),
                    json!([[{"status": "open"}], [{"status": "closed"}], [{"status": "lost"}]]),
                ),
                example(
                    "By expressions, all that hold",
                    json!({"rules": ["$json.n > 1", {"name": "large", "when": "$json.n > 5"}], "mode": "all"}),
                    json!([[{"n": 1}, {"n": 3}, {"n": 9}]]),
                    json!([[{"n": 3}, {"n": 9}], [{"n": 9}], [{"n": 1}]]),
                ),
            ],
            ..declare(
                "switch",
                super::CATEGORY,
                "Sends each item by the output of the rule it meets.",
            )
        }
    }

    async fn run(&self, call: TypedCall<'_, SwitchParams>) -> Result<NodeOutput, NodeError> {
        let items = call.items();
        let mut results = call.results();
        let mut ports = Vec::new();
        for index in 0..items.len() {
            ports.clear();
            match self.route(&call, index, &mut ports) {
                Ok(outputs) => {
                    results.open_ports(outputs);
                    for &port in &ports {
                        results.put_on(port, take(items, index));
                    }
                }
                Err(error) => results.fail(index, error)?,
            }
        }
        results.finish()
    }

    fn check(&self, params: &SwitchParams) -> Vec<ValidationIssue> {
        let mut issues = Vec::new();
        if params.rules.len() >= usize::from(MAX_PORTS) {
            let message = format!("at most {} rules", MAX_PORTS - 1);
            issues.push(ValidationIssue::parameter("/rules", message));
        }
        for (place, rule) in params.rules.iter().enumerate() {
            if let Rule::Named(NamedRule { when, equals, .. }) = rule
                && when.is_some() == equals.is_some()
            {
                let message = "a rule has either `when` or `equals`";
                issues.push(ValidationIssue::parameter(
                    format!("/rules/{place}"),
                    message,
                ));
            }
        }
        issues
    }
}

impl Switch {
    /// Finds the outputs that an item leaves by, and says how many outputs there are.
    fn route(
        &self,
        call: &TypedCall<'_, SwitchParams>,
        index: usize,
        ports: &mut Vec<usize>,
    ) -> Result<usize, NodeError> {
        let params = call.params_for(index)?;
        let otherwise = params.rules.len();
        if otherwise >= usize::from(MAX_PORTS) {
            return Err(NodeError::Params(self.check(&params)));
        }
        for (port, rule) in params.rules.iter().enumerate() {
            if rule.holds(call, index, &params.value)? {
                ports.push(port);
                if params.mode == Mode::First {
                    break;
                }
            }
        }
        if ports.is_empty() {
            ports.push(otherwise);
        }
        Ok(otherwise + 1)
    }
}
