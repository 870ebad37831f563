//! How long is waited between attempts.

use std::time::Duration;

use jackfield_types::{Backoff, RetryPolicy};

/// The wait after the `attempt`-th attempt (from 1) failed.
///
/// With initial delay `d`: exponential `d × multiplier^(attempt − 1)`, linear `d × attempt`,
/// fibonacci `d × F(attempt)` with `F = 1, 1, 2, 3, 5, …`, constant `d`; at most `max_delay`. Jitter
/// `j` takes a share between 0 and `j` off, the same one for the same seed.
pub fn retry_delay(policy: &RetryPolicy, attempt: u32, seed: u64) -> Duration {
    let initial = policy.initial_delay.as_duration().as_secs_f64();
    let cap = policy.max_delay.as_duration().as_secs_f64();
    let factor = match policy.backoff_type {
        Backoff::Exponential => {
            let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
            policy.multiplier.max(1.0).powi(exponent)
        }
        Backoff::Linear => f64::from(attempt),
        Backoff::Fibonacci => fibonacci(attempt),
        Backoff::Constant => 1.0,
    };
    // A factor may have grown beyond all numbers; no delay at all stays none.
    let wait = if initial > 0.0 {
        (initial * factor).min(cap)
    } else {
        0.0
    };
    let share = policy.jitter.clamp(0.0, 1.0) * unit_interval(seed ^ u64::from(attempt));
    Duration::try_from_secs_f64(wait * (1.0 - share)).unwrap_or(policy.max_delay.as_duration())
}

fn fibonacci(place: u32) -> f64 {
    let (mut current, mut following) = (1.0_f64, 1.0_f64);
    for _ in 1..place.min(1_500) {
        (current, following) = (following, current + following);
    }
    current
}

/// A number from 0 (inclusive) to 1 (exclusive): the output function of SplitMix64
/// (Steele, Lea and Flood, 2014) on one state.
fn unit_interval(state: u64) -> f64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    (z >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use jackfield_types::Span;

    use super::*;

    fn policy(backoff_type: Backoff) -> RetryPolicy {
        RetryPolicy {
            max_attempts: NonZeroU32::new(9).unwrap(),
            backoff_type,
            initial_delay: Span::from_millis(100),
            max_delay: Span::from_millis(1_000),
            ..RetryPolicy::default()
        }
    }

    fn delays(policy: &RetryPolicy) -> Vec<u128> {
        (1..=6)
            .map(|attempt| retry_delay(policy, attempt, 7).as_millis())
            .collect()
    }

    #[test]
    fn the_four_backoffs_grow_as_they_are_named_up_to_the_cap() {
        assert_eq!(
            delays(&policy(Backoff::Exponential)),
            [100, 200, 400, 800, 1000, 1000]
        );
        assert_eq!(
            delays(&policy(Backoff::Linear)),
            [100, 200, 300, 400, 500, 600]
        );
        assert_eq!(
            delays(&policy(Backoff::Fibonacci)),
            [100, 100, 200, 300, 500, 800]
        );
        assert_eq!(delays(&policy(Backoff::Constant)), [100; 6]);
    }

    #[test]
    fn jitter_shortens_by_at_most_its_share_and_is_the_same_under_a_seed() {
        let policy = RetryPolicy {
            jitter: 0.5,
            ..policy(Backoff::Constant)
        };
        for seed in 0..1_000 {
            let delay = retry_delay(&policy, 1, seed);
            assert!((50..=100).contains(&delay.as_millis()), "{delay:?}");
            assert_eq!(delay, retry_delay(&policy, 1, seed));
        }
    }

    #[test]
    fn enormous_numbers_end_at_the_cap_and_no_delay_stays_none() {
        let mut policy = RetryPolicy {
            multiplier: f64::MAX,
            ..policy(Backoff::Exponential)
        };
        let cap = policy.max_delay.as_duration();
        for attempt in [3, 1_000, u32::MAX] {
            assert_eq!(retry_delay(&policy, attempt, 0), cap);
        }
        policy.initial_delay = Span::default();
        assert_eq!(retry_delay(&policy, u32::MAX, 0), Duration::ZERO);
        policy.initial_delay = Span::from_millis(u64::MAX);
        policy.max_delay = Span::from_millis(u64::MAX);
        assert!(retry_delay(&policy, u32::MAX, 0) >= Duration::from_millis(u64::MAX / 2));
    }
}
