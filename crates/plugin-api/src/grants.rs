use std::borrow::Cow;
use std::sync::Arc;

use jackfield_types::{Capability, Credential, ErrorCode, Object, PluginQuota, Secret, Transport};
use serde_json::Value;

use crate::NodeError;

/// What the tenant on whose behalf a call is made lets it reach. Implemented by hosts; nodes that
/// reach outside themselves ask here first.
pub trait Grants: Send + Sync {
    /// Whether a capability is granted at all. To be asked each time that one is used: what was
    /// planned under another policy may still be running.
    ///
    /// # Errors
    /// [`NodeError::Refused`] that names the rule.
    fn check_capability(&self, capability: Capability) -> Result<(), NodeError> {
        let _ = capability;
        Ok(())
    }

    /// Whether a host may be reached, at a port. To be asked for every request and every redirect.
    ///
    /// # Errors
    /// [`NodeError::Refused`] that names the rule.
    fn check_host(&self, host: &str, port: u16) -> Result<(), NodeError>;

    /// Reads a secret of the tenant. Whatever comes out of the execution from then on is masked
    /// where it holds the secret.
    ///
    /// # Errors
    /// [`NodeError::Refused`] when the policy does not grant it, [`NodeError::Permanent`] with the
    /// code [`CREDENTIAL_MISSING`](ErrorCode::CREDENTIAL_MISSING) when there is none, and with
    /// [`CREDENTIAL_UNREADABLE`](ErrorCode::CREDENTIAL_UNREADABLE) when it cannot be read;
    /// [`NodeError::Retryable`] with that code when it may be later.
    fn secret(&self, name: &str) -> Result<Secret<String>, NodeError>;

    /// Reads a credential of the tenant, to be used for a host at a port. To be asked for every
    /// request and every redirect that the credential goes along with: it may be bound to hosts, to
    /// what protects it on the way, and to node types. Whatever comes out of the execution from then on is masked where it holds one
    /// of its secrets.
    ///
    /// By default there is none.
    ///
    /// # Errors
    /// [`NodeError::Refused`] when the policy does not grant it or the credential is bound to other
    /// uses, [`NodeError::Permanent`] with the code
    /// [`CREDENTIAL_MISSING`](ErrorCode::CREDENTIAL_MISSING) when there is none, and with
    /// [`CREDENTIAL_UNREADABLE`](ErrorCode::CREDENTIAL_UNREADABLE) when it cannot be read;
    /// [`NodeError::Retryable`] with that code when it may be later.
    fn credential(
        &self,
        name: &str,
        transport: Transport,
        host: &str,
        port: u16,
    ) -> Result<Credential, NodeError> {
        let _ = (transport, host, port);
        let message = format!("no credential `{name}`: this host keeps none");
        Err(NodeError::permanent(ErrorCode::CREDENTIAL_MISSING, message))
    }

    /// Reads a credential of the tenant that says by itself which host and port it is for, as the URL
    /// of a database does. `place` tells them; what is for no host has an empty one, which none is
    /// bound to.
    ///
    /// By default there is none.
    ///
    /// # Errors
    /// Those of [`credential`](Self::credential).
    fn placed_credential(
        &self,
        name: &str,
        place: &dyn Fn(&Credential) -> (String, u16),
    ) -> Result<Credential, NodeError> {
        let _ = place;
        let message = format!("no credential `{name}`: this host keeps none");
        Err(NodeError::permanent(ErrorCode::CREDENTIAL_MISSING, message))
    }

    /// How much a sandboxed plugin may use in the call.
    fn plugin_quota(&self) -> PluginQuota {
        PluginQuota::default()
    }

    /// A new data filter that lets through what `filter` does, but no row of another tenant.
    /// Under relaxed isolation it is the same filter.
    fn isolate(&self, filter: &Value) -> Value;

    /// Whether an item comes out of the call as it is, with nothing in it masked or taken away. For
    /// nodes that put what is in their items elsewhere, too, where nobody would know it again.
    fn comes_out_whole(&self, item: &Object) -> bool {
        let _ = item;
        true
    }

    /// A text without the secrets that the execution knows, for what does not go the way of
    /// outputs and failures, such as a line of a log.
    fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        Cow::Borrowed(text)
    }

    /// The same grants, for whoever cannot borrow them, such as a sandbox. They end with the call:
    /// who asked for them lets go of them when it ends.
    fn to_shared(&self) -> Arc<dyn Grants>;
}

/// The grants of a host without tenants: every host, no secrets, filters as they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenGrants;

impl Grants for OpenGrants {
    fn check_host(&self, _: &str, _: u16) -> Result<(), NodeError> {
        Ok(())
    }

    fn secret(&self, name: &str) -> Result<Secret<String>, NodeError> {
        let message = format!("no secret `{name}`: this host keeps none");
        Err(NodeError::permanent(ErrorCode::CREDENTIAL_MISSING, message))
    }

    fn isolate(&self, filter: &Value) -> Value {
        filter.clone()
    }

    fn to_shared(&self) -> Arc<dyn Grants> {
        Arc::new(Self)
    }
}
