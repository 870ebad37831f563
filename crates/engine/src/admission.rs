//! An execution's turn: whether it may begin, or has to wait until the tenant has room for it.

use std::sync::Arc;
use std::time::Duration;

use jackfield_tenancy::{ExecutionPermit, QuotaExceeded, TryExecution};
use tokio_util::sync::CancellationToken;

use crate::StartError;
use crate::tenant_state::TenantState;

/// How long an execution that is to go on waits before it asks again for room.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// How an execution stands with the quotas of its tenant.
pub(crate) enum Turn {
    /// It may begin. Executions within others have no permit of their own.
    Now(Option<ExecutionPermit>),
    /// It has to wait.
    Later(Arc<TenantState>),
    /// It had begun, and has to wait until it may go on, whatever the policy says about waiting.
    Again(Arc<TenantState>),
}

impl Turn {
    pub(crate) fn take(state: &Arc<TenantState>) -> Result<Self, StartError> {
        match state.tenant.admission().try_execution() {
            TryExecution::Admitted(permit) => Ok(Self::Now(Some(permit))),
            TryExecution::Wait => Ok(Self::Later(Arc::clone(state))),
            TryExecution::Refused(exceeded) => Err(StartError::QuotaExceeded(exceeded)),
        }
    }

    /// Waits for the turn. It is let be when the execution is cancelled meanwhile: what has not
    /// begun needs no room to end.
    pub(crate) async fn come(
        self,
        cancellation: &CancellationToken,
    ) -> Result<Option<ExecutionPermit>, QuotaExceeded> {
        match self {
            Self::Now(permit) => Ok(permit),
            // Whoever is dropped while waiting leaves the queue.
            Self::Later(state) => tokio::select! {
                biased;
                () = cancellation.cancelled() => Ok(None),
                permit = state.tenant.admission().execution() => permit.map(Some),
            },
            Self::Again(state) => loop {
                let admitted = match state.tenant.admission().try_execution() {
                    TryExecution::Admitted(permit) => return Ok(Some(permit)),
                    TryExecution::Wait => tokio::select! {
                        biased;
                        () = cancellation.cancelled() => return Ok(None),
                        permit = state.tenant.admission().execution() => permit.ok(),
                    },
                    TryExecution::Refused(_) => None,
                };
                if admitted.is_some() {
                    return Ok(admitted);
                }
                tokio::select! {
                    biased;
                    () = cancellation.cancelled() => return Ok(None),
                    () = tokio::time::sleep(ASK_AGAIN) => {}
                }
            },
        }
    }
}
