use std::time::Duration;

/// Nanoseconds since a gate was made.
pub(super) type Moment = u64;

/// The moment that never comes.
const NEVER: Moment = Moment::MAX;

/// Nanoseconds of a second.
const SECOND: f64 = 1e9;

/// How many may begin a second, and how many at once after a quiet time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rate {
    pub(super) per_second: f64,
    /// Nanoseconds from one to the next.
    interval: u64,
    burst: u32,
}

impl Rate {
    /// Compiles a rate. One that is no positive number lets nothing through, an infinite one
    /// everything.
    pub(super) fn new(per_second: f64, burst: Option<u32>) -> Self {
        let interval = if per_second > 0.0 {
            // A float becomes the nearest integer that there is: no overflow.
            (SECOND / per_second) as u64
        } else {
            NEVER
        };
        // One second's worth, and one at least.
        let burst = burst.unwrap_or(per_second as u32).max(1);
        Self {
            per_second,
            interval,
            burst,
        }
    }

    fn spans(&self, count: u64) -> u64 {
        self.interval.saturating_mul(count)
    }
}

/// A token bucket, kept as the one moment at which it will be full again (the generic cell rate
/// algorithm, ITU-T I.371).
#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    full_at: Moment,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, full_at: 0 }
    }

    pub(super) fn rate(&self) -> Rate {
        self.rate
    }

    /// When the next token is there; a moment that has passed when one is.
    pub(super) fn next(&self) -> Moment {
        if self.rate.interval == NEVER {
            return NEVER;
        }
        let saved = self.rate.spans(u64::from(self.rate.burst - 1));
        self.full_at.saturating_sub(saved)
    }

    /// How long one has to wait who has `ahead` others before them.
    pub(super) fn wait(&self, now: Moment, ahead: usize) -> Duration {
        // Those ahead first use up what is there.
        let ahead = u64::try_from(ahead).unwrap_or(u64::MAX);
        let full_at = self.full_at.max(now).saturating_add(self.rate.spans(ahead));
        let saved = self.rate.spans(u64::from(self.rate.burst - 1));
        if self.rate.interval == NEVER {
            return Duration::from_nanos(NEVER);
        }
        Duration::from_nanos(full_at.saturating_sub(saved).saturating_sub(now))
    }

    /// Takes a token out.
    pub(super) fn take(&mut self, now: Moment) {
        self.full_at = self.full_at.max(now).saturating_add(self.rate.interval);
    }

    /// Puts a token back that was not used.
    pub(super) fn put_back(&mut self) {
        self.full_at = self.full_at.saturating_sub(self.rate.interval);
    }

    /// The tokens that are there.
    pub(super) fn tokens(&self, now: Moment) -> u32 {
        match self.rate.interval {
            0 => self.rate.burst,
            NEVER => 0,
            interval => {
                let missing = self.full_at.saturating_sub(now).div_ceil(interval);
                let missing = u32::try_from(missing).unwrap_or(u32::MAX);
                self.rate.burst.saturating_sub(missing)
            }
        }
    }

    /// Changes the rate. As many tokens are missing as before, if the bucket is that large.
    pub(super) fn set_rate(&mut self, rate: Rate, now: Moment) {
        if rate == self.rate {
            return;
        }
        let missing = match self.rate.interval {
            0 | NEVER => 0,
            interval => self.full_at.saturating_sub(now) / interval,
        };
        let missing = missing.min(u64::from(rate.burst));
        self.full_at = match rate.interval {
            NEVER => now,
            _ => now.saturating_add(rate.spans(missing)),
        };
        self.rate = rate;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MILLISECOND: u64 = 1_000_000;

    fn take(bucket: &mut Bucket, now: Moment) -> bool {
        let there = bucket.next() <= now;
        if there {
            bucket.take(now);
        }
        there
    }

    #[test]
    fn a_full_bucket_gives_its_burst_and_then_one_an_interval() {
        let mut bucket = Bucket::new(Rate::new(10.0, Some(3)));
        let now = 5_000 * MILLISECOND;
        assert_eq!(bucket.tokens(now), 3);
        assert!((0..3).all(|_| take(&mut bucket, now)));
        assert!(!take(&mut bucket, now));
        assert_eq!(bucket.tokens(now), 0);
        assert_eq!(bucket.wait(now, 0), Duration::from_millis(100));
        assert_eq!(bucket.wait(now, 4), Duration::from_millis(500));
        assert!(take(&mut bucket, now + 100 * MILLISECOND));
        assert!(!take(&mut bucket, now + 199 * MILLISECOND));
        bucket.put_back();
        assert!(take(&mut bucket, now + 199 * MILLISECOND));
    }

    #[test]
    fn those_ahead_use_up_what_is_there_first() {
        let bucket = Bucket::new(Rate::new(1.0, Some(4)));
        assert_eq!(bucket.wait(7, 3), Duration::ZERO);
        assert_eq!(bucket.wait(7, 4), Duration::from_secs(1));
    }

    #[test]
    fn one_seconds_worth_is_the_burst_if_none_is_given() {
        for (per_second, tokens) in [(0.25, 1), (1.0, 1), (2.5, 2), (100.0, 100)] {
            assert_eq!(Bucket::new(Rate::new(per_second, None)).tokens(0), tokens);
        }
    }

    #[test]
    fn a_rate_that_is_no_positive_number_lets_nothing_through() {
        for rate in [0.0, -0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
            let bucket = Bucket::new(Rate::new(rate, None));
            assert_eq!(bucket.next(), NEVER, "{rate}");
            assert_eq!(bucket.tokens(3), 0, "{rate}");
        }
        let mut bucket = Bucket::new(Rate::new(f64::INFINITY, None));
        assert!((0..10_000).all(|_| take(&mut bucket, 0)));
    }

    #[test]
    fn tokens_that_were_taken_stay_taken_when_the_rate_changes() {
        let mut bucket = Bucket::new(Rate::new(10.0, Some(10)));
        for _ in 0..6 {
            bucket.take(0);
        }
        bucket.set_rate(Rate::new(1.0, Some(8)), 0);
        assert_eq!(bucket.tokens(0), 2);
        bucket.set_rate(Rate::new(1.0, Some(4)), 0);
        assert_eq!(bucket.tokens(0), 0);
        assert_eq!(bucket.wait(0, 0), Duration::from_secs(1));
    }

    proptest! {
        #[test]
        fn no_window_of_time_lets_more_through_than_burst_and_rate(
            per_second in 0.001_f64..1e7,
            burst in 1_u32..50,
            pauses in prop::collection::vec(0_u64..3_000 * MILLISECOND, 1..200),
        ) {
            let mut bucket = Bucket::new(Rate::new(per_second, Some(burst)));
            let mut now = 0;
            let mut taken = Vec::new();
            for pause in pauses {
                now += pause;
                while taken.len() < 5_000 && take(&mut bucket, now) {
                    taken.push(now);
                }
            }
            for (first, from) in taken.iter().enumerate().step_by(7) {
                for (last, to) in taken.iter().enumerate().skip(first).step_by(5) {
                    let count = (last - first + 1) as f64;
                    let interval = (SECOND / per_second).floor().max(1.0);
                    let most = f64::from(burst) + (to - from) as f64 / interval;
                    prop_assert!(count <= most + 1e-6, "{count} in {} ns", to - from);
                }
            }
        }

        #[test]
        fn no_rate_and_no_moment_panics(
            per_second in prop::num::f64::ANY,
            other in prop::num::f64::ANY,
            burst in prop::option::of(any::<u32>()),
            now in any::<u64>(),
            ahead in any::<usize>(),
        ) {
            let mut bucket = Bucket::new(Rate::new(per_second, burst));
            bucket.take(now);
            bucket.take(now);
            let _ = (bucket.next(), bucket.wait(now, ahead), bucket.tokens(now));
            bucket.set_rate(Rate::new(other, burst), now);
            bucket.put_back();
            let _ = (bucket.next(), bucket.wait(now, ahead), bucket.tokens(now));
        }
    }
}
