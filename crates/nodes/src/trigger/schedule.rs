use croner::Cron;
use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, Scheduling, TypedCall};
use jackfield_types::{NodeRole, NodeTypeMetadata, Ports, ValidationIssue};
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::declaration::{declare, example, tags};
use crate::items::pass_on;

/// `trigger.schedule`: begins executions at set times.
pub(crate) struct Schedule;

/// Parameters of `trigger.schedule`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ScheduleParams {
    /// When, as a cron pattern: minute, hour, day of the month, month, day of the week; with six fields the first
    /// one is the second.
    #[schemars(length(min = 1, max = 256))]
    cron: String,
    /// The time zone in which the pattern is meant, such as `Europe/Vienna`.
    #[serde(default = "utc")]
    timezone: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

const DOCUMENTATION: &str = "\
Begins an execution whenever the time meets the pattern `cron` in the time zone `timezone` (`UTC` if not given). Names of \
days and months, lists, ranges, steps, `L`, `#` and `W` are understood. Started by hand, it gives the items that the \
execution was started with.";

impl NodeType for Schedule {
    type Params = ScheduleParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["start", "cron", "timer", "interval"]),
            ports: Ports::trigger(),
            role: NodeRole::Trigger,
            examples: vec![example(
                "Each working day at eight in Vienna",
                json!({"cron": "0 8 * * MON-FRI", "timezone": "Europe/Vienna"}),
                json!([[{}]]),
                json!([[{}]]),
            )],
            ..declare(
                "trigger.schedule",
                super::CATEGORY,
                "Begins executions at set times.",
            )
        }
    }

    async fn run(&self, call: TypedCall<'_, ScheduleParams>) -> Result<NodeOutput, NodeError> {
        Ok(NodeOutput::items(pass_on(call.items())))
    }

    fn check(&self, params: &ScheduleParams) -> Vec<ValidationIssue> {
        let mut issues = Vec::new();
        if params.cron.len() > 256 {
            issues.push(ValidationIssue::parameter(
                "/cron",
                "a cron pattern has at most 256 bytes",
            ));
        } else if let Err(error) = params.cron.parse::<Cron>() {
            let message = format!("`{}` is no cron pattern: {error}", params.cron);
            let hint =
                "write five fields, such as `0 8 * * MON-FRI` for eight o'clock on working days";
            issues.push(ValidationIssue::parameter("/cron", message).with_hint(hint));
        }
        if TimeZone::get(&params.timezone).is_err() {
            let zone: String = params.timezone.chars().take(60).collect();
            let issue =
                ValidationIssue::parameter("/timezone", format!("`{zone}` is no time zone"));
            issues.push(issue.with_hint("write a name such as `Europe/Vienna` or `UTC`"));
        }
        issues
    }

    fn scheduling(&self) -> Scheduling {
        Scheduling::Inline
    }
}
