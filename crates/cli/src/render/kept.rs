//! Executions that are kept, in words.

use jackfield::StoredExecution;
use jackfield::store::ExecutionState;

use super::text::line;

/// How an execution stands, on a line.
pub(crate) fn standing(execution: &StoredExecution) -> String {
    match &execution.state {
        ExecutionState::Running if execution.requests.cancel => "to be cancelled".to_owned(),
        ExecutionState::Running if execution.requests.pause => "to be paused".to_owned(),
        ExecutionState::Running => "running".to_owned(),
        ExecutionState::Parked(waiting) => match (waiting.until, waiting.signal_after) {
            (Some(until), None) => format!("waits until {until:.0}"),
            (Some(until), Some(_)) => format!("waits for a signal, until {until:.0}"),
            (None, Some(_)) => "waits for a signal".to_owned(),
            (None, None) => "waits".to_owned(),
        },
        ExecutionState::Paused => "paused".to_owned(),
        ExecutionState::Stuck { reason } => format!("stuck: {}", line(reason, 400)),
        ExecutionState::Ended { status } => line(status, 80),
    }
}

/// Where an execution stands that this process has left, and how it goes on.
pub(crate) fn goes_on(execution: &StoredExecution) -> String {
    let id = execution.id;
    match &execution.state {
        ExecutionState::Running => format!(
            "execution {id} stopped here and is kept; `jackfield resume {id}` goes on with it"
        ),
        ExecutionState::Paused => {
            format!("execution {id} is paused; `jackfield resume {id}` goes on with it")
        }
        ExecutionState::Parked(_) | ExecutionState::Stuck { .. } | ExecutionState::Ended { .. } => {
            format!("execution {id} is kept: {}", standing(execution))
        }
    }
}
