use std::str::FromStr;

use jackfield::Object;
use serde_json::Value;

/// `key=value` on the command line. The value is JSON if it can be read as JSON, else text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assignment {
    key: String,
    value: Value,
}

/// A text that assigns nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write it as `key=value`, such as `limit=5` or `name=Ada`")]
pub(crate) struct AssignmentError;

impl FromStr for Assignment {
    type Err = AssignmentError;

    fn from_str(text: &str) -> Result<Self, AssignmentError> {
        let (key, value) = text.split_once('=').ok_or(AssignmentError)?;
        if key.trim().is_empty() {
            return Err(AssignmentError);
        }
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        Ok(Self {
            key: key.trim().to_owned(),
            value,
        })
    }
}

/// All assignments as variables; of two with one key the later one counts.
pub(crate) fn variables(assignments: Vec<Assignment>) -> Object {
    assignments
        .into_iter()
        .map(|one| (one.key, one.value))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Value {
        text.parse::<Assignment>().unwrap().value
    }

    #[test]
    fn values_are_json_if_they_can_be() {
        assert_eq!(value("a=5"), json!(5));
        assert_eq!(value("a=\"5\""), json!("5"));
        assert_eq!(value("a={\"b\": [true]}"), json!({ "b": [true] }));
        assert_eq!(value("a=x=y"), json!("x=y"));
        assert_eq!(value("a="), json!(""));
        assert!("a".parse::<Assignment>().is_err());
        assert!("=5".parse::<Assignment>().is_err());
    }

    #[test]
    fn the_later_of_two_assignments_counts() {
        let both = ["a=1", "b=2", "a=3"].map(|text| text.parse().unwrap());
        assert_eq!(
            Value::from(variables(both.into())),
            json!({ "a": 3, "b": 2 })
        );
    }
}
