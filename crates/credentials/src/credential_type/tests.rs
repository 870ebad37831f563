use serde_json::json;

use super::*;

fn object(value: &Value) -> Object {
    value.as_object().cloned().unwrap()
}

#[test]
fn problems_show_the_schema_and_never_what_was_given() {
    let types = CredentialTypes::new();
    for (name, fields) in [
        ("bearer", json!({"token": 70707070707_i64})),
        ("bearer", json!({"tokn-hunter2": "hunter2"})),
        ("bearer", json!({"token": ""})),
        ("bearer", json!({"token": "x", "hunter2": "hunter2"})),
        ("bearer", json!(["hunter2"])),
        (
            "basic",
            json!({"user": "hunter2:hunter2", "password": "hunter2"}),
        ),
        ("header", json!({"name": "hunter2 hunter2", "value": "x"})),
        (
            "header",
            json!({"name": "x", "value": "hunter2\r\nhunter2"}),
        ),
        (
            "api-key",
            json!({"key": "hunter2", "in": "hunter2", "name": "x"}),
        ),
        ("database", json!({"url": "hunter2://x"})),
        (
            "oauth2-client",
            json!({"tokenUrl": "hunter2", "clientId": "x", "clientSecret": "y"}),
        ),
    ] {
        let error = types.find(name).unwrap().check(&fields).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(
            !shown.contains("hunter2") && !shown.contains("7070"),
            "{shown}"
        );
    }
    let error = types
        .find("bearer")
        .unwrap()
        .check(&json!({"token": ""}))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the fields are not those of a credential of type `bearer`: `/properties/token/minLength` of its schema says 1"
    );
}

#[test]
fn a_field_is_secret_unless_the_schema_says_that_it_is_not() {
    let schema = json!({
        "type": "object",
        "properties": {
            "user": {"type": "string"},
            "password": {"type": "string", "writeOnly": true},
            "other": {"$ref": "#/$defs/other"},
            "nested": {
                "type": "object",
                "properties": {"plain": {"type": "string"}, "pin": {"type": "integer", "writeOnly": true}}
            },
            "list": {"type": "array", "writeOnly": true, "items": {"type": "string"}},
            "open": {"type": "array", "items": {"type": "string"}}
        },
        "$defs": {"other": {"type": "string", "writeOnly": true}}
    });
    let credential_type = CredentialType::new("acme/crm", schema).unwrap();
    let fields = object(&json!({
        "user": "public", "password": "a", "other": "b",
        "nested": {"plain": "public", "pin": 1234, "extra": "c"},
        "list": ["d", {"e": "e"}], "open": ["public"], "unknown": "f"
    }));
    let mut secrets = credential_type.secrets(&fields);
    secrets.sort();
    assert_eq!(secrets, ["1234", "a", "b", "c", "d", "e", "f"]);
    assert_eq!(credential_type.plain_field(), None);

    let silent = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let silent = CredentialType::new("silent", silent).unwrap();
    assert_eq!(silent.secrets(&object(&json!({"a": "x"}))), ["x"]);
}

#[test]
fn types_that_are_not_right_are_refused() {
    for (name, schema) in [
        ("", json!({"type": "object"})),
        ("Bearer", json!({"type": "object"})),
        ("x", json!({"type": "string"})),
        (
            "x",
            json!({"type": "object", "properties": {"a": {"type": "sting"}}}),
        ),
        (
            "x",
            json!({"type": "object", "$ref": "https://example.org/schema"}),
        ),
    ] {
        assert!(
            CredentialType::new(name, schema.clone()).is_err(),
            "{name} {schema}"
        );
    }
    let mut types = CredentialTypes::new();
    let again = CredentialType::new("bearer", json!({"type": "object"})).unwrap();
    assert!(types.add(again).is_err());
    let error = types.find("baerer").unwrap_err().to_string();
    assert!(error.contains("`bearer`"), "{error}");
}
