//! What executions rest on that were begun with a node type: its parameters, ports and role, and not
//! what it is described with.

use std::fmt::Write;

use jackfield_types::NodeTypeMetadata;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::registration::write_canonical;

/// What only tells people something, wherever a schema stands.
const ANNOTATIONS: [&str; 4] = ["title", "description", "examples", "$comment"];
/// Where what follows in a schema are names, and not keywords.
const NAMED: [&str; 5] = [
    "properties",
    "patternProperties",
    "dependentSchemas",
    "$defs",
    "definitions",
];
/// Where what follows in a schema are values.
const VALUES: [&str; 3] = ["const", "enum", "default"];

/// SHA-256 over it as JSON with sorted keys, in 64 hexadecimal digits.
pub(crate) fn contract(metadata: &NodeTypeMetadata) -> Box<str> {
    let contract = json!({
        "nodeType": metadata.node_type,
        "version": metadata.version,
        "requiredFields": metadata.required_fields,
        "schema": metadata.schema.as_ref().map(without_annotations),
        "ports": metadata.ports,
        "role": metadata.role,
        "variables": metadata.variables,
    });
    let mut text = String::new();
    write_canonical(&contract, &mut text);
    let mut digits = String::with_capacity(64);
    for byte in Sha256::digest(&text) {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits.into_boxed_str()
}

/// A schema without what only tells people something. Its depth was bounded when it was registered.
fn without_annotations(schema: &Value) -> Value {
    match schema {
        Value::Object(keywords) => {
            let kept = keywords
                .iter()
                .filter(|(keyword, _)| !ANNOTATIONS.contains(&keyword.as_str()))
                .map(|(keyword, value)| {
                    let value = match value {
                        Value::Object(named) if NAMED.contains(&keyword.as_str()) => named
                            .iter()
                            .map(|(name, schema)| (name.clone(), without_annotations(schema)))
                            .collect::<Map<_, _>>()
                            .into(),
                        value if VALUES.contains(&keyword.as_str()) => value.clone(),
                        value => without_annotations(value),
                    };
                    (keyword.clone(), value)
                });
            Value::Object(kept.collect())
        }
        Value::Array(schemas) => schemas.iter().map(without_annotations).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use jackfield_types::NodeTypeId;
    use semver::Version;

    use super::*;

    fn metadata(schema: Value) -> NodeTypeMetadata {
        let id = NodeTypeId::parse("math.add").unwrap();
        NodeTypeMetadata {
            schema: Some(schema),
            ..NodeTypeMetadata::new(id, Version::new(1, 0, 0), "math")
        }
    }

    #[test]
    fn what_people_are_told_is_no_part_of_it() {
        let schema = json!({
            "type": "object",
            "properties": { "title": { "type": "string", "default": { "title": "x" } } },
        });
        let plain = metadata(schema.clone());
        let mut told = schema.clone();
        told["description"] = json!("Adds.");
        told["properties"]["title"]["title"] = json!("The title");
        let told = NodeTypeMetadata {
            documentation: "More about it.".to_owned(),
            ..metadata(told)
        };
        assert_eq!(contract(&plain), contract(&told));
        for (place, other) in [
            ("/properties/title/type", json!("number")),
            ("/properties/title/default/title", json!("y")),
            ("/properties", json!({})),
        ] {
            let mut changed = schema.clone();
            *changed.pointer_mut(place).unwrap() = other;
            assert_ne!(contract(&plain), contract(&metadata(changed)), "{place}");
        }
    }
}
