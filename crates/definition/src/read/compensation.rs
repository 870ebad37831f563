//! What undoes a node: an object, or the name of a node type alone.

use jackfield_types::{Compensation, Object};
use serde_json::Value;

use super::reader::Reader;
use super::{present, recovery};
use crate::pointer::Place;

/// The fields of a compensation.
pub(crate) const COMPENSATION_FIELDS: &[&str] = &[
    "nodeType",
    "typeVersion",
    "parameters",
    "timeout",
    "retryPolicy",
    "errorRecoveryStrategy",
];

const FIELD: &str = "compensation";

pub(super) fn compensation(
    node: &Object,
    place: &Place<'_>,
    reader: &mut Reader<'_>,
) -> Option<Compensation> {
    let fields = match present(node, FIELD)? {
        Value::String(_) => {
            return Some(Compensation {
                node_type: reader.typed(node, place, FIELD)?,
                type_version: Default::default(),
                parameters: Value::Object(Object::new()),
                timeout: None,
                retry_policy: None,
                error_recovery_strategy: None,
            });
        }
        Value::Object(fields) => fields,
        other => {
            let expected = "a node type, or an object with `nodeType`";
            reader.unexpected(place, FIELD, other, expected);
            return None;
        }
    };
    let place = place.key(FIELD);
    reader.refuse_unknown(fields, &place, "a compensation", COMPENSATION_FIELDS);
    if present(fields, "nodeType").is_none() {
        reader.invalid(&place, "a compensation needs the field `nodeType`");
    }
    let node_type = reader.typed(fields, &place, "nodeType");
    let parameters = reader.object(fields, &place, "parameters").cloned();
    let read = |node_type| Compensation {
        node_type,
        type_version: reader
            .typed(fields, &place, "typeVersion")
            .unwrap_or_default(),
        parameters: Value::Object(parameters.unwrap_or_default()),
        timeout: reader.span(fields, &place, "timeout"),
        retry_policy: recovery::retry_policy(fields, &place, "retryPolicy", reader),
        error_recovery_strategy: recovery::strategy(
            fields,
            &place,
            "errorRecoveryStrategy",
            reader,
        ),
    };
    node_type.map(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_fields_are_those_of_the_type() {
        let schema = schemars::schema_for!(Compensation);
        let properties = schema.get("properties").and_then(Value::as_object).unwrap();
        assert!(properties.keys().eq(COMPENSATION_FIELDS));
    }
}
