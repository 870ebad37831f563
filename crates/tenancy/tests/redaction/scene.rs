#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]

use std::sync::Arc;

use jackfield_tenancy::{RedactionRules, Redactor};
use jackfield_types::{FilterAction, Item, Items, NodeTypeId, OutputFilter, Outputs};
use semver::Version;
use serde_json::Value;

pub(crate) fn node_type(name: &str) -> NodeTypeId {
    NodeTypeId::parse(name).unwrap()
}

pub(crate) fn items(values: &[Value]) -> Items {
    let items = values
        .iter()
        .enumerate()
        .map(|(place, value)| Item::from_value(value.clone()).unwrap().paired_with(place));
    Arc::new(items.collect())
}

pub(crate) fn values(items: &Items) -> Vec<Value> {
    items
        .iter()
        .map(|item| Value::Object(item.json().clone()))
        .collect()
}

pub(crate) fn filter(path: &str, action: FilterAction) -> OutputFilter {
    OutputFilter {
        path: path.to_owned(),
        action,
        node_types: Vec::new(),
    }
}

pub(crate) fn redactor(filters: &[OutputFilter], patterns: &[&str]) -> Redactor {
    let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
    Redactor::new(Some(Arc::new(
        RedactionRules::compile(filters, &patterns).unwrap(),
    )))
}

pub(crate) fn knowing(secrets: &[&str]) -> Redactor {
    let redactor = Redactor::new(None);
    for secret in secrets {
        redactor.learn(secret);
    }
    redactor
}

/// What becomes of one item that a `crm-read` gives.
pub(crate) fn redacted(redactor: &Redactor, value: Value) -> Value {
    let outputs = Outputs::first(items(&[value]));
    let version = Version::new(1, 2, 3);
    let outputs = redactor.redact_outputs(&node_type("crm-read"), &version, outputs);
    values(&outputs.main[0]).remove(0)
}
