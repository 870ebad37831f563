use std::time::Duration;

use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, Scheduling, TypedCall};
use jackfield_types::{NodeTypeMetadata, Span, ValidationIssue};
use jiff::{Timestamp, Zoned};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::declaration::{declare, example, tags};
use crate::items::pass_on;

/// `wait`: holds its items back for a while.
pub(crate) struct Wait;

/// The longest wait.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// Parameters of `wait`: one of them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WaitParams {
    /// How long.
    #[serde(rename = "for")]
    span: Option<Span>,
    /// Until when: a time with an offset or zone, such as `2030-01-31T08:00:00Z`, or milliseconds since 1970.
    until: Option<Moment>,
}

/// A point in time, as it is written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Moment {
    /// Milliseconds since 1970.
    Milliseconds(i64),
    /// A time with an offset or zone.
    Text(String),
}

impl Moment {
    fn to_timestamp(&self) -> Result<Timestamp, ValidationIssue> {
        let timestamp = match self {
            Self::Milliseconds(milliseconds) => Timestamp::from_millisecond(*milliseconds).ok(),
            Self::Text(text) => text
                .parse()
                .or_else(|_| text.parse::<Zoned>().map(|zoned| zoned.timestamp()))
                .ok(),
        };
        timestamp.ok_or_else(|| {
            ValidationIssue::parameter("/until", "no time that can be told").with_hint(
                "write `2030-01-31T08:00:00Z`, with an offset or zone, or milliseconds since 1970",
            )
        })
    }
}

const DOCUMENTATION: &str = "\
Passes its items on after a while: `for` a length of time, or `until` a point in time. A point that has passed \
already means no wait. Nothing runs and no connection is held open meanwhile; the wait counts for the timeout of \
the workflow, not for that of the node. The longest wait is 366 days. The parameters are evaluated once, for the \
first item.";

impl NodeType for Wait {
    type Params = WaitParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["sleep", "delay", "pause", "timer"]),
            examples: vec![example(
                "A quarter of a second",
                json!({"for": "250ms"}),
                json!([[{"a": 1}]]),
                json!([[{"a": 1}]]),
            )],
            ..declare(
                "wait",
                super::CATEGORY,
                "Passes its items on after a while.",
            )
        }
    }

    async fn run(&self, call: TypedCall<'_, WaitParams>) -> Result<NodeOutput, NodeError> {
        let params = call.params()?;
        let wait =
            length(&params, Timestamp::now()).map_err(|issue| NodeError::Params(vec![issue]))?;
        let output = NodeOutput::items(pass_on(call.items()));
        Ok(if wait.is_zero() {
            output
        } else {
            output.after(wait)
        })
    }

    fn check(&self, params: &WaitParams) -> Vec<ValidationIssue> {
        length(params, Timestamp::now()).err().into_iter().collect()
    }

    fn scheduling(&self) -> Scheduling {
        Scheduling::Inline
    }
}

fn length(params: &WaitParams, now: Timestamp) -> Result<Duration, ValidationIssue> {
    let (path, wait) = match (params.span, &params.until) {
        (Some(span), None) => ("/for", span.as_duration()),
        (None, Some(until)) => {
            let remaining = until.to_timestamp()?.duration_since(now);
            (
                "/until",
                Duration::try_from(remaining).unwrap_or(Duration::ZERO),
            )
        }
        _ => {
            return Err(ValidationIssue::parameter(
                "",
                "give either `for` or `until`",
            ));
        }
    };
    if wait > LONGEST {
        return Err(ValidationIssue::parameter(
            path,
            "the longest wait is 366 days",
        ));
    }
    Ok(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(parameters: serde_json::Value) -> Result<Duration, String> {
        let params: WaitParams = serde_json::from_value(parameters).unwrap();
        let now = "2030-01-01T00:00:00Z".parse().unwrap();
        length(&params, now).map_err(|issue| issue.to_string())
    }

    #[test]
    fn waits_are_lengths_or_points_in_time_and_bounded() {
        assert_eq!(wait(json!({"for": "1h 30m"})), Ok(Duration::from_mins(90)));
        assert_eq!(
            wait(json!({"until": "2030-01-01T01:00:00+01:00"})),
            Ok(Duration::ZERO)
        );
        assert_eq!(
            wait(json!({"until": "2030-01-01T00:00:05Z"})),
            Ok(Duration::from_secs(5))
        );
        assert_eq!(
            wait(json!({"until": "2030-01-01T01:00:07+01:00[Europe/Berlin]"})),
            Ok(Duration::from_secs(7))
        );
        assert_eq!(
            wait(json!({"until": 1_893_456_001_000_i64})),
            Ok(Duration::from_secs(1))
        );
        assert_eq!(
            wait(json!({"until": "2010-01-01T00:00:00Z"})),
            Ok(Duration::ZERO)
        );
        for wrong in [
            json!({}),
            json!({"for": 1, "until": 1}),
            json!({"for": "8785h"}),
            json!({"for": u64::MAX}),
            json!({"until": "2040-01-01T00:00:00Z"}),
            json!({"until": "tomorrow"}),
            json!({"until": i64::MAX}),
        ] {
            assert!(wait(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
