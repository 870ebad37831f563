//! What a call can ask of the engine that makes it: grants, secrets, other workflows.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jackfield_kernel::{NodeIndex, RunWith};
use jackfield_plugin_api::{Grants, NodeError};
use jackfield_registry::Registration;
use jackfield_store_api::limits;
use jackfield_tenancy::{CallPermit, CredentialUse, Refusal, SecretError};
use jackfield_types::{
    Capability, Credential, ErrorCode, ExecutionId, Object, PluginQuota, Secret, Transport,
};
use parking_lot::Mutex;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use uuid::{Builder, Variant, Version};

use crate::audit;
use crate::execution::Running;

/// The engine, as one call has it.
pub(crate) struct CallHost<'a> {
    pub(crate) running: &'a Arc<Running>,
    pub(crate) cancellation: &'a CancellationToken,
    /// The call's place among those that run at once.
    pub(crate) permit: &'a Mutex<Option<CallPermit>>,
    /// Which node calls, in which run, and with what.
    pub(crate) turn: (NodeIndex, u32, RunWith),
    /// The number of the attempt, from 1.
    pub(crate) attempt: u32,
    /// What is called.
    pub(crate) registration: &'a Arc<Registration>,
    /// How many executions the call has started.
    pub(crate) started: AtomicU32,
}

impl CallHost<'_> {
    /// The id of the next execution that the call starts, and what its idempotency keys are made of.
    /// Both are the same when the attempt is made again after a crash: it finds what it started.
    /// Another attempt starts another execution, with the same keys.
    pub(crate) fn next_id(&self) -> (ExecutionId, ExecutionId) {
        let count = self.started.fetch_add(1, Ordering::Relaxed);
        let running = self.running;
        let key = self.derive(running.key, count, 1);
        (self.derive(running.id, count, self.attempt), key)
    }

    fn derive(&self, caller: ExecutionId, count: u32, attempt: u32) -> ExecutionId {
        let (node, run, with) = self.turn;
        let with = match with {
            RunWith::Own => "own",
            RunWith::Fallback => "fallback",
        };
        let mut name = format!("{caller}.{}.{run}.{with}.{count}", node.get());
        if attempt > 1 {
            name.push_str(&format!(".{attempt}"));
        }
        let digest = limits::digest_of(name.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.as_bytes()[..16]);
        // As old as the execution that calls.
        bytes[..6].copy_from_slice(&caller.as_uuid().as_bytes()[..6]);
        let uuid = Builder::from_bytes(bytes)
            .with_version(Version::SortRand)
            .with_variant(Variant::RFC4122);
        ExecutionId::from_uuid(uuid.into_uuid())
    }
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

    /// Reads a credential of the tenant for a use. Its secrets are masked from now on wherever they
    /// come out.
    fn credential(
        &self,
        name: &str,
        wanted: &CredentialUse<'_>,
    ) -> Result<Credential, SecretError> {
        let found = self.tenant().credential(name, wanted);
        let CredentialUse {
            node_type,
            version,
            transport,
            host,
            port,
        } = wanted;
        let over = transport.prefix();
        let used = format!("{name} {node_type} {version} {over}{host}:{port}");
        self.note_credential(name, &used, found.as_ref());
        found
    }

    /// Reads a credential that says by itself which host it is for.
    fn placed_credential(
        &self,
        registration: &Registration,
        name: &str,
        place: &dyn Fn(&Credential) -> (String, u16),
    ) -> Result<Credential, SecretError> {
        let (node_type, version) = (registration.node_type(), registration.version());
        let found = self
            .tenant()
            .placed_credential(name, (node_type, version), place);
        let used = match &found {
            Ok((_, (host, port))) => format!("{name} {node_type} {version} {host}:{port}"),
            Err(_) => format!("{name} {node_type} {version}"),
        };
        let found = found.map(|(credential, _)| credential);
        self.note_credential(name, &used, found.as_ref());
        found
    }

    /// Has what is secret masked, and the use put on record: each by itself, since one may be refused
    /// where another one was not.
    fn note_credential(&self, name: &str, used: &str, found: Result<&Credential, &SecretError>) {
        if let Ok(credential) = found {
            for secret in credential.expose_secrets() {
                self.nested.redactor.learn(secret);
            }
        }
        if self.nested.is_first_use(used) {
            audit::secret_read(self, name, found.err());
        }
    }
}

/// What the execution's tenant lets a call reach, with a life of its own.
struct RunningGrants(Arc<Running>, Arc<Registration>);

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
        self.secret(name)
            .map_err(|error| self.not_given(&format!("read secret `{name}`"), error))
    }

    fn grant_credential(
        &self,
        registration: &Registration,
        name: &str,
        (transport, host, port): (Transport, &str, u16),
    ) -> Result<Credential, NodeError> {
        let wanted = CredentialUse {
            node_type: registration.node_type(),
            version: registration.version(),
            transport,
            host,
            port,
        };
        self.credential(name, &wanted)
            .map_err(|error| self.not_given(&format!("use credential `{name}`"), error))
    }

    fn grant_placed_credential(
        &self,
        registration: &Registration,
        name: &str,
        place: &dyn Fn(&Credential) -> (String, u16),
    ) -> Result<Credential, NodeError> {
        self.placed_credential(registration, name, place)
            .map_err(|error| self.not_given(&format!("use credential `{name}`"), error))
    }

    fn not_given(&self, what: &str, error: SecretError) -> NodeError {
        let text = error.to_string();
        match error {
            SecretError::Refused(refusal) => self.refused(what, &refusal),
            SecretError::NotReady { .. } => {
                NodeError::retryable(ErrorCode::CREDENTIAL_UNREADABLE, text)
            }
            SecretError::Unreadable { .. } => {
                NodeError::permanent(ErrorCode::CREDENTIAL_UNREADABLE, text)
            }
            _ => NodeError::permanent(ErrorCode::CREDENTIAL_MISSING, text),
        }
    }

    fn plugin_quota(&self) -> PluginQuota {
        let policy = self.tenant().policy();
        policy.map_or_else(PluginQuota::default, |policy| {
            policy.document().plugin_quota
        })
    }

    fn comes_out_whole(&self, registration: &Registration, item: &Object) -> bool {
        let (node_type, version) = (registration.node_type(), registration.version());
        self.nested.redactor.lets_out(node_type, version, item)
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

    fn credential(
        &self,
        name: &str,
        transport: Transport,
        host: &str,
        port: u16,
    ) -> Result<Credential, NodeError> {
        self.running
            .grant_credential(self.registration, name, (transport, host, port))
    }

    fn placed_credential(
        &self,
        name: &str,
        place: &dyn Fn(&Credential) -> (String, u16),
    ) -> Result<Credential, NodeError> {
        self.running
            .grant_placed_credential(self.registration, name, place)
    }

    fn plugin_quota(&self) -> PluginQuota {
        self.running.plugin_quota()
    }

    fn isolate(&self, filter: &Value) -> Value {
        self.running.grant_filter(filter)
    }

    fn comes_out_whole(&self, item: &Object) -> bool {
        self.running.comes_out_whole(self.registration, item)
    }

    fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.running.nested.redactor.redact_text(text)
    }

    fn to_shared(&self) -> Arc<dyn Grants> {
        let registration = Arc::clone(self.registration);
        Arc::new(RunningGrants(Arc::clone(self.running), registration))
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

    fn credential(
        &self,
        name: &str,
        transport: Transport,
        host: &str,
        port: u16,
    ) -> Result<Credential, NodeError> {
        self.0
            .grant_credential(&self.1, name, (transport, host, port))
    }

    fn placed_credential(
        &self,
        name: &str,
        place: &dyn Fn(&Credential) -> (String, u16),
    ) -> Result<Credential, NodeError> {
        self.0.grant_placed_credential(&self.1, name, place)
    }

    fn plugin_quota(&self) -> PluginQuota {
        self.0.plugin_quota()
    }

    fn isolate(&self, filter: &Value) -> Value {
        self.0.grant_filter(filter)
    }

    fn comes_out_whole(&self, item: &Object) -> bool {
        self.0.comes_out_whole(&self.1, item)
    }

    fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.0.nested.redactor.redact_text(text)
    }

    fn to_shared(&self) -> Arc<dyn Grants> {
        Arc::new(RunningGrants(Arc::clone(&self.0), Arc::clone(&self.1)))
    }
}
