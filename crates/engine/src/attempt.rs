//! Attempts that run on: their time limits, and how one is recorded that was broken off.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jackfield_kernel::{NodeIndex, RunWith};
use jackfield_types::{ErrorCode, FailureClass, NodeFailure};
use tokio::task::JoinError;

use crate::invocation::Ended;

/// An attempt whose start has been recorded.
#[derive(Clone, Copy)]
pub(crate) struct Start {
    pub(crate) node: NodeIndex,
    pub(crate) run: u32,
    pub(crate) attempt: u32,
    pub(crate) with: RunWith,
    /// How many records have to be acknowledged before it begins.
    pub(crate) led_to: u64,
}

pub(crate) fn with_timeout(
    future: BoxFuture<'static, Ended>,
    limit: Duration,
    start: Start,
) -> BoxFuture<'static, Ended> {
    async move {
        match tokio::time::timeout(limit, future).await {
            Ok(ended) => ended,
            Err(_) => {
                let limit = jackfield_types::format_duration(limit);
                let message = format!("the attempt took longer than {limit}");
                failed(start, FailureClass::Retryable, ErrorCode::TIMEOUT, message)
            }
        }
    }
    .boxed()
}

/// An attempt whose task did not come to its end.
pub(crate) fn broken_off(start: Start, error: &JoinError) -> Ended {
    if error.is_panic() {
        let message = "the engine panicked around the call".to_owned();
        return failed(start, FailureClass::Permanent, ErrorCode::TRAPPED, message);
    }
    failed(
        start,
        FailureClass::Final,
        ErrorCode::CANCELLED,
        "broken off".to_owned(),
    )
}

fn failed(start: Start, class: FailureClass, code: ErrorCode, message: String) -> Ended {
    let Start {
        node, run, attempt, ..
    } = start;
    let failure = NodeFailure::new(class, code, message);
    Ended {
        node,
        run,
        attempt,
        result: Err(Box::new(failure)),
    }
}
