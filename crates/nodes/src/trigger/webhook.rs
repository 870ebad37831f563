use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, Scheduling, TypedCall};
use jackfield_types::{NodeRole, NodeTypeMetadata, Ports, ValidationIssue};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::declaration::{declare, example, tags};
use crate::items::pass_on;

/// `trigger.webhook`: begins an execution when a request comes in.
pub(crate) struct Webhook;

/// Parameters of `trigger.webhook`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WebhookParams {
    /// The path that requests come in by, such as `orders/new`.
    #[schemars(length(min = 1, max = 512))]
    path: String,
    /// The method of the requests.
    #[serde(default)]
    #[expect(
        dead_code,
        reason = "the server that takes requests in reads it from the workflow"
    )]
    method: Method,
}

/// The method of a request that comes in.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Method {
    /// `GET`.
    Get,
    /// `HEAD`.
    Head,
    /// `POST`.
    #[default]
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
}

const DOCUMENTATION: &str = "\
Begins an execution when a request with that method comes in at that path of the server. The path is relative: letters, \
digits and `-._~` in parts with `/` between them; a part such as `:id` matches anything. Started by hand, it gives the \
items that the execution was started with.";

impl NodeType for Webhook {
    type Params = WebhookParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["start", "http", "request"]),
            ports: Ports::trigger(),
            role: NodeRole::Trigger,
            examples: vec![example(
                "Orders come in by POST",
                json!({"path": "orders/new", "method": "POST"}),
                json!([[{"body": {"order": 7}}]]),
                json!([[{"body": {"order": 7}}]]),
            )],
            ..declare(
                "trigger.webhook",
                super::CATEGORY,
                "Begins an execution when a request comes in.",
            )
        }
    }

    async fn run(&self, call: TypedCall<'_, WebhookParams>) -> Result<NodeOutput, NodeError> {
        Ok(NodeOutput::items(pass_on(call.items())))
    }

    fn check(&self, params: &WebhookParams) -> Vec<ValidationIssue> {
        let path = params.path.trim_matches('/');
        let is_part = |part: &str| {
            let name = part.strip_prefix(':').unwrap_or(part);
            !name.is_empty()
                && !matches!(name, "." | "..")
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c))
        };
        if path.len() > 512 || !path.split('/').all(is_part) {
            let issue =
                ValidationIssue::parameter("/path", format!("`{}` is no path", shorten(path)));
            return vec![
                issue.with_hint("write parts of letters, digits and `-._~`, such as `orders/:id`"),
            ];
        }
        Vec::new()
    }

    fn scheduling(&self) -> Scheduling {
        Scheduling::Inline
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}
