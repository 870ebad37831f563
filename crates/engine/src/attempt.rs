//! Attempts that run on: their time limits, and how one is recorded that was broken off.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jackfield_kernel::{NodeIndex, RunWith};
use jackfield_types::{ErrorCode, FailureClass, NodeFailure};
use jiff::Timestamp;

use crate::execution::Running;
use crate::invocation::Ended;
use crate::scope::Scope;

/// An attempt whose start has been recorded.
#[derive(Clone, Copy)]
pub(crate) struct Start {
    pub(crate) node: NodeIndex,
    pub(crate) run: u32,
    pub(crate) attempt: u32,
    pub(crate) with: RunWith,
}

pub(crate) fn with_timeout(
    future: BoxFuture<'static, Ended>,
    limit: Duration,
    running: Arc<Running>,
    start: Start,
    now: Timestamp,
) -> BoxFuture<'static, Ended> {
    async move {
        match tokio::time::timeout(limit, future).await {
            Ok(ended) => ended,
            Err(_) => {
                let message = format!(
                    "the attempt took longer than {}",
                    jackfield_types::format_duration(limit)
                );
                let failure =
                    NodeFailure::new(FailureClass::Retryable, ErrorCode::TIMEOUT, message);
                failed(&running, start, now, failure)
            }
        }
    }
    .boxed()
}

pub(crate) fn broken_off(running: &Arc<Running>, start: Start, now: Timestamp) -> Ended {
    let failure = NodeFailure::new(FailureClass::Final, ErrorCode::CANCELLED, "broken off");
    failed(running, start, now, failure)
}

fn failed(running: &Arc<Running>, start: Start, now: Timestamp, failure: NodeFailure) -> Ended {
    let Start {
        node, run, attempt, ..
    } = start;
    let scope = Scope::empty(running, now);
    Ended {
        node,
        run,
        attempt,
        result: Err(Box::new(failure)),
        scope,
    }
}
