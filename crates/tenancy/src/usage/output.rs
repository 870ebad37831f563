use std::io::{self, Write};

use jackfield_types::{ByteSize, ErrorCode, FailureClass, NodeFailure, Outputs};
use serde::Serialize;

use super::execution::{QuotaExceededInExecution, Usage};

/// A node gave more at once than its tenant's policy lets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the output is larger than {limit}, which is the most that the policy lets a node give (`maxOutputSize`); give fewer or smaller items"
)]
pub struct TooLarge {
    /// The most that it may give.
    pub limit: ByteSize,
}

/// An output that may not go on.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OutputRefused {
    /// It is too large by itself.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// It is too much for its execution.
    #[error(transparent)]
    Quota(#[from] QuotaExceededInExecution),
}

impl OutputRefused {
    /// The same as the failure of a node.
    pub fn to_failure(&self) -> NodeFailure {
        match self {
            Self::TooLarge(_) => NodeFailure::new(
                FailureClass::Permanent,
                ErrorCode::OUTPUT_TOO_LARGE,
                self.to_string(),
            ),
            Self::Quota(exceeded) => exceeded.to_failure(),
        }
    }
}

/// Measures an output once: for the bound on single outputs, and for what its execution has left,
/// to which it is added. Without either it is not measured at all.
///
/// # Errors
/// - [`OutputRefused::TooLarge`] when it is too large by itself. It counts for the execution all
///   the same, up to that bound.
/// - [`OutputRefused::Quota`] when it is too much for the execution.
pub fn check_output(
    outputs: &Outputs,
    max_output_size: Option<ByteSize>,
    usage: Option<&Usage>,
) -> Result<(), OutputRefused> {
    let max = max_output_size.map(ByteSize::as_u64);
    let left = usage.and_then(Usage::bytes_left);
    let bound = match (max, left) {
        (Some(max), Some(left)) => Some(max.min(left)),
        (bound, None) | (None, bound) => bound,
    };
    let size = bound.map_or(Ok(0), |bound| output_size(outputs, bound));
    if let Some(usage) = usage {
        let bytes = match size {
            Ok(size) => size,
            Err(passed) => passed.limit.as_u64().saturating_add(1),
        };
        usage.add_measured(outputs.item_count(), bytes)?;
    }
    match size {
        Err(passed) if max == Some(passed.limit.as_u64()) => Err(passed.into()),
        _ => Ok(()),
    }
}

/// The size of an output as JSON: of its items alone, without how they are paired.
///
/// Nothing is written anywhere, and counting stops when the limit is passed.
///
/// # Errors
/// [`TooLarge`] when it is more than `limit`.
pub fn output_size(outputs: &Outputs, limit: u64) -> Result<u64, TooLarge> {
    struct JsonOnly<'a>(&'a Outputs);
    impl Serialize for JsonOnly<'_> {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.serialize_json_only(serializer)
        }
    }
    counted(&JsonOnly(outputs), limit).ok_or(TooLarge {
        limit: ByteSize::bytes(limit),
    })
}

/// The size of a value as JSON.
pub(super) fn json_size(value: &serde_json::Value) -> u64 {
    counted(value, u64::MAX).unwrap_or(u64::MAX)
}

fn counted<T: Serialize>(value: &T, limit: u64) -> Option<u64> {
    let mut counter = Counter { left: limit };
    // JSON values have text keys only: what ends this early is the counter.
    serde_json::to_writer(&mut counter, value).ok()?;
    Some(limit - counter.left)
}

/// Counts what is written to it, up to a limit.
struct Counter {
    left: u64,
}

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        // An error of a kind alone needs no memory.
        self.left = self
            .left
            .checked_sub(length)
            .ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn counting_stops_where_the_answer_is_known() {
        struct Endless<'a>(&'a Cell<u32>);
        impl Serialize for Endless<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq((0..u32::MAX).inspect(|number| self.0.set(*number)))
            }
        }
        let reached = Cell::new(0);
        assert_eq!(counted(&Endless(&reached), 20), None);
        // `[0,1,2,3,4,5,6,7,8,9` are the 20 bytes.
        assert_eq!(reached.get(), 10);
    }
}
