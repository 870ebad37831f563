use std::time::Instant;

use jackfield_plugin_api::NodeError;
use jackfield_types::ErrorCode;

use super::progress::Throttle;

/// What the capabilities remember of the call that is under way.
pub(crate) struct CallRecord {
    /// When it began, which is when its monotonic clock began.
    pub(super) began: Instant,
    /// How many lines it wrote to the log.
    pub(super) lines: u32,
    pub(super) progress: Throttle,
    refusal: Option<NodeError>,
}

impl CallRecord {
    /// The record of a call that begins.
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            lines: 0,
            progress: Throttle::default(),
            refusal: None,
        }
    }

    /// Keeps what was refused, or could not be read, in full; the guest is told less.
    pub(super) fn keep_refusal(&mut self, error: NodeError) {
        self.refusal = Some(error);
    }

    /// The refusal that a guest reports as its own failure: the last one, if it has this code. It
    /// is to take the place of the failure, so that no recovery strategy gets round it.
    pub(crate) fn take_refusal(&mut self, code: &ErrorCode) -> Option<NodeError> {
        self.refusal.take_if(|refusal| refusal.code() == *code)
    }
}
