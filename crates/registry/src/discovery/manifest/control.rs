//! Characters that do something instead of standing for themselves.

use jackfield_types::Object;
use serde_json::Value;

use crate::discovery::document::{Fields, Finding, key};

/// Refuses what would do something to a terminal that shows it. Schemas and examples are data.
pub(super) fn refuse_control(object: &Object, pointer: &str, fields: &mut Fields<'_>) {
    let is_data = |name: &str| matches!(name, "schema" | "examples");
    for (name, value) in object {
        let mut open = vec![(value, key(pointer, name))];
        while let Some((value, pointer)) = open.pop() {
            match value {
                Value::String(text) => {
                    if has_control(text) {
                        let message = "the text has control characters";
                        fields.find(Finding::error(pointer, message));
                    }
                }
                Value::Array(list) => {
                    let within = list.iter().enumerate();
                    open.extend(within.map(|(place, value)| (value, format!("{pointer}/{place}"))));
                }
                Value::Object(map) => {
                    let within = map.iter().filter(|(name, _)| !is_data(name));
                    open.extend(within.map(|(name, value)| (value, key(&pointer, name))));
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
    }
}

/// Whether a text has characters that stand for something else than themselves.
pub(super) fn has_control(text: &str) -> bool {
    text.chars().any(|c| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    })
}
