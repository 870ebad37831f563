//! The export format of n8n. Fields that mean nothing here are passed over.

use std::collections::HashSet;
use std::num::NonZeroU32;

use jackfield_types::{Backoff, ErrorCode, Object, OnError, RetryPolicy, Span};
use serde_json::Value;

use super::connections::{Connections, connections};
use super::native::{core, position};
use super::reader::{Reader, describe};
use super::{Partial, pinned, present};
use crate::diagnostic::Diagnostic;
use crate::plan::{LONGEST_DELAY, MOST_ATTEMPTS};
use crate::pointer::Place;
use crate::workflow::{Dialect, Node, Settings, Workflow};

const STICKY_NOTE: &str = "n8n-nodes-base.stickyNote";
/// What n8n does when nothing else is said.
const DEFAULT_TRIES: u32 = 3;
const DEFAULT_WAIT: u64 = 1_000;

pub(super) fn workflow(document: &Object, reader: &mut Reader<'_>) -> Partial {
    let place = Place::WHOLE;
    let mut broken = HashSet::new();
    let mut notes = HashSet::new();
    let mut nodes = nodes(document, &place, reader, &mut broken, &mut notes);
    for node in &nodes {
        notes.remove(node.id.as_str());
        notes.remove(node.name.as_str());
    }
    let mut read = connections(document, &place, reader);
    drop_connections_of(&notes, &mut read);
    pin(document, &place, &mut nodes, reader);
    let text = |field| {
        present(document, field)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let id = match present(document, "id") {
        Some(Value::String(id)) => Some(id.clone()),
        Some(Value::Number(id)) => Some(id.to_string()),
        _ => None,
    };
    let workflow = Workflow {
        dialect: Dialect::N8n,
        name: text("name")
            .or_else(|| id.clone())
            .unwrap_or_else(|| "workflow".to_owned()),
        id,
        description: text("description"),
        version: text("versionId"),
        tags: tags(document),
        active: is_true(document, "active"),
        nodes,
        connections: read.data,
        attachments: read.attachments,
        input: None,
        variables: Object::new(),
        settings: settings(document, &place, reader),
        retry_policy: None,
        error_recovery: None,
        meta: present(document, "meta")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default(),
        source: None,
        value: None,
    };
    Partial { workflow, broken }
}

fn is_true(object: &Object, field: &str) -> bool {
    object.get(field) == Some(&Value::Bool(true))
}

fn tags(document: &Object) -> Vec<String> {
    let list = document.get("tags").and_then(Value::as_array);
    let name = |tag: &Value| {
        tag.as_str()
            .or_else(|| tag.get("name")?.as_str())
            .map(str::to_owned)
    };
    list.map_or_else(Vec::new, |list| list.iter().filter_map(name).collect())
}

fn nodes(
    document: &Object,
    place: &Place<'_>,
    reader: &mut Reader<'_>,
    broken: &mut HashSet<String>,
    notes: &mut HashSet<String>,
) -> Vec<Node> {
    let Some(list) = reader.list(document, place, "nodes") else {
        return Vec::new();
    };
    let place = place.key("nodes");
    let mut nodes = Vec::with_capacity(list.len());
    for (index, value) in list.iter().enumerate() {
        let place = place.index(index);
        let Value::Object(fields) = value else {
            reader.invalid(
                &place,
                format!("a node is an object, this is {}", describe(value)),
            );
            continue;
        };
        let text = |field| fields.get(field).and_then(Value::as_str);
        let names = || {
            [text("id"), text("name")]
                .into_iter()
                .flatten()
                .map(str::to_owned)
        };
        if text("type") == Some(STICKY_NOTE) {
            notes.extend(names());
            continue;
        }
        reader.enter_node(text("name").or(text("id")));
        match core(fields, &place, reader) {
            Some(core) => nodes.push(node(core, fields, &place, index, reader)),
            None => broken.extend(names()),
        }
        reader.enter_node(None);
    }
    nodes
}

fn node(
    core: Node,
    fields: &Object,
    place: &Place<'_>,
    index: usize,
    reader: &mut Reader<'_>,
) -> Node {
    let on_error = reader.typed(fields, place, "onError").unwrap_or_else(|| {
        // How n8n said it before `onError`.
        if is_true(fields, "continueOnFail") {
            OnError::ContinueRegularOutput
        } else {
            OnError::StopWorkflow
        }
    });
    Node {
        version: reader
            .typed(fields, place, "typeVersion")
            .unwrap_or_default(),
        disabled: is_true(fields, "disabled"),
        retry_policy: is_true(fields, "retryOnFail").then(|| retry_policy(fields)),
        on_error,
        always_output_data: is_true(fields, "alwaysOutputData"),
        execute_once: is_true(fields, "executeOnce"),
        position: position(fields, place, reader),
        notes: present(fields, "notes")
            .and_then(Value::as_str)
            .map(str::to_owned),
        place: index,
        ..core
    }
}

fn retry_policy(fields: &Object) -> RetryPolicy {
    let number = |field| {
        fields
            .get(field)
            .and_then(Value::as_u64)
            .filter(|number| *number > 0)
    };
    let tries = number("maxTries").map_or(DEFAULT_TRIES, |tries| {
        u32::try_from(tries)
            .unwrap_or(MOST_ATTEMPTS)
            .min(MOST_ATTEMPTS)
    });
    let wait =
        Span::from_millis(number("waitBetweenTries").unwrap_or(DEFAULT_WAIT)).min(LONGEST_DELAY);
    let default = RetryPolicy::default();
    RetryPolicy {
        max_attempts: NonZeroU32::new(tries).unwrap_or(default.max_attempts),
        backoff_type: Backoff::Constant,
        initial_delay: wait,
        max_delay: wait.max(default.max_delay),
        ..default
    }
}

fn drop_connections_of(notes: &HashSet<String>, read: &mut Connections) {
    if notes.is_empty() {
        return;
    }
    read.data
        .retain(|one| !notes.contains(&*one.from) && !notes.contains(&one.to));
    read.attachments
        .retain(|one| !notes.contains(&*one.from) && !notes.contains(&one.to));
}

fn pin(document: &Object, place: &Place<'_>, nodes: &mut [Node], reader: &mut Reader<'_>) {
    let Some(pinned) = reader
        .object(document, place, "pinData")
        .filter(|pins| !pins.is_empty())
    else {
        return;
    };
    let place = place.key("pinData");
    for node in nodes {
        // Pinned data of a node that is no longer there is of no use to anybody.
        if let Some(value) = present(pinned, node.name.as_str()) {
            reader.enter_node(Some(node.name.as_str()));
            node.pinned = pinned::items(value, &place.key(node.name.as_str()), reader);
            reader.enter_node(None);
        }
    }
}

fn settings(document: &Object, place: &Place<'_>, reader: &mut Reader<'_>) -> Settings {
    let mut read = Settings {
        law: Dialect::N8n.law(),
        ..Settings::default()
    };
    let Some(settings) = reader.object(document, place, "settings") else {
        return read;
    };
    let place = place.key("settings");
    match present(settings, "executionOrder") {
        None => {}
        Some(Value::String(order)) if order == "v1" => {}
        Some(other) => {
            let message = format!(
                "the execution order is taken to be `v1`, not {}",
                describe(other)
            );
            reader.report(
                Diagnostic::warning(ErrorCode::INVALID_WORKFLOW, message)
                    .at(place.key("executionOrder").pointer())
                    .with_expected("`v1`: branches run one after the other, the topmost first"),
            );
        }
    }
    let seconds = present(settings, "executionTimeout").and_then(Value::as_u64);
    read.timeout = seconds
        .filter(|seconds| *seconds > 0)
        .map(|seconds| Span::from_millis(seconds.saturating_mul(1_000)));
    let timezone = present(settings, "timezone").and_then(Value::as_str);
    // n8n's word for the time zone of the server.
    read.timezone = timezone
        .filter(|zone| *zone != "DEFAULT" && !zone.is_empty())
        .map(str::to_owned);
    read
}
