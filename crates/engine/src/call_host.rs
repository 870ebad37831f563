//! What a call can ask of the engine that makes it: grants, secrets, other workflows.

use std::borrow::Cow;
use std::sync::Arc;

use jackfield_plugin_api::{Grants, NodeError};
use jackfield_tenancy::{CallPermit, Refusal, SecretError};
use jackfield_types::{Capability, ErrorCode, PluginQuota, Secret};
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

/// What the execution's tenant lets a call reach, with a life of its own.
struct RunningGrants(Arc<Running>);

/// What the grants of all calls of an execution come down to.
impl Running {
    fn refused(&self, what: &str, refusal: &Refusal) -> NodeError {
        let tenant = self.tenant_id();
        let message = format!("tenant `{tenant}` may not {what}: {refusal}");
        NodeError::refused(ErrorCode::TENANT_FORBIDDEN, message)
    }

    fn grant_capability(&self, capability: Capability) -> Result<(), NodeError> {
        let name = capability.as_str();
        self.tenant()
            .check_capability(capability)
            .map_err(|refusal| self.refused(&format!("use capability `{name}`"), &refusal))
    }

    fn grant_host(&self, host: &str, port: u16) -> Result<(), NodeError> {
        let tenant = self.tenant();
        tenant.check_host(host, port).map_err(|refusal| {
            self.refused(&format!("reach host `{host}` at port {port}"), &refusal)
        })
    }

    fn grant_secret(&self, name: &str) -> Result<Secret<String>, NodeError> {
        self.secret(name).map_err(|error| match error {
            SecretError::Refused(refusal) => {
                self.refused(&format!("read secret `{name}`"), &refusal)
            }
            missing => NodeError::permanent(ErrorCode::CREDENTIAL_MISSING, missing.to_string()),
        })
    }

    fn plugin_quota(&self) -> PluginQuota {
        let policy = self.tenant().policy();
        policy.map_or_else(PluginQuota::default, |policy| {
            policy.document().plugin_quota
        })
    }

    fn grant_filter(&self, filter: &Value) -> Value {
        self.tenant().enforce_data_isolation(filter)
    }
}

impl Grants for CallHost<'_> {
    fn check_capability(&self, capability: Capability) -> Result<(), NodeError> {
        self.running.grant_capability(capability)
    }

    fn check_host(&self, host: &str, port: u16) -> Result<(), NodeError> {
        self.running.grant_host(host, port)
    }

    fn secret(&self, name: &str) -> Result<Secret<String>, NodeError> {
        self.running.grant_secret(name)
    }

    fn plugin_quota(&self) -> PluginQuota {
        self.running.plugin_quota()
    }

    fn isolate(&self, filter: &Value) -> Value {
        self.running.grant_filter(filter)
    }

    fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.running.nested.redactor.redact_text(text)
    }

    fn to_shared(&self) -> Arc<dyn Grants> {
        Arc::new(RunningGrants(Arc::clone(self.running)))
    }
}

impl Grants for RunningGrants {
    fn check_capability(&self, capability: Capability) -> Result<(), NodeError> {
        self.0.grant_capability(capability)
    }

    fn check_host(&self, host: &str, port: u16) -> Result<(), NodeError> {
        self.0.grant_host(host, port)
    }

    fn secret(&self, name: &str) -> Result<Secret<String>, NodeError> {
        self.0.grant_secret(name)
    }

    fn plugin_quota(&self) -> PluginQuota {
        self.0.plugin_quota()
    }

    fn isolate(&self, filter: &Value) -> Value {
        self.0.grant_filter(filter)
    }

    fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.0.nested.redactor.redact_text(text)
    }

    fn to_shared(&self) -> Arc<dyn Grants> {
        Arc::new(RunningGrants(Arc::clone(&self.0)))
    }
}
