//! Types of credentials: which fields there are, and which of them are secret.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jackfield_tenancy::LEAST_SECRET;
use jackfield_types::Object;
use jsonschema::Validator;
use serde_json::Value;
use zeroize::Zeroize;

use crate::built_in::built_in_types;
use crate::error::CredentialError;
use crate::url::passwords_of;

/// The most problems that are told of at once.
const MOST_PROBLEMS: usize = 10;
/// The longest piece of a schema that is shown.
const LONGEST_PIECE: usize = 200;
/// Keywords with which a schema says elsewhere what a value is.
const ELSEWHERE: [&str; 6] = ["$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if"];

/// A type of credentials.
///
/// Its JSON Schema describes an object. A field is secret when the schema says `"writeOnly": true` of
/// it or of what it is in, when it says nothing of the field, and when it says it elsewhere (by
/// `$ref`, `anyOf` and the like); all fields are when it says `writeOnly` of none.
#[derive(Clone)]
pub struct CredentialType(Arc<Parts>);

struct Parts {
    name: String,
    schema: Value,
    validator: Validator,
    plain_field: Option<String>,
    /// Whether the schema tells secret fields from others.
    tells: bool,
}

/// What is wrong with a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialTypeError {
    /// The name breaks a rule.
    #[error("the name of a credential type has 1 to 64 lower-case letters, digits and `/ . -`")]
    Name,
    /// The schema is none, or not of an object.
    #[error("the schema of credential type `{name}` is not right: {reason}")]
    Schema {
        /// The type.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// There is one of that name.
    #[error("there is a credential type `{name}` already; give this one another name")]
    Duplicate {
        /// The name.
        name: String,
    },
}

impl CredentialType {
    /// A type with a JSON Schema of an object.
    ///
    /// # Errors
    /// [`CredentialTypeError`].
    pub fn new(name: &str, schema: Value) -> Result<Self, CredentialTypeError> {
        let is_allowed =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "/.-".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(is_allowed) {
            return Err(CredentialTypeError::Name);
        }
        let wrong = |reason: String| CredentialTypeError::Schema {
            name: name.to_owned(),
            reason,
        };
        if schema.get("type").and_then(Value::as_str) != Some("object") {
            return Err(wrong("its `type` has to be `object`".to_owned()));
        }
        let validator =
            jsonschema::validator_for(&schema).map_err(|error| wrong(error.to_string()))?;
        let tells = says_write_only(&schema, 0);
        let secrets: Vec<&String> = properties(&schema)
            .filter(|(_, field)| is_write_only(field))
            .map(|(name, _)| name)
            .collect();
        let plain_field = match *secrets {
            [only] => Some(only.clone()),
            _ => None,
        };
        Ok(Self(Arc::new(Parts {
            name: name.to_owned(),
            plain_field,
            validator,
            schema,
            tells,
        })))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its schema.
    pub fn schema(&self) -> &Value {
        &self.0.schema
    }

    /// The field that `$secrets.NAME` gives: the only secret one, if there is just one.
    pub fn plain_field(&self) -> Option<&str> {
        self.0.plain_field.as_deref()
    }

    /// Whether a field of this name is secret as a whole.
    pub(crate) fn is_secret(&self, name: &str) -> bool {
        !self.0.tells || may_be_secret(property(&self.0.schema, name))
    }

    /// Checks fields.
    ///
    /// # Errors
    /// [`CredentialError::Fields`], which shows what the schema says, and nothing of the fields.
    pub fn check(&self, fields: &Value) -> Result<(), CredentialError> {
        let mut problems: Vec<String> = self
            .0
            .validator
            .iter_errors(fields)
            .take(MOST_PROBLEMS)
            .map(|error| self.problem(error.schema_path().as_str()))
            .collect();
        problems.dedup();
        if problems.is_empty() {
            return Ok(());
        }
        Err(CredentialError::Fields {
            credential_type: self.name().to_owned(),
            problems,
        })
    }

    /// What the schema says at a place of its own.
    fn problem(&self, pointer: &str) -> String {
        let rule = self.0.schema.pointer(pointer);
        let rule = rule.map(Value::to_string).unwrap_or_default();
        if pointer == "/additionalProperties" {
            let known: Vec<String> = properties(&self.0.schema)
                .map(|(name, _)| format!("`{name}`"))
                .collect();
            return format!(
                "there is a field too many; the fields are {}",
                known.join(", ")
            );
        }
        let rule: String = rule.chars().take(LONGEST_PIECE).collect();
        format!("`{pointer}` of its schema says {rule}")
    }

    /// The texts and numbers among fields that must not be shown.
    pub(crate) fn secrets(&self, fields: &Object) -> Vec<String> {
        let mut found = Vec::new();
        for (name, value) in fields {
            let schema = property(&self.0.schema, name);
            collect(schema, value, !self.0.tells, &mut found);
        }
        let passwords: Vec<String> = found.iter().flat_map(|text| passwords_of(text)).collect();
        found.extend(passwords);
        found.extend(pair_of_basic(&self.0.name, fields));
        found
    }

    /// The fields with a secret that is too short to be masked in the midst of a text, by name.
    pub fn short_secrets(&self, fields: &Object) -> Vec<String> {
        let is_short = |(name, value): (&String, &Value)| {
            let alone = Object::from_iter([(name.clone(), value.clone())]);
            let mut secrets = self.secrets(&alone);
            let short = secrets
                .iter()
                .any(|text| !text.is_empty() && text.len() < LEAST_SECRET);
            secrets.zeroize();
            short.then(|| name.clone())
        };
        fields.iter().filter_map(is_short).collect()
    }
}

/// What `Authorization: Basic` has of user and password, which servers repeat: nothing of a short
/// password would be known again in it.
fn pair_of_basic(credential_type: &str, fields: &Object) -> Option<String> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let (user, password) = (text("user")?, text("password")?);
    (credential_type == "basic").then(|| STANDARD.encode(format!("{user}:{password}")))
}

impl fmt::Debug for CredentialType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialType")
            .field("name", &self.0.name)
            .finish_non_exhaustive()
    }
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten()
}

fn property<'s>(schema: &'s Value, name: &str) -> Option<&'s Value> {
    schema.get("properties")?.get(name)
}

fn is_write_only(schema: &Value) -> bool {
    schema.get("writeOnly") == Some(&Value::Bool(true))
}

fn says_write_only(schema: &Value, depth: u32) -> bool {
    if depth > 32 {
        return false;
    }
    match schema {
        Value::Object(object) => {
            is_write_only(schema)
                || object
                    .values()
                    .any(|value| says_write_only(value, depth + 1))
        }
        Value::Array(list) => list.iter().any(|value| says_write_only(value, depth + 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Whether a schema says that a value is secret, or does not say that it is not.
fn may_be_secret(schema: Option<&Value>) -> bool {
    let says = |schema: &Value| {
        let is_elsewhere = ELSEWHERE.iter().any(|one| schema.get(one).is_some());
        schema.is_object() && !is_elsewhere
    };
    schema.is_none_or(|schema| !says(schema) || is_write_only(schema))
}

/// Collects what is secret of a value. Where the schema does not say, it is.
fn collect(schema: Option<&Value>, value: &Value, is_secret: bool, found: &mut Vec<String>) {
    let is_secret = is_secret || may_be_secret(schema);
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let schema = schema.and_then(|schema| property(schema, name));
                collect(schema, value, is_secret, found);
            }
        }
        Value::Array(list) => {
            let items = schema.and_then(|schema| schema.get("items"));
            for value in list {
                collect(items, value, is_secret, found);
            }
        }
        Value::String(text) if is_secret => found.push(text.clone()),
        Value::Number(number) if is_secret => found.push(number.to_string()),
        Value::String(_) | Value::Number(_) | Value::Null | Value::Bool(_) => {}
    }
}

/// The types that there are.
#[derive(Debug, Clone)]
pub struct CredentialTypes(BTreeMap<String, CredentialType>);

impl CredentialTypes {
    /// The built-in ones.
    pub fn new() -> Self {
        let types = built_in_types().into_iter();
        Self(types.map(|one| (one.name().to_owned(), one)).collect())
    }

    /// Adds one.
    ///
    /// # Errors
    /// [`CredentialTypeError::Duplicate`].
    pub fn add(&mut self, credential_type: CredentialType) -> Result<(), CredentialTypeError> {
        let name = credential_type.name().to_owned();
        if self.0.contains_key(&name) {
            return Err(CredentialTypeError::Duplicate { name });
        }
        self.0.insert(name, credential_type);
        Ok(())
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &CredentialType> {
        self.0.values()
    }

    /// One of them.
    ///
    /// # Errors
    /// [`CredentialError::UnknownType`] with those that there are.
    pub fn find(&self, name: &str) -> Result<&CredentialType, CredentialError> {
        self.0.get(name).ok_or_else(|| {
            let known: Vec<String> = self.0.keys().map(|name| format!("`{name}`")).collect();
            CredentialError::UnknownType {
                credential_type: name.chars().take(100).collect(),
                known: known.join(", "),
            }
        })
    }
}

impl Default for CredentialTypes {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
