use jiff::Timestamp;

/// A time without what is below the microsecond: as exact as every store is.
pub fn to_microsecond(time: Timestamp) -> Timestamp {
    // What a timestamp says in microseconds is a timestamp again.
    Timestamp::from_microsecond(time.as_microsecond().min(Timestamp::MAX.as_microsecond()))
        .unwrap_or(time)
}

/// The first full microsecond that is not before a time: what is due then is not due too early.
pub fn to_next_microsecond(time: Timestamp) -> Timestamp {
    let whole = to_microsecond(time);
    if whole >= time {
        return whole;
    }
    Timestamp::from_microsecond(whole.as_microsecond().saturating_add(1)).unwrap_or(whole)
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
        assert!(to_next_microsecond(time) >= time);
        assert_eq!(to_next_microsecond(time).as_microsecond(), -1);
        assert_eq!(
            to_next_microsecond(Timestamp::MAX),
            to_microsecond(Timestamp::MAX)
        );
    }
}
