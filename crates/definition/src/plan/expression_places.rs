//! Which parameters are not the planner's to compile as templates: expressions that the node
//! evaluates itself, which its schema marks with `"format": "expression"`, and whole workflows,
//! whose templates are their own, marked with `"format": "workflow"`.

use std::sync::Arc;

use jackfield_types::NodeTypeMetadata;
use serde_json::Value;

const FORMAT: &str = "expression";
const WORKFLOW_FORMAT: &str = "workflow";
/// How many schemas are looked at for one step of a pointer.
const MOST_SCHEMAS: usize = 512;
/// Keywords that hold a list of schemas for the same value.
const LISTS: [&str; 3] = ["anyOf", "oneOf", "allOf"];
/// Keywords that hold a schema for the same value.
const BRANCHES: [&str; 3] = ["if", "then", "else"];

/// The places of one node type. Cheap to clone.
#[derive(Clone)]
pub(super) struct ExpressionPlaces {
    metadata: Option<Arc<NodeTypeMetadata>>,
}

impl ExpressionPlaces {
    pub(super) fn of(metadata: &Arc<NodeTypeMetadata>) -> Self {
        let marks = metadata.schema.as_ref().is_some_and(marks_any);
        Self {
            metadata: marks.then(|| Arc::clone(metadata)),
        }
    }

    /// No places at all.
    pub(super) const fn none() -> Self {
        Self { metadata: None }
    }

    /// Whether the value at a JSON Pointer is such an expression.
    pub(super) fn contains(&self, pointer: &str) -> bool {
        self.are_marked(pointer, FORMAT)
    }

    /// Whether an object at a JSON Pointer is a workflow.
    pub(super) fn holds_workflow(&self, pointer: &str) -> bool {
        self.are_marked(pointer, WORKFLOW_FORMAT)
    }

    fn are_marked(&self, pointer: &str, format: &str) -> bool {
        let schema = self
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.schema.as_ref());
        schema.is_some_and(|schema| is_marked(schema, pointer, format))
    }
}

/// Whether a schema marks anything, looked at without recursion.
fn marks_any(schema: &Value) -> bool {
    let mut open = vec![schema];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                let format = fields.get("format").and_then(Value::as_str);
                if format == Some(FORMAT) || format == Some(WORKFLOW_FORMAT) {
                    return true;
                }
                open.extend(fields.values());
            }
            Value::Array(list) => open.extend(list),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    false
}

fn is_marked(root: &Value, pointer: &str, format: &str) -> bool {
    schemas_at(root, pointer)
        .iter()
        .any(|schema| schema.get("format").and_then(Value::as_str) == Some(format))
}

/// The types that a schema takes at a JSON Pointer, for people, if a text is not among them.
pub(super) fn takes_no_text(root: &Value, pointer: &str) -> Option<String> {
    let schemas = schemas_at(root, pointer);
    // What is bound to a few values may well be bound to texts.
    let is_open = |schema: &&Value| schema.get("const").is_none() && schema.get("enum").is_none();
    let mut types: Vec<&str> = Vec::new();
    for schema in &schemas {
        if !is_open(schema) {
            return None;
        }
        match schema.get("type") {
            Some(Value::String(one)) => types.push(one),
            Some(Value::Array(several)) => types.extend(several.iter().filter_map(Value::as_str)),
            _ => {}
        }
    }
    types.retain(|one| *one != "null");
    if types.is_empty() || types.contains(&"string") {
        return None;
    }
    types.sort_unstable();
    types.dedup();
    let types: Vec<String> = types.iter().map(|one| format!("`{one}`")).collect();
    Some(types.join(" or "))
}

/// The schemas that apply to the value at a JSON Pointer.
fn schemas_at<'s>(root: &'s Value, pointer: &str) -> Vec<&'s Value> {
    let mut current = same_value(root, vec![root]);
    for step in pointer.split('/').skip(1) {
        let mut next = Vec::new();
        let name = step.replace("~1", "/").replace("~0", "~");
        for schema in current {
            below(schema, &name, &mut next);
        }
        if next.is_empty() {
            return next;
        }
        current = same_value(root, next);
    }
    current
}

/// Adds the schemas that apply to the same values as those given.
fn same_value<'s>(root: &'s Value, mut schemas: Vec<&'s Value>) -> Vec<&'s Value> {
    let mut looked_at = 0;
    while looked_at < schemas.len() && schemas.len() < MOST_SCHEMAS {
        let schema = schemas[looked_at];
        looked_at += 1;
        let mut found = Vec::new();
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            found.extend(
                reference
                    .strip_prefix('#')
                    .and_then(|pointer| root.pointer(pointer)),
            );
        }
        for keyword in LISTS {
            found.extend(
                schema
                    .get(keyword)
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten(),
            );
        }
        found.extend(BRANCHES.iter().filter_map(|keyword| schema.get(keyword)));
        for schema in found {
            if !schemas.iter().any(|known| std::ptr::eq(*known, schema)) {
                schemas.push(schema);
            }
        }
    }
    schemas
}

/// Adds the schemas of a field or an element.
fn below<'s>(schema: &'s Value, name: &str, found: &mut Vec<&'s Value>) {
    if let Some(property) = schema.get("properties").and_then(|all| all.get(name)) {
        found.push(property);
    } else {
        found.extend(schema.get("additionalProperties"));
        let patterns = schema.get("patternProperties").and_then(Value::as_object);
        found.extend(patterns.into_iter().flat_map(|patterns| patterns.values()));
    }
    if let Ok(index) = name.parse::<usize>() {
        match schema.get("prefixItems").and_then(|all| all.get(index)) {
            Some(item) => found.push(item),
            None => found.extend(schema.get("items")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn marks_are_found_below_every_keyword() {
        let marked = json!({ "type": "string", "format": "expression" });
        let schema = json!({
            "$defs": {
                "rule": { "properties": { "when": marked, "rules": { "items": { "$ref": "#/$defs/rule" } } } },
                "circle": { "$ref": "#/$defs/circle" },
            },
            "properties": {
                "condition": { "anyOf": [{ "type": "null" }, marked] },
                "rules": { "type": "array", "items": { "$ref": "#/$defs/rule" } },
                "pair": { "prefixItems": [{}, marked] },
                "fields": { "additionalProperties": marked },
                "circle": { "$ref": "#/$defs/circle" },
                "a/b": marked,
            },
        });
        for pointer in [
            "/condition",
            "/rules/3/when",
            "/rules/0/rules/1/when",
            "/pair/1",
            "/fields/x",
            "/a~1b",
        ] {
            assert!(is_marked(&schema, pointer, FORMAT), "{pointer}");
        }
        for pointer in [
            "",
            "/rules",
            "/rules/x/when",
            "/pair/0",
            "/circle",
            "/other",
        ] {
            assert!(!is_marked(&schema, pointer, FORMAT), "{pointer}");
        }
    }

    #[test]
    fn it_is_known_where_no_text_is_taken() {
        let schema = json!({
            "properties": {
                "number": { "type": "number" },
                "several": { "type": ["integer", "boolean", "null"] },
                "either": { "anyOf": [{ "type": "number" }, { "type": "string" }] },
                "option": { "anyOf": [{ "type": "null" }, { "type": "boolean" }] },
                "word": { "anyOf": [{ "type": "number" }, { "const": "all" }] },
                "any": {},
            },
        });
        let cases = [
            ("/number", Some("`number`")),
            ("/several", Some("`boolean` or `integer`")),
            ("/either", None),
            ("/option", Some("`boolean`")),
            ("/word", None),
            ("/any", None),
            ("/other", None),
        ];
        for (pointer, wanted) in cases {
            assert_eq!(
                takes_no_text(&schema, pointer).as_deref(),
                wanted,
                "{pointer}"
            );
        }
    }
}
