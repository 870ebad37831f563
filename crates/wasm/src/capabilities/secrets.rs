//! Capability `secrets`.

use jackfield_plugin_api::NodeError;
use jackfield_types::{Capability, ErrorCode};

use super::text::{cut, plain};
use crate::bindings::jackfield::plugin::secrets::Host;
use crate::bindings::jackfield::plugin::types::Fault;
use crate::state::PluginState;

/// The most bytes of a name that a refusal shows.
const SHOWN: usize = 100;

impl Host for PluginState {
    async fn get(&mut self, name: String) -> wasmtime::Result<Result<String, Fault>> {
        self.count_host_call()?;
        Ok(self.secret(&name))
    }
}

impl PluginState {
    fn secret(&mut self, name: &str) -> Result<String, Fault> {
        let granted = self.granted(Capability::Secrets)?;
        let found = if granted.request.names.iter().any(|asked| asked == name) {
            granted.call.grants.secret(name)
        } else {
            let message = format!(
                "secret `{}` is not among the names under `[capabilities.secrets]` in `plugin.toml`",
                plain(&cut(name, SHOWN))
            );
            Err(NodeError::refused(ErrorCode::CAPABILITY_REFUSED, message))
        };
        match found {
            Ok(secret) => Ok(secret.expose().clone()),
            // What is missing is told in the words of the contract: the error names the tenant.
            Err(error) if error.code() == ErrorCode::CREDENTIAL_MISSING => Err(
                super::fault::fault(&error.code(), format!("no secret `{name}`")),
            ),
            // Which keys the host has is none of its business.
            Err(error) if error.code() == ErrorCode::CREDENTIAL_UNREADABLE => {
                let told = format!("secret `{name}` cannot be read");
                let told = Fault {
                    retryable: matches!(error, NodeError::Retryable(_)),
                    ..super::fault::fault(&error.code(), told)
                };
                self.record.keep_refusal(error);
                Err(told)
            }
            Err(error) => {
                let told = format!("secret `{name}` is not granted");
                Err(self.refuse(error, told))
            }
        }
    }
}
