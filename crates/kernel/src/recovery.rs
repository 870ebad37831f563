use std::time::Duration;

use jackfield_types::{Backoff, FailureClass, NodeFailure, RetryPolicy, Strategy};
use jiff::Timestamp;

use crate::RunWith;

/// What is done when an attempt of a node fails.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RecoveryRules {
    /// When it is tried again. `None`: it is not.
    pub retry: Option<Box<RetryPolicy>>,
    /// What is done when that does not help.
    pub strategy: Strategy,
    /// Whether `skip` passes on what had been produced.
    pub allow_partial_output: bool,
}

/// What is done about one failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Retry { delay: Duration },
    Fallback,
    Skip { partial: bool },
    Fail,
}

/// A failed attempt, with all that the decision about it depends on.
pub(crate) struct FailedAttempt<'a> {
    pub(crate) failure: &'a NodeFailure,
    pub(crate) with: RunWith,
    pub(crate) attempt: u32,
    pub(crate) first_started: Timestamp,
    pub(crate) failed: Timestamp,
    pub(crate) seed: u64,
}

impl RecoveryRules {
    /// Goes through the table of the law: final errors, retry, fallback, skip, fail, in that order.
    pub(crate) fn decide(&self, failed: &FailedAttempt<'_>) -> Decision {
        let class = failed.failure.class;
        if class == FailureClass::Final {
            return Decision::Fail;
        }
        if failed.with == RunWith::Own {
            if let Some(delay) = self.retry_after(failed) {
                return Decision::Retry { delay };
            }
            if self.strategy == Strategy::Fallback {
                return Decision::Fallback;
            }
        }
        match self.strategy {
            Strategy::Skip => Decision::Skip {
                partial: self.allow_partial_output && failed.failure.partial.is_some(),
            },
            Strategy::Retry | Strategy::Fallback | Strategy::Fail => Decision::Fail,
        }
    }

    fn retry_after(&self, failed: &FailedAttempt<'_>) -> Option<Duration> {
        let policy = self.retry.as_ref()?;
        if failed.attempt >= policy.max_attempts.get() || !self.is_retryable(policy, failed.failure)
        {
            return None;
        }
        let asked_for = failed.failure.retry_after.unwrap_or_default();
        if asked_for > policy.max_delay.as_duration() {
            return None;
        }
        let delay = retry_delay(policy, failed.attempt, failed.seed).max(asked_for);
        if let Some(deadline) = policy.deadline {
            let elapsed = failed.failed.duration_since(failed.first_started);
            let elapsed = Duration::try_from(elapsed).unwrap_or_default();
            if elapsed.saturating_add(delay) > deadline.as_duration() {
                return None;
            }
        }
        Some(delay)
    }

    fn is_retryable(&self, policy: &RetryPolicy, failure: &NodeFailure) -> bool {
        if policy.retryable_errors.is_empty() && policy.retryable_status_codes.is_empty() {
            return match failure.class {
                FailureClass::Retryable => true,
                FailureClass::UnknownNodeType => self.strategy == Strategy::Retry,
                FailureClass::Permanent | FailureClass::Final => false,
            };
        }
        policy.retryable_errors.contains(&failure.code)
            || failure
                .status
                .is_some_and(|status| policy.retryable_status_codes.contains(&status))
    }
}

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
    let wait = (initial * factor).min(cap);
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

    use jackfield_types::{ErrorCode, Span};

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

    fn decide(
        rules: &RecoveryRules,
        failure: &NodeFailure,
        attempt: u32,
        with: RunWith,
    ) -> Decision {
        rules.decide(&FailedAttempt {
            failure,
            with,
            attempt,
            first_started: Timestamp::UNIX_EPOCH,
            failed: Timestamp::from_millisecond(500).unwrap(),
            seed: 0,
        })
    }

    fn failure(class: FailureClass) -> NodeFailure {
        NodeFailure::new(class, ErrorCode::EXECUTION_ERROR, "no")
    }

    #[test]
    fn a_final_failure_has_no_strategy() {
        for strategy in [
            Strategy::Retry,
            Strategy::Fallback,
            Strategy::Skip,
            Strategy::Fail,
        ] {
            let rules = RecoveryRules {
                retry: Some(Box::new(policy(Backoff::Constant))),
                strategy,
                allow_partial_output: true,
            };
            let decision = decide(&rules, &failure(FailureClass::Final), 1, RunWith::Own);
            assert_eq!(decision, Decision::Fail);
        }
    }

    #[test]
    fn retry_comes_before_the_strategy_and_a_fallback_runs_once() {
        let rules = RecoveryRules {
            retry: Some(Box::new(RetryPolicy {
                max_attempts: NonZeroU32::new(2).unwrap(),
                ..policy(Backoff::Constant)
            })),
            strategy: Strategy::Fallback,
            allow_partial_output: false,
        };
        let retryable = failure(FailureClass::Retryable);
        let delay = Duration::from_millis(100);
        assert_eq!(
            decide(&rules, &retryable, 1, RunWith::Own),
            Decision::Retry { delay }
        );
        assert_eq!(
            decide(&rules, &retryable, 2, RunWith::Own),
            Decision::Fallback
        );
        assert_eq!(
            decide(&rules, &retryable, 3, RunWith::Fallback),
            Decision::Fail
        );
        let permanent = failure(FailureClass::Permanent);
        assert_eq!(
            decide(&rules, &permanent, 1, RunWith::Own),
            Decision::Fallback
        );
    }

    #[test]
    fn no_attempt_begins_after_the_deadline_nor_before_the_other_side_allows() {
        let mut rules = RecoveryRules {
            retry: Some(Box::new(policy(Backoff::Constant))),
            ..RecoveryRules::default()
        };
        let mut busy = failure(FailureClass::Retryable);
        busy.retry_after = Some(Duration::from_millis(700));
        let delay = Duration::from_millis(700);
        assert_eq!(
            decide(&rules, &busy, 1, RunWith::Own),
            Decision::Retry { delay }
        );
        rules.retry.as_mut().unwrap().deadline = Some(Span::from_millis(1_000));
        assert_eq!(decide(&rules, &busy, 1, RunWith::Own), Decision::Fail);
        rules.retry.as_mut().unwrap().deadline = None;
        busy.retry_after = Some(Duration::from_secs(3_600));
        assert_eq!(decide(&rules, &busy, 1, RunWith::Own), Decision::Fail);
    }

    #[test]
    fn a_list_of_codes_or_statuses_says_what_is_tried_again() {
        let mut rules = RecoveryRules {
            retry: Some(Box::new(policy(Backoff::Constant))),
            ..RecoveryRules::default()
        };
        rules.retry.as_mut().unwrap().retryable_status_codes = vec![409];
        let mut conflict = failure(FailureClass::Permanent);
        conflict.status = Some(409);
        assert!(matches!(
            decide(&rules, &conflict, 1, RunWith::Own),
            Decision::Retry { .. }
        ));
        let other = failure(FailureClass::Retryable);
        assert_eq!(decide(&rules, &other, 1, RunWith::Own), Decision::Fail);
    }
}
