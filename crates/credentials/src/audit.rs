//! Who is told what was done with credentials.

use jackfield_tenancy::{AuditAction, AuditEntry, AuditOutcome, Tenancy};
use jackfield_types::{ErrorCode, NodeTypeId, TenantId, UserId};

use crate::key::KeyId;

/// Is told what was done with credentials. Implemented by hosts.
///
/// It is called after the fact, from whichever task did it, and must not block. What nodes of
/// executions read is not told here: that is in the audit trail of their tenant.
pub trait CredentialAudit: Send + Sync + 'static {
    /// Something was done with a credential of a tenant.
    fn record(&self, tenant: &TenantId, name: &str, event: &CredentialEvent<'_>);
}

/// What was done with a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialEvent<'a> {
    /// It was put: it is new, or another one than before.
    Put {
        /// Its type.
        credential_type: &'a str,
    },
    /// It was deleted.
    Deleted,
    /// It was encrypted anew, or its key was; what is in it is the same.
    Encrypted {
        /// The master key.
        key: &'a KeyId,
    },
    /// It was read, to be used.
    Used {
        /// By which node type.
        node_type: &'a NodeTypeId,
        /// For which host.
        host: &'a str,
        /// At which port.
        port: u16,
    },
    /// It was to be used as it may not be.
    Refused {
        /// By which node type.
        node_type: &'a NodeTypeId,
        /// The rule.
        rule: &'a str,
    },
    /// It was to be used, and cannot be read.
    Unreadable {
        /// Why.
        reason: &'a str,
    },
}

/// Puts on record in the audit trails of tenants what is done with their credentials.
#[derive(Debug, Clone)]
pub struct AuditTrail {
    tenancy: Tenancy,
    user: Option<UserId>,
}

impl AuditTrail {
    /// Records in the trails of a tenancy.
    pub fn new(tenancy: Tenancy) -> Self {
        Self {
            tenancy,
            user: None,
        }
    }

    /// Says who does it all.
    #[must_use]
    pub fn by(mut self, user: UserId) -> Self {
        self.user = Some(user);
        self
    }
}

impl CredentialAudit for AuditTrail {
    fn record(&self, tenant: &TenantId, name: &str, event: &CredentialEvent<'_>) {
        let entry = match *event {
            CredentialEvent::Put { credential_type } => AuditEntry {
                note: Some(format!("{name}: {credential_type}").into()),
                ..AuditEntry::allowed(AuditAction::CredentialChanged)
            },
            CredentialEvent::Deleted => AuditEntry::allowed(AuditAction::CredentialRemoved),
            CredentialEvent::Encrypted { key } => AuditEntry {
                note: Some(format!("{name}: encrypted anew, master key {key}").into()),
                ..AuditEntry::allowed(AuditAction::CredentialChanged)
            },
            CredentialEvent::Used {
                node_type,
                host,
                port,
            } => AuditEntry {
                node_type: Some(node_type.clone()),
                note: Some(format!("{name}: {host}:{port}").into()),
                ..AuditEntry::allowed(AuditAction::SecretRead)
            },
            CredentialEvent::Refused { node_type, rule } => AuditEntry {
                node_type: Some(node_type.clone()),
                ..AuditEntry::refused(AuditAction::SecretRead, rule.into())
            },
            CredentialEvent::Unreadable { reason } => AuditEntry {
                outcome: Some(AuditOutcome::Error),
                error_code: Some(ErrorCode::CREDENTIAL_UNREADABLE),
                note: Some(format!("{name}: {reason}").into()),
                ..AuditEntry::allowed(AuditAction::SecretRead)
            },
        };
        let note = entry.note.clone().unwrap_or_else(|| name.into());
        self.tenancy.tenant(tenant).record(AuditEntry {
            note: Some(note),
            user: self.user.clone(),
            ..entry
        });
    }
}
