//! What the engine puts into the audit trail: what was planned, started, called, and how it ended.
//!
//! With `auditLogging` off just refusals are recorded. Entries hold names and decisions, never what
//! nodes were given or gave.

use std::sync::Arc;
use std::time::Duration;

use jackfield_definition::Diagnostics;
use jackfield_kernel::{ExecutionStatus, NodeIndex};
use jackfield_registry::Registration;
use jackfield_tenancy::{
    AuditAction, AuditDecision, AuditEntry, AuditOutcome, QuotaExceeded, Refusal, SecretError,
};
use jackfield_types::{ErrorCode, ExecutionId, NodeFailure, NodeTypeId, Severity};
use semver::Version;
use tokio::time::Instant;

use crate::execution::{Caller, Running};
use crate::{PreparedPlan, StartError};

impl Caller {
    fn record(&self, entry: AuditEntry) {
        let is_refusal = entry.decision == AuditDecision::Refused;
        if !is_refusal && !self.state.in_force().audits {
            return;
        }
        if let Some(audit) = self.state.tenant.audit() {
            audit.record(AuditEntry {
                user: self.user.clone(),
                ..entry
            });
        }
    }

    fn is_audited(&self) -> bool {
        self.state.in_force().audits
    }
}

impl Running {
    fn entry(&self, entry: AuditEntry) -> AuditEntry {
        AuditEntry {
            execution: Some(self.id),
            ..entry
        }
    }
}

/// A workflow was planned, or was to be.
pub(crate) fn planned(caller: &Caller, workflow: &str, findings: Option<&Diagnostics>) {
    let refused = refused_by(findings);
    if refused.is_none() && !caller.is_audited() {
        return;
    }
    let entry = match refused {
        Some(rule) => AuditEntry::refused(AuditAction::WorkflowPlanned, rule),
        None => AuditEntry {
            outcome: Some(match findings {
                Some(_) => AuditOutcome::Error,
                None => AuditOutcome::Success,
            }),
            ..AuditEntry::allowed(AuditAction::WorkflowPlanned)
        },
    };
    caller.record(AuditEntry {
        error_code: findings.and_then(first_error),
        note: Some(workflow.into()),
        ..entry
    });
}

/// A call outside of a workflow was refused before it came to be one.
pub(crate) fn planned_refusal(caller: &Caller, node_type: &str, findings: &Diagnostics) {
    if refused_by(Some(findings)).is_some() {
        planned(caller, node_type, Some(findings));
    }
}

/// What a refusal during planning says.
pub(crate) fn refused_by(findings: Option<&Diagnostics>) -> Option<Arc<str>> {
    let refusal = findings?.iter().find(|finding| {
        finding.code == ErrorCode::TENANT_FORBIDDEN && finding.severity == Severity::Error
    })?;
    Some(refusal.message.as_str().into())
}

fn first_error(findings: &Diagnostics) -> Option<ErrorCode> {
    let error = findings
        .iter()
        .find(|finding| finding.severity == Severity::Error)?;
    Some(error.code.clone())
}

/// An execution was to start.
pub(crate) fn not_started(caller: &Caller, plan: &PreparedPlan, error: &StartError) {
    // A plan that the tenant does not have has no name that it may learn.
    let note = (*error != StartError::UnknownPlan).then(|| plan.name().into());
    caller.record(AuditEntry {
        error_code: error.code(),
        note,
        ..match (refusal_rule(error), error) {
            (Some(rule), _) => AuditEntry::refused(AuditAction::ExecutionStarted, rule),
            (None, _) => AuditEntry {
                outcome: Some(AuditOutcome::Error),
                ..AuditEntry::allowed(AuditAction::ExecutionStarted)
            },
        }
    });
}

fn refusal_rule(error: &StartError) -> Option<Arc<str>> {
    match error {
        StartError::QuotaExceeded(exceeded) => Some(quota_rule(exceeded)),
        _ => error.rule().map(Arc::clone),
    }
}

fn quota_rule(exceeded: &QuotaExceeded) -> Arc<str> {
    format!("quotas.{}", exceeded.quota).into()
}

/// Somebody asked that an execution end.
pub(crate) fn cancelled(caller: &Caller, execution: ExecutionId) {
    if caller.is_audited() {
        caller.record(AuditEntry {
            execution: Some(execution),
            ..AuditEntry::allowed(AuditAction::ExecutionCancelled)
        });
    }
}

/// A secret was read for the first time in an execution, or was to be read.
pub(crate) fn secret_read(running: &Running, name: &str, error: Option<&SecretError>) {
    let entry = match error {
        Some(SecretError::Refused(refusal)) => {
            AuditEntry::refused(AuditAction::SecretRead, Arc::clone(&refusal.rule))
        }
        _ if !running.caller.is_audited() => return,
        // Nothing was read.
        Some(error) => AuditEntry {
            outcome: Some(AuditOutcome::Error),
            error_code: Some(match error {
                SecretError::Unreadable { .. } | SecretError::NotReady { .. } => {
                    ErrorCode::CREDENTIAL_UNREADABLE
                }
                _ => ErrorCode::CREDENTIAL_MISSING,
            }),
            ..AuditEntry::allowed(AuditAction::SecretRead)
        },
        None => AuditEntry::allowed(AuditAction::SecretRead),
    };
    running.caller.record(AuditEntry {
        // The name may come out of an expression that reads another secret.
        note: Some(running.masked(name.to_owned()).into()),
        ..running.entry(entry)
    });
}

/// The record that an execution leaves: it began, and in the end how it ended. Dropped without a
/// word it was broken off.
pub(crate) struct ExecutionAudit {
    running: Arc<Running>,
    began: Instant,
    is_open: bool,
}

impl ExecutionAudit {
    /// Puts on record that an execution begins; one that goes on has begun long since.
    pub(crate) fn begin(running: &Arc<Running>, goes_on: bool) -> Option<Self> {
        if !running.caller.is_audited() {
            return None;
        }
        if !goes_on {
            running.caller.record(AuditEntry {
                note: Some(running.masked(running.plan.name().to_owned()).into()),
                ..running.entry(AuditEntry::allowed(AuditAction::ExecutionStarted))
            });
        }
        Some(Self {
            running: Arc::clone(running),
            began: Instant::now(),
            is_open: true,
        })
    }

    pub(crate) fn ended(mut self, status: ExecutionStatus, code: Option<ErrorCode>) {
        let outcome = match status {
            ExecutionStatus::Success => AuditOutcome::Success,
            ExecutionStatus::Error | ExecutionStatus::Running => AuditOutcome::Error,
            ExecutionStatus::Cancelled => AuditOutcome::Cancelled,
            ExecutionStatus::TimedOut => AuditOutcome::TimedOut,
        };
        self.close(outcome, code);
    }

    /// It has not ended, and goes on elsewhere or later.
    pub(crate) fn left(mut self) {
        self.is_open = false;
    }

    fn close(&mut self, outcome: AuditOutcome, code: Option<ErrorCode>) {
        self.is_open = false;
        self.running.caller.record(AuditEntry {
            outcome: Some(outcome),
            error_code: code,
            duration: Some(self.began.elapsed()),
            ..self
                .running
                .entry(AuditEntry::allowed(AuditAction::ExecutionEnded))
        });
    }
}

impl Drop for ExecutionAudit {
    fn drop(&mut self) {
        if self.is_open {
            self.close(AuditOutcome::Cancelled, Some(ErrorCode::CANCELLED));
        }
    }
}

/// Which call a record is about.
pub(crate) struct Called<'a> {
    pub(crate) running: &'a Arc<Running>,
    pub(crate) node: NodeIndex,
    pub(crate) node_type: &'a NodeTypeId,
    pub(crate) version: Option<&'a Version>,
}

impl Called<'_> {
    fn entry(&self, entry: AuditEntry) -> AuditEntry {
        AuditEntry {
            node: Some(self.running.plan.node(self.node).name.clone()),
            node_type: Some(self.node_type.clone()),
            version: self.version.cloned(),
            ..self.running.entry(entry)
        }
    }

    /// A rule of the policy refused it.
    pub(crate) fn refused(&self, refusal: &Refusal) {
        self.refused_by(Arc::clone(&refusal.rule), ErrorCode::TENANT_FORBIDDEN);
    }

    /// A quota refused it.
    pub(crate) fn over_quota(&self, exceeded: &QuotaExceeded) {
        self.refused_by(quota_rule(exceeded), ErrorCode::QUOTA_EXCEEDED);
    }

    /// A circuit that is open refused it.
    pub(crate) fn left_out(&self) {
        self.refused_by("circuitBreaker".into(), ErrorCode::CIRCUIT_OPEN);
    }

    fn refused_by(&self, rule: Arc<str>, code: ErrorCode) {
        self.running.caller.record(AuditEntry {
            error_code: Some(code),
            ..self.entry(AuditEntry::refused(AuditAction::NodeCalled, rule))
        });
    }
}

/// The record that a call leaves when it ends. Dropped without a word it was broken off.
///
/// Calls have none when just refusals are recorded.
pub(crate) struct CallAudit {
    running: Arc<Running>,
    node: NodeIndex,
    registration: Arc<Registration>,
    rule: Option<Arc<str>>,
    began: Instant,
    is_open: bool,
}

impl CallAudit {
    pub(crate) fn begin(
        running: &Arc<Running>,
        node: NodeIndex,
        registration: &Arc<Registration>,
        rule: Arc<str>,
    ) -> Self {
        Self {
            running: Arc::clone(running),
            node,
            registration: Arc::clone(registration),
            rule: Some(rule),
            began: Instant::now(),
            is_open: true,
        }
    }

    pub(crate) fn ended(mut self, failure: Option<&NodeFailure>) {
        let outcome = match failure {
            None => AuditOutcome::Success,
            Some(failure) if failure.code == ErrorCode::CANCELLED => AuditOutcome::Cancelled,
            Some(failure) if failure.code == ErrorCode::TIMEOUT => AuditOutcome::TimedOut,
            Some(failure) if failure.partial.is_some() => AuditOutcome::Partial,
            Some(_) => AuditOutcome::Error,
        };
        self.close(outcome, failure.map(|failure| failure.code.clone()));
    }

    fn close(&mut self, outcome: AuditOutcome, code: Option<ErrorCode>) {
        self.is_open = false;
        let called = Called {
            running: &self.running,
            node: self.node,
            node_type: self.registration.node_type(),
            version: Some(self.registration.version()),
        };
        let duration: Duration = self.began.elapsed();
        self.running.caller.record(AuditEntry {
            rule: self.rule.take(),
            outcome: Some(outcome),
            error_code: code,
            duration: Some(duration),
            ..called.entry(AuditEntry::allowed(AuditAction::NodeCalled))
        });
    }
}

impl Drop for CallAudit {
    fn drop(&mut self) {
        if self.is_open {
            self.close(AuditOutcome::Cancelled, Some(ErrorCode::CANCELLED));
        }
    }
}
