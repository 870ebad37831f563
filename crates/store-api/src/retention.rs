use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::StoreError;

/// What may go. Only executions that have ended go, and both bounds apply. Versions of workflows go
/// with them, if there is a bound: see [`Retention::versions_made_before`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Those that ended longer ago than this go.
    pub max_age: Option<Duration>,
    /// The oldest go until no more than so many of those that have ended are left.
    pub max_count: Option<u64>,
    /// Whether it is only counted what would go.
    pub dry_run: bool,
}

impl Retention {
    /// How old a version of a workflow is at least that goes: whoever has just put it there is
    /// about to start an execution with it.
    const VERSION_AGE: Duration = Duration::from_secs(3_600);

    /// Whether nothing goes, since there is no bound.
    pub fn is_boundless(&self) -> bool {
        self.max_age.is_none() && self.max_count.is_none()
    }

    /// What ended before this time is too old.
    pub fn ended_before(&self, now: Timestamp) -> Option<Timestamp> {
        before(now, self.max_age?)
    }

    /// A version of a workflow goes that was put there before this time, is not the newest one, and
    /// that no execution runs or ran which is still there.
    pub fn versions_made_before(&self, now: Timestamp) -> Option<Timestamp> {
        if self.is_boundless() {
            return None;
        }
        let age = self.max_age.unwrap_or_default().max(Self::VERSION_AGE);
        before(now, age)
    }
}

fn before(now: Timestamp, age: Duration) -> Option<Timestamp> {
    now.checked_sub(SignedDuration::try_from(age).ok()?).ok()
}

/// What a tenant's store keeps of executions that have ended, as it is kept itself: the setting
/// that applies when nobody says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeptRetention {
    /// How long.
    pub max_age: Option<Duration>,
    /// How many.
    pub max_count: Option<u64>,
}

/// The setting as it is written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_age: Option<SignedDuration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_count: Option<u64>,
}

impl KeptRetention {
    /// The name of the document in [`Collection::Settings`](crate::Collection::Settings).
    pub(crate) const NAME: &'static str = "retention";

    /// What goes by it.
    pub fn retention(&self) -> Retention {
        Retention {
            max_age: self.max_age,
            max_count: self.max_count,
            dry_run: false,
        }
    }

    pub(crate) fn to_content(self) -> Result<Bytes, StoreError> {
        let most = SignedDuration::MAX;
        let written = Written {
            max_age: self
                .max_age
                .map(|age| SignedDuration::try_from(age).unwrap_or(most)),
            max_count: self.max_count,
        };
        let content = serde_json::to_vec(&written).map_err(|error| StoreError::Refused {
            reason: format!("how long executions are kept cannot be written: {error}"),
        })?;
        Ok(content.into())
    }

    /// Reads what was written. What this program does not know is refused: nothing goes that a
    /// newer one would keep.
    pub(crate) fn of_content(content: &[u8]) -> Result<Self, StoreError> {
        let unread = |reason: String| StoreError::Refused {
            reason: format!(
                "the setting of how long executions are kept cannot be read: {reason}; set it anew, \
                 or run the program that wrote it"
            ),
        };
        let written: Written =
            serde_json::from_slice(content).map_err(|error| unread(error.to_string()))?;
        let max_age = written
            .max_age
            .map(Duration::try_from)
            .transpose()
            .map_err(|error| unread(error.to_string()))?;
        Ok(Self {
            max_age,
            max_count: written.max_count,
        })
    }
}

/// What went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collected {
    /// Executions, with their journals and signals, and those that are parts of them. Parts are not
    /// counted.
    pub executions: u64,
    /// Contents that nothing names any more.
    pub payloads: u64,
    /// The bytes of those.
    pub payload_bytes: u64,
    /// Versions of workflows that no execution has any more.
    pub workflow_versions: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_newer_program_wrote_is_refused() {
        let setting = KeptRetention {
            max_age: Some(Duration::from_secs(86_400)),
            max_count: Some(7),
        };
        let content = setting.to_content().unwrap();
        assert_eq!(KeptRetention::of_content(&content).unwrap(), setting);
        let forever = KeptRetention {
            max_age: Some(Duration::MAX),
            max_count: None,
        };
        let content = forever.to_content().unwrap();
        let read = KeptRetention::of_content(&content).unwrap();
        assert!(read.max_age > setting.max_age);
        for unknown in [
            &b"{\"maxAge\":\"PT1S\",\"except\":[]}"[..],
            b"{\"maxAge\":\"-PT1S\"}",
            b"{",
        ] {
            let read = KeptRetention::of_content(unknown);
            assert!(matches!(read, Err(StoreError::Refused { .. })), "{read:?}");
        }
    }

    #[test]
    fn versions_are_kept_for_an_hour_at_least() {
        let now = Timestamp::UNIX_EPOCH;
        let hour = SignedDuration::from_hours(1);
        let mut retention = Retention::default();
        assert_eq!(retention.versions_made_before(now), None);
        retention.max_count = Some(0);
        assert_eq!(retention.versions_made_before(now), Some(now - hour));
        retention.max_age = Some(Duration::from_secs(2 * 3_600));
        assert_eq!(retention.versions_made_before(now), Some(now - hour * 2));
    }
}
