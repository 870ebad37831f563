//! What a call can ask of the engine that makes it: grants, secrets, other workflows.

use std::sync::Arc;

use jackfield_plugin_api::{Grants, NodeError};
use jackfield_tenancy::{CallPermit, Refusal, SecretError};
use jackfield_types::{ErrorCode, Secret};
use parking_lot::Mutex;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::audit;
use crate::execution::Running;

/// The engine, as one call has it.
pub(crate) struct CallHost<'a> {
    pub(crate) running: &'a Arc<Running>,
    pub(crate) cancellation: &'a CancellationToken,
    /// The call's place among those that run at once.
    pub(crate) permit: &'a Mutex<Option<CallPermit>>,
}

impl Running {
    /// Reads a secret of the tenant. It is masked from now on wherever it comes out.
    pub(crate) fn secret(&self, name: &str) -> Result<Secret<String>, SecretError> {
        let found = self.tenant().secret(name);
        if let Ok(secret) = &found {
            self.nested.redactor.learn(secret.expose());
        }
        if self.nested.is_first_use(name) {
            audit::secret_read(self, name, found.as_ref().err());
        }
        found
    }
}

impl CallHost<'_> {
    fn refused(&self, what: &str, refusal: &Refusal) -> NodeError {
        let tenant = self.running.tenant_id();
        let message = format!("tenant `{tenant}` may not {what}: {refusal}");
        NodeError::refused(ErrorCode::TENANT_FORBIDDEN, message)
    }
}

impl Grants for CallHost<'_> {
    fn check_host(&self, host: &str, port: u16) -> Result<(), NodeError> {
        let tenant = self.running.tenant();
        tenant.check_host(host, port).map_err(|refusal| {
            self.refused(&format!("reach host `{host}` at port {port}"), &refusal)
        })
    }

    fn secret(&self, name: &str) -> Result<Secret<String>, NodeError> {
        self.running.secret(name).map_err(|error| match error {
            SecretError::Refused(refusal) => {
                self.refused(&format!("read secret `{name}`"), &refusal)
            }
            missing => NodeError::permanent(ErrorCode::CREDENTIAL_MISSING, missing.to_string()),
        })
    }

    fn isolate(&self, filter: &Value) -> Value {
        self.running.tenant().enforce_data_isolation(filter)
    }
}
