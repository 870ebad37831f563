use std::borrow::Cow;
use std::num::NonZeroU32;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::{ErrorCode, NodeTypeId, Object, Span, VersionSelector};

/// How the wait between attempts grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Backoff {
    /// Multiplied each time.
    #[default]
    Exponential,
    /// The initial delay is added each time.
    Linear,
    /// The initial delay times 1, 1, 2, 3, 5, 8, …
    Fibonacci,
    /// Always the initial delay.
    Constant,
}

/// When and how often a failed attempt is tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RetryPolicy {
    /// How many attempts there are in all, the first one included.
    pub max_attempts: NonZeroU32,
    /// How the wait grows.
    pub backoff_type: Backoff,
    /// The first wait.
    pub initial_delay: Span,
    /// No wait is longer than this, jitter included.
    pub max_delay: Span,
    /// What `exponential` multiplies by; at least 1.
    pub multiplier: f64,
    /// The share of the wait that is left to chance, from 0 to 1: a wait `w` becomes something
    /// between `w × (1 − jitter)` and `w`.
    pub jitter: f64,
    /// No attempt begins later than this after the first one began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Span>,
    /// Only errors with these codes are tried again. Empty: all that are retryable.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub retryable_errors: Vec<ErrorCode>,
    /// Only these statuses (of HTTP, say) are tried again. Empty: all that are retryable.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retryable_status_codes: Vec<u16>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: NonZeroU32::new(3).expect("3 is not 0"),
            backoff_type: Backoff::Exponential,
            initial_delay: Span::from_millis(1_000),
            max_delay: Span::from_millis(60_000),
            multiplier: 2.0,
            jitter: 0.0,
            deadline: None,
            retryable_errors: Vec::new(),
            retryable_status_codes: Vec::new(),
        }
    }
}

/// What is done about a failure that retrying did not mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Strategy {
    /// Tries again, by the retry policy in force, then fails.
    Retry,
    /// Runs another node type with the same input.
    Fallback,
    /// Goes on with one empty item.
    Skip,
    /// Fails the node.
    #[default]
    Fail,
}

/// A recovery strategy with its details. Written as an object, or as the strategy's name alone.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryStrategy {
    /// What is done.
    pub strategy: Strategy,
    /// The node type that `fallback` runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_node_type: Option<NodeTypeId>,
    /// How often `retry` tries again, the first attempt not included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u32>,
    /// Whether `skip` passes on what had been produced, with status `partial`.
    pub allow_partial_output: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RecoveryDetails {
    /// What is done.
    strategy: Strategy,
    /// The node type that `fallback` runs.
    fallback_node_type: Option<NodeTypeId>,
    /// How often `retry` tries again, the first attempt not included.
    max_retries: Option<u32>,
    /// Whether `skip` passes on what had been produced, with status `partial`.
    #[serde(default)]
    allow_partial_output: bool,
}

impl<'de> Deserialize<'de> for RecoveryStrategy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let value = Value::deserialize(deserializer)?;
        if value.is_string() {
            let strategy = Strategy::deserialize(value).map_err(D::Error::custom)?;
            return Ok(Self {
                strategy,
                ..Self::default()
            });
        }
        let details = RecoveryDetails::deserialize(value).map_err(D::Error::custom)?;
        Ok(Self {
            strategy: details.strategy,
            fallback_node_type: details.fallback_node_type,
            max_retries: details.max_retries,
            allow_partial_output: details.allow_partial_output,
        })
    }
}

impl JsonSchema for RecoveryStrategy {
    fn schema_name() -> Cow<'static, str> {
        "RecoveryStrategy".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let details = generator.subschema_for::<RecoveryDetails>();
        let name = generator.subschema_for::<Strategy>();
        json_schema!({ "anyOf": [name, details] })
    }
}

/// What undoes what a node did, when the execution fails after it.
///
/// It runs with what the node gave as its input, by itself and through the whole pipeline, and
/// is recovered by its own policy and strategy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Compensation {
    /// The node type that undoes it.
    pub node_type: NodeTypeId,
    /// In which version.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    pub type_version: VersionSelector,
    /// Its parameters; templates see what the node gave as `$json` and `$input`.
    #[serde(default = "no_parameters")]
    pub parameters: Value,
    /// How long an attempt may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// How it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<RetryPolicy>,
    /// What is done about a failure that retrying did not mend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_recovery_strategy: Option<RecoveryStrategy>,
}

fn no_parameters() -> Value {
    Value::Object(Object::new())
}

/// What happens when a node has failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnError {
    /// The execution fails; nothing that depends on the node runs.
    #[default]
    StopWorkflow,
    /// Its input items, each with an `error`, leave by the `error` port.
    ContinueErrorOutput,
    /// Its input items, each with an `error`, leave by the first `main` port.
    ContinueRegularOutput,
}

impl OnError {
    /// Whether the execution goes on.
    pub fn continues(self) -> bool {
        self != Self::StopWorkflow
    }
}
