//! Tenants: what each one may do, how much of it, and what is remembered of it.
//!
//! - `policy`: documents are read, checked and compiled; a compiled policy decides.
//! - `policy_source`: policies that are kept elsewhere, and what holds until they are read.
//! - `tenancy`: `Tenancy` knows the policies in force; a `Tenant` is the handle through which
//!   everything that belongs to one tenant is reached.
//! - `secrets`, `binding`: where secrets and credentials come from, and where they may be used.
//! - `isolation`: data filters that cannot be talked out of their tenant.
//! - `admission`: quotas, and whose turn it is.
//! - `usage`: what one execution has used up.
//! - `redaction`: what may not come out, taken out before it is written or shown.
//! - `audit`: the hash-chained trail of what was decided and done.

mod admission;
mod audit;
mod binding;
mod isolation;
pub mod policy;
mod policy_source;
mod redaction;
mod secrets;
mod tenancy;
mod tenancy_builder;
mod tenant;
mod usage;

pub use admission::{
    Admission, AdmissionLimits, AdmissionState, CallPermit, ExecutionPermit, Load, Quota,
    QuotaExceeded, QuotaLimit, TenantAdmission, TryCall, TryExecution,
};
pub use audit::{
    AuditAction, AuditDecision, AuditDurability, AuditEntry, AuditError, AuditFinding, AuditHash,
    AuditHashError, AuditHead, AuditHeadError, AuditKey, AuditLog, AuditOptions, AuditOutcome,
    AuditReader, AuditRecord, AuditStatistics, AuditStore, AuditStoreError, AuditVerification,
    TenantAudit, VerifyOptions, audited_tenants, has_stored_audit, verify_audit,
    verify_stored_audit,
};
pub use binding::{BindingError, BoundCredential, CredentialBinding, CredentialUse, PLAIN_TYPE};
pub use isolation::{IsolationContext, TENANT_FIELD, enforce_data_isolation};
pub use policy::{
    Decision, ExplainedRule, Explanation, LoadedPolicies, PolicyFolderError, PolicyFormat,
    PolicyReader, Refusal, RuleSays, TenantPolicy, Verdict, policy_schema, read_policy,
};
pub use policy_source::{PolicySource, PolicySourceError};
pub use redaction::{
    LEAST_SECRET, MASK, RedactionError, RedactionPlace, RedactionProblem, RedactionRules, Redactor,
};
pub use secrets::{
    RefreshFuture, SecretError, SecretNameError, SecretSource, SecretsFileError, StaticSecrets,
};
pub use tenancy::Tenancy;
pub use tenancy_builder::TenancyBuilder;
pub use tenant::Tenant;
pub use usage::{
    Metered, OutputRefused, QuotaExceededInExecution, TooLarge, Usage, check_output, output_size,
};
