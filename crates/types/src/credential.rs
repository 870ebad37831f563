use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use zeroize::Zeroize;

use crate::{Object, Secret};

/// What a call proves to another system on whose behalf it is made with: a password, a token, a key.
///
/// It is cheap to clone, and what is in it is overwritten when the last clone is gone. `Debug` shows
/// its name and type; it has no `Serialize`.
#[derive(Clone)]
pub struct Credential(Arc<Parts>);

struct Parts {
    name: String,
    credential_type: String,
    fields: Object,
    secrets: Vec<String>,
}

/// How a credential is protected on its way to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Encrypted, to a server that has shown who it is: `https`.
    Https,
    /// As it is, for everybody on the way to read: `http`.
    Http,
    /// By a protocol of its own: the credential itself says how, as the URL of a database does.
    Own,
}

impl Transport {
    /// What a URL of it begins with; nothing for a protocol of its own.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Https => "https://",
            Self::Http => "http://",
            Self::Own => "",
        }
    }
}

impl Credential {
    /// A credential of a type. `secrets` are the texts among its fields that must not be shown.
    pub fn new(
        name: impl Into<String>,
        credential_type: impl Into<String>,
        fields: Object,
        secrets: Vec<String>,
    ) -> Self {
        Self(Arc::new(Parts {
            name: name.into(),
            credential_type: credential_type.into(),
            fields,
            secrets,
        }))
    }

    /// The name under which the tenant keeps it.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The name of its type, such as `bearer`.
    pub fn credential_type(&self) -> &str {
        &self.0.credential_type
    }

    /// One of its fields, if that is a text.
    pub fn text(&self, field: &str) -> Option<Secret<String>> {
        let text = self.0.fields.get(field)?.as_str()?;
        Some(Secret::new(text.to_owned()))
    }

    /// All of its fields. Every use of this is a place to look at.
    pub fn expose(&self) -> &Object {
        &self.0.fields
    }

    /// The texts among its fields that must not be shown. Every use of this is a place to look at.
    pub fn expose_secrets(&self) -> &[String] {
        &self.0.secrets
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.secrets.zeroize();
        for (_, mut value) in std::mem::take(&mut self.fields) {
            overwrite(&mut value);
        }
    }
}

fn overwrite(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(list) => list.iter_mut().for_each(overwrite),
        Value::Object(object) => object.values_mut().for_each(overwrite),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("name", &self.0.name)
            .field("type", &self.0.credential_type)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_field() {
        let fields = Object::from_iter([("token".to_owned(), "s3cr3t-t0ken".into())]);
        let credential = Credential::new("api", "bearer", fields, vec!["s3cr3t-t0ken".to_owned()]);
        let shown = format!("{credential:?} {credential:#?}");
        assert!(
            !shown.contains("s3cr3t") && shown.contains("bearer"),
            "{shown}"
        );
        assert_eq!(
            credential.text("token").map(|token| token.expose().clone()),
            Some("s3cr3t-t0ken".to_owned())
        );
        assert!(credential.text("other").is_none());
    }
}
