use jackfield_plugin_api::NodeError;
use jackfield_registry::discovery::CapabilityRequest;
use jackfield_types::{Capability, ErrorCode};

use super::CallSite;
use super::fault::fault;
use crate::bindings::jackfield::plugin::types::Fault;
use crate::state::{CallScope, PluginState};

/// A capability that is granted to the call that is under way.
pub(super) struct Granted<'a> {
    pub(super) call: &'a CallScope,
    /// What the manifest says about it.
    pub(super) request: &'a CapabilityRequest,
}

impl PluginState {
    /// Asks whether a capability is granted: by the manifest first, by the tenant's policy then.
    ///
    /// # Errors
    /// The refusal that the guest is given.
    pub(super) fn granted(&mut self, capability: Capability) -> Result<Granted<'_>, Fault> {
        if let Err(error) = self.decide(capability) {
            let name = capability.as_str();
            let told = format!("the policy does not grant capability `{name}`");
            return Err(self.refuse(error, told));
        }
        // Both were just there.
        match (&self.call, self.manifest.capabilities().get(&capability)) {
            (Some(call), Some(request)) => Ok(Granted { call, request }),
            (None, _) | (_, None) => {
                Err(fault(&ErrorCode::CAPABILITY_REFUSED, "nothing is granted"))
            }
        }
    }

    fn decide(&self, capability: Capability) -> Result<(), NodeError> {
        let name = capability.as_str();
        let refuse = |message| Err(NodeError::refused(ErrorCode::CAPABILITY_REFUSED, message));
        let Some(call) = &self.call else {
            return refuse(format!(
                "capability `{name}` is not there while a plugin starts or describes itself"
            ));
        };
        if !self.manifest.capabilities().contains_key(&capability) {
            return refuse(format!(
                "plugin `{}` does not ask for capability `{name}`; its `plugin.toml` has to, with a reason",
                self.origin
            ));
        }
        call.grants.check_capability(capability)
    }

    /// Refuses something, and keeps the reason in full. `told` is what the guest is told when the
    /// reason is the policy of its tenant, which is none of its business.
    pub(super) fn refuse(&mut self, error: NodeError, told: String) -> Fault {
        let code = error.code();
        let message = if code == ErrorCode::TENANT_FORBIDDEN {
            told
        } else {
            error.to_string()
        };
        if matches!(error, NodeError::Refused(_)) {
            self.record.keep_refusal(error);
        }
        fault(&code, message)
    }

    /// Where the call that is under way stands.
    pub(super) fn call_site(&self) -> Option<CallSite<'_>> {
        let call = self.call.as_ref()?;
        Some(CallSite {
            plugin: &self.origin,
            node_type: &call.node_type,
            tenant: &call.tenant,
            execution: call.execution,
            node: &call.node,
        })
    }
}
