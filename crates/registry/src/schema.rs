//! Parameter schemas: JSON Schema, draft 2020-12 and no other, closed in itself.
//!
//! Whether a schema may be registered is decided at registration. Compiling takes ten times as
//! long as checking a schema against its meta-schema, and a compiled schema takes more memory than
//! all the rest of a registration. So schemas are compiled at first use, except for those that use
//! one of the few keywords for which only compiling tells whether they are right.

use jackfield_types::MetadataError;
use jsonschema::{Draft, PatternOptions, Validator, draft202012};
use serde_json::Value;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// Steps that a pattern may take back, so that no text makes a match take for ever.
const MOST_BACKTRACKING: usize = 20_000;
/// Keywords whose values are data and not schemas.
const DATA: [&str; 4] = ["const", "enum", "default", "examples"];
/// Keywords that the meta-schema does not wholly judge.
const JUDGED_BY_COMPILING: [&str; 8] = [
    "$ref",
    "$dynamicRef",
    "$id",
    "$anchor",
    "$dynamicAnchor",
    "$vocabulary",
    "pattern",
    "patternProperties",
];

/// Checks whether a schema may be registered.
///
/// # Errors
/// Field `schema`, with the place in it.
pub(crate) fn check(schema: &Value) -> Result<(), MetadataError> {
    if let Err(error) = draft202012::meta::validate(schema) {
        return Err(refused(
            &error.instance_path().to_string(),
            &error.to_string(),
        ));
    }
    if needs_compiling(schema)? {
        compile(schema)?;
    }
    Ok(())
}

/// Compiles a schema.
///
/// # Errors
/// Field `schema`, with the place in it.
pub(crate) fn compile(schema: &Value) -> Result<Validator, MetadataError> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .with_pattern_options(PatternOptions::fancy_regex().backtrack_limit(MOST_BACKTRACKING))
        .build(schema)
        .map_err(|error| refused(&error.instance_path().to_string(), &error.to_string()))
}

/// Whether only compiling tells if the schema is right. Refuses what leads out of it.
fn needs_compiling(schema: &Value) -> Result<bool, MetadataError> {
    let mut needed = false;
    let mut open = vec![schema];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    needed |= JUDGED_BY_COMPILING.contains(&key.as_str());
                    if let Some(text) = value.as_str() {
                        refuse_foreign(key, text)?;
                    }
                    if !DATA.contains(&key.as_str()) {
                        open.push(value);
                    }
                }
            }
            Value::Array(list) => open.extend(list),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    Ok(needed)
}

fn refuse_foreign(key: &str, text: &str) -> Result<(), MetadataError> {
    if key == "$schema" && text.trim_end_matches('#') != DIALECT {
        return Err(refused(
            "",
            &format!("`$schema` must be `{DIALECT}`, not `{text}`"),
        ));
    }
    // The validator knows the meta-schemas by heart; all else it refuses by itself.
    if matches!(key, "$ref" | "$dynamicRef") && text.contains("://json-schema.org/") {
        return Err(refused(
            "",
            &format!("`{key}` leads out of the schema, to `{text}`"),
        ));
    }
    Ok(())
}

fn refused(path: &str, reason: &str) -> MetadataError {
    let reason = if path.is_empty() {
        reason.to_owned()
    } else {
        format!("at `{path}`: {reason}")
    };
    MetadataError {
        field: "schema".to_owned(),
        reason,
    }
}
