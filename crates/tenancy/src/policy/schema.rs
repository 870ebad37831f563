//! The JSON Schema of a policy.

use jackfield_types::Policy;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// The JSON Schema (draft 2020-12) of a policy, for editors and other tools.
///
/// It describes the shape of the fields; [`read_policy`](super::read_policy) says more about what
/// stands in them.
pub fn policy_schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Policy>().to_value();
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("title".to_owned(), json!("Jackfield policy"));
        if let Some(Value::Object(properties)) = fields.get_mut("properties") {
            properties.insert("$schema".to_owned(), json!({ "type": "string" }));
        }
    }
    schema
}
