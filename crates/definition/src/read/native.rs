//! The native format: `docs/workflow-format.md`.

use std::collections::HashSet;

use jackfield_kernel::FailureMode;
use jackfield_types::{NodeId, NodeName, NodeTypeId, Object};
use serde_json::Value;

use super::compensation::compensation;
use super::connections::connections;
use super::reader::{Reader, describe};
use super::{pinned, present, recovery};
use crate::pointer::Place;
use crate::read::Partial;
use crate::workflow::{Dialect, Node, Settings, Workflow};

/// The version of the format that is read.
pub(crate) const FORMAT_VERSION: u64 = 1;

/// The fields of a workflow.
pub(crate) const WORKFLOW_FIELDS: &[&str] = &[
    "$schema",
    "formatVersion",
    "id",
    "name",
    "description",
    "version",
    "tags",
    "active",
    "nodes",
    "connections",
    "input",
    "variables",
    "settings",
    "retryPolicy",
    "errorRecovery",
    "meta",
];

/// The fields of a workflow's settings.
pub(crate) const SETTINGS_FIELDS: &[&str] = &["missingFields", "timeout", "failFast", "timezone"];

/// The fields of a node.
pub(crate) const NODE_FIELDS: &[&str] = &[
    "id",
    "name",
    "nodeType",
    "type",
    "typeVersion",
    "parameters",
    "disabled",
    "timeout",
    "retryPolicy",
    "errorRecoveryStrategy",
    "compensation",
    "onError",
    "alwaysOutputData",
    "executeOnce",
    "position",
    "notes",
    "pinData",
];

/// The types that a declared variable may have.
const VARIABLE_TYPES: &[&str] = &["any", "string", "number", "boolean", "object", "array"];

pub(super) fn workflow(document: &Object, reader: &mut Reader<'_>) -> Partial {
    let place = Place::WHOLE;
    reader.refuse_unknown(document, &place, "a workflow", WORKFLOW_FIELDS);
    if let Some(version) = document.get("formatVersion")
        && version.as_u64() != Some(FORMAT_VERSION)
    {
        reader.unexpected(
            &place,
            "formatVersion",
            version,
            "`1`, the one format that there is",
        );
    }
    let id = text_or_number(document, &place, "id", reader);
    let name = reader.text(document, &place, "name").map(str::to_owned);
    let mut broken = HashSet::new();
    let nodes = nodes(document, &place, reader, &mut broken);
    let read = connections(document, &place, reader);
    let workflow = Workflow {
        dialect: Dialect::Native,
        name: name
            .or_else(|| id.clone())
            .unwrap_or_else(|| "workflow".to_owned()),
        id,
        description: reader
            .text(document, &place, "description")
            .map(str::to_owned),
        version: text_or_number(document, &place, "version", reader),
        tags: tags(document, &place, reader),
        active: reader.bool(document, &place, "active"),
        nodes,
        connections: read.data,
        attachments: read.attachments,
        input: reader.text(document, &place, "input").map(str::to_owned),
        variables: variables(document, &place, reader),
        settings: settings(document, &place, reader),
        retry_policy: recovery::retry_policy(document, &place, "retryPolicy", reader),
        error_recovery: recovery::strategy(document, &place, "errorRecovery", reader),
        meta: reader
            .object(document, &place, "meta")
            .cloned()
            .unwrap_or_default(),
        source: None,
        value: None,
    };
    Partial { workflow, broken }
}

fn text_or_number(
    object: &Object,
    place: &Place<'_>,
    field: &str,
    reader: &mut Reader<'_>,
) -> Option<String> {
    match present(object, field)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        other => {
            reader.unexpected(place, field, other, "a text");
            None
        }
    }
}

fn tags(document: &Object, place: &Place<'_>, reader: &mut Reader<'_>) -> Vec<String> {
    let Some(list) = reader.list(document, place, "tags") else {
        return Vec::new();
    };
    let place = place.key("tags");
    let mut tags = Vec::new();
    for (index, tag) in list.iter().enumerate() {
        match tag {
            Value::String(tag) => tags.push(tag.clone()),
            other => {
                let message = format!("a tag is a text, not {}", describe(other));
                reader.invalid(&place.index(index), message);
            }
        }
    }
    tags
}

fn settings(document: &Object, place: &Place<'_>, reader: &mut Reader<'_>) -> Settings {
    let Some(settings) = reader.object(document, place, "settings") else {
        return Settings::default();
    };
    let place = place.key("settings");
    reader.refuse_unknown(settings, &place, "`settings`", SETTINGS_FIELDS);
    let fails_fast = reader.bool(settings, &place, "failFast");
    Settings {
        missing_fields: reader
            .typed(settings, &place, "missingFields")
            .unwrap_or_default(),
        timeout: reader.span(settings, &place, "timeout"),
        failure_mode: if fails_fast {
            FailureMode::FailFast
        } else {
            FailureMode::FinishBranches
        },
        law: Dialect::Native.law(),
        timezone: reader.text(settings, &place, "timezone").map(str::to_owned),
    }
}

fn variables(document: &Object, place: &Place<'_>, reader: &mut Reader<'_>) -> Object {
    let Some(written) = reader.object(document, place, "variables") else {
        return Object::new();
    };
    let place = place.key("variables");
    let mut variables = Object::new();
    for (name, value) in written {
        let Some((wanted, default)) = declared(value) else {
            variables.insert(name.clone(), value.clone());
            continue;
        };
        if has_type(default, wanted) {
            variables.insert(name.clone(), default.clone());
        } else {
            let expected = format!("a value of type `{wanted}`, as declared");
            reader.unexpected(&place.key(name), "defaultValue", default, &expected);
        }
    }
    variables
}

/// The type and default value of a variable that is written as a declaration.
fn declared(value: &Value) -> Option<(&str, &Value)> {
    let fields = value.as_object()?;
    let is_declaration = fields
        .keys()
        .all(|key| matches!(key.as_str(), "type" | "defaultValue" | "description"));
    let wanted = fields
        .get("type")?
        .as_str()
        .filter(|wanted| VARIABLE_TYPES.contains(wanted))?;
    let default = fields.get("defaultValue")?;
    is_declaration.then_some((wanted, default))
}

fn has_type(value: &Value, wanted: &str) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(_) => matches!(wanted, "any" | "boolean"),
        Value::Number(_) => matches!(wanted, "any" | "number"),
        Value::String(_) => matches!(wanted, "any" | "string"),
        Value::Array(_) => matches!(wanted, "any" | "array"),
        Value::Object(_) => matches!(wanted, "any" | "object"),
    }
}

fn nodes(
    document: &Object,
    place: &Place<'_>,
    reader: &mut Reader<'_>,
    broken: &mut HashSet<String>,
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
        reader.enter_node(text("name").or(text("id")));
        match node(fields, &place, index, reader) {
            Some(node) => nodes.push(node),
            None => broken.extend(
                [text("id"), text("name")]
                    .into_iter()
                    .flatten()
                    .map(str::to_owned),
            ),
        }
        reader.enter_node(None);
    }
    nodes
}

fn node(fields: &Object, place: &Place<'_>, index: usize, reader: &mut Reader<'_>) -> Option<Node> {
    reader.refuse_unknown(fields, place, "a node", NODE_FIELDS);
    let core = core(fields, place, reader)?;
    Some(Node {
        version: reader
            .typed(fields, place, "typeVersion")
            .unwrap_or_default(),
        disabled: reader.bool(fields, place, "disabled"),
        timeout: reader.span(fields, place, "timeout"),
        retry_policy: recovery::retry_policy(fields, place, "retryPolicy", reader),
        error_recovery_strategy: recovery::strategy(fields, place, "errorRecoveryStrategy", reader),
        compensation: compensation(fields, place, reader),
        on_error: reader.typed(fields, place, "onError").unwrap_or_default(),
        always_output_data: reader.bool(fields, place, "alwaysOutputData"),
        execute_once: reader.bool(fields, place, "executeOnce"),
        pinned: present(fields, "pinData")
            .and_then(|value| pinned::items(value, &place.key("pinData"), reader)),
        position: position(fields, place, reader),
        notes: reader.text(fields, place, "notes").map(str::to_owned),
        place: index,
        ..core
    })
}

/// What a node must have in both dialects: id or name, node type, parameters.
pub(super) fn core(fields: &Object, place: &Place<'_>, reader: &mut Reader<'_>) -> Option<Node> {
    let id_text = text_or_number(fields, place, "id", reader).filter(|id| !id.is_empty());
    let name_text = reader.text(fields, place, "name");
    if id_text.is_none() && name_text.is_none() {
        reader.invalid(place, "a node needs an `id` or a `name`");
    }
    let type_field = if present(fields, "nodeType").is_some() {
        "nodeType"
    } else {
        "type"
    };
    let type_text = reader.text(fields, place, type_field);
    if present(fields, type_field).is_none() {
        let field = if reader.dialect == Dialect::Native {
            "nodeType"
        } else {
            "type"
        };
        reader.invalid(place, format!("a node needs the field `{field}`"));
    }
    let both = (present(fields, "nodeType"), present(fields, "type"));
    if let (Some(one), Some(other)) = both
        && one != other
    {
        reader.invalid(
            place,
            "`nodeType` and `type` both name the node type, and differ",
        );
    }
    let no_parameters = Value::Object(Object::new());
    let parameters = match present(fields, "parameters") {
        None => Some(no_parameters),
        Some(value @ Value::Object(_)) => Some(value.clone()),
        // How PHP and Lua write an object without fields.
        Some(Value::Array(list)) if list.is_empty() => Some(no_parameters),
        Some(other) => {
            reader.unexpected(place, "parameters", other, "an object");
            None
        }
    };
    // Checked in one go, so that one wrong name does not hide another.
    let id_field = if id_text.is_some() { "id" } else { "name" };
    let id = id_text.as_deref().or(name_text).map(NodeId::parse);
    let name = name_text.or(id_text.as_deref()).map(NodeName::parse);
    let node_type = type_text.map(NodeTypeId::parse);
    if let Some(Err(error)) = &id {
        reader.rejected(place, id_field, error);
    }
    if let Some(Err(error)) = &name
        && name_text.is_some()
        && id_text.is_some()
    {
        reader.rejected(place, "name", error);
    }
    if let Some(Err(error)) = &node_type {
        reader.rejected(place, type_field, error);
    }
    let (Some(Ok(id)), Some(Ok(name)), Some(Ok(node_type))) = (id, name, node_type) else {
        return None;
    };
    Some(Node {
        parameters: parameters?,
        ..Node::new(name, id, node_type)
    })
}

/// Where a node is drawn: `[x, y]` or `{"x": …, "y": …}`.
pub(super) fn position(
    fields: &Object,
    place: &Place<'_>,
    reader: &mut Reader<'_>,
) -> Option<(f64, f64)> {
    let value = present(fields, "position")?;
    let pair = match value {
        Value::Array(list) if list.len() == 2 => (list[0].as_f64(), list[1].as_f64()),
        Value::Object(object) => {
            let number = |field| object.get(field).and_then(Value::as_f64);
            (number("x"), number("y"))
        }
        _ => (None, None),
    };
    if let (Some(x), Some(y)) = pair {
        return Some((x, y));
    }
    reader.unexpected(place, "position", value, "`[x, y]`");
    None
}
