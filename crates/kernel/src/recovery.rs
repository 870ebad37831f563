//! What is known about a failed attempt when it is decided what to do about it.

use std::time::Duration;

use jackfield_types::{
    ErrorCode, FailureClass, NodeFailure, OnError, RetryPolicy, Span, Strategy, format_duration,
};
use jiff::Timestamp;

use crate::table::{Facts, Verdict, decide};
use crate::{RunWith, retry_delay};

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

/// A failed attempt, with all that the decision about it depends on.
#[derive(Clone, Copy)]
pub(crate) struct FailedAttempt<'a> {
    pub(crate) failure: &'a NodeFailure,
    pub(crate) on_error: OnError,
    pub(crate) with: RunWith,
    pub(crate) attempt: u32,
    pub(crate) first_started: Timestamp,
    pub(crate) failed: Timestamp,
    pub(crate) seed: u64,
    /// Whether the execution is being stopped.
    pub(crate) is_stopping: bool,
    /// Whether some items failed by themselves.
    pub(crate) has_failed_items: bool,
}

/// What is done about a failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) verdict: Verdict,
    /// The wait before the next attempt, if there is to be one.
    pub(crate) delay: Duration,
    /// Why there is no other attempt, though one was left.
    pub(crate) note: Option<String>,
}

/// Whether there is to be another attempt.
enum Retry {
    After(Duration),
    No,
    /// The other side asked for a longer wait than there may be.
    AskedTooMuch {
        wait: Duration,
        limit: Span,
    },
    /// The next attempt would begin after the deadline.
    TooLate {
        deadline: Span,
    },
}

impl RecoveryRules {
    /// Goes through the table of the law.
    pub(crate) fn decide(&self, failed: &FailedAttempt<'_>) -> Decision {
        let retry = self.retry_after(failed);
        let failure = failed.failure;
        let is = |code: ErrorCode| failure.code == code;
        let is_refused = is(ErrorCode::TENANT_FORBIDDEN)
            || is(ErrorCode::CANCELLED)
            || (is(ErrorCode::QUOTA_EXCEEDED) && failure.class == FailureClass::Final);
        let facts = Facts {
            is_refused,
            is_final: is_refused || failed.is_stopping || failure.class == FailureClass::Final,
            may_retry: matches!(retry, Retry::After(_)),
            with: failed.with,
            strategy: self.strategy,
            passes_partial: self.allow_partial_output && failure.partial.is_some(),
            on_error: failed.on_error,
            has_failed_items: failed.has_failed_items,
        };
        Decision {
            verdict: decide(&facts),
            delay: match retry {
                Retry::After(delay) => delay,
                Retry::No | Retry::AskedTooMuch { .. } | Retry::TooLate { .. } => Duration::ZERO,
            },
            note: retry.note().filter(|_| !facts.is_final),
        }
    }

    fn retry_after(&self, failed: &FailedAttempt<'_>) -> Retry {
        let Some(policy) = &self.retry else {
            return Retry::No;
        };
        let has_attempts = failed.attempt < policy.max_attempts.get();
        if failed.with != RunWith::Own
            || !has_attempts
            || !self.is_retryable(policy, failed.failure)
        {
            return Retry::No;
        }
        let asked_for = failed.failure.retry_after.unwrap_or_default();
        if asked_for > policy.max_delay.as_duration() {
            return Retry::AskedTooMuch {
                wait: asked_for,
                limit: policy.max_delay,
            };
        }
        let delay = retry_delay(policy, failed.attempt, failed.seed).max(asked_for);
        if let Some(deadline) = policy.deadline {
            let elapsed = failed.failed.duration_since(failed.first_started);
            let elapsed = Duration::try_from(elapsed).unwrap_or_default();
            if elapsed.saturating_add(delay) > deadline.as_duration() {
                return Retry::TooLate { deadline };
            }
        }
        Retry::After(delay)
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

impl Retry {
    fn note(&self) -> Option<String> {
        match self {
            Self::After(_) | Self::No => None,
            Self::AskedTooMuch { wait, limit } => Some(format!(
                "not tried again: a wait of {} was asked for, `maxDelay` is {limit}",
                format_duration(*wait)
            )),
            Self::TooLate { deadline } => Some(format!(
                "not tried again: the next attempt would begin after the deadline of {deadline}"
            )),
        }
    }
}

impl Decision {
    /// The failure as it is shown, if that is not just as it was.
    pub(crate) fn noted(&self, failure: &NodeFailure) -> Option<NodeFailure> {
        let note = self.note.as_ref()?;
        let mut noted = failure.clone();
        noted.message = format!("{} ({note})", failure.message);
        Some(noted)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use jackfield_types::Backoff;

    use super::*;

    fn policy() -> RetryPolicy {
        RetryPolicy {
            max_attempts: NonZeroU32::new(9).unwrap(),
            backoff_type: Backoff::Constant,
            initial_delay: Span::from_millis(100),
            max_delay: Span::from_millis(1_000),
            ..RetryPolicy::default()
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
            on_error: OnError::StopWorkflow,
            with,
            attempt,
            first_started: Timestamp::UNIX_EPOCH,
            failed: Timestamp::from_millisecond(500).unwrap(),
            seed: 0,
            is_stopping: false,
            has_failed_items: false,
        })
    }

    fn verdict(
        rules: &RecoveryRules,
        failure: &NodeFailure,
        attempt: u32,
        with: RunWith,
    ) -> Verdict {
        decide(rules, failure, attempt, with).verdict
    }

    fn failure(class: FailureClass) -> NodeFailure {
        NodeFailure::new(class, ErrorCode::EXECUTION_ERROR, "no")
    }

    #[test]
    fn a_final_failure_has_no_strategy() {
        let mut refused = failure(FailureClass::Permanent);
        refused.code = ErrorCode::TENANT_FORBIDDEN;
        for strategy in [
            Strategy::Retry,
            Strategy::Fallback,
            Strategy::Skip,
            Strategy::Fail,
        ] {
            let rules = RecoveryRules {
                retry: Some(Box::new(RetryPolicy {
                    retryable_errors: vec![ErrorCode::TENANT_FORBIDDEN, ErrorCode::EXECUTION_ERROR],
                    ..policy()
                })),
                strategy,
                allow_partial_output: true,
            };
            for failure in [&failure(FailureClass::Final), &refused] {
                assert_eq!(verdict(&rules, failure, 1, RunWith::Own), Verdict::Stop);
            }
        }
    }

    #[test]
    fn retry_comes_before_the_strategy_and_a_fallback_runs_once() {
        let rules = RecoveryRules {
            retry: Some(Box::new(RetryPolicy {
                max_attempts: NonZeroU32::new(2).unwrap(),
                ..policy()
            })),
            strategy: Strategy::Fallback,
            allow_partial_output: false,
        };
        let retryable = failure(FailureClass::Retryable);
        let first = decide(&rules, &retryable, 1, RunWith::Own);
        assert_eq!(first.verdict, Verdict::Retry);
        assert_eq!(first.delay, Duration::from_millis(100));
        assert_eq!(
            verdict(&rules, &retryable, 2, RunWith::Own),
            Verdict::Fallback
        );
        assert_eq!(
            verdict(&rules, &retryable, 3, RunWith::Fallback),
            Verdict::Stop
        );
        let permanent = failure(FailureClass::Permanent);
        assert_eq!(
            verdict(&rules, &permanent, 1, RunWith::Own),
            Verdict::Fallback
        );
    }

    #[test]
    fn no_attempt_begins_after_the_deadline_nor_before_the_other_side_allows() {
        let mut rules = RecoveryRules {
            retry: Some(Box::new(policy())),
            ..RecoveryRules::default()
        };
        let mut busy = failure(FailureClass::Retryable);
        busy.retry_after = Some(Duration::from_millis(700));
        let waits = decide(&rules, &busy, 1, RunWith::Own);
        assert_eq!(waits.verdict, Verdict::Retry);
        assert_eq!(waits.delay, Duration::from_millis(700));

        rules.retry.as_mut().unwrap().deadline = Some(Span::from_millis(1_000));
        let late = decide(&rules, &busy, 1, RunWith::Own);
        assert_eq!(late.verdict, Verdict::Stop);
        assert_eq!(
            late.noted(&busy).unwrap().message,
            "no (not tried again: the next attempt would begin after the deadline of 1.00 s)"
        );

        rules.retry.as_mut().unwrap().deadline = None;
        busy.retry_after = Some(Duration::from_secs(3_600));
        let long = decide(&rules, &busy, 1, RunWith::Own);
        assert_eq!(long.verdict, Verdict::Stop);
        assert_eq!(
            long.noted(&busy).unwrap().message,
            "no (not tried again: a wait of 60 min 0 s was asked for, `maxDelay` is 1.00 s)"
        );
        // The last attempt ends because it is the last one.
        assert_eq!(decide(&rules, &busy, 9, RunWith::Own).noted(&busy), None);
    }

    #[test]
    fn a_list_of_codes_or_statuses_says_what_is_tried_again() {
        let mut rules = RecoveryRules {
            retry: Some(Box::new(policy())),
            ..RecoveryRules::default()
        };
        rules.retry.as_mut().unwrap().retryable_status_codes = vec![409];
        let mut conflict = failure(FailureClass::Permanent);
        conflict.status = Some(409);
        assert_eq!(verdict(&rules, &conflict, 1, RunWith::Own), Verdict::Retry);
        let other = failure(FailureClass::Retryable);
        assert_eq!(verdict(&rules, &other, 1, RunWith::Own), Verdict::Stop);
    }
}
