//! The JSON Schema of the native format.

use jackfield_types::{
    Compensation, NodeName, NodeTypeId, OnError, RecoveryStrategy, RetryPolicy, VersionSelector,
};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::expression::MissingFields;
use crate::read::FORMAT_VERSION;

/// The JSON Schema (draft 2020-12) of a workflow in the native format.
///
/// It describes what a document may say; what only a catalog knows, such as the parameters of a
/// node type, it leaves open.
pub fn workflow_schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let workflow = workflow(&mut generator);
    let mut definitions = generator.take_definitions(true);
    definitions.insert("Node".to_owned(), node(&mut generator));
    definitions.extend(connection_definitions());
    definitions.extend(generator.take_definitions(true));
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Jackfield workflow",
        "description": "A workflow in the native format of Jackfield.",
    });
    if let (Some(schema), Value::Object(workflow)) = (schema.as_object_mut(), workflow) {
        schema.extend(workflow);
        schema.insert("$defs".to_owned(), Value::Object(definitions));
    }
    schema
}

/// Milliseconds, or a text such as `5s`.
fn span(description: &str) -> Value {
    json!({ "type": ["integer", "string"], "minimum": 0, "description": description })
}

fn workflow(generator: &mut SchemaGenerator) -> Value {
    let missing_fields = generator.subschema_for::<MissingFields>();
    let retry_policy = generator.subschema_for::<RetryPolicy>();
    let recovery = generator.subschema_for::<RecoveryStrategy>();
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["nodes"],
        "properties": {
            "$schema": { "type": "string" },
            "formatVersion": {
                "const": FORMAT_VERSION,
                "description": "The version of this format.",
            },
            "id": { "type": ["string", "number"], "description": "The id of the workflow." },
            "name": { "type": "string", "description": "Its name." },
            "description": { "type": "string", "description": "What it is for." },
            "version": { "type": ["string", "number"], "description": "The version of the workflow, as its author counts." },
            "tags": { "type": "array", "items": { "type": "string" } },
            "active": { "type": "boolean", "description": "Whether its triggers are to be listened to." },
            "nodes": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/Node" } },
            "connections": {
                "type": "object",
                "description": "By the id or the name of the node that delivers.",
                "additionalProperties": { "$ref": "#/$defs/Ports" },
            },
            "input": {
                "type": "string",
                "description": "The file that the command takes items from when it is given none: a path relative to this document.",
            },
            "variables": {
                "type": "object",
                "description": "The execution's variables at the start: values, or declarations with `type` and `defaultValue`.",
            },
            "settings": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "missingFields": missing_fields,
                    "timeout": span("How long an execution may take."),
                    "failFast": { "type": "boolean", "description": "Whether a failure cancels nodes that do not depend on it." },
                    "timezone": { "type": "string", "description": "A name of the IANA time zone database." },
                },
            },
            "retryPolicy": retry_policy,
            "errorRecovery": recovery,
            "meta": { "type": "object", "description": "Notes of authors and programs; they mean nothing to the engine." },
        },
    })
}

fn node(generator: &mut SchemaGenerator) -> Value {
    let node_type = generator.subschema_for::<NodeTypeId>();
    let name = generator.subschema_for::<NodeName>();
    let version = generator.subschema_for::<VersionSelector>();
    let retry_policy = generator.subschema_for::<RetryPolicy>();
    let recovery = generator.subschema_for::<RecoveryStrategy>();
    let compensation = generator.subschema_for::<Compensation>();
    let on_error = generator.subschema_for::<OnError>();
    json!({
        "type": "object",
        "additionalProperties": false,
        "allOf": [
            { "anyOf": [{ "required": ["id"] }, { "required": ["name"] }] },
            { "anyOf": [{ "required": ["nodeType"] }, { "required": ["type"] }] },
        ],
        "properties": {
            "id": { "type": ["string", "number"], "description": "Unique in the workflow; the name, when it is left out." },
            "name": name,
            "nodeType": node_type,
            "type": node_type,
            "typeVersion": version,
            "parameters": { "type": "object", "description": "As the node type's own schema says; texts with `{{ … }}` are templates." },
            "disabled": { "type": "boolean", "description": "Whether it only passes its first input on." },
            "timeout": span("How long an attempt may take."),
            "retryPolicy": retry_policy,
            "errorRecoveryStrategy": recovery,
            "compensation": {
                "description": "What undoes it when the execution fails after it: a node type, or that with more about it.",
                "anyOf": [node_type, compensation],
            },
            "onError": on_error,
            "alwaysOutputData": { "type": "boolean", "description": "Whether it gives one empty item when it gave nothing." },
            "executeOnce": { "type": "boolean", "description": "Whether it runs for the first item only." },
            "position": {
                "description": "Where it is drawn.",
                "anyOf": [
                    { "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2 },
                    { "type": "object", "required": ["x", "y"], "properties": { "x": { "type": "number" }, "y": { "type": "number" } } },
                ],
            },
            "notes": { "type": "string" },
            "pinData": { "type": "array", "items": { "type": "object" }, "description": "Items that it gives in place of running." },
        },
    })
}

fn connection_definitions() -> jackfield_types::Object {
    let index_keys = json!({ "pattern": "^(0|[1-9][0-9]{0,4})$" });
    let definitions = json!({
        "Ports": {
            "anyOf": [
                {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                        "main": { "$ref": "#/$defs/Outputs" },
                        "error": { "$ref": "#/$defs/Outputs" },
                    },
                },
                { "$ref": "#/$defs/Outputs" },
            ],
        },
        "Outputs": {
            "description": "The targets of each output, as a list or by index.",
            "anyOf": [
                { "type": "null" },
                { "type": "array", "items": { "$ref": "#/$defs/Targets" } },
                { "type": "object", "propertyNames": index_keys, "additionalProperties": { "$ref": "#/$defs/Targets" } },
                { "$ref": "#/$defs/Target" },
            ],
        },
        "Targets": {
            "anyOf": [
                { "type": "null" },
                { "type": "array", "items": { "anyOf": [{ "type": "null" }, { "$ref": "#/$defs/Target" }] } },
                { "$ref": "#/$defs/Target" },
            ],
        },
        "Target": {
            "description": "A node by its id or name, or that with more about it.",
            "anyOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["node"],
                    "properties": {
                        "node": { "type": "string" },
                        "type": { "const": "main" },
                        "port": { "const": "main" },
                        "index": { "type": "integer", "minimum": 0, "maximum": u16::MAX },
                        "input": { "type": "integer", "minimum": 0, "maximum": u16::MAX },
                        "condition": { "type": "string", "description": "An expression; only items for which it is true pass." },
                    },
                },
            ],
        },
    });
    match definitions {
        Value::Object(definitions) => definitions,
        _ => jackfield_types::Object::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::{NODE_FIELDS, SETTINGS_FIELDS, WORKFLOW_FIELDS};

    fn keys(schema: &Value, pointer: &str) -> Vec<String> {
        schema
            .pointer(pointer)
            .unwrap()
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    }

    #[test]
    fn the_schema_has_the_fields_that_are_read() {
        let schema = workflow_schema();
        assert_eq!(keys(&schema, "/properties"), WORKFLOW_FIELDS);
        assert_eq!(
            keys(&schema, "/properties/settings/properties"),
            SETTINGS_FIELDS
        );
        assert_eq!(keys(&schema, "/$defs/Node/properties"), NODE_FIELDS);
    }

    #[test]
    fn every_reference_of_the_schema_leads_somewhere() {
        let schema = workflow_schema();
        let mut open = vec![&schema];
        let mut references = 0;
        while let Some(value) = open.pop() {
            if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
                references += 1;
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(schema.pointer(pointer).is_some(), "{reference}");
            }
            match value {
                Value::Object(fields) => open.extend(fields.values()),
                Value::Array(list) => open.extend(list),
                _ => {}
            }
        }
        assert!(references > 10);
    }
}
