//! What goes wrong with executions that are kept, as it is told: with a code, and the way out.

use jackfield::store::StoreError;
use jackfield::{ErrorCode, ExecutionId, StartError, StoredError};

use crate::error::CliError;
use crate::exit::Exit;

/// What a store said.
pub(crate) fn store_error(error: &StoreError) -> CliError {
    let (exit, hint) = match error {
        StoreError::NotFound { .. }
        | StoreError::Exists { .. }
        | StoreError::Conflict { .. }
        | StoreError::OutOfTurn { .. } => (Exit::InvalidInput, None),
        StoreError::Refused { .. } => (Exit::InvalidInput, None),
        // Their texts name the way out.
        StoreError::Newer { .. } => (Exit::InvalidInput, None),
        StoreError::InUse { .. } => (Exit::Internal, None),
        StoreError::Damaged { .. } => (
            Exit::Internal,
            Some("executions that are whole go on; `jackfield executions export` saves them"),
        ),
        StoreError::Fenced { .. } => (
            Exit::Internal,
            Some("it goes on there; `jackfield executions show` says how it stands"),
        ),
        StoreError::Full { .. } => (
            Exit::Internal,
            Some("make room on the disk; what was acknowledged is kept"),
        ),
        StoreError::Unavailable { .. } => (
            Exit::Internal,
            Some("what was acknowledged is kept; try again when the store can be reached"),
        ),
        _ => (Exit::Internal, None),
    };
    CliError::Kept {
        code: error.code(),
        message: error.to_string(),
        hint: hint.map(str::to_owned),
        exit,
    }
}

/// Why something was not done with an execution.
pub(crate) fn stored_error(error: &StoredError) -> CliError {
    let kept = |exit: Exit, hint: Option<String>| CliError::Kept {
        code: error.code().unwrap_or(ErrorCode::EXECUTION_ERROR),
        message: error.to_string(),
        hint,
        exit,
    };
    match error {
        StoredError::Store(error) => store_error(error),
        StoredError::Start(error) => start_error(error),
        StoredError::Plan(findings) => CliError::Workflow(findings.clone()),
        StoredError::UnknownExecution { .. } => kept(
            Exit::InvalidInput,
            Some(
                "`jackfield executions list` lists those of the tenant in this store; it may be \
                 another tenant's (`--tenant`), or in another store"
                    .to_owned(),
            ),
        ),
        StoredError::Held { .. } => kept(
            Exit::InvalidInput,
            Some(
                "signals, pauses and cancellation reach it there; if what runs it is gone, try \
                 again in a few seconds"
                    .to_owned(),
            ),
        ),
        StoredError::Ended { execution } => kept(
            Exit::InvalidInput,
            Some(format!(
                "`jackfield executions show {execution}` says how; `jackfield executions retry \
                 {execution} --from NODE` starts it over from a node"
            )),
        ),
        StoredError::Stuck { execution, .. } => {
            kept(Exit::ExecutionFailed, Some(stuck_hint(*execution)))
        }
        StoredError::NoStore | StoredError::Invalid { .. } => kept(Exit::InvalidInput, None),
        _ => CliError::internal("an execution that is kept cannot be worked with", error),
    }
}

/// Why what happened in an execution cannot be told with what there is here.
pub(crate) fn untold(error: &StoredError) -> CliError {
    let StoredError::Stuck { execution, reason } = error else {
        return stored_error(error);
    };
    CliError::Kept {
        code: ErrorCode::EXECUTION_STUCK,
        message: format!("what happened in execution `{execution}` cannot be told: {reason}"),
        hint: Some(format!(
            "name what it needs, as with `--plugins DIR`; `jackfield executions events {execution} \
             --raw` shows the records of one that is kept as they are"
        )),
        exit: Exit::InvalidInput,
    }
}

/// The ways out for an execution that is stuck.
pub(crate) fn stuck_hint(execution: ExecutionId) -> String {
    format!(
        "put in place what is missing, then `jackfield resume {execution}`; or start it over with \
         what there is: `jackfield executions retry {execution} --from NODE`; or let it go: \
         `jackfield executions cancel {execution}`"
    )
}

/// Why an execution did not start, or broke off.
pub(crate) fn start_error(error: &StartError) -> CliError {
    let kept = |code: ErrorCode, exit: Exit, hint: String| CliError::Kept {
        code,
        message: error.to_string(),
        hint: Some(hint),
        exit,
    };
    match error {
        StartError::Forbidden { .. } | StartError::UserForbidden { .. } => CliError::Refused {
            code: ErrorCode::TENANT_FORBIDDEN,
            message: error.to_string(),
        },
        StartError::PolicyUnread { .. } => kept(
            ErrorCode::STORE_ERROR,
            Exit::Internal,
            "nothing was started: try again when the store of the policies can be reached"
                .to_owned(),
        ),
        StartError::QuotaExceeded(_) => CliError::Refused {
            code: ErrorCode::QUOTA_EXCEEDED,
            message: error.to_string(),
        },
        StartError::UnknownTrigger { .. } => CliError::Start {
            code: ErrorCode::INVALID_INPUT,
            message: error.to_string(),
            hint: Some("name one of them, or leave `--trigger` out".to_owned()),
        },
        StartError::NotKept { execution, .. } => kept(
            ErrorCode::STORE_ERROR,
            Exit::Internal,
            format!(
                "what was acknowledged is kept: once the store can be written to again, `jackfield \
                 resume {execution}` goes on from there"
            ),
        ),
        StartError::Unacknowledged { execution, .. } => kept(
            ErrorCode::STORE_ERROR,
            Exit::Internal,
            format!(
                "before it is started anew: `jackfield executions show {execution}` says whether the \
                 store has it, once that can be reached"
            ),
        ),
        StartError::TakenOver { execution } => kept(
            ErrorCode::EXECUTION_HELD,
            Exit::Internal,
            format!("it goes on there; `jackfield executions show {execution}` says how it stands"),
        ),
        StartError::Stuck { execution, .. } => kept(
            ErrorCode::EXECUTION_STUCK,
            Exit::ExecutionFailed,
            stuck_hint(*execution),
        ),
        _ => CliError::internal("the execution broke off", error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_not_the_fault_of_the_input() {
        let refused = start_error(&StartError::Forbidden {
            tenant: jackfield::TenantId::default_tenant(),
            node: "a".try_into().unwrap(),
            node_type: "http-request".try_into().unwrap(),
            rule: "denied".into(),
        });
        assert_eq!(refused.exit(), Exit::Refused);
        let unknown = StartError::UnknownTrigger {
            name: "b".to_owned(),
            triggers: Vec::new(),
        };
        assert_eq!(start_error(&unknown).exit(), Exit::InvalidInput);
        assert_eq!(start_error(&StartError::BrokenOff).exit(), Exit::Internal);
    }

    #[test]
    fn whose_fault_it_is_decides_how_the_command_ends() {
        let execution = ExecutionId::generate();
        let reason = || "reason".to_owned();
        for (error, exit) in [
            (
                StoredError::UnknownExecution { execution },
                Exit::InvalidInput,
            ),
            (StoredError::Ended { execution }, Exit::InvalidInput),
            (StoredError::Held { execution }, Exit::InvalidInput),
            (
                StoredError::Stuck {
                    execution,
                    reason: reason(),
                },
                Exit::ExecutionFailed,
            ),
            (
                StoredError::Store(StoreError::Full {
                    store: "sqlite:a.db".to_owned(),
                    reason: reason(),
                }),
                Exit::Internal,
            ),
            (
                StoredError::Store(StoreError::Newer {
                    store: "sqlite:a.db".to_owned(),
                    found: 2,
                    known: 1,
                }),
                Exit::InvalidInput,
            ),
        ] {
            assert_eq!(stored_error(&error).exit(), exit, "{error}");
        }
    }
}
