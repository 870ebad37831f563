//! Checks what a document says about recovery, each place once: numbers that nobody can mean, and
//! fields that contradict each other.

use std::fmt::Display;

use jackfield_types::{ErrorCode, RecoveryStrategy, RetryPolicy, Span, Strategy};

use crate::diagnostic::Diagnostic;
use crate::diagnostics::Findings;
use crate::nearest::nearest;
use crate::workflow::{Node, Workflow};

/// How many attempts one node may make.
pub(crate) const MOST_ATTEMPTS: u32 = 1_000;
/// How long anything about retries may take: 30 days.
pub(crate) const LONGEST_DELAY: Span = Span::from_millis(30 * 24 * 60 * 60 * 1_000);
/// What a wait may be multiplied by.
const LARGEST_MULTIPLIER: f64 = 1_000.0;

pub(super) fn check(workflow: &Workflow, findings: &mut Findings) {
    let mut check = Check {
        node: None,
        findings,
    };
    if let Some(policy) = &workflow.retry_policy {
        check.policy(policy, "/retryPolicy");
    }
    if let Some(strategy) = &workflow.error_recovery {
        check.strategy(strategy, "/errorRecovery");
    }
    for node in &workflow.nodes {
        check.node = Some(node);
        if let Some(policy) = &node.retry_policy {
            check.policy(policy, &node.field("retryPolicy"));
        }
        if let Some(strategy) = &node.error_recovery_strategy {
            check.strategy(strategy, &node.field("errorRecoveryStrategy"));
        }
        check.timeout(node.timeout, &node.pointer());
        if let Some(compensation) = &node.compensation {
            let pointer = node.field("compensation");
            if let Some(policy) = &compensation.retry_policy {
                check.policy(policy, &format!("{pointer}/retryPolicy"));
            }
            if let Some(strategy) = &compensation.error_recovery_strategy {
                check.strategy(strategy, &format!("{pointer}/errorRecoveryStrategy"));
            }
            check.timeout(compensation.timeout, &pointer);
        }
    }
}

struct Check<'a> {
    /// What it is about; nothing when it is the workflow.
    node: Option<&'a Node>,
    findings: &'a mut Findings,
}

impl Check<'_> {
    fn push(&mut self, finding: Diagnostic, pointer: impl Into<String>) {
        let finding = finding.at(pointer);
        self.findings.push(match self.node {
            Some(node) => finding.with_node(node.name.as_str()),
            None => finding,
        });
    }

    fn wrong(&mut self, pointer: &str, field: &str, value: impl Display, expected: &str) {
        let message = format!("`{field}` cannot be {value}");
        let finding = Diagnostic::new(ErrorCode::INVALID_WORKFLOW, message);
        self.push(
            finding.with_expected(expected),
            format!("{pointer}/{field}"),
        );
    }

    fn likely(&mut self, pointer: String, message: impl Into<String>, hint: &str) {
        let finding = Diagnostic::warning(ErrorCode::LIKELY_MISTAKE, message);
        self.push(finding.with_hint(hint), pointer);
    }

    fn timeout(&mut self, timeout: Option<Span>, pointer: &str) {
        if timeout.is_some_and(|timeout| timeout.as_duration().is_zero()) {
            self.likely(
                format!("{pointer}/timeout"),
                "every attempt runs out of time at once",
                "leave `timeout` out when there is to be none",
            );
        }
    }

    fn policy(&mut self, policy: &RetryPolicy, pointer: &str) {
        if policy.max_attempts.get() > MOST_ATTEMPTS {
            let expected = format!("a whole number from 1 to {MOST_ATTEMPTS}");
            self.wrong(pointer, "maxAttempts", policy.max_attempts, &expected);
        }
        if !policy.multiplier.is_finite() || policy.multiplier < 1.0 {
            let expected = "a number that is 1 or more";
            self.wrong(pointer, "multiplier", policy.multiplier, expected);
        } else if policy.multiplier > LARGEST_MULTIPLIER {
            let expected = format!("a number from 1 to {LARGEST_MULTIPLIER}");
            self.wrong(pointer, "multiplier", policy.multiplier, &expected);
        }
        if !(0.0..=1.0).contains(&policy.jitter) {
            let expected = "a number from 0 to 1";
            self.wrong(pointer, "jitter", policy.jitter, expected);
        }
        for (field, delay) in [
            ("initialDelay", Some(policy.initial_delay)),
            ("maxDelay", Some(policy.max_delay)),
            ("deadline", policy.deadline),
        ] {
            if let Some(delay) = delay.filter(|delay| *delay > LONGEST_DELAY) {
                self.wrong(pointer, field, delay, "at most 30 days (`30d`)");
            }
        }
        if policy.initial_delay > policy.max_delay {
            let message = format!(
                "the initial delay, {}, is longer than the longest delay, {}, which is what is waited",
                policy.initial_delay, policy.max_delay
            );
            let finding = Diagnostic::warning(ErrorCode::INVALID_WORKFLOW, message);
            self.push(finding, format!("{pointer}/initialDelay"));
        }
        let first_wait = policy.initial_delay.min(policy.max_delay);
        if let Some(deadline) = policy.deadline
            && deadline < first_wait
        {
            let message = format!(
                "nothing is tried again: the deadline, {deadline}, is over before the first wait, {first_wait}"
            );
            let hint = "make the deadline longer or the initial delay shorter";
            self.likely(format!("{pointer}/deadline"), message, hint);
        }
        self.conditions(policy, pointer);
    }

    /// Which errors are tried again.
    fn conditions(&mut self, policy: &RetryPolicy, pointer: &str) {
        for (place, code) in policy.retryable_errors.iter().enumerate() {
            if ErrorCode::ALL.contains(code) {
                continue;
            }
            let known = ErrorCode::ALL.iter().map(ErrorCode::as_str);
            let hint = match nearest(code.as_str(), known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "leave it if a plugin gives this code".to_owned(),
            };
            let message = format!("`{code}` is no error code of Jackfield's");
            let at = format!("{pointer}/retryableErrors/{place}");
            self.likely(at, message, &hint);
        }
        for (place, status) in policy.retryable_status_codes.iter().enumerate() {
            if !(100..600).contains(status) {
                let message = format!("`{status}` is no status of HTTP");
                let finding = Diagnostic::new(ErrorCode::INVALID_WORKFLOW, message);
                self.push(
                    finding.with_expected("a number from 100 to 599"),
                    format!("{pointer}/retryableStatusCodes/{place}"),
                );
            }
        }
    }

    fn strategy(&mut self, strategy: &RecoveryStrategy, pointer: &str) {
        let kind = strategy.strategy;
        match (kind, &strategy.fallback_node_type) {
            (Strategy::Fallback, None) => {
                let message = "the strategy `fallback` does not say what to fall back on";
                let finding = Diagnostic::new(ErrorCode::INVALID_WORKFLOW, message);
                self.push(
                    finding.with_expected("the field `fallbackNodeType`"),
                    pointer,
                );
            }
            (Strategy::Retry | Strategy::Skip | Strategy::Fail, Some(_)) => self.likely(
                format!("{pointer}/fallbackNodeType"),
                "only the strategy `fallback` has a `fallbackNodeType`, so it is never used",
                "write `\"strategy\": \"fallback\"`, or leave the field out",
            ),
            (_, _) => {}
        }
        match (kind, strategy.max_retries) {
            (Strategy::Retry, Some(0)) => self.likely(
                format!("{pointer}/maxRetries"),
                "the strategy `retry` is to try again not even once",
                "give a number from 1, or use the strategy `fail`",
            ),
            (Strategy::Fallback | Strategy::Skip | Strategy::Fail, Some(_)) => self.likely(
                format!("{pointer}/maxRetries"),
                "only the strategy `retry` has `maxRetries`, so it means nothing here",
                "say how often to try again with `retryPolicy`, which works with every strategy",
            ),
            (_, _) => {}
        }
        if let Some(retries) = strategy.max_retries.filter(|count| *count >= MOST_ATTEMPTS) {
            let expected = format!("a whole number from 0 to {}", MOST_ATTEMPTS - 1);
            self.wrong(pointer, "maxRetries", retries, &expected);
        }
        if strategy.allow_partial_output && kind != Strategy::Skip {
            self.likely(
                format!("{pointer}/allowPartialOutput"),
                "only the strategy `skip` has `allowPartialOutput`, so it means nothing here",
                "write `\"strategy\": \"skip\"`, or leave the field out",
            );
        }
    }
}
