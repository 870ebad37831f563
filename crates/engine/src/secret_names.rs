//! Which secrets and credentials parameters name by themselves, without an expression.

use std::collections::BTreeSet;

use serde_json::Value;

/// The formats of texts that are names of secrets and of credentials.
const FORMATS: [&str; 2] = ["secret", "credential"];

/// How deep schemas and parameters are looked through together, and how many steps that takes.
/// Schemas come from plugins, and may refer to themselves.
const DEEPEST: u32 = 64;
const MOST_STEPS: u32 = 10_000;

/// Adds the names of secrets and credentials that stand in parameters where the schema has the format
/// `secret` or `credential`.
pub(crate) fn collect(schema: &Value, parameters: &Value, names: &mut BTreeSet<String>) {
    let mut walk = Walk {
        root: schema,
        left: MOST_STEPS,
        names,
    };
    walk.look(schema, parameters, 0);
}

struct Walk<'a> {
    root: &'a Value,
    left: u32,
    names: &'a mut BTreeSet<String>,
}

impl Walk<'_> {
    fn look(&mut self, schema: &Value, value: &Value, depth: u32) {
        let Value::Object(keywords) = schema else {
            return;
        };
        if depth >= DEEPEST || self.left == 0 {
            return;
        }
        self.left -= 1;
        let depth = depth + 1;
        let root = self.root;
        if let Some(Value::String(reference)) = keywords.get("$ref")
            && let Some(found) = reference.strip_prefix('#').and_then(|at| root.pointer(at))
        {
            self.look(found, value, depth);
        }
        for keyword in ["allOf", "anyOf", "oneOf"] {
            for one in keywords
                .get(keyword)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                self.look(one, value, depth);
            }
        }
        match value {
            Value::String(name) => {
                if keywords
                    .get("format")
                    .is_some_and(|format| FORMATS.iter().any(|known| format == known))
                {
                    self.names.insert(name.clone());
                }
            }
            Value::Array(list) => {
                if let Some(items) = keywords.get("items") {
                    for one in list {
                        self.look(items, one, depth);
                    }
                }
            }
            Value::Object(fields) => {
                let properties = keywords.get("properties");
                for (name, one) in fields {
                    let own = properties.and_then(|properties| properties.get(name));
                    if let Some(own) = own.or_else(|| keywords.get("additionalProperties")) {
                        self.look(own, one, depth);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(schema: &Value, parameters: &Value) -> Vec<String> {
        let mut names = BTreeSet::new();
        collect(schema, parameters, &mut names);
        names.into_iter().collect()
    }

    #[test]
    fn names_are_found_wherever_the_schema_has_them() {
        let schema = json!({
            "$defs": { "name": { "type": "string", "format": "secret" } },
            "properties": {
                "auth": { "anyOf": [
                    { "type": "null" },
                    { "properties": { "secret": { "$ref": "#/$defs/name" } } },
                ] },
                "credential": { "type": "string", "format": "credential" },
                "list": { "items": { "allOf": [{ "$ref": "#/$defs/name" }] } },
                "url": { "type": "string", "format": "uri" },
            },
            "additionalProperties": { "$ref": "#/$defs/name" },
        });
        let parameters = json!({
            "auth": { "type": "bearer", "secret": "a" },
            "credential": "d",
            "list": ["b", 1, null],
            "url": "https://example.org",
            "other": "c",
        });
        assert_eq!(names(&schema, &parameters), ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_schema_that_refers_to_itself_comes_to_an_end() {
        let schema = json!({ "allOf": [{ "$ref": "#" }, { "$ref": "#" }], "format": "secret" });
        assert_eq!(names(&schema, &json!("a")), ["a"]);
    }
}
