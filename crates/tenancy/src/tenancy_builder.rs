//! What a tenancy is put together from.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use jackfield_types::{DataIsolation, OutputFilter, Quotas};

use crate::admission::{Admission, AdmissionLimits};
use crate::audit::AuditLog;
use crate::policy::Refusal;
use crate::policy_source::PolicySource;
use crate::redaction::{RedactionError, RedactionRules};
use crate::secrets::SecretSource;
use crate::tenancy::{InstanceRedaction, Settings, Tenancy};

/// Puts a [`Tenancy`] together.
#[derive(Default)]
#[must_use]
pub struct TenancyBuilder {
    denies_by_default: bool,
    open_isolation: DataIsolation,
    secrets: Option<Arc<dyn SecretSource>>,
    policies: Option<Arc<dyn PolicySource>>,
    redaction: InstanceRedaction,
    admission: AdmissionLimits,
    audit: Option<AuditLog>,
}

impl TenancyBuilder {
    /// Refuses everything to tenants without a policy. If this is not said, they may do everything.
    pub fn deny_by_default(mut self) -> Self {
        self.denies_by_default = true;
        self
    }

    /// Says whether tenants without a policy are added to every data filter; if this is not said,
    /// they are.
    pub fn data_isolation(mut self, isolation: DataIsolation) -> Self {
        self.open_isolation = isolation;
        self
    }

    /// Says where the secrets of tenants come from. If this is not said, there are none.
    pub fn secrets(mut self, source: impl SecretSource) -> Self {
        self.secrets = Some(Arc::new(source));
        self
    }

    /// Says where the policies of tenants are read from. A tenant may do nothing until its policy,
    /// or that it has none, was read: [`Tenant::refresh_secrets`](crate::Tenant::refresh_secrets)
    /// reads it, and the engine awaits that before executions go on and nodes are called. Changes are
    /// in force a second later.
    pub fn policies(mut self, source: impl PolicySource) -> Self {
        self.policies = Some(Arc::new(source));
        self
    }

    /// Says what is taken out, or masked, for every tenant, beside what its policy says.
    ///
    /// # Errors
    /// [`RedactionError`] with everything that is wrong.
    pub fn redaction(
        mut self,
        filters: Vec<OutputFilter>,
        sensitive_field_patterns: Vec<String>,
    ) -> Result<Self, RedactionError> {
        let rules = RedactionRules::compile(&filters, &sensitive_field_patterns)?;
        self.redaction = InstanceRedaction {
            filters,
            patterns: sensitive_field_patterns,
            rules: (!rules.is_empty()).then(|| Arc::new(rules)),
        };
        Ok(self)
    }

    /// Says how much the whole instance runs at once. If this is not said, there is no bound.
    pub fn admission(mut self, limits: AdmissionLimits) -> Self {
        self.admission = limits;
        self
    }

    /// Says where the audit trails are kept. If this is not said, there are none.
    pub fn audit(mut self, log: AuditLog) -> Self {
        self.audit = Some(log);
        self
    }

    /// Makes the tenancy.
    pub fn build(self) -> Tenancy {
        let without_policy = if self.denies_by_default {
            Err(Refusal::new(
                "no policy, and the instance denies by default",
            ))
        } else {
            Ok("no policy, and the instance allows by default".into())
        };
        Tenancy::new(Settings {
            without_policy,
            open_quotas: Arc::new(Quotas::default()),
            open_isolation: self.open_isolation,
            secrets: self.secrets,
            policies: self.policies,
            redaction: self.redaction,
            admission: Admission::new(self.admission),
            audit: self.audit,
            last_number: AtomicU64::new(0),
        })
    }
}

impl fmt::Debug for TenancyBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenancyBuilder")
            .field("denies_by_default", &self.denies_by_default)
            .field("open_isolation", &self.open_isolation)
            .finish_non_exhaustive()
    }
}
