//! How much a store takes at once. All stores have the same limits, and check them by the same
//! functions, so that what one refuses no other keeps.

use jackfield_types::Digest;
use sha2::{Digest as _, Sha256};

use crate::{Append, ExecutionState, NewExecution, NewSignal, NewWorkflow, StoreError};

/// The most bytes that a name has: of a document, a workflow, a signal.
pub const NAME_BYTES: usize = 1_024;
/// The most bytes that a text has which is no name, such as the reason why an execution is stuck.
pub const TEXT_BYTES: usize = 64 * 1_024;
/// The most bytes that a record, a document, a signal's data or what an execution is pinned to has.
pub const RECORD_BYTES: usize = 16 * 1_024 * 1_024;
/// The most bytes that a payload has.
pub const PAYLOAD_BYTES: usize = 256 * 1_024 * 1_024;
/// The most records that are added at once.
pub const RECORDS: usize = 10_000;
/// The most bytes that all records have which are added at once.
pub const BATCH_BYTES: usize = 64 * 1_024 * 1_024;

/// The most signals that are sent to one execution.
pub const SIGNALS: u64 = 10_000;
/// The most bytes that the data of all signals have which are sent to one execution.
pub const SIGNALS_BYTES: u64 = 64 * 1_024 * 1_024;

/// Whether a text can be a name: not empty, no NUL, not too long.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME_BYTES && !text.contains('\0')
}

/// Checks a name that is to be written. `what` is as in `the name of a document`.
///
/// # Errors
/// [`StoreError::Refused`].
pub fn check_name(what: &str, text: &str) -> Result<(), StoreError> {
    if text.is_empty() {
        return Err(refused(format!("{what} is empty")));
    }
    check_text_within(what, text, NAME_BYTES)
}

/// Checks a text that is to be written, which may be empty.
///
/// # Errors
/// [`StoreError::Refused`].
pub fn check_text(what: &str, text: &str) -> Result<(), StoreError> {
    check_text_within(what, text, TEXT_BYTES)
}

/// Checks the size of what is to be written. `what` is as in `a document`.
///
/// # Errors
/// [`StoreError::Refused`].
pub fn check_size(what: &str, length: usize, most: usize) -> Result<(), StoreError> {
    if length > most {
        return Err(refused(format!(
            "{what} has at most {most} bytes, this one has {length}"
        )));
    }
    Ok(())
}

/// Checks records that are to be added at once.
///
/// # Errors
/// [`StoreError::Refused`].
pub fn check_records(records: &[bytes::Bytes]) -> Result<(), StoreError> {
    if records.len() > RECORDS {
        return Err(refused(format!(
            "at most {RECORDS} records are added at once, not {}",
            records.len()
        )));
    }
    let mut all = 0usize;
    for record in records {
        check_size("a record", record.len(), RECORD_BYTES)?;
        all = all.saturating_add(record.len());
    }
    check_size("a batch of records", all, BATCH_BYTES)
}

/// Checks payloads that are to be added, and that they are what their digests say.
///
/// # Errors
/// [`StoreError::Refused`].
pub fn check_payloads(payloads: &[(Digest, bytes::Bytes)]) -> Result<(), StoreError> {
    for (digest, content) in payloads {
        check_size("a payload", content.len(), PAYLOAD_BYTES)?;
        if digest_of(content) != *digest {
            return Err(refused(format!(
                "a payload that is called `{digest}` has other content"
            )));
        }
    }
    Ok(())
}

/// The digest that payloads are called by.
pub fn digest_of(content: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(content).into())
}

impl Append {
    /// Checks everything about it that does not depend on what is there.
    ///
    /// # Errors
    /// [`StoreError::Refused`].
    pub fn check(&self) -> Result<(), StoreError> {
        check_records(&self.records)?;
        check_payloads(&self.payloads)?;
        match &self.state {
            Some(ExecutionState::Stuck { reason }) => check_text("a reason", reason),
            Some(ExecutionState::Ended { status }) => check_name("a status", status),
            Some(ExecutionState::Incomplete) => Err(refused(
                "an execution is incomplete from the beginning, or never".to_owned(),
            )),
            Some(ExecutionState::Running | ExecutionState::Parked(_) | ExecutionState::Paused)
            | None => Ok(()),
        }
    }
}

impl NewExecution {
    /// Checks everything about it that does not depend on what is there.
    ///
    /// # Errors
    /// [`StoreError::Refused`].
    pub fn check(&self) -> Result<(), StoreError> {
        check_name("the id of a workflow", &self.workflow.id)?;
        check_size(
            "what an execution is pinned to",
            self.pinned.len(),
            RECORD_BYTES,
        )?;
        check_records(&self.records)?;
        check_payloads(&self.payloads)?;
        match (&self.state, self.claim) {
            (ExecutionState::Running, _) | (ExecutionState::Incomplete, Some(_)) => Ok(()),
            (ExecutionState::Incomplete, None) => {
                Err(refused("nobody holds what is to be completed".to_owned()))
            }
            (state, Some(_)) => {
                let state = state.as_str();
                Err(refused(format!(
                    "an execution that is {state} is held by nobody"
                )))
            }
            (ExecutionState::Stuck { reason }, None) => check_text("a reason", reason),
            (ExecutionState::Ended { status }, None) => check_name("a status", status),
            (ExecutionState::Parked(_) | ExecutionState::Paused, None) => Ok(()),
        }
    }
}

impl NewSignal {
    /// Checks everything about it that does not depend on what is there.
    ///
    /// # Errors
    /// [`StoreError::Refused`].
    pub fn check(&self) -> Result<(), StoreError> {
        check_name("the name of a signal", &self.name)?;
        if let Some(key) = &self.key {
            check_name("the key of a signal", key)?;
        }
        check_size("a signal", self.data.len(), RECORD_BYTES)
    }
}

impl NewWorkflow {
    /// Checks everything about it that does not depend on what is there.
    ///
    /// # Errors
    /// [`StoreError::Refused`].
    pub fn check(&self) -> Result<(), StoreError> {
        check_name("the id of a workflow", &self.id)?;
        check_text("the name of a workflow", &self.name)?;
        check_size("a workflow", self.document.len(), RECORD_BYTES)
    }
}

fn check_text_within(what: &str, text: &str, most: usize) -> Result<(), StoreError> {
    check_size(what, text.len(), most)?;
    if text.contains('\0') {
        return Err(refused(format!("{what} has a NUL character in it")));
    }
    Ok(())
}

pub(crate) fn refused(reason: String) -> StoreError {
    StoreError::Refused { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_every_database_can_hold() {
        for good in [
            "a",
            "%",
            "_",
            "'; --",
            "ünïcode 🦊",
            &"x".repeat(NAME_BYTES),
        ] {
            assert!(
                is_name(good) && check_name("a name", good).is_ok(),
                "{good}"
            );
        }
        for bad in ["", "a\0b", &"x".repeat(NAME_BYTES + 1)] {
            assert!(!is_name(bad) && check_name("a name", bad).is_err());
        }
    }

    #[test]
    fn payloads_are_what_their_digests_say() {
        let content = bytes::Bytes::from_static(b"content");
        let digest = digest_of(&content);
        assert!(check_payloads(&[(digest, content)]).is_ok());
        let other = bytes::Bytes::from_static(b"other");
        assert!(matches!(
            check_payloads(&[(digest, other)]),
            Err(StoreError::Refused { .. })
        ));
    }
}
