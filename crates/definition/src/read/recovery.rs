//! Retry policies and recovery strategies.

use jackfield_types::{NodeTypeId, Object, RecoveryStrategy, RetryPolicy, Strategy};
use serde::Deserialize;
use serde_json::Value;

use super::present;
use super::reader::Reader;
use crate::pointer::Place;

/// The fields of a retry policy.
pub(crate) const RETRY_POLICY_FIELDS: &[&str] = &[
    "maxAttempts",
    "backoffType",
    "initialDelay",
    "maxDelay",
    "multiplier",
    "jitter",
    "deadline",
    "retryableErrors",
    "retryableStatusCodes",
];

/// The fields of a recovery strategy.
pub(crate) const STRATEGY_FIELDS: &[&str] = &[
    "strategy",
    "fallbackNodeType",
    "maxRetries",
    "allowPartialOutput",
];

pub(super) fn retry_policy(
    object: &Object,
    place: &Place<'_>,
    field: &str,
    reader: &mut Reader<'_>,
) -> Option<RetryPolicy> {
    let fields = reader.object(object, place, field)?;
    let place = place.key(field);
    reader.refuse_unknown(fields, &place, "a retry policy", RETRY_POLICY_FIELDS);
    let known: Object = fields
        .iter()
        .filter(|(name, value)| RETRY_POLICY_FIELDS.contains(&name.as_str()) && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    // All fields may be left out, so each one is looked at by itself: the error then has a place.
    let mut is_right = true;
    for (name, value) in &known {
        let alone = Object::from_iter([(name.clone(), value.clone())]);
        if let Err(error) = RetryPolicy::deserialize(Value::Object(alone)) {
            reader.rejected(&place, name, &error);
            is_right = false;
        }
    }
    // Whether the numbers make sense is planning's to say.
    RetryPolicy::deserialize(Value::Object(known))
        .ok()
        .filter(|_| is_right)
}

pub(super) fn strategy(
    object: &Object,
    place: &Place<'_>,
    field: &str,
    reader: &mut Reader<'_>,
) -> Option<RecoveryStrategy> {
    match present(object, field)? {
        Value::String(_) => {
            let strategy: Strategy = reader.typed(object, place, field)?;
            Some(RecoveryStrategy {
                strategy,
                ..RecoveryStrategy::default()
            })
        }
        Value::Object(fields) => {
            let inner = place.key(field);
            reader.refuse_unknown(fields, &inner, "a recovery strategy", STRATEGY_FIELDS);
            if present(fields, "strategy").is_none() {
                reader.invalid(&inner, "a recovery strategy needs the field `strategy`");
            }
            Some(RecoveryStrategy {
                strategy: reader.typed(fields, &inner, "strategy")?,
                fallback_node_type: reader.typed::<NodeTypeId>(fields, &inner, "fallbackNodeType"),
                max_retries: reader.typed(fields, &inner, "maxRetries"),
                allow_partial_output: reader.bool(fields, &inner, "allowPartialOutput"),
            })
        }
        other => {
            let expected = "`retry`, `fallback`, `skip` or `fail`, or an object with `strategy`";
            reader.unexpected(place, field, other, expected);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_fields_are_those_of_the_type() {
        let schema = schemars::schema_for!(RetryPolicy);
        let properties = schema.get("properties").and_then(Value::as_object).unwrap();
        assert!(properties.keys().eq(RETRY_POLICY_FIELDS));
    }
}
