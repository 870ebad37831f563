//! The types that are always there.

use serde_json::{Value, json};

use crate::credential_type::CredentialType;

/// The types that are always there: `api-key`, `basic`, `bearer`, `database`, `header`,
/// `oauth2-client`, and `secret`, which is one text.
pub fn built_in_types() -> Vec<CredentialType> {
    // What goes into a header has no line end in it.
    let secret = || json!({"type": "string", "minLength": 1, "pattern": "^[^\\r\\n\\u0000]*$", "writeOnly": true});
    let header_name = json!({"type": "string", "pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$"});
    let types = [
        (
            "api-key",
            fields(
                &json!({
                    "key": secret(),
                    "name": {"type": "string", "minLength": 1, "maxLength": 256},
                    "in": {"enum": ["header", "query"]}
                }),
                &["key", "name"],
            ),
        ),
        (
            "basic",
            fields(
                &json!({
                    "user": {"type": "string", "pattern": "^[^:\\r\\n\\u0000]*$"},
                    "password": {"type": "string", "writeOnly": true}
                }),
                &["user", "password"],
            ),
        ),
        ("bearer", fields(&json!({"token": secret()}), &["token"])),
        (
            "database",
            fields(
                &json!({"url": {
                    "type": "string",
                    "pattern": "^(postgres|postgresql|mysql|mariadb|sqlite):",
                    "writeOnly": true
                }}),
                &["url"],
            ),
        ),
        (
            "header",
            fields(
                &json!({"name": header_name, "value": secret()}),
                &["name", "value"],
            ),
        ),
        (
            "oauth2-client",
            fields(
                &json!({
                    "tokenUrl": {"type": "string", "pattern": "^https?://"},
                    "clientId": {"type": "string", "minLength": 1},
                    "clientSecret": secret(),
                    "scope": {"type": "string"},
                    "audience": {"type": "string"}
                }),
                &["tokenUrl", "clientId", "clientSecret"],
            ),
        ),
        (
            "secret",
            fields(
                &json!({"value": {"type": "string", "minLength": 1, "writeOnly": true}}),
                &["value"],
            ),
        ),
    ];
    types
        .into_iter()
        .map(|(name, schema)| CredentialType::new(name, schema).expect("a schema that is right"))
        .collect()
}

fn fields(properties: &Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_one_field_that_is_secret() {
        let found: Vec<(String, Option<String>)> = built_in_types()
            .iter()
            .map(|one| (one.name().to_owned(), one.plain_field().map(str::to_owned)))
            .collect();
        let expected = [
            ("api-key", "key"),
            ("basic", "password"),
            ("bearer", "token"),
            ("database", "url"),
            ("header", "value"),
            ("oauth2-client", "clientSecret"),
            ("secret", "value"),
        ];
        let expected = expected.map(|(name, field)| (name.to_owned(), Some(field.to_owned())));
        assert_eq!(found, expected);
    }
}
