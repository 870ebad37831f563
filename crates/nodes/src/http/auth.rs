use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jackfield_net::{Url, host_and_port};
use jackfield_plugin_api::{Grants, NodeError};
use jackfield_types::{Credential, ErrorCode, Secret, Transport, ValidationIssue};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::outgoing::parse_url;

/// The longest name of a secret, in bytes.
const LONGEST_NAME: usize = 256;

/// How a request proves whose it is: by a credential that the tenant keeps, or by what is given.
#[derive(Debug)]
pub(crate) enum Auth {
    /// By a credential of this name.
    Credential(String),
    /// By what is given.
    Given(Given),
}

/// How a request proves whose it is. What is secret is given in place, or by the name under which
/// the tenant keeps it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum Given {
    /// Not at all.
    #[default]
    None,
    /// By user and password.
    Basic {
        /// The user.
        user: String,
        /// The password; or give `secret`.
        password: Option<Secret<String>>,
        /// The name of the secret that is the password.
        secret: Option<SecretName>,
    },
    /// By a header.
    Header {
        /// The header's name.
        name: String,
        /// The header's value; or give `secret`.
        value: Option<Secret<String>>,
        /// The name of the secret that is the header's value.
        secret: Option<SecretName>,
    },
    /// By a token.
    Bearer {
        /// The token; or give `secret`.
        token: Option<Secret<String>>,
        /// The name of the secret that is the token.
        secret: Option<SecretName>,
    },
}

/// The one key of an object that names a credential.
const CREDENTIAL_KEY: &str = "credential";

impl Default for Auth {
    fn default() -> Self {
        Self::Given(Given::None)
    }
}

impl<'de> Deserialize<'de> for Auth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let Some(name) = value.get(CREDENTIAL_KEY) else {
            let given = Given::deserialize(value);
            return given.map(Self::Given).map_err(D::Error::custom);
        };
        match name {
            Value::String(name) if value.as_object().is_some_and(|auth| auth.len() == 1) => {
                Ok(Self::Credential(name.clone()))
            }
            _ => Err(D::Error::custom(
                "`credential` is the name of a credential and stands alone",
            )),
        }
    }
}

impl JsonSchema for Auth {
    fn schema_name() -> Cow<'static, str> {
        "Auth".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Given::json_schema(generator);
        let named = json_schema!({
            "description": "By a credential that the tenant keeps.",
            "type": "object",
            "properties": {
                CREDENTIAL_KEY: {
                    "description": "The name of the credential.",
                    "type": "string",
                    "format": "credential",
                    "minLength": 1,
                    "maxLength": LONGEST_NAME
                }
            },
            "required": [CREDENTIAL_KEY],
            "additionalProperties": false
        });
        if let Some(Value::Array(ways)) = schema.get_mut("oneOf") {
            ways.push(named.into());
        }
        schema
    }
}

/// The name of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct SecretName(String);

impl JsonSchema for SecretName {
    fn schema_name() -> Cow<'static, str> {
        "SecretName".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // The format tells hosts what the text is the name of.
        json_schema!({
            "type": "string",
            "format": "secret",
            "minLength": 1,
            "maxLength": LONGEST_NAME
        })
    }
}

/// What a request proves by whose it is, with nothing left to look up.
pub(super) enum Proof {
    /// Nothing.
    None,
    /// User and password.
    Basic {
        user: String,
        password: Secret<String>,
    },
    /// A header.
    Header { name: String, value: Secret<String> },
    /// A token.
    Bearer { token: Secret<String> },
    /// A parameter of the query.
    Query { name: String, value: Secret<String> },
}

/// The place of the name of a secret in the parameters.
const SECRET: &str = "/auth/secret";
/// The place of the name of a credential.
const CREDENTIAL: &str = "/auth/credential";

impl Auth {
    /// What is wrong beyond the types.
    pub(super) fn check(&self) -> Vec<ValidationIssue> {
        match self {
            Self::Credential(name) if name.is_empty() || name.len() > LONGEST_NAME => {
                let message = format!("the name of a credential has 1 to {LONGEST_NAME} bytes");
                vec![ValidationIssue::parameter(CREDENTIAL, message)]
            }
            Self::Credential(_) => Vec::new(),
            Self::Given(given) => given.check(),
        }
    }

    /// Looks up what is given by its name, for a URL to which the request goes. `source` is the
    /// parameters as they are written.
    ///
    /// # Errors
    /// Those of [`Grants::secret`] and [`Grants::credential`], and [`NodeError::Params`] when the name
    /// is not written out: what a node was sent must not decide which secret goes to another host.
    pub(super) fn proof(
        &self,
        source: &Value,
        url: &str,
        grants: &dyn Grants,
    ) -> Result<Proof, NodeError> {
        match self {
            Self::Credential(name) => {
                if source.pointer(CREDENTIAL).and_then(Value::as_str) != Some(name) {
                    let message = "the name of a credential must be written out, without templates";
                    return Err(NodeError::parameter(CREDENTIAL, message));
                }
                Proof::of(&credential_for(name, &parse_url(url)?, grants)?)
            }
            Self::Given(given) => given.proof(source, grants),
        }
    }

    /// Asks whether the credential may go along to a URL, now.
    ///
    /// # Errors
    /// Those of [`Grants::credential`].
    pub(super) fn check_url(&self, url: &Url, grants: &dyn Grants) -> Result<(), NodeError> {
        match self {
            Self::Credential(name) => credential_for(name, url, grants).map(drop),
            Self::Given(_) => Ok(()),
        }
    }

    /// What it would prove, with texts in place of secrets: for checks.
    pub(super) fn sample(&self) -> Result<Proof, NodeError> {
        match self {
            Self::Credential(_) => Ok(Proof::None),
            Self::Given(given) => given.sample(),
        }
    }
}

/// A credential, to go along to a URL.
fn credential_for(name: &str, url: &Url, grants: &dyn Grants) -> Result<Credential, NodeError> {
    let transport = match url.scheme() {
        "https" => Transport::Https,
        // Whatever else there might be protects nothing.
        _ => Transport::Http,
    };
    let (host, port) = host_and_port(url);
    grants.credential(name, transport, host, port)
}

impl Given {
    fn check(&self) -> Vec<ValidationIssue> {
        let (field, given, secret) = match self {
            Self::None => return Vec::new(),
            Self::Basic {
                password, secret, ..
            } => ("password", password, secret),
            Self::Header { value, secret, .. } => ("value", value, secret),
            Self::Bearer { token, secret } => ("token", token, secret),
        };
        let mut issues = Vec::new();
        if given.is_some() == secret.is_some() {
            let message = format!("give either `{field}` or `secret`, the name of a secret");
            issues.push(ValidationIssue::parameter(
                format!("/auth/{field}"),
                message,
            ));
        }
        if secret
            .as_ref()
            .is_some_and(|name| name.0.is_empty() || name.0.len() > LONGEST_NAME)
        {
            let message = format!("the name of a secret has 1 to {LONGEST_NAME} bytes");
            issues.push(ValidationIssue::parameter(SECRET, message));
        }
        issues
    }

    fn secret(&self) -> Option<&SecretName> {
        match self {
            Self::None => None,
            Self::Basic { secret, .. }
            | Self::Header { secret, .. }
            | Self::Bearer { secret, .. } => secret.as_ref(),
        }
    }

    fn proof(&self, source: &Value, grants: &dyn Grants) -> Result<Proof, NodeError> {
        if let Some(name) = self.secret()
            && source.pointer(SECRET).and_then(Value::as_str) != Some(&name.0)
        {
            let message = "the name of a secret must be written out, without templates";
            return Err(NodeError::parameter(SECRET, message));
        }
        self.proof_with(|name| grants.secret(name))
    }

    fn sample(&self) -> Result<Proof, NodeError> {
        self.proof_with(|_| Ok(Secret::new(String::new())))
    }

    fn proof_with(
        &self,
        read: impl Fn(&str) -> Result<Secret<String>, NodeError>,
    ) -> Result<Proof, NodeError> {
        let reveal =
            |given: &Option<Secret<String>>, secret: &Option<SecretName>| match (given, secret) {
                (Some(given), None) => Ok(given.clone()),
                (None, Some(name)) => read(&name.0),
                _ => Err(NodeError::Params(self.check())),
            };
        Ok(match self {
            Self::None => Proof::None,
            Self::Basic {
                user,
                password,
                secret,
            } => Proof::Basic {
                user: user.clone(),
                password: reveal(password, secret)?,
            },
            Self::Header {
                name,
                value,
                secret,
            } => Proof::Header {
                name: name.clone(),
                value: reveal(value, secret)?,
            },
            Self::Bearer { token, secret } => Proof::Bearer {
                token: reveal(token, secret)?,
            },
        })
    }
}

impl Proof {
    /// What a credential proves, if its type is one of those that go along with requests.
    fn of(credential: &Credential) -> Result<Self, NodeError> {
        let text = |field: &str| {
            credential.text(field).ok_or_else(|| {
                let name = credential.name();
                let message = format!("credential `{name}` has no text `{field}`");
                NodeError::permanent(ErrorCode::CREDENTIAL_MISSING, message)
            })
        };
        let plain = |field: &str| text(field).map(|text| text.expose().clone());
        Ok(match credential.credential_type() {
            "basic" => Self::Basic {
                user: plain("user")?,
                password: text("password")?,
            },
            "header" => Self::Header {
                name: plain("name")?,
                value: text("value")?,
            },
            "bearer" => Self::Bearer {
                token: text("token")?,
            },
            "api-key" => {
                let (name, value) = (plain("name")?, text("key")?);
                match plain("in").as_deref() {
                    Ok("query") => Self::Query { name, value },
                    _ => Self::Header { name, value },
                }
            }
            other => {
                let name = credential.name();
                let message = format!(
                    "credential `{name}` is of type `{other}`, which does not go along with a request; those of types `header`, `basic`, `bearer` and `api-key` do"
                );
                return Err(NodeError::parameter(CREDENTIAL, message));
            }
        })
    }

    /// The texts that must not be shown when the other side repeats them.
    pub(super) fn secrets(&self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::Basic { user, password } => {
                let pair = STANDARD.encode(format!("{user}:{}", password.expose()));
                vec![pair, password.expose().clone()]
            }
            Self::Header { value, .. } | Self::Query { value, .. } => vec![value.expose().clone()],
            Self::Bearer { token } => vec![token.expose().clone()],
        }
    }
}
