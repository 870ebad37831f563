//! What fields a type has, for whoever asks people for them.

use serde::Serialize;
use serde_json::Value;

use crate::credential_type::CredentialType;

/// A field of a type, as its schema describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CredentialField {
    /// Its name.
    pub name: String,
    /// Whether it must not be shown.
    #[serde(rename = "secret")]
    pub is_secret: bool,
    /// Whether there is no credential without it.
    #[serde(rename = "required")]
    pub is_required: bool,
}

impl CredentialType {
    /// The fields that its schema describes, the required ones first.
    pub fn fields(&self) -> Vec<CredentialField> {
        let schema = self.schema();
        let required = schema.get("required").and_then(Value::as_array);
        let is_required = |name: &str| {
            let mut required = required.into_iter().flatten();
            required.any(|one| one.as_str() == Some(name))
        };
        let properties = schema.get("properties").and_then(Value::as_object);
        let names = properties.into_iter().flatten().map(|(name, _)| name);
        let mut fields: Vec<CredentialField> = names
            .map(|name| CredentialField {
                name: name.clone(),
                is_secret: self.is_secret(name),
                is_required: is_required(name),
            })
            .collect();
        // What is not secret comes before what is: a user before their password.
        fields.sort_by_key(|field| (!field.is_required, field.is_secret));
        fields
    }
}

#[cfg(test)]
mod tests {
    use crate::credential_type::CredentialTypes;

    #[test]
    fn fields_are_told_with_those_that_are_needed_first() {
        let types = CredentialTypes::new();
        let told = |name: &str| {
            let fields = types.find(name).unwrap().fields().into_iter();
            let told = fields.map(|field| {
                let secret = if field.is_secret { "*" } else { "" };
                let optional = if field.is_required { "" } else { "?" };
                format!("{}{secret}{optional}", field.name)
            });
            told.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(told("basic"), "user password*");
        assert_eq!(told("api-key"), "name key* in?");
        assert_eq!(told("bearer"), "token*");
        assert_eq!(
            told("oauth2-client"),
            "tokenUrl clientId clientSecret* scope? audience?"
        );
    }
}
