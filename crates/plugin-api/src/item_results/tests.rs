use std::borrow::Cow;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use jackfield_types::{
    ExecutionId, Items, NodeName, NodeTypeId, Object, OnError, TenantId, ValidationIssue,
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{Expr, NodeContext, OpenGrants, Parameters, Prepared, SubWorkflow, WorkflowRunner};

/// Parameters that nobody reads.
struct Unread {
    is_static: bool,
    prepared: Prepared,
}

impl Parameters for Unread {
    fn source(&self) -> &Value {
        &Value::Null
    }

    fn is_static(&self) -> bool {
        self.is_static
    }

    fn resolve(&self, _: usize) -> Result<Cow<'_, Value>, NodeError> {
        Ok(Cow::Owned(Value::Null))
    }

    fn evaluate(&self, _: &Expr, _: usize, _: &[(&str, &Value)]) -> Result<Value, NodeError> {
        Ok(Value::Null)
    }

    fn prepared(&self) -> &Prepared {
        &self.prepared
    }
}

struct NoWorkflows;

impl WorkflowRunner for NoWorkflows {
    fn run<'a>(&'a self, _: SubWorkflow<'a>) -> BoxFuture<'a, Result<Items, NodeError>> {
        Box::pin(async { Err(NodeError::Cancelled) })
    }
}

struct Setting {
    on_error: OnError,
    is_static: bool,
    cancellation: CancellationToken,
}

impl Setting {
    fn new(on_error: OnError) -> Self {
        Self {
            on_error,
            is_static: false,
            cancellation: CancellationToken::new(),
        }
    }

    /// Makes one item of each for which `outcome` has no error.
    fn run(
        &self,
        count: usize,
        outcome: impl Fn(usize) -> Option<NodeError>,
    ) -> Result<NodeOutput, NodeError> {
        let context = NodeContext {
            tenant: &TenantId::default_tenant(),
            execution: ExecutionId::generate(),
            workflow: "workflow",
            node: &NodeName::parse("node").unwrap(),
            node_type: &NodeTypeId::parse("test").unwrap(),
            attempt: 1,
            run_index: 0,
            on_error: self.on_error,
            variables: &Arc::new(Object::new()),
            loop_frame: None,
            cancellation: &self.cancellation,
            workflows: &NoWorkflows,
            grants: &OpenGrants,
        };
        let inputs = [Arc::new(vec![Item::default(); count])];
        let parameters = Unread {
            is_static: self.is_static,
            prepared: Prepared::new(),
        };
        let call = NodeCall {
            context: &context,
            inputs: &inputs,
            parameters: &parameters,
        };
        let mut results = ItemResults::of(&call);
        for item in 0..count {
            match outcome(item) {
                None => results.put(NodeOutput::result_item(item.into(), item)),
                Some(error) => results.fail(item, error)?,
            }
        }
        results.finish()
    }
}

fn going_on() -> Setting {
    Setting::new(OnError::ContinueErrorOutput)
}

fn busy(status: u16) -> NodeError {
    NodeError::retryable(ErrorCode::HTTP_STATUS, "busy").with(|failure| {
        failure.status = Some(status);
        failure.retry_after = Some(Duration::from_secs(u64::from(status)));
    })
}

fn wrong() -> NodeError {
    NodeError::permanent(ErrorCode::WRONG_TYPE, "no number")
}

/// The places of the items from which the partial output was made.
fn made(partial: Option<jackfield_types::Outputs>) -> Vec<u32> {
    let items = partial.unwrap().main;
    assert_eq!(items.len(), 1);
    items[0]
        .iter()
        .map(|item| item.source().unwrap().item)
        .collect()
}

#[test]
fn the_first_failure_ends_the_call_when_it_stops_the_workflow() {
    let result = Setting::new(OnError::StopWorkflow).run(5, |item| (item > 1).then(wrong));
    let failure = result.unwrap_err().into_failure();
    assert_eq!(failure.to_string(), "WRONG_TYPE: item 2: no number");
    assert_eq!(failure.failed_items, []);
    assert_eq!(made(failure.partial), [0, 1]);
}

#[test]
fn all_items_have_their_turn_when_the_workflow_goes_on() {
    let result = going_on().run(6, |item| match item {
        1 => Some(wrong()),
        2 => Some(busy(503)),
        4 => Some(busy(429)),
        _ => None,
    });
    let failure = result.unwrap_err().into_failure();
    assert_eq!(
        failure.to_string(),
        "HTTP_STATUS: 3 of 6 items failed; item 2: busy"
    );
    assert_eq!(failure.class, FailureClass::Retryable);
    assert_eq!(failure.status, Some(503));
    assert_eq!(failure.retry_after, Some(Duration::from_secs(503)));
    let failed: Vec<_> = failure
        .failed_items
        .iter()
        .map(|failed| (failed.item, failed.code.as_str(), failed.status))
        .collect();
    assert_eq!(
        failed,
        [
            (1, "WRONG_TYPE", None),
            (2, "HTTP_STATUS", Some(503)),
            (4, "HTTP_STATUS", Some(429))
        ]
    );
    assert_eq!(failure.failed_items[0].message, "no number");
    assert_eq!(made(failure.partial), [0, 3, 5]);
}

#[test]
fn one_item_alone_fails_as_it_does_and_nothing_made_is_nothing_partial() {
    let failure = going_on().run(1, |_| Some(wrong())).unwrap_err();
    let failure = failure.into_failure();
    assert_eq!(failure.to_string(), "WRONG_TYPE: no number");
    assert_eq!((failure.failed_items.len(), failure.partial), (0, None));

    let failure = going_on().run(2, |_| Some(wrong())).unwrap_err();
    let failure = failure.into_failure();
    assert_eq!((failure.failed_items.len(), failure.partial), (2, None));
}

#[test]
fn permanent_failures_outweigh_final_ones() {
    let issue = || NodeError::Params(vec![ValidationIssue::parameter("/a", "wrong")]);
    let failure = going_on().run(2, |_| Some(issue())).unwrap_err();
    let failure = failure.into_failure();
    assert_eq!(failure.class, FailureClass::Final);
    assert_eq!(failure.code, ErrorCode::INVALID_PARAMETERS);
    assert_eq!(failure.failed_items.len(), 2);

    let mixed = |item| Some(if item == 0 { issue() } else { wrong() });
    let failure = going_on().run(3, mixed).unwrap_err().into_failure();
    assert_eq!(failure.class, FailureClass::Permanent);
    assert_eq!(
        failure.failed_items[0].message,
        "invalid parameters: `/a`: wrong"
    );
}

#[test]
fn what_concerns_the_whole_call_ends_it_at_once() {
    for code in [ErrorCode::TENANT_FORBIDDEN, ErrorCode::QUOTA_EXCEEDED] {
        let refused = |item| match item {
            0 => Some(wrong()),
            2 => Some(NodeError::refused(code.clone(), "no")),
            _ => None,
        };
        let failure = going_on().run(4, refused).unwrap_err().into_failure();
        assert_eq!(failure.class, FailureClass::Final);
        assert_eq!((failure.code, failure.failed_items), (code.clone(), vec![]));
        assert_eq!(failure.message, "item 2: no");
    }
    let cancelled = going_on().run(3, |_| Some(NodeError::Cancelled));
    assert!(matches!(cancelled, Err(NodeError::Cancelled)));

    let setting = going_on();
    setting.cancellation.cancel();
    let cancelled = setting.run(3, |_| Some(wrong()));
    assert!(matches!(cancelled, Err(NodeError::Cancelled)));

    let mut fixed = going_on();
    fixed.is_static = true;
    let result = fixed.run(3, |_| Some(NodeError::parameter("/a", "wrong")));
    assert_eq!(
        result.unwrap_err().to_string(),
        "invalid parameters: `/a`: wrong"
    );
}

#[test]
fn the_texts_of_many_failures_are_bounded() {
    let long = || NodeError::permanent(ErrorCode::WRONG_TYPE, "ä".repeat(LONGEST_TEXT));
    let failure = going_on().run(10_000, |_| Some(long())).unwrap_err();
    let failed = failure.into_failure().failed_items;
    assert_eq!(failed.len(), 10_000);
    assert!(failed[0].message.ends_with("ä…"), "{}", failed[0].message);
    assert!(failed[0].message.len() <= LONGEST_TEXT);
    let texts: usize = failed.iter().map(|failed| failed.message.len()).sum();
    assert!(texts <= ALL_TEXTS);
    assert_eq!(failed[9_999].message, "");
}
