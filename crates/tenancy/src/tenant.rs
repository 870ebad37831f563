//! The handle of one tenant.

mod state;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jackfield_types::{
    Capability, CircuitBreaker, Credential, DataIsolation, NodeTypeId, PluginOrigin, Quotas,
    Secret, TenantId, Transport, UserId,
};
use semver::Version;
use serde_json::Value;

use crate::admission::TenantAdmission;
use crate::audit::{AuditDecision, AuditEntry, TenantAudit};
use crate::binding::{BoundCredential, CredentialUse};
use crate::isolation::{IsolationContext, enforce_data_isolation};
use crate::policy::{
    ExplainedRule, Explanation, Refusal, RuleSays, TenantPolicy, Verdict, unnamed_capability,
};
use crate::redaction::RedactionRules;
use crate::secrets::{RefreshFuture, SecretError, SecretSource};

pub(crate) use self::state::TenantState;

/// A handle through which everything that belongs to one tenant is reached. What it gives is
/// this tenant's and nobody else's.
///
/// It is cheap to clone, and it always speaks for the policy that is in force now.
#[derive(Clone)]
pub struct Tenant(pub(crate) Arc<TenantState>);

impl Tenant {
    /// Whose handle it is.
    pub fn id(&self) -> &TenantId {
        &self.0.id
    }

    /// The policy that is in force now, if there is one.
    pub fn policy(&self) -> Option<Arc<TenantPolicy>> {
        self.0.policy()
    }

    /// A number that changes whenever the policy does. A decision that was made after it was read
    /// holds as long as it stands. It costs one atomic load.
    pub fn policy_number(&self) -> u64 {
        self.0.number.load(Ordering::Acquire)
    }

    /// Asks whether a node type may be used, and gives the rule that allows it.
    ///
    /// # Errors
    /// The [`Refusal`] with its rule. No recovery strategy gets round it.
    pub fn authorize(
        &self,
        node_type: &NodeTypeId,
        version: &Version,
        capabilities: &[Capability],
    ) -> Result<Arc<str>, Refusal> {
        match &*self.0.in_force()? {
            Some(policy) => policy
                .decide(node_type, version, capabilities)
                .into_result(),
            None => match unnamed_capability(capabilities) {
                Some(rule) => Err(Refusal { rule }),
                None => self.0.decide_without_policy().cloned(),
            },
        }
    }

    /// Tells how the decision about a node type comes about.
    pub fn explain(
        &self,
        node_type: &NodeTypeId,
        version: Option<&Version>,
        capabilities: &[Capability],
    ) -> Explanation {
        let in_force = self.0.in_force();
        if let Ok(policy) = &in_force
            && let Some(policy) = policy.as_deref()
        {
            return policy.explain(node_type, version, capabilities);
        }
        let decided = match (in_force, unnamed_capability(capabilities)) {
            (Err(refusal), _) => Err(refusal),
            (Ok(_), Some(rule)) => Err(Refusal { rule }),
            (Ok(_), None) => self.0.decide_without_policy(),
        };
        let (verdict, says, rule) = match decided {
            Ok(rule) => (Verdict::Allowed, RuleSays::Allows, Arc::clone(rule)),
            Err(refusal) => (Verdict::Refused, RuleSays::Refuses, refusal.rule),
        };
        Explanation {
            verdict,
            rule: Arc::clone(&rule),
            steps: vec![ExplainedRule {
                rule,
                says,
                decides: true,
            }],
        }
    }

    /// Asks whether a user may start something for the tenant.
    ///
    /// # Errors
    /// The [`Refusal`] with its rule.
    pub fn authorize_user(&self, user: Option<&UserId>) -> Result<(), Refusal> {
        match &*self.0.in_force()? {
            Some(policy) => policy.decide_user(user),
            None => self.0.decide_without_policy().map(drop),
        }
    }

    /// Asks whether a capability may be used.
    ///
    /// # Errors
    /// The [`Refusal`] with its rule.
    pub fn check_capability(&self, capability: Capability) -> Result<(), Refusal> {
        match &*self.0.in_force()? {
            Some(policy) => policy.decide_capability(capability),
            None => match unnamed_capability(&[capability]) {
                Some(rule) => Err(Refusal { rule }),
                None => self.0.decide_without_policy().map(drop),
            },
        }
    }

    /// Asks whether the node types of a plugin may be used, by who signed it. Nobody has to sign
    /// what comes from no plugin.
    ///
    /// # Errors
    /// The [`Refusal`] with its rule. No recovery strategy gets round it.
    pub fn authorize_plugin(&self, origin: Option<&PluginOrigin>) -> Result<(), Refusal> {
        let Some(origin) = origin else {
            return Ok(());
        };
        match &*self.0.in_force()? {
            Some(policy) => policy.decide_plugin(origin),
            None => self.0.decide_without_policy().map(drop),
        }
    }

    /// Asks whether a host may be reached at a port.
    ///
    /// # Errors
    /// The [`Refusal`] with its rule.
    pub fn check_host(&self, host: &str, port: u16) -> Result<(), Refusal> {
        match &*self.0.in_force()? {
            Some(policy) => policy.decide_host(host, port),
            None => self.0.decide_without_policy().map(drop),
        }
    }

    /// Reads a secret.
    ///
    /// # Errors
    /// [`SecretError::Refused`] when the policy does not grant it, [`SecretError::Missing`] when
    /// there is none.
    pub fn secret(&self, name: &str) -> Result<Secret<String>, SecretError> {
        self.source(name)?.find(&self.0.id, name)
    }

    /// Reads a credential, for a use that it may be bound to.
    ///
    /// # Errors
    /// [`SecretError::Refused`] when the policy does not grant it or the credential is bound to other
    /// uses, [`SecretError::Missing`] when there is none, and what else a
    /// [`SecretSource`](crate::SecretSource) says.
    pub fn credential(
        &self,
        name: &str,
        wanted: &CredentialUse<'_>,
    ) -> Result<Credential, SecretError> {
        let BoundCredential {
            credential,
            binding,
        } = self.source(name)?.credential(&self.0.id, name)?;
        binding.check(name, wanted).map_err(SecretError::Refused)?;
        Ok(credential)
    }

    /// Reads a credential that says by itself which host and port it is for, and gives both with it.
    ///
    /// # Errors
    /// Those of [`credential`](Self::credential).
    pub fn placed_credential(
        &self,
        name: &str,
        (node_type, version): (&NodeTypeId, &Version),
        place: &dyn Fn(&Credential) -> (String, u16),
    ) -> Result<(Credential, (String, u16)), SecretError> {
        let BoundCredential {
            credential,
            binding,
        } = self.source(name)?.credential(&self.0.id, name)?;
        let (host, port) = place(&credential);
        let wanted = CredentialUse {
            node_type,
            version,
            transport: Transport::Own,
            host: &host,
            port,
        };
        binding.check(name, &wanted).map_err(SecretError::Refused)?;
        Ok((credential, (host, port)))
    }

    /// Everything that must not be shown of what it keeps under a name, be it a secret or a
    /// credential.
    pub fn secret_texts(&self, name: &str) -> Vec<Secret<String>> {
        let source = self.source(name);
        source.map_or_else(|_| Vec::new(), |source| source.texts(&self.0.id, name))
    }

    /// Brings what is known of its secrets up to date, and its policy where that is read from a
    /// source, if there is anything to do. Whoever plans workflows of a tenant whose secrets or
    /// policy are in a store awaits this before.
    pub fn refresh_secrets(&self) -> Option<RefreshFuture<'_>> {
        let secrets = self.0.settings.secrets();
        let secrets = secrets.and_then(|secrets| secrets.refresh(&self.0.id));
        let Some(policy) = self.refresh_policy() else {
            return secrets;
        };
        Some(Box::pin(async move {
            policy.await;
            if let Some(secrets) = secrets {
                secrets.await;
            }
        }))
    }

    /// Where its secrets come from, if it may read this one.
    fn source(&self, name: &str) -> Result<&Arc<dyn SecretSource>, SecretError> {
        self.decide_secret(name).map_err(SecretError::Refused)?;
        let source = self.0.settings.secrets();
        source.ok_or_else(|| SecretError::missing(&self.0.id, name))
    }

    /// The names of the secrets that it may read, in order.
    pub fn secret_names(&self) -> Vec<String> {
        let Some(source) = self.0.settings.secrets() else {
            return Vec::new();
        };
        let mut names = source.names(&self.0.id);
        names.retain(|name| self.decide_secret(name).is_ok());
        names
    }

    fn decide_secret(&self, name: &str) -> Result<(), Refusal> {
        match &*self.0.in_force()? {
            Some(policy) => policy.decide_secret(name),
            None => self.0.decide_without_policy().map(drop),
        }
    }

    /// Whether expressions may read a name of the environment, of those that the instance grants.
    pub fn may_read_environment(&self, name: &str) -> bool {
        self.0
            .in_force()
            .is_ok_and(|policy| match policy.as_deref() {
                Some(policy) => policy.may_read_environment(name),
                None => self.0.decide_without_policy().is_ok(),
            })
    }

    /// Its part of what the instance runs: whose turn it is, and what is too much.
    pub fn admission(&self) -> &TenantAdmission {
        &self.0.admission
    }

    /// Its audit trail, if one is kept. [`Tenant::record`] asks the policy what is recorded.
    pub fn audit(&self) -> Option<&TenantAudit> {
        self.0.audit.as_ref()
    }

    /// Whether something is recorded in its audit trail: refusals whenever a trail is kept, and
    /// the rest unless its policy says otherwise.
    pub fn is_recorded(&self, decision: AuditDecision) -> bool {
        self.0.audit.is_some()
            && match decision {
                AuditDecision::Refused => true,
                AuditDecision::Allowed => {
                    let policy = self.0.policy.load();
                    policy
                        .as_deref()
                        .is_none_or(|policy| policy.document().audit_logging)
                }
            }
    }

    /// Records something in its audit trail, if a trail is kept and its policy wants it recorded.
    pub fn record(&self, entry: AuditEntry) {
        if let Some(audit) = &self.0.audit
            && self.is_recorded(entry.decision)
        {
            audit.record(entry);
        }
    }

    /// How much it may do; without a policy there is no bound.
    pub fn quotas(&self) -> Arc<Quotas> {
        match &*self.0.policy.load() {
            Some(policy) => Arc::clone(policy.quotas()),
            None => Arc::clone(self.0.settings.open_quotas()),
        }
    }

    /// What is taken out of, or masked in, what comes out; nothing when there is nothing to do.
    pub fn redaction(&self) -> Option<Arc<RedactionRules>> {
        match &*self.0.policy.load() {
            Some(policy) => {
                let rules = policy.redaction();
                (!rules.is_empty()).then(|| Arc::clone(rules))
            }
            None => self.0.settings.open_redaction().cloned(),
        }
    }

    /// When calls of its node types are left out, if its policy says so.
    pub fn circuit_breaker(&self) -> Option<CircuitBreaker> {
        let policy = self.0.policy.load();
        policy.as_deref()?.document().circuit_breaker
    }

    /// Whether it is added to every data filter. That is so while its policy cannot be read,
    /// whatever holds for tenants without one.
    pub fn data_isolation(&self) -> DataIsolation {
        match self.0.in_force().as_deref() {
            Ok(Some(policy)) => policy.document().data_isolation,
            Ok(None) => self.0.settings.open_isolation(),
            Err(_) => DataIsolation::Strict,
        }
    }

    /// Makes a new data filter that lets through what `filter` does, but, under strict isolation,
    /// no row of another tenant.
    pub fn enforce_data_isolation(&self, filter: &Value) -> Value {
        let context = IsolationContext {
            tenant: &self.0.id,
            isolation: self.data_isolation(),
        };
        enforce_data_isolation(&context, filter)
    }
}

impl PartialEq for Tenant {
    /// Two handles are equal when they are of the same tenant of the same [`Tenancy`](crate::Tenancy).
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id && Arc::ptr_eq(&self.0.settings, &other.0.settings)
    }
}

impl Eq for Tenant {}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tenant").field(&self.0.id).finish()
    }
}
