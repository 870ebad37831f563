use jackfield_types::{ExecutionId, TenantId};
use tokio::sync::mpsc;

use super::Outcome;
use crate::{Report, RunningExecution, StartError};

/// What a worker tells of the executions that it runs.
#[derive(Clone)]
#[non_exhaustive]
pub enum WorkerNotice {
    /// It was taken up, and goes on here.
    TakenUp {
        /// Whose it is.
        tenant: TenantId,
        /// The execution.
        execution: RunningExecution,
        /// How many events it has had before.
        events: u64,
    },
    /// It has ended here.
    Ended {
        /// Whose it is.
        tenant: TenantId,
        /// What became of it.
        report: Box<Report>,
    },
    /// It goes on later or elsewhere, or cannot go on: the store says how it stands.
    Left {
        /// Whose it is.
        tenant: TenantId,
        /// The execution.
        execution: ExecutionId,
    },
    /// It goes no further here.
    Failed {
        /// Whose it is.
        tenant: TenantId,
        /// The execution.
        execution: ExecutionId,
        /// Why.
        error: StartError,
    },
}

/// Tells of one execution.
pub(super) struct Notices {
    pub(super) tenant: TenantId,
    pub(super) execution: ExecutionId,
    pub(super) sender: Option<mpsc::Sender<WorkerNotice>>,
}

impl Notices {
    pub(super) async fn taken_up(&self, execution: RunningExecution) {
        let events = execution.journal().len() as u64;
        let tenant = self.tenant.clone();
        let notice = WorkerNotice::TakenUp {
            tenant,
            execution,
            events,
        };
        self.tell(notice).await;
    }

    pub(super) async fn over(self, result: Result<Outcome, StartError>) {
        let (tenant, execution) = (self.tenant.clone(), self.execution);
        self.tell(match result {
            Ok(Outcome::Ended(report)) => WorkerNotice::Ended {
                tenant,
                report: Box::new(report),
            },
            Ok(Outcome::Left) => WorkerNotice::Left { tenant, execution },
            Err(error) => WorkerNotice::Failed {
                tenant,
                execution,
                error,
            },
        })
        .await;
    }

    async fn tell(&self, notice: WorkerNotice) {
        if let Some(sender) = &self.sender {
            // Nobody has to listen.
            let _ = sender.send(notice).await;
        }
    }
}
