use std::num::NonZeroUsize;
use std::time::Duration;

use jackfield_types::Secret;

use super::AuditError;

/// How an [`AuditLog`](super::AuditLog) writes.
#[derive(Debug, Clone)]
pub struct AuditOptions {
    /// What records are sealed with. Without a key whoever may write the files can make a whole
    /// chain anew.
    pub key: Option<AuditKey>,
    /// How many records may wait to be written. They take about 300 bytes each.
    pub queue: NonZeroUsize,
    /// How long recording waits when the tenant has taken up its share of those places. Then the
    /// record is counted as lost, and so are all of the tenant that follow until there is room
    /// again. Whoever records waits on its own thread, so it is short.
    pub patience: Duration,
    /// How many files are kept open.
    pub open_files: NonZeroUsize,
    /// When what was written is safe.
    pub durability: AuditDurability,
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self {
            key: None,
            queue: NonZeroUsize::new(32_768).expect("it is not 0"),
            patience: Duration::from_millis(200),
            open_files: NonZeroUsize::new(64).expect("it is not 0"),
            durability: AuditDurability::default(),
        }
    }
}

/// When a record that was written is safe. Heads are written as often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditDurability {
    /// The system has it: it outlives the process, but perhaps not a power failure.
    Written {
        /// How often heads are written.
        every: Duration,
    },
    /// The disk is told to keep it.
    Synced {
        /// How often.
        every: Duration,
    },
}

impl AuditDurability {
    pub(super) fn every(self) -> Duration {
        match self {
            Self::Written { every } | Self::Synced { every } => every,
        }
    }

    pub(super) fn is_synced(self) -> bool {
        matches!(self, Self::Synced { .. })
    }
}

impl Default for AuditDurability {
    fn default() -> Self {
        Self::Synced {
            every: Duration::from_secs(1),
        }
    }
}

/// A key that audit trails are sealed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditKey(Secret<Vec<u8>>);

impl AuditKey {
    const LEAST_LENGTH: usize = 16;

    /// Wraps a key.
    ///
    /// # Errors
    /// [`AuditError::KeyTooShort`]: it has at least 16 bytes; 32 random ones are good.
    pub fn parse(bytes: Secret<Vec<u8>>) -> Result<Self, AuditError> {
        let length = bytes.expose().len();
        if length < Self::LEAST_LENGTH {
            return Err(AuditError::KeyTooShort {
                length,
                least: Self::LEAST_LENGTH,
            });
        }
        Ok(Self(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.expose()
    }
}
