use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, Scheduling, TypedCall};
use jackfield_types::{ErrorCode, NodeTypeMetadata};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::declaration::{declare, example_without_output, tags};

/// `stop-and-error`: fails on purpose.
pub(crate) struct StopAndError;

/// Parameters of `stop-and-error`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct StopParams {
    /// Why.
    message: String,
    /// The error code; `STOPPED` if not given. Everything but letters, digits and `_` becomes `_`.
    code: Option<String>,
    /// More about it: any value.
    #[serde(default)]
    details: Value,
}

const DOCUMENTATION: &str = "\
Fails with the message, code and details of its parameters, which are evaluated for the first item. The \
failure is permanent: it is not tried again. `errorRecoveryStrategy` and `onError` decide what it leads to, as \
with every failure; without them the execution stops.";

impl NodeType for StopAndError {
    type Params = StopParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["throw", "raise", "abort"]),
            examples: vec![example_without_output(
                "Stop over an order without lines",
                json!({"message": "order {{ $json.id }} has no lines", "code": "EMPTY_ORDER"}),
            )],
            ..declare(
                "stop-and-error",
                super::CATEGORY,
                "Fails on purpose, with an error of the author's own.",
            )
        }
    }

    async fn run(&self, call: TypedCall<'_, StopParams>) -> Result<NodeOutput, NodeError> {
        let params = call.params()?;
        let code = params
            .code
            .as_deref()
            .map_or(ErrorCode::STOPPED, ErrorCode::custom);
        Err(
            NodeError::permanent(code, params.message.clone()).with(|failure| {
                failure.details = Some(params.details.clone()).filter(|details| !details.is_null());
            }),
        )
    }

    fn scheduling(&self) -> Scheduling {
        Scheduling::Inline
    }
}
