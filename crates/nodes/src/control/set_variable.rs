use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, Scheduling, TypedCall};
use jackfield_types::{NodeTypeMetadata, Object, ValidationIssue, VariableAccess, VariableWrite};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::declaration::{declare, example, tags};
use crate::items::pass_on;
use crate::path::is_forbidden_key;

/// `set-variable`: sets variables of the execution.
pub(crate) struct SetVariable;

const LONGEST_NAME: usize = 256;

/// Parameters of `set-variable`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SetVariableParams {
    /// The name of one variable.
    name: Option<String>,
    /// Its value: any.
    #[serde(default)]
    value: Value,
    /// Several variables: values by name.
    #[serde(default)]
    values: Object,
}

const DOCUMENTATION: &str = "\
Sets one variable (`name`, `value`), several ones (`values`), or both, and passes its items on as they are. \
Templates see the new values in every node that runs after this one as `$vars.name`. With several items the \
parameters are evaluated for each, in order, and the last value stays.

Names are texts of up to 256 bytes; `__proto__`, `constructor` and `prototype` are refused. Nodes that write \
variables never run at the same time as others that read or write them.";

impl NodeType for SetVariable {
    type Params = SetVariableParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["variable", "state", "assign"]),
            variables: VariableAccess::Writes,
            examples: vec![example(
                "Remember a total",
                json!({"name": "total", "value": "{{ $json.total }}"}),
                json!([[{"total": 7}]]),
                json!([[{"total": 7}]]),
            )],
            ..declare(
                "set-variable",
                super::CATEGORY,
                "Sets variables of the execution.",
            )
        }
    }

    async fn run(&self, call: TypedCall<'_, SetVariableParams>) -> Result<NodeOutput, NodeError> {
        let mut written = Object::new();
        for index in 0..call.items().len().max(1) {
            // Writes take effect together or not at all: one item that fails fails the node.
            let params = call
                .params_for(index)
                .and_then(|params| match self.check(&params) {
                    issues if issues.is_empty() => Ok(params),
                    issues => Err(NodeError::Params(issues)),
                })
                .map_err(|error| call.results().stop(index, error))?;
            if let Some(name) = &params.name {
                written.insert(name.clone(), params.value.clone());
            }
            for (name, value) in &params.values {
                written.insert(name.clone(), value.clone());
            }
            if call.parameters.is_static() {
                break;
            }
        }
        let writes = written
            .into_iter()
            .map(|(name, value)| VariableWrite::Set { name, value });
        Ok(NodeOutput::items(pass_on(call.items())).with_variables(writes))
    }

    fn check(&self, params: &SetVariableParams) -> Vec<ValidationIssue> {
        if params.name.is_none() && params.values.is_empty() {
            return vec![ValidationIssue::parameter(
                "/name",
                "give `name` and `value`, or `values`",
            )];
        }
        let single = params.name.as_ref().map(|name| ("/name", name));
        let several = params.values.keys().map(|name| ("/values", name));
        single
            .into_iter()
            .chain(several)
            .filter_map(|(path, name)| check_name(path, name))
            .collect()
    }

    fn scheduling(&self) -> Scheduling {
        Scheduling::Inline
    }
}

fn check_name(path: &str, name: &str) -> Option<ValidationIssue> {
    if name.is_empty() {
        return Some(ValidationIssue::parameter(
            path,
            "a variable's name must not be empty",
        ));
    }
    if name.len() > LONGEST_NAME {
        let message = format!("a variable's name has at most {LONGEST_NAME} bytes");
        return Some(ValidationIssue::parameter(path, message));
    }
    if is_forbidden_key(name) {
        return Some(ValidationIssue::parameter(
            path,
            format!("`{name}` is no name for a variable"),
        ));
    }
    None
}
