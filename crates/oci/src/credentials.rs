use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jackfield_types::Secret;
use oci_client::secrets::RegistryAuth;
use serde::Deserialize;

/// Who somebody is to a registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nobody.
    #[default]
    Anonymous,
    /// A user with a password, or with a token that stands for one.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: Secret<String>,
    },
    /// A token that the registry gave out itself.
    Bearer(Secret<String>),
}

/// Why credentials cannot be read. It never tells what stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DockerConfigError {
    /// It is not such a file.
    #[error("it is no configuration of Docker's")]
    Malformed,
    /// The credentials of this registry are kept by a program, or are a token for its login server.
    #[error(
        "the credentials of `{host}` are not in the file itself, but kept by a program or a login server"
    )]
    Elsewhere {
        /// The registry.
        host: String,
    },
}

#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: HashMap<String, DockerEntry>,
    #[serde(default, rename = "credHelpers")]
    helpers: HashMap<String, serde::de::IgnoredAny>,
    #[serde(default, rename = "credsStore")]
    store: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize, Default)]
struct DockerEntry {
    #[serde(default)]
    auth: Option<Secret<String>>,
    #[serde(default, rename = "registrytoken")]
    token: Option<Secret<String>>,
    #[serde(default, rename = "identitytoken")]
    identity: Option<serde::de::IgnoredAny>,
}

impl Credentials {
    /// Finds the credentials for a host in a configuration as `docker login` and its like write it
    /// (`~/.docker/config.json`).
    ///
    /// # Errors
    /// [`DockerConfigError`]; a host that is not in the file is nobody's mistake, and
    /// [`Anonymous`](Self::Anonymous).
    pub fn from_docker_config(text: &str, host: &str) -> Result<Self, DockerConfigError> {
        // A list would be read as the fields in their order.
        if !text.trim_start().starts_with('{') {
            return Err(DockerConfigError::Malformed);
        }
        // The error of the parser could show what stands there.
        let config: DockerConfig =
            serde_json::from_str(text).map_err(|_| DockerConfigError::Malformed)?;
        let is_meant = |name: &str| {
            let name = name.trim_start_matches("https://");
            name.split('/').next() == Some(host)
        };
        let entry = config.auths.into_iter().find(|(name, _)| is_meant(name));
        let entry = entry.map(|(_, entry)| entry);
        let is_listed = entry.is_some();
        let DockerEntry {
            auth,
            token,
            identity,
        } = entry.unwrap_or_default();
        if let Some(token) = token {
            return Ok(Self::Bearer(token));
        }
        if let (Some(auth), None) = (auth, &identity) {
            return from_encoded(auth.expose()).ok_or(DockerConfigError::Malformed);
        }
        let is_kept = config.helpers.keys().any(|name| is_meant(name));
        if is_kept || identity.is_some() || (is_listed && config.store.is_some()) {
            return Err(DockerConfigError::Elsewhere {
                host: host.to_owned(),
            });
        }
        Ok(Self::Anonymous)
    }

    pub(crate) fn to_auth(&self) -> RegistryAuth {
        match self {
            Self::Anonymous => RegistryAuth::Anonymous,
            Self::Basic { user, password } => {
                RegistryAuth::Basic(user.clone(), password.expose().clone())
            }
            Self::Bearer(token) => RegistryAuth::Bearer(token.expose().clone()),
        }
    }
}

fn from_encoded(auth: &str) -> Option<Credentials> {
    let decoded = STANDARD.decode(auth.trim()).ok()?;
    let (user, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some(Credentials::Basic {
        user: user.to_owned(),
        password: Secret::new(password.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"{
        "auths": {
            "ghcr.io": { "auth": "YWRhOmh1bnRlcjI6eA==" },
            "https://registry.example.org/v2/": { "registrytoken": "t0ken" },
            "login.example": { "auth": "YWRhOg==", "identitytoken": "t0ken" },
            "kept.example": {}
        },
        "credsStore": "desktop",
        "credHelpers": { "helped.example": "gcloud" },
        "HttpHeaders": {}
    }"#;

    #[test]
    fn credentials_are_found_by_host_and_by_nothing_else() {
        let find = |host| Credentials::from_docker_config(CONFIG, host);
        let ada = Credentials::Basic {
            user: "ada".to_owned(),
            password: Secret::new("hunter2:x".to_owned()),
        };
        assert_eq!(find("ghcr.io"), Ok(ada));
        let token = Credentials::Bearer(Secret::new("t0ken".to_owned()));
        assert_eq!(find("registry.example.org"), Ok(token));
        for host in ["ghcr.io.evil.example", "cr.io", "ghcr.io:443", ""] {
            assert_eq!(find(host), Ok(Credentials::Anonymous), "{host}");
        }
        for host in ["kept.example", "helped.example", "login.example"] {
            assert!(matches!(
                find(host),
                Err(DockerConfigError::Elsewhere { .. })
            ));
        }
    }

    #[test]
    fn what_is_wrong_is_told_without_showing_it() {
        for text in [
            "",
            "[]",
            r#"{"auths":{"a.example":{"auth":"hunter2!"}}}"#,
            r#"{"auths":{"a.example":{"auth":"aHVudGVyMg=="}}}"#,
            r#"{"auths":{"a.example":{"auth":7}}}"#,
        ] {
            let error = Credentials::from_docker_config(text, "a.example").unwrap_err();
            assert_eq!(error, DockerConfigError::Malformed);
        }
        let shown = format!("{:?}", Credentials::from_docker_config(CONFIG, "ghcr.io"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
