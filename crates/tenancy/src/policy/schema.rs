//! The JSON Schema of a policy.

use jackfield_types::Policy;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::limits;

/// The JSON Schema (draft 2020-12) of a policy, for editors and other tools.
///
/// What it accepts need not be right: whether globs, version requirements, paths and hosts can be
/// read, and whether lists contradict each other, only [`read_policy`](super::read_policy) tells.
pub fn policy_schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Policy>().to_value();
    tidy(&mut schema);
    for (pointer, least, most) in limits::counts() {
        if let Some(Value::Object(count)) = schema.pointer_mut(pointer) {
            count.insert("minimum".to_owned(), json!(least));
            count.insert("maximum".to_owned(), json!(most));
        }
    }
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("title".to_owned(), json!("Jackfield policy"));
        if let Some(Value::Object(properties)) = fields.get_mut("properties") {
            properties.insert("$schema".to_owned(), json!({ "type": "string" }));
        }
    }
    schema
}

/// Takes out what Rust says and a document does not: a field without a value is left out and not
/// `null`, and lines are broken by whoever shows them.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let is_null = |one: &Value| *one == json!({ "type": "null" });
            let whole = match fields.get_mut("anyOf") {
                Some(Value::Array(ways)) if ways.iter().any(is_null) => {
                    ways.retain(|one| !is_null(one));
                    (ways.len() == 1).then(|| ways.remove(0))
                }
                Some(_) | None => None,
            };
            if let Some(Value::Object(only)) = whole {
                fields.remove("anyOf");
                for (name, value) in only {
                    fields.entry(name).or_insert(value);
                }
            }
            if let Some(Value::Array(types)) = fields.get_mut("type") {
                types.retain(|name| name != "null");
                if types.len() == 1 {
                    let only = types.remove(0);
                    fields.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::String(text)) = fields.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            fields.values_mut().for_each(tidy);
        }
        Value::Array(list) => list.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
