use jiff::Timestamp;

/// The last time that a store keeps: the last full second of all timestamps. What is later is kept
/// as this.
const LAST: Timestamp = Timestamp::constant(253_402_207_200, 0);

/// A time without what is below the microsecond: as exact as every store is.
pub fn to_microsecond(time: Timestamp) -> Timestamp {
    if time >= LAST {
        return LAST;
    }
    let whole = time.as_nanosecond().div_euclid(1_000);
    // The first of all timestamps is a full second, so that this is not before it.
    i64::try_from(whole)
        .ok()
        .and_then(|whole| Timestamp::from_microsecond(whole).ok())
        .unwrap_or(LAST)
}

/// The first full microsecond that is not before a time: what is due then is not due too early.
pub fn to_next_microsecond(time: Timestamp) -> Timestamp {
    let whole = to_microsecond(time);
    if whole == LAST || whole == time {
        return whole;
    }
    Timestamp::from_microsecond(whole.as_microsecond() + 1).unwrap_or(LAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_lose_what_is_below_the_microsecond() {
        let time = Timestamp::from_nanosecond(1_700_000_000_123_456_789).unwrap();
        assert_eq!(
            to_microsecond(time).as_nanosecond(),
            1_700_000_000_123_456_000
        );
        assert_eq!(
            to_next_microsecond(time).as_nanosecond(),
            1_700_000_000_123_457_000
        );
        let whole = to_microsecond(time);
        assert_eq!(to_next_microsecond(whole), whole);
    }

    #[test]
    fn times_before_the_epoch_round_the_same_way() {
        let time = Timestamp::from_nanosecond(-1_500).unwrap();
        assert_eq!(to_next_microsecond(time).as_microsecond(), -1);
        assert_eq!(to_microsecond(time).as_microsecond(), -2);
    }

    #[test]
    fn all_times_can_be_read_back() {
        for time in [Timestamp::MIN, Timestamp::MAX, LAST, Timestamp::UNIX_EPOCH] {
            for kept in [to_microsecond(time), to_next_microsecond(time)] {
                let read = Timestamp::from_microsecond(kept.as_microsecond());
                assert_eq!(read.unwrap(), kept);
            }
        }
    }
}
