use std::sync::Arc;

use jackfield_plugin_api::{Grants, NodeError};
use jackfield_types::{Credential, ErrorCode, Secret};
use parking_lot::Mutex;

use super::source::DataSource;
use super::url::{DataSourceUrl, Server, unwanted};
use super::{DataSourceConfig, DataSourceError, Migration};

/// The type of credentials that have a URL.
const CREDENTIAL_TYPE: &str = "database";
/// What stands for the URL while all else is checked.
const PLACEHOLDER: &str = "postgres://nobody:nothing@localhost/nowhere";

/// A data source whose URL a credential of the tenant has. It is asked for at each call: what was
/// changed, bound or taken away meanwhile holds from the next call on.
pub(super) struct KeptSource {
    name: String,
    credential: String,
    config: DataSourceConfig,
    /// The one of the URL that the credential had last.
    current: Mutex<Option<(Secret<String>, Arc<DataSource>)>>,
}

impl KeptSource {
    /// Checks all that can be known without the URL.
    pub(super) fn new(
        name: &str,
        credential: String,
        config: DataSourceConfig,
    ) -> Result<Self, DataSourceError> {
        if config.migration_url.is_some() || config.migration == Migration::WhenAsked {
            return Err(DataSourceError::MigrationByCredential {
                name: name.to_owned(),
            });
        }
        let source = Self {
            name: name.to_owned(),
            credential,
            config,
            current: Mutex::new(None),
        };
        source.at(&Secret::new(PLACEHOLDER.to_owned()))?;
        Ok(source)
    }

    pub(super) fn config(&self) -> &DataSourceConfig {
        &self.config
    }

    /// The data source, as the credential says now where it is.
    pub(super) fn get(&self, grants: &dyn Grants) -> Result<Arc<DataSource>, NodeError> {
        let server = |credential: &Credential| {
            let url = credential.text("url");
            url.map_or(Err("has no `url`"), |url| Server::of_url(url.expose()))
        };
        let place = |credential: &Credential| match server(credential) {
            Ok(Server { host, port, .. }) => (host, port),
            Err(_) => (String::new(), 0),
        };
        let credential = grants.placed_credential(&self.credential, &place)?;
        if credential.credential_type() != CREDENTIAL_TYPE {
            let message = format!(
                "credential `{}` is of type `{}`, and data source `{}` takes one of type `{CREDENTIAL_TYPE}`",
                self.credential,
                credential.credential_type(),
                self.name
            );
            return Err(NodeError::permanent(
                ErrorCode::CREDENTIAL_UNREADABLE,
                message,
            ));
        }
        let Server { host, port, url } = server(&credential).map_err(|problem| {
            let message = format!(
                "the URL of credential `{}` {problem}, so data source `{}` does not take it",
                self.credential, self.name
            );
            NodeError::refused(ErrorCode::TENANT_FORBIDDEN, message)
        })?;
        grants.check_host(&host, port)?;
        if let Some(variable) = unwanted(url.expose(), |name| std::env::var_os(name).is_some()) {
            let message = format!(
                "`{variable}` is set in the environment of the process, and would show its \
                 certificate to the server of credential `{}`; unset it",
                self.credential
            );
            return Err(NodeError::permanent(ErrorCode::DATABASE_ERROR, message));
        }
        let mut current = self.current.lock();
        match &*current {
            Some((known, source)) if *known == url => Ok(Arc::clone(source)),
            _ => {
                let made = self.at(&url).map_err(|error| {
                    // It has no URL in it.
                    NodeError::permanent(ErrorCode::DATABASE_ERROR, error.to_string())
                })?;
                let made = Arc::new(made);
                *current = Some((url, Arc::clone(&made)));
                Ok(made)
            }
        }
    }

    fn at(&self, url: &Secret<String>) -> Result<DataSource, DataSourceError> {
        let config = DataSourceConfig {
            url: DataSourceUrl::Given(url.clone()),
            ..self.config.clone()
        };
        DataSource::new(&self.name, config)
    }
}
