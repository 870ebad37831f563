//! How the driver carries out what the kernel orders.

use std::sync::Arc;

use futures_util::FutureExt;
use jackfield_kernel::{ApplyError, Command, EventKind, NodePhase};
use jackfield_types::{ErrorCode, FailureClass, NodeFailure};
use tokio::time::Instant;

use crate::attempt::Start;
use crate::driver::{Driver, TimerOver};
use crate::durable::between;
use crate::launch::Company;

/// How many attempts may end in a row before others get their turn on the thread.
pub(crate) const LONGEST_STRETCH: u32 = 128;

impl Driver {
    /// Carries out what the kernel orders until it has no more orders for now.
    pub(crate) async fn carry_out(&mut self) -> Result<(), ApplyError> {
        self.judge().await?;
        loop {
            while !self.is_resting()
                && let Some(command) = self.execution.next()
            {
                self.obey(command)?;
                self.judge().await?;
                self.take_turns().await?;
            }
            let may_begin = |start: &Start| !self.is_resting() && self.may_begin(start.led_to);
            if !self.starts.front().is_some_and(may_begin) {
                return Ok(());
            }
            let is_alone = self.starts.len() == 1 && self.in_flight.is_empty();
            let company = if is_alone {
                Company::Alone
            } else {
                Company::Others
            };
            // Once the execution is to stop, what has not begun is broken off with the rest.
            while !self.execution.is_stopping()
                && let Some(start) = self.starts.front().copied()
                && self.may_begin(start.led_to)
            {
                self.starts.pop_front();
                self.start(start, company)?;
                self.judge().await?;
                self.take_turns().await?;
            }
        }
    }

    /// Lets others run on the thread now and then, and notices in the middle of work what is
    /// otherwise noticed while waiting.
    async fn take_turns(&mut self) -> Result<(), ApplyError> {
        self.stretch += 1;
        if self.stretch < LONGEST_STRETCH {
            return Ok(());
        }
        self.stretch = 0;
        tokio::task::yield_now().await;
        if self.execution.is_stopping() || self.execution.ended().is_some() {
            return Ok(());
        }
        if self.running.cancellation.is_cancelled() {
            self.record(EventKind::CancelRequested)?;
        } else if self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            self.pass_deadline()?;
        }
        Ok(())
    }

    pub(crate) fn pass_deadline(&mut self) -> Result<(), ApplyError> {
        // It passes once: what undoes the execution has no deadline.
        self.deadline = None;
        self.record(EventKind::DeadlinePassed)
    }

    fn obey(&mut self, command: Command) -> Result<(), ApplyError> {
        match command {
            Command::Run {
                node,
                run,
                attempt,
                with,
            } => {
                self.record(EventKind::AttemptStarted {
                    node,
                    run,
                    attempt,
                    with,
                })?;
                self.starts.push_back(Start {
                    node,
                    run,
                    attempt,
                    with,
                    led_to: self.led_to(),
                });
            }
            Command::Skip { node, run, reason } => self.pass_over(node, run, reason)?,
            Command::Wait {
                node,
                run,
                attempt,
                delay,
                since,
            } => {
                if self.writer.is_some() || self.execution.awaited_signal(node).is_some() {
                    self.waits.push(node);
                }
                let Some(delay) = delay else { return Ok(()) };
                let left = delay.saturating_sub(between(since, self.now()));
                self.timers.push(
                    async move {
                        tokio::time::sleep(left).await;
                        TimerOver { node, run, attempt }
                    }
                    .boxed(),
                );
            }
            Command::CancelRunning => self.break_off()?,
            Command::Finish { status } => {
                tracing::debug!(
                    target: "engine",
                    execution = %self.running.id,
                    status = status.as_str(),
                    "execution finished"
                );
                self.record(EventKind::ExecutionFinished { status })?;
            }
        }
        Ok(())
    }

    fn break_off(&mut self) -> Result<(), ApplyError> {
        match &self.later_attempts {
            Some(attempts) => attempts.cancel(),
            None => self.running.attempts.cancel(),
        }
        self.later_attempts = Some(Arc::new(self.running.cancellation.child_token()));
        self.in_flight.clear();
        self.waiting.clear();
        self.watches.clear();
        self.timers.clear();
        self.starts.clear();
        let plan = Arc::clone(&self.running.plan);
        for node in plan.all_indices() {
            if !matches!(self.execution.phase(node), NodePhase::Running { .. }) {
                continue;
            }
            let (run, attempt) = self.execution.turn(node);
            let failure = NodeFailure::new(FailureClass::Final, ErrorCode::CANCELLED, "broken off");
            let failure = Box::new(failure);
            let passes = Vec::new();
            self.record(EventKind::AttemptFailed {
                node,
                run,
                attempt,
                failure,
                passes,
            })?;
        }
        Ok(())
    }
}
