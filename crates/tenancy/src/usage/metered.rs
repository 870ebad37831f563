use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::execution::{QuotaExceededInExecution, Usage};

pin_project! {
    /// A future whose processor time is counted; see [`Usage::metered`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Metered<'a, F> {
        usage: &'a Usage,
        #[pin]
        future: F,
    }
}

impl<'a, F> Metered<'a, F> {
    pub(super) fn new(usage: &'a Usage, future: F) -> Self {
        Self { usage, future }
    }
}

impl<F: Future> Future for Metered<'_, F> {
    type Output = Result<F::Output, QuotaExceededInExecution>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let usage = *this.usage;
        if !usage.limits_time() {
            return this.future.poll(context).map(Ok);
        }
        let polled = usage.measured(|| this.future.poll(context));
        match (usage.check(), polled) {
            (Err(exceeded), _) => Poll::Ready(Err(exceeded)),
            (Ok(()), Poll::Ready(output)) => Poll::Ready(Ok(output)),
            (Ok(()), Poll::Pending) => Poll::Pending,
        }
    }
}
