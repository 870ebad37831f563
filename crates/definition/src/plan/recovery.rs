//! What is done when a node fails, put together from what the node and the workflow say.

use std::num::NonZeroU32;

use jackfield_kernel::RecoveryRules;
use jackfield_types::{ErrorCode, NodeTypeId, RecoveryStrategy, RetryPolicy, Strategy};

use crate::diagnostic::Diagnostic;
use crate::diagnostics::Findings;
use crate::workflow::{Node, Workflow};

/// The rules of one node.
pub(super) struct Recovery {
    pub(super) rules: RecoveryRules,
    /// The fallback, and where in the document it is named.
    pub(super) fallback: Option<(NodeTypeId, String)>,
}

pub(super) fn recovery(workflow: &Workflow, node: &Node) -> Recovery {
    let retry = node
        .retry_policy
        .as_ref()
        .or(workflow.retry_policy.as_ref());
    let own = node.error_recovery_strategy.as_ref();
    let mut rules = RecoveryRules {
        retry: retry.cloned().map(Box::new),
        ..RecoveryRules::default()
    };
    let mut fallback = None;
    if let Some(strategy) = own.or(workflow.error_recovery.as_ref()) {
        rules.strategy = strategy.strategy;
        rules.allow_partial_output = strategy.allow_partial_output;
        match strategy.strategy {
            Strategy::Retry => {
                let policy = rules.retry.get_or_insert_default();
                if let Some(retries) = strategy.max_retries {
                    policy.max_attempts = NonZeroU32::MIN.saturating_add(retries);
                }
            }
            Strategy::Fallback => {
                let node_type = strategy.fallback_node_type.clone();
                fallback = node_type.map(|node_type| {
                    let pointer = match own {
                        Some(_) => node.field("errorRecoveryStrategy"),
                        None => "/errorRecovery".to_owned(),
                    };
                    (node_type, pointer)
                });
            }
            Strategy::Skip | Strategy::Fail => {}
        }
    }
    Recovery { rules, fallback }
}

/// Checks what a document says about recovery, each place once.
pub(super) fn check(workflow: &Workflow, findings: &mut Findings) {
    if let Some(policy) = &workflow.retry_policy {
        check_policy(policy, "/retryPolicy", None, findings);
    }
    check_strategy(
        workflow.error_recovery.as_ref(),
        "/errorRecovery",
        None,
        findings,
    );
    for node in &workflow.nodes {
        if let Some(policy) = &node.retry_policy {
            check_policy(policy, &node.field("retryPolicy"), Some(node), findings);
        }
        if node.error_recovery_strategy.is_some() {
            let pointer = node.field("errorRecoveryStrategy");
            check_strategy(
                node.error_recovery_strategy.as_ref(),
                &pointer,
                Some(node),
                findings,
            );
        }
    }
}

fn about(node: Option<&Node>, finding: Diagnostic) -> Diagnostic {
    match node {
        Some(node) => finding.with_node(node.name.as_str()),
        None => finding,
    }
}

fn check_policy(policy: &RetryPolicy, pointer: &str, node: Option<&Node>, findings: &mut Findings) {
    let mut wrong = |field: &str, value: f64, expected: &str| {
        let message = format!("`{field}` cannot be {value}");
        let finding = Diagnostic::new(ErrorCode::INVALID_WORKFLOW, message)
            .at(format!("{pointer}/{field}"))
            .with_expected(expected);
        findings.push(about(node, finding));
    };
    if !policy.multiplier.is_finite() || policy.multiplier < 1.0 {
        wrong(
            "multiplier",
            policy.multiplier,
            "a number that is 1 or more",
        );
    }
    if !(0.0..=1.0).contains(&policy.jitter) {
        wrong("jitter", policy.jitter, "a number from 0 to 1");
    }
    if policy.initial_delay > policy.max_delay {
        let message = format!(
            "the initial delay, {}, is longer than the longest delay, {}, which is what is waited",
            policy.initial_delay, policy.max_delay
        );
        let finding = Diagnostic::warning(ErrorCode::INVALID_WORKFLOW, message);
        findings.push(about(node, finding.at(format!("{pointer}/initialDelay"))));
    }
}

fn check_strategy(
    strategy: Option<&RecoveryStrategy>,
    pointer: &str,
    node: Option<&Node>,
    findings: &mut Findings,
) {
    let needs_fallback = strategy
        .is_some_and(|one| one.strategy == Strategy::Fallback && one.fallback_node_type.is_none());
    if needs_fallback {
        let message = "the strategy `fallback` does not say what to fall back on";
        let finding = Diagnostic::new(ErrorCode::INVALID_WORKFLOW, message)
            .at(pointer)
            .with_expected("the field `fallbackNodeType`");
        findings.push(about(node, finding));
    }
}
