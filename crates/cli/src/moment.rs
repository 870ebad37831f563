//! Points in time, as they are written on the command line.

use std::str::FromStr;
use std::time::Duration;

use jackfield::parse_duration;
use jiff::{SignedDuration, Timestamp, Zoned};

/// A point in time: told by itself, or as how long ago it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    At(Timestamp),
    Ago(Duration),
}

/// Why a text is no point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "no point in time: write it with an offset or zone, such as `2030-01-31T08:00:00Z`, or how \
     long ago it was, such as `2h`"
)]
pub(crate) struct MomentError;

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let timestamp = text.parse::<Timestamp>().ok();
        let timestamp = timestamp.or_else(|| text.parse::<Zoned>().ok().map(|at| at.timestamp()));
        if let Some(timestamp) = timestamp {
            return Ok(Self::At(timestamp));
        }
        // A bare number would be milliseconds, which nobody means here.
        if text.trim().parse::<u64>().is_ok() {
            return Err(MomentError);
        }
        parse_duration(text).map(Self::Ago).map_err(|_| MomentError)
    }
}

impl Moment {
    /// When it is, if it is that time now.
    pub(crate) fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(timestamp) => timestamp,
            Self::Ago(ago) => SignedDuration::try_from(ago)
                .ok()
                .and_then(|ago| now.checked_sub(ago).ok())
                .unwrap_or(Timestamp::MIN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_times_or_lengths_of_time_before_now() {
        let now: Timestamp = "2030-01-31T08:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2030-01-30T08:00:00Z", "2030-01-30T08:00:00Z"),
            ("2030-01-30T09:00:00+01:00", "2030-01-30T08:00:00Z"),
            ("2h", "2030-01-31T06:00:00Z"),
            ("1d 30m", "2030-01-30T07:30:00Z"),
        ] {
            let moment: Moment = text.parse().unwrap();
            assert_eq!(moment.before(now), expected.parse().unwrap(), "{text}");
        }
        for wrong in ["", "yesterday", "5", "2030-01-30", "-2h"] {
            assert!(wrong.parse::<Moment>().is_err(), "{wrong}");
        }
        let long_ago = Moment::Ago(Duration::MAX);
        assert_eq!(long_ago.before(now), Timestamp::MIN);
    }
}
