//! What is done when a node fails, put together from what the node and the workflow say.

use std::num::NonZeroU32;

use jackfield_kernel::RecoveryRules;
use jackfield_types::{NodeTypeId, RecoveryStrategy, RetryPolicy, Strategy};

use crate::workflow::{Node, Workflow};

/// The rules of one node.
pub(super) struct Recovery {
    pub(super) rules: RecoveryRules,
    /// The fallback, and where in the document it is named.
    pub(super) fallback: Option<(NodeTypeId, String)>,
}

/// What holds for a node that says nothing itself.
#[derive(Clone, Copy, Default)]
pub(super) struct Inherited<'a> {
    retry_policy: Option<&'a RetryPolicy>,
    error_recovery: Option<&'a RecoveryStrategy>,
}

impl<'a> Inherited<'a> {
    pub(super) fn of(workflow: &'a Workflow) -> Self {
        Self {
            retry_policy: workflow.retry_policy.as_ref(),
            error_recovery: workflow.error_recovery.as_ref(),
        }
    }
}

pub(super) fn recovery(inherited: Inherited<'_>, node: &Node) -> Recovery {
    let retry = node.retry_policy.as_ref().or(inherited.retry_policy);
    let own = node.error_recovery_strategy.as_ref();
    let mut rules = RecoveryRules {
        retry: retry.cloned().map(Box::new),
        ..RecoveryRules::default()
    };
    let mut fallback = None;
    if let Some(strategy) = own.or(inherited.error_recovery) {
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
