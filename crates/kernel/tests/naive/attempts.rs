//! All attempts of one node, and what its failure leads to.

use std::sync::Arc;
use std::time::Duration;

use jackfield_kernel::{NodeSpec, RunWith};
use jackfield_types::{
    Backoff, ErrorCode, FailureClass, Item, Items, NodeFailure, NodeStatus, OnError, Outputs,
    RecoveryApplied, RetryPolicy, Strategy, format_duration,
};
use serde_json::json;

use super::{Asked, Fate, World};

/// All attempts of a node.
pub(super) struct Attempts<'a> {
    pub(super) spec: &'a NodeSpec,
    pub(super) world: &'a dyn World,
    pub(super) node: usize,
    pub(super) undoes: bool,
    pub(super) inputs: &'a [Items],
}

impl Attempts<'_> {
    fn attempt(&self, with: RunWith, attempt: u32) -> (Duration, Result<Outputs, NodeFailure>) {
        self.world.attempt(&Asked {
            node: self.node,
            undoes: self.undoes,
            with,
            attempt,
            inputs: self.inputs,
        })
    }

    pub(super) fn run_timed(&self) -> Fate {
        let mut elapsed = Duration::ZERO;
        let fate = self.run(&mut elapsed);
        Fate {
            took: elapsed,
            ..fate
        }
    }

    fn run(&self, elapsed: &mut Duration) -> Fate {
        let rules = &self.spec.recovery;
        let mut attempt = 1;
        let (mut failure, attempts) = loop {
            let (took, result) = self.attempt(RunWith::Own, attempt);
            *elapsed += took;
            let mut failure = match result {
                Ok(outputs) => {
                    let recovery = (attempt > 1).then_some(RecoveryApplied::Retry);
                    return self.success(outputs, attempt - 1, recovery);
                }
                Err(failure) => failure,
            };
            // Step 1.
            if is_final(&failure) {
                return self.continued(&failure, attempt - 1, RunWith::Own);
            }
            // Step 2.
            let policy = rules.retry.as_deref();
            let Some(policy) = policy.filter(|policy| self.tries_again(policy, &failure, attempt))
            else {
                break (failure, attempt);
            };
            let asked = failure.retry_after.unwrap_or(Duration::ZERO);
            if asked > policy.max_delay.as_duration() {
                failure.message += &format!(
                    " (not tried again: a wait of {} was asked for, `maxDelay` is {})",
                    format_duration(asked),
                    policy.max_delay
                );
                break (failure, attempt);
            }
            let wait = asked.max(backoff(policy, attempt));
            if let Some(deadline) = policy.deadline
                && *elapsed + wait > deadline.as_duration()
            {
                failure.message += &format!(
                    " (not tried again: the next attempt would begin after the deadline of {deadline})"
                );
                break (failure, attempt);
            }
            *elapsed += wait;
            attempt += 1;
        };
        let retries = attempts - 1;
        let mut with = RunWith::Own;
        // Step 3.
        if rules.strategy == Strategy::Fallback {
            with = RunWith::Fallback;
            let (took, result) = self.attempt(with, attempts + 1);
            *elapsed += took;
            match result {
                Ok(outputs) => {
                    let fate = self.success(outputs, retries, Some(RecoveryApplied::Fallback));
                    return Fate {
                        by_fallback: true,
                        ..fate
                    };
                }
                Err(of_fallback) => failure = of_fallback,
            }
        }
        // Step 4.
        if rules.strategy == Strategy::Skip {
            let partial = failure
                .partial
                .clone()
                .filter(|_| rules.allow_partial_output);
            let (status, outputs) = match partial {
                Some(partial) => (NodeStatus::Partial, partial),
                None => {
                    let empty = Outputs::first(Arc::new(vec![Item::default()]));
                    (NodeStatus::Skipped, empty)
                }
            };
            return Fate {
                status,
                outputs,
                error: Some((failure.code, failure.message)),
                retries,
                recovery: Some(RecoveryApplied::Skip),
                by_fallback: false,
                ran: true,
                took: Duration::ZERO,
            };
        }
        self.continued(&failure, retries, with)
    }

    fn success(&self, outputs: Outputs, retries: u32, recovery: Option<RecoveryApplied>) -> Fate {
        let gave_nothing = outputs.item_count() == 0;
        Fate {
            status: NodeStatus::Success,
            outputs: if gave_nothing && self.spec.always_output {
                Outputs::first(Arc::new(vec![Item::default()]))
            } else {
                outputs
            },
            error: None,
            retries,
            recovery,
            by_fallback: false,
            ran: true,
            took: Duration::ZERO,
        }
    }

    fn tries_again(&self, policy: &RetryPolicy, failure: &NodeFailure, attempt: u32) -> bool {
        let is_listed = policy.retryable_errors.contains(&failure.code)
            || failure
                .status
                .is_some_and(|status| policy.retryable_status_codes.contains(&status));
        let has_list =
            !policy.retryable_errors.is_empty() || !policy.retryable_status_codes.is_empty();
        let by_class = match failure.class {
            FailureClass::Retryable => true,
            FailureClass::UnknownNodeType => self.spec.recovery.strategy == Strategy::Retry,
            FailureClass::Permanent | FailureClass::Final => false,
        };
        attempt < policy.max_attempts.get() && if has_list { is_listed } else { by_class }
    }

    /// Step 5.
    fn continued(&self, failure: &NodeFailure, retries: u32, with: RunWith) -> Fate {
        let mut fate = Fate {
            status: NodeStatus::Error,
            outputs: Outputs::default(),
            error: Some((failure.code.clone(), failure.message.clone())),
            retries,
            recovery: None,
            by_fallback: with == RunWith::Fallback,
            ran: true,
            took: Duration::ZERO,
        };
        if self.spec.on_error == OnError::StopWorkflow || is_refused(failure) {
            return fate;
        }
        fate.recovery = Some(RecoveryApplied::Continue);
        let input = &self.inputs[0];
        // By place of the input: why that item failed, if it did by itself.
        let own: Vec<_> = (0..input.len())
            .map(|place| {
                let mut list = failure.failed_items.iter();
                list.find(|failed| failed.item as usize == place)
            })
            .collect();
        if own.iter().all(Option::is_none) {
            let error = error(&failure.code, &failure.message, failure.status);
            let list: Vec<Item> = if input.is_empty() {
                vec![with_error(&Item::default(), &error)]
            } else {
                let paired = input.iter().enumerate();
                paired
                    .map(|(place, item)| with_error(item, &error).paired_with(place))
                    .collect()
            };
            match self.spec.on_error {
                OnError::ContinueErrorOutput => fate.outputs.error = Some(Arc::new(list)),
                _ => fate.outputs = Outputs::first(Arc::new(list)),
            }
            return fate;
        }
        if own.iter().any(Option::is_none) {
            fate.status = NodeStatus::Partial;
        }
        fate.outputs = failure.partial.clone().unwrap_or_default();
        let failing: Vec<(usize, Item)> = own
            .iter()
            .enumerate()
            .filter_map(|(place, failed)| {
                let failed = (*failed)?;
                let error = error(&failed.code, &failed.message, failed.status);
                Some((place, with_error(&input[place], &error).paired_with(place)))
            })
            .collect();
        match self.spec.on_error {
            OnError::ContinueErrorOutput => {
                let others = fate.outputs.error.take().unwrap_or_default();
                fate.outputs.error = Some(merged(&others, failing));
            }
            _ => {
                if fate.outputs.main.is_empty() {
                    fate.outputs.main.push(Items::default());
                }
                fate.outputs.main[0] = merged(&fate.outputs.main[0], failing);
            }
        }
        fate
    }
}

/// Each failing item goes in front of the first other one that was made from a later item.
fn merged(others: &[Item], failing: Vec<(usize, Item)>) -> Items {
    let mut list = others.to_vec();
    for (place, item) in failing {
        let is_later = |other: &Item| {
            let source = other.source().filter(|source| source.input == 0);
            source.is_some_and(|source| source.item as usize > place)
        };
        let at = list.iter().position(is_later).unwrap_or(list.len());
        list.insert(at, item);
    }
    Arc::new(list)
}

fn is_refused(failure: &NodeFailure) -> bool {
    failure.code == ErrorCode::TENANT_FORBIDDEN
        || failure.code == ErrorCode::CANCELLED
        || failure.code == ErrorCode::QUOTA_EXCEEDED && failure.class == FailureClass::Final
}

fn is_final(failure: &NodeFailure) -> bool {
    failure.class == FailureClass::Final || is_refused(failure)
}

fn error(code: &ErrorCode, message: &str, status: Option<u16>) -> serde_json::Value {
    match status {
        Some(status) => json!({ "code": code, "message": message, "status": status }),
        None => json!({ "code": code, "message": message }),
    }
}

fn with_error(item: &Item, error: &serde_json::Value) -> Item {
    let mut object = item.json().clone();
    object.insert("error".to_owned(), error.clone());
    Item::new(object)
}

/// The wait after an attempt, without jitter.
fn backoff(policy: &RetryPolicy, attempt: u32) -> Duration {
    let initial = policy.initial_delay.as_duration();
    let wait = match policy.backoff_type {
        Backoff::Exponential => {
            let mut wait = initial.as_secs_f64();
            for _ in 1..attempt {
                wait *= policy.multiplier;
            }
            Duration::from_secs_f64(wait)
        }
        Backoff::Linear => initial * attempt,
        Backoff::Fibonacci => {
            let (mut current, mut next) = (1, 1);
            for _ in 1..attempt {
                (current, next) = (next, current + next);
            }
            initial * current
        }
        Backoff::Constant => initial,
    };
    wait.min(policy.max_delay.as_duration())
}
