use std::time::Duration;

use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, Scheduling, TypedCall};
use jackfield_types::{
    AwaitedSignal, Items, NodeTypeMetadata, Outputs, Ports, SignalName, SignalReply, Span,
    ValidationIssue,
};
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

/// The output of items for which what was waited for did not come, or was refused.
const OTHERWISE: usize = 1;

/// Parameters of `wait`: one of `for`, `until`, `signal` and `approval`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WaitParams {
    /// How long.
    #[serde(rename = "for")]
    span: Option<Span>,
    /// Until when: a time with an offset or zone, such as `2030-01-31T08:00:00Z`, or milliseconds since 1970.
    until: Option<Moment>,
    /// The name of a signal to wait for. What comes with it is what the node gives.
    signal: Option<SignalName>,
    /// The name of a decision to wait for.
    approval: Option<SignalName>,
    /// How long to wait for a signal or a decision; without it there is no end.
    timeout: Option<Span>,
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
first item.

With `signal` it waits until the execution is sent a signal of that name: `jackfield signal EXECUTION NAME --data JSON`. \
What comes with the signal leaves by `done` in place of the items: an object as one item, a list of objects as items, \
anything else as `{\"result\": …}`; with nothing, the items themselves. A signal that came before is kept, and each is \
received once; of several nodes that wait for the same name the first in the workflow gets it.

With `approval` it waits for a signal of that name that holds a decision: `{\"approved\": true, \"by\": \"Ada\", \
\"comment\": \"fine\"}`. The items leave by `done` when it is approved and by `otherwise` when it is not, each with the \
decision in its field `approval`. A signal without `approved` is no decision, and is passed over.

With `timeout` the items leave by `otherwise` when nothing has come by then.";

impl NodeType for Wait {
    type Params = WaitParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["sleep", "delay", "pause", "timer", "signal", "approval"]),
            examples: vec![example(
                "A quarter of a second",
                json!({"for": "250ms"}),
                json!([[{"a": 1}]]),
                json!([[{"a": 1}], []]),
            )],
            ports: Ports {
                outputs: vec!["done".to_owned(), "otherwise".to_owned()],
                ..Ports::default()
            },
            ..declare(
                "wait",
                super::CATEGORY,
                "Passes its items on after a while, or waits for a signal or a decision.",
            )
        }
    }

    async fn run(&self, call: TypedCall<'_, WaitParams>) -> Result<NodeOutput, NodeError> {
        let params = call.params()?;
        let wait =
            wait(&params, Timestamp::now()).map_err(|issue| NodeError::Params(vec![issue]))?;
        let items = pass_on(call.items());
        Ok(match wait {
            Waits::No => done(items),
            Waits::Time(wait) => done(items).after(wait),
            Waits::Signal(signal, None) => {
                NodeOutput::on_port(OTHERWISE, items).until_signal(signal)
            }
            Waits::Signal(signal, Some(timeout)) => NodeOutput::on_port(OTHERWISE, items)
                .after(timeout)
                .until_signal(signal),
        })
    }

    fn check(&self, params: &WaitParams) -> Vec<ValidationIssue> {
        wait(params, Timestamp::now()).err().into_iter().collect()
    }

    fn scheduling(&self) -> Scheduling {
        Scheduling::Inline
    }
}

/// The items on the first port, nothing on the other.
fn done(items: Items) -> NodeOutput {
    let main = [items, Items::default()].into_iter().collect();
    Outputs { main, error: None }.into()
}

/// What is waited for.
#[derive(Debug, PartialEq)]
enum Waits {
    /// Nothing: it is there already.
    No,
    /// A time.
    Time(Duration),
    /// A signal, and how long at the most.
    Signal(AwaitedSignal, Option<Duration>),
}

fn wait(params: &WaitParams, now: Timestamp) -> Result<Waits, ValidationIssue> {
    let WaitParams {
        span,
        until,
        signal,
        approval,
        timeout,
    } = params;
    if timeout.is_some() && signal.is_none() && approval.is_none() {
        return Err(ValidationIssue::parameter(
            "/timeout",
            "`timeout` goes with `signal` or `approval`",
        ));
    }
    let awaits = |name: &SignalName, reply| {
        let timeout = match timeout {
            Some(timeout) => Some(bounded("/timeout", timeout.as_duration())?),
            None => None,
        };
        let name = name.clone();
        Ok(Waits::Signal(AwaitedSignal { name, reply }, timeout))
    };
    match (span, until, signal, approval) {
        (Some(span), None, None, None) => time("/for", span.as_duration()),
        (None, Some(until), None, None) => {
            let remaining = until.to_timestamp()?.duration_since(now);
            time("/until", Duration::try_from(remaining).unwrap_or_default())
        }
        (None, None, Some(name), None) => awaits(name, SignalReply::Items),
        (None, None, None, Some(name)) => awaits(name, SignalReply::Approval),
        _ => Err(ValidationIssue::parameter(
            "",
            "give one of `for`, `until`, `signal` and `approval`",
        )),
    }
}

fn time(path: &str, wait: Duration) -> Result<Waits, ValidationIssue> {
    let wait = bounded(path, wait)?;
    Ok(if wait.is_zero() {
        Waits::No
    } else {
        Waits::Time(wait)
    })
}

fn bounded(path: &str, wait: Duration) -> Result<Duration, ValidationIssue> {
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

    fn waits(parameters: serde_json::Value) -> Result<Waits, String> {
        let params: WaitParams = serde_json::from_value(parameters).unwrap();
        let now = "2030-01-01T00:00:00Z".parse().unwrap();
        super::wait(&params, now).map_err(|issue| issue.to_string())
    }

    fn wait(parameters: serde_json::Value) -> Result<Duration, String> {
        waits(parameters).map(|waits| match waits {
            Waits::No => Duration::ZERO,
            Waits::Time(wait) => wait,
            Waits::Signal(signal, _) => panic!("it waits for `{}`", signal.name),
        })
    }

    #[test]
    fn waits_are_for_signals_and_decisions_with_or_without_an_end() {
        let signal = |name: &str, reply| AwaitedSignal {
            name: SignalName::parse(name).unwrap(),
            reply,
        };
        assert_eq!(
            waits(json!({"signal": "paid"})),
            Ok(Waits::Signal(signal("paid", SignalReply::Items), None))
        );
        let minute = Some(Duration::from_mins(1));
        assert_eq!(
            waits(json!({"approval": "boss", "timeout": "1m"})),
            Ok(Waits::Signal(signal("boss", SignalReply::Approval), minute))
        );
        for wrong in [
            json!({"signal": "a", "approval": "a"}),
            json!({"signal": "a", "for": "1s"}),
            json!({"for": "1s", "timeout": "1s"}),
            json!({"signal": "a", "timeout": "9000h"}),
        ] {
            assert!(waits(wrong.clone()).is_err(), "{wrong}");
        }
        let unnamed = serde_json::from_value::<WaitParams>(json!({"signal": ""}));
        assert!(unnamed.is_err());
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
