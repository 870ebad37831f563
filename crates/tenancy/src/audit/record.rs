use std::sync::Arc;
use std::time::Duration;

use jackfield_types::{ErrorCode, ExecutionId, NodeName, NodeTypeId, TenantId, UserId};
use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};

use super::{AuditAction, AuditDecision, AuditEntry, AuditHash, AuditOutcome};

/// The version of the format, in the first record of each trail.
pub(super) const FORMAT: u32 = 1;

/// The most bytes of a rule or a note. What is longer is cut off, so that a line is bounded.
const TEXT_LIMIT: usize = 2_048;

/// A record of an audit trail, as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuditRecord {
    /// The version of the format. Only in the first record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<u32>,
    /// What tells apart the keys that trails are sealed with. Only in the first record, and only
    /// with a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<Box<str>>,
    /// Its place in the trail, from 0.
    pub sequence: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// Whose trail it is.
    pub tenant: TenantId,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The execution that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<ExecutionId>,
    /// The node that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
    /// The node type that was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_type: Option<NodeTypeId>,
    /// The version of the node type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// What was done or asked for.
    pub action: AuditAction,
    /// Whether it was let happen.
    pub decision: AuditDecision,
    /// The rule that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<AuditOutcome>,
    /// Why it did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<ErrorCode>,
    /// How long it took; milliseconds in JSON.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "milliseconds"
    )]
    pub duration: Option<Duration>,
    /// What else there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Arc<str>>,
    /// The hash of the record before it.
    pub previous: AuditHash,
    /// Its own hash.
    pub hash: AuditHash,
}

impl AuditRecord {
    /// A record that is not sealed yet.
    pub(super) fn new(
        tenant: TenantId,
        at: Timestamp,
        entry: AuditEntry,
        (sequence, previous): (u64, AuditHash),
    ) -> Self {
        let (rule, note) = (entry.rule.map(bounded), entry.note.map(bounded));
        Self {
            format: None,
            key_id: None,
            sequence,
            at,
            tenant,
            user: entry.user,
            execution: entry.execution,
            node: entry.node,
            node_type: entry.node_type,
            version: entry.version,
            action: entry.action,
            decision: entry.decision,
            rule,
            outcome: entry.outcome,
            error_code: entry.error_code,
            duration: entry.duration,
            note,
            previous,
            hash: AuditHash::ZERO,
        }
    }
}

fn bounded(text: Arc<str>) -> Arc<str> {
    if text.len() <= TEXT_LIMIT {
        return text;
    }
    let end = text.floor_char_boundary(TEXT_LIMIT);
    format!("{}…", &text[..end]).into()
}

mod milliseconds {
    use std::time::Duration;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(
        clippy::ref_option,
        reason = "serde hands over a reference to the field"
    )]
    pub(super) fn serialize<S: Serializer>(
        span: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => serializer.serialize_f64((span.as_secs_f64() * 1e6).round() / 1e3),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let Some(milliseconds) = Option::<f64>::deserialize(deserializer)? else {
            return Ok(None);
        };
        // By way of whole microseconds, so that what is read is what was written.
        let microseconds = (milliseconds * 1e3).round();
        Duration::try_from_secs_f64(microseconds / 1e6)
            .map(Some)
            .map_err(D::Error::custom)
    }
}
