//! What an attempt that failed leads to.

use std::borrow::Cow;
use std::sync::Arc;

use jackfield_types::{
    ErrorCode, Item, ItemFailure, Items, NodeFailure, NodeStatus, Object, Outputs, RecoveryApplied,
};
use jiff::Timestamp;
use serde_json::Value;

use crate::recovery::{Decision, FailedAttempt};
use crate::state::{Outcome, Wait};
use crate::table::Verdict;
use crate::{Execution, ExecutionStatus, FailureMode, NodeIndex, NodePhase, Pass, RunWith};

impl Execution {
    /// What would go on if the attempt that runs failed so, for conditions to be evaluated on;
    /// `None` when another attempt would follow.
    pub fn outputs_after_failure(
        &self,
        node: NodeIndex,
        failure: &NodeFailure,
        at: Timestamp,
    ) -> Option<Outputs> {
        let decision = self.decide(node, failure, at);
        let failure = decision
            .noted(failure)
            .map_or(Cow::Borrowed(failure), Cow::Owned);
        self.after_failure(node, &failure, decision.verdict)
            .map(|(_, outputs, _)| outputs)
    }

    pub(crate) fn fail(
        &mut self,
        node: NodeIndex,
        failure: &NodeFailure,
        passes: &[Pass],
        at: Timestamp,
    ) {
        let with = self.running_with(node);
        let decision = self.decide(node, failure, at);
        let failure = decision
            .noted(failure)
            .map_or(Cow::Borrowed(failure), Cow::Owned);
        let after = self.after_failure(node, &failure, decision.verdict);
        let Some((status, outputs, recovery)) = after else {
            return self.try_again(node, &decision, with, at);
        };
        let blocks = status == NodeStatus::Error && recovery.is_none();
        let outcome = Outcome {
            status,
            outputs,
            failure: Some(Box::new(failure.into_owned())),
            recovery,
            with,
            retries: self.retries(node, with),
            started: self.nodes[node.get()].first_started.unwrap_or(at),
            ended: at,
            blocks,
            passes: passes.to_vec(),
        };
        self.nodes[node.get()].outcome = Some(Box::new(outcome));
        self.remember_completed(node);
        // What was broken off because of another node's failure is not the cause.
        if blocks && self.stopping.is_none() && self.compensating.is_none() {
            let is_earlier =
                |other: NodeIndex| self.graph.rank[node.get()] < self.graph.rank[other.get()];
            if self.failed.is_none_or(is_earlier) {
                self.failed = Some(node);
            }
            if self.graph.failure_mode == FailureMode::FailFast {
                self.stop(ExecutionStatus::Error);
            }
        }
        self.settle(node);
    }

    fn decide(&self, node: NodeIndex, failure: &NodeFailure, at: Timestamp) -> Decision {
        let state = &self.nodes[node.get()];
        let spec = &self.graph.nodes[node.get()];
        spec.recovery.decide(&FailedAttempt {
            failure,
            on_error: spec.on_error,
            with: self.running_with(node),
            attempt: state.attempt,
            first_started: state.first_started.unwrap_or(at),
            failed: at,
            seed: self.seed ^ ((node.get() as u64) << 32) ^ (u64::from(state.run) << 16),
            is_stopping: self.is_stopping(),
            has_failed_items: failed_items(self.first_input(node), failure)
                .next()
                .is_some(),
        })
    }

    /// Leaves a node waiting for its next attempt, or ready for its fallback.
    fn try_again(&mut self, node: NodeIndex, decision: &Decision, with: RunWith, at: Timestamp) {
        let state = &mut self.nodes[node.get()];
        if decision.verdict == Verdict::Retry {
            state.phase = NodePhase::Waiting;
            state.wait = Some(Box::new(Wait {
                since: at,
                delay: Some(decision.delay),
                next: with,
                signal: None,
            }));
        } else {
            state.attempt += 1;
            state.phase = NodePhase::Ready {
                with: RunWith::Fallback,
            };
        }
        self.enqueue(node);
    }

    /// Status and outputs of a node that has failed for good; `None` when it has not.
    fn after_failure(
        &self,
        node: NodeIndex,
        failure: &NodeFailure,
        verdict: Verdict,
    ) -> Option<(NodeStatus, Outputs, Option<RecoveryApplied>)> {
        let input = self.first_input(node);
        let skipped = Some(RecoveryApplied::Skip);
        let continued = Some(RecoveryApplied::Continue);
        Some(match verdict {
            Verdict::Retry | Verdict::Fallback => return None,
            Verdict::SkipPartly => {
                let partial = failure.partial.clone().unwrap_or_default();
                (NodeStatus::Partial, partial, skipped)
            }
            Verdict::Skip => {
                let empty = Outputs::first(Arc::new(vec![Item::default()]));
                (NodeStatus::Skipped, empty, skipped)
            }
            Verdict::Stop => (NodeStatus::Error, Outputs::default(), None),
            Verdict::ErrorPort => {
                let outputs = Outputs {
                    error: Some(all_items(input, failure)),
                    ..Outputs::default()
                };
                (NodeStatus::Error, outputs, continued)
            }
            Verdict::MainPort => {
                let outputs = Outputs::first(all_items(input, failure));
                (NodeStatus::Error, outputs, continued)
            }
            Verdict::FailedItemsByErrorPort => {
                let mut outputs = failure.partial.clone().unwrap_or_default();
                let others = outputs.error.take().unwrap_or_default();
                outputs.error = Some(insert_failed(&others, input, failure));
                (item_status(input, failure), outputs, continued)
            }
            Verdict::FailedItemsByMainPort => {
                let mut outputs = failure.partial.clone().unwrap_or_default();
                if outputs.main.is_empty() {
                    outputs.main.push(Items::default());
                }
                outputs.main[0] = insert_failed(&outputs.main[0], input, failure);
                (item_status(input, failure), outputs, continued)
            }
        })
    }

    fn first_input(&self, node: NodeIndex) -> &[Item] {
        let inputs = &self.nodes[node.get()].inputs;
        inputs.first().map_or(&[], |items| items.as_slice())
    }
}

/// The items that failed each by itself, with their failures; what is not there is left out.
fn failed_items<'a>(
    input: &'a [Item],
    failure: &'a NodeFailure,
) -> impl Iterator<Item = (usize, &'a Item, &'a ItemFailure)> {
    failure.failed_items.iter().filter_map(|failed| {
        let place = usize::try_from(failed.item).ok()?;
        Some((place, input.get(place)?, failed))
    })
}

/// The same in the order of the input, each item once.
fn sorted_failed_items<'a>(
    input: &'a [Item],
    failure: &'a NodeFailure,
) -> Vec<(usize, &'a Item, &'a ItemFailure)> {
    let mut failed: Vec<_> = failed_items(input, failure).collect();
    failed.sort_by_key(|(place, ..)| *place);
    failed.dedup_by_key(|(place, ..)| *place);
    failed
}

/// Whether some of the items came through.
fn item_status(input: &[Item], failure: &NodeFailure) -> NodeStatus {
    if sorted_failed_items(input, failure).len() < input.len() {
        NodeStatus::Partial
    } else {
        NodeStatus::Error
    }
}

/// Puts the failing items, each with its `error`, among others: in front of the first one that was
/// made from a later item of the input.
fn insert_failed(others: &[Item], input: &[Item], failure: &NodeFailure) -> Items {
    let failed = sorted_failed_items(input, failure);
    let mut list = Vec::with_capacity(others.len() + failed.len());
    let mut failed = failed.into_iter().peekable();
    let with_error = |place, item, failed: &ItemFailure| {
        error_item(item, error(&failed.code, &failed.message, failed.status)).paired_with(place)
    };
    for other in others {
        let source = other.source().filter(|source| source.input == 0);
        while let Some((place, item, failed)) =
            failed.next_if(|(place, ..)| source.is_some_and(|source| *place < source.item as usize))
        {
            list.push(with_error(place, item, failed));
        }
        list.push(other.clone());
    }
    list.extend(failed.map(|(place, item, failed)| with_error(place, item, failed)));
    Arc::new(list)
}

/// The items of a node's first input, each with an `error` beside what it holds.
fn all_items(input: &[Item], failure: &NodeFailure) -> Items {
    let most = MOST_COPIED / input.len().max(1);
    let message = shortened(&failure.message, most.max(SHORTEST_CUT));
    let error = error(&failure.code, &message, failure.status);
    if input.is_empty() {
        return Arc::new(vec![error_item(&Item::default(), error)]);
    }
    let paired = input.iter().enumerate();
    let items = paired.map(|(place, item)| error_item(item, error.clone()).paired_with(place));
    Arc::new(items.collect())
}

/// A message that all items carry is cut so that its copies are not more than this many bytes in
/// all, but never to less than that many.
const MOST_COPIED: usize = 4 * 1024 * 1024;
const SHORTEST_CUT: usize = 256;

fn shortened(message: &str, most: usize) -> Cow<'_, str> {
    if message.len() <= most {
        return Cow::Borrowed(message);
    }
    let end = message.floor_char_boundary(most - '…'.len_utf8());
    Cow::Owned(format!("{}…", &message[..end]))
}

fn error(code: &ErrorCode, message: &str, status: Option<u16>) -> Object {
    let mut error = Object::new();
    error.insert("code".to_owned(), Value::from(code.as_str()));
    error.insert("message".to_owned(), Value::from(message));
    if let Some(status) = status {
        error.insert("status".to_owned(), Value::from(status));
    }
    error
}

fn error_item(item: &Item, error: Object) -> Item {
    let mut object = item.json().clone();
    object.insert("error".to_owned(), Value::Object(error));
    Item::new(object)
}
