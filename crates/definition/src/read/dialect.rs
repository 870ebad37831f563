//! Tells the two dialects apart.

use jackfield_types::Object;
use serde_json::Value;

use crate::workflow::Dialect;

/// How many nodes are looked at.
const LOOKED_AT: usize = 1_000;

/// Decides by the first rule that applies: `formatVersion` is native; what only n8n writes is
/// n8n; what only the native format has is native; what n8n always writes is n8n; else native.
pub(super) fn detect(document: &Object) -> Dialect {
    if document.contains_key("formatVersion") {
        return Dialect::Native;
    }
    let nodes: Vec<&Object> = match document.get("nodes") {
        Some(Value::Array(nodes)) => nodes
            .iter()
            .take(LOOKED_AT)
            .filter_map(Value::as_object)
            .collect(),
        _ => Vec::new(),
    };
    let any_node_has = |fields: &[&str]| {
        nodes
            .iter()
            .any(|node| fields.iter().any(|field| node.contains_key(*field)))
    };
    let any_type_begins = |prefixes: &[&str]| {
        nodes.iter().any(|node| {
            let text = node
                .get("type")
                .or_else(|| node.get("nodeType"))
                .and_then(Value::as_str);
            text.is_some_and(|text| prefixes.iter().any(|prefix| text.starts_with(prefix)))
        })
    };
    let document_has = |fields: &[&str]| fields.iter().any(|field| document.contains_key(*field));
    let settings_have = |fields: &[&str]| {
        let settings = document.get("settings").and_then(Value::as_object);
        settings.is_some_and(|settings| fields.iter().any(|field| settings.contains_key(*field)))
    };

    let only_n8n = document_has(&["pinData", "versionId", "staticData"])
        || settings_have(&["executionOrder"])
        || any_type_begins(&["n8n-nodes-base.", "@n8n/"]);
    if only_n8n {
        return Dialect::N8n;
    }
    let only_native = document_has(&[
        "input",
        "variables",
        "retryPolicy",
        "errorRecovery",
        "$schema",
    ]) || settings_have(&["missingFields", "failFast", "timeout"])
        || any_node_has(&[
            "nodeType",
            "retryPolicy",
            "errorRecoveryStrategy",
            "compensation",
            "timeout",
            "pinData",
        ]);
    if only_native {
        return Dialect::Native;
    }
    let like_n8n = document_has(&["meta"])
        || any_node_has(&[
            "typeVersion",
            "position",
            "credentials",
            "retryOnFail",
            "continueOnFail",
        ])
        || has_n8n_targets(document);
    if like_n8n {
        Dialect::N8n
    } else {
        Dialect::Native
    }
}

/// Whether a connection target is written as n8n does, with `type` and `index` in lists of lists.
fn has_n8n_targets(document: &Object) -> bool {
    let Some(Value::Object(connections)) = document.get("connections") else {
        return false;
    };
    connections
        .values()
        .take(LOOKED_AT)
        .filter_map(|ports| ports.get("main")?.as_array())
        .flat_map(|outputs| outputs.iter().filter_map(Value::as_array).flatten())
        .any(|target| target.get("type").is_some() && target.get("index").is_some())
}
