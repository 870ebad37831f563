use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use jackfield_kernel::{
    ApplyError, Command, Effects, Event, EventKind, Execution, ExecutionStatus, NodeIndex,
    NodePhase, RunWith,
};
use jackfield_plugin_api::NodeOutput;
use jackfield_types::{ErrorCode, ExecutionId, FailureClass, Items, NodeFailure, NodeRole};
use jiff::Timestamp;
use smallvec::SmallVec;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::attempt::{Start, broken_off, with_timeout};
use crate::execution::{PinnedData, Running};
use crate::invocation::{Ended, Invocation, Resolved};
use crate::scope::Scope;
use crate::{Journal, Report, StartError, StartOptions};

/// How many attempts may end in a row before others get their turn on the thread.
const TURN: u32 = 128;

/// Runs one execution: asks the kernel what to do, does it, and reports what happened.
///
/// Everything that belongs to the execution is owned by its future: when that is dropped, attempts
/// that run are broken off and nothing is left behind.
pub(crate) struct Driver {
    pub(crate) running: Arc<Running>,
    pub(crate) execution: Execution,
    journal: Journal,
    options: StartOptions,
    trigger: Option<NodeIndex>,
    deadline: Option<Instant>,
    pub(crate) last: Timestamp,
    in_flight: FuturesUnordered<BoxFuture<'static, Ended>>,
    timers: FuturesUnordered<BoxFuture<'static, TimerOver>>,
    starts: VecDeque<Start>,
    turn: u32,
    /// Ends the journal for its readers, however the driver ends.
    _closing: CloseOnDrop,
}

struct CloseOnDrop(Journal);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

struct TimerOver {
    node: NodeIndex,
    run: u32,
    attempt: u32,
}

impl Driver {
    pub(crate) fn new(
        running: Arc<Running>,
        options: StartOptions,
        trigger: Option<NodeIndex>,
    ) -> Self {
        let execution = Execution::new(Arc::clone(running.plan.graph()));
        let journal = Journal::new(running.id, Arc::clone(&running.plan));
        let closing = journal.clone();
        Self {
            running,
            execution,
            journal,
            options,
            trigger,
            deadline: None,
            last: Timestamp::UNIX_EPOCH,
            in_flight: FuturesUnordered::new(),
            timers: FuturesUnordered::new(),
            starts: VecDeque::new(),
            turn: 0,
            _closing: CloseOnDrop(closing),
        }
    }

    pub(crate) fn id(&self) -> ExecutionId {
        self.running.id
    }

    pub(crate) fn journal(&self) -> Journal {
        self.journal.clone()
    }

    pub(crate) async fn run(mut self) -> Result<Report, StartError> {
        self.drive().await.map_err(|error| {
            tracing::error!(execution = %self.running.id, %error, "an event was refused");
            StartError::Internal(error)
        })?;
        let plan = Arc::clone(&self.running.plan);
        Ok(Report::new(
            self.running.id,
            plan,
            self.execution,
            self.journal,
        ))
    }

    async fn drive(&mut self) -> Result<(), ApplyError> {
        self.begin()?;
        loop {
            self.carry_out().await?;
            if self.execution.status() != ExecutionStatus::Running {
                return Ok(());
            }
            let cancelled = self.running.cancellation.clone();
            let deadline = self.deadline;
            let over = async move {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            // Each arm only waits; what ended stays in its set until it is taken out here.
            tokio::select! {
                biased;
                () = cancelled.cancelled() => self.record(EventKind::CancelRequested)?,
                () = over => self.record(EventKind::DeadlinePassed)?,
                Some(ended) = self.in_flight.next(), if !self.in_flight.is_empty() => {
                    self.end(ended)?;
                }
                Some(timer) = self.timers.next(), if !self.timers.is_empty() => {
                    let TimerOver { node, run, attempt } = timer;
                    self.record(EventKind::TimerFired { node, run, attempt })?;
                }
            }
        }
    }

    fn begin(&mut self) -> Result<(), ApplyError> {
        let plan = &self.running.plan;
        let limits = [plan.timeout().map(Duration::from), self.options.timeout];
        let limit = limits.into_iter().flatten().min();
        self.deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut variables = Arc::clone(plan.variables());
        if !self.options.variables.is_empty() {
            let own = std::mem::take(&mut self.options.variables);
            Arc::make_mut(&mut variables).extend(own);
        }
        let input = std::mem::take(&mut self.options.items);
        tracing::debug!(
            target: "engine",
            execution = %self.running.id,
            tenant = %self.running.tenant,
            workflow = plan.name(),
            "execution started"
        );
        self.record(EventKind::ExecutionStarted {
            execution: self.running.id,
            tenant: self.running.tenant.clone(),
            input,
            variables,
            trigger: self.trigger,
            seed: self.options.seed.unwrap_or_else(rand::random),
        })
    }

    /// Carries out what the kernel orders until it has no more orders for now.
    async fn carry_out(&mut self) -> Result<(), ApplyError> {
        loop {
            while let Some(command) = self.execution.next() {
                self.obey(command)?;
                self.take_turns().await?;
            }
            if self.starts.is_empty() {
                return Ok(());
            }
            let is_alone = self.starts.len() == 1 && self.in_flight.is_empty();
            // Once the execution is to stop, what has not begun is broken off with the rest.
            while !self.execution.is_stopping()
                && let Some(start) = self.starts.pop_front()
            {
                self.start(start, is_alone)?;
                self.take_turns().await?;
            }
        }
    }

    /// Lets others run on the thread now and then, and notices in the middle of work what is
    /// otherwise noticed while waiting.
    async fn take_turns(&mut self) -> Result<(), ApplyError> {
        self.turn += 1;
        if self.turn < TURN {
            return Ok(());
        }
        self.turn = 0;
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
            self.record(EventKind::DeadlinePassed)?;
        }
        Ok(())
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
                });
            }
            Command::Skip { node, run, reason } => {
                let passes = self.passes_of_skipped(node, reason);
                self.record(EventKind::NodeSkipped {
                    node,
                    run,
                    reason,
                    passes,
                })?;
            }
            Command::Wait {
                node,
                run,
                attempt,
                delay,
                since,
            } => {
                let waited = self.now().duration_since(since);
                let left = delay.saturating_sub(Duration::try_from(waited).unwrap_or_default());
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
        self.in_flight.clear();
        self.timers.clear();
        self.starts.clear();
        self.running.cancellation.cancel();
        for place in 0..self.running.plan.nodes().len() {
            let node = NodeIndex::new(place);
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

    fn start(&mut self, start: Start, is_alone: bool) -> Result<(), ApplyError> {
        let Start {
            node,
            run,
            attempt,
            with,
        } = start;
        if !matches!(self.execution.phase(node), NodePhase::Running { .. }) {
            // It was broken off before it came to its turn.
            return Ok(());
        }
        let plan = Arc::clone(&self.running.plan);
        let spec = plan.node(node);
        if attempt > 1
            && with == RunWith::Own
            && let Some(registration) = plan.prepared(node).registration(with)
        {
            self.running.engine.registry.record_retry(registration);
        }
        let mut inputs: SmallVec<[Items; 1]> = self.execution.inputs(node).into();
        if spec.execute_once {
            for items in &mut inputs {
                if items.len() > 1 {
                    *items = Arc::new(vec![items[0].clone()]);
                }
            }
        }
        let loop_state = match plan.graph().node(node).role {
            NodeRole::Loop => self.execution.loop_state(node).cloned().map(Box::new),
            NodeRole::Plain | NodeRole::Trigger => None,
        };
        // The expressions of a loop node see what the last round brought back.
        let input = match &loop_state {
            Some(state) => Arc::clone(&state.returned),
            None => inputs.first().cloned().unwrap_or_default(),
        };
        let now = self.last;
        let mut scope = Scope::new(&self.running, &self.execution, node, input, now);
        scope.run_index = run;
        if let Some(pinned) = self.pinned(node) {
            let result = Ok(NodeOutput::items(pinned));
            return self.end(Ended {
                node,
                run,
                attempt,
                result,
            });
        }
        let invocation = Invocation {
            node,
            run,
            attempt,
            with,
            scope,
            inputs,
            loop_state,
        };
        let resolved = invocation.resolve();
        // On the driver's own thread a time limit cannot cut off what computes.
        let has_limit = spec.timeout.is_some() || self.deadline.is_some();
        let runs_here = (is_alone && !has_limit)
            || match &resolved {
                Resolved::Ready { executor, .. } => Invocation::runs_inline(&**executor),
                Resolved::Lazy(_) | Resolved::Failed(_) => true,
            };
        let mut future = invocation.execute(resolved);
        if runs_here {
            // Most calls end at once; they need no place among those that run on.
            if let Some(ended) = (&mut future).now_or_never() {
                return self.end(ended);
            }
        } else {
            let task = AbortOnDropHandle::new(tokio::spawn(future));
            future = async move {
                match task.await {
                    Ok(ended) => ended,
                    Err(error) => broken_off(start, &error),
                }
            }
            .boxed();
        }
        match spec.timeout {
            None => self.in_flight.push(future),
            Some(limit) => self
                .in_flight
                .push(with_timeout(future, limit.into(), start)),
        }
        Ok(())
    }

    fn pinned(&self, node: NodeIndex) -> Option<Items> {
        match self.running.pinned_data {
            PinnedData::Used => self.running.plan.node(node).pinned.clone(),
            PinnedData::Ignored => None,
        }
    }

    fn end(&mut self, ended: Ended) -> Result<(), ApplyError> {
        let Ended {
            node,
            run,
            attempt,
            result,
        } = ended;
        let at = self.now();
        let has_conditions = self.running.plan.node(node).has_conditions;
        let result = result.and_then(|output| {
            if !has_conditions {
                return Ok((output, Vec::new()));
            }
            let outputs = self.execution.outputs_after_success(node, &output.outputs);
            let passes = self.passes(node, &outputs)?;
            Ok((output, passes))
        });
        let kind = match result {
            Ok((output, passes)) => {
                let NodeOutput {
                    outputs,
                    variables,
                    wait,
                } = output;
                let effects = Effects {
                    variables,
                    passes,
                    wait,
                };
                let effects = (effects != Effects::default()).then(|| Box::new(effects));
                EventKind::AttemptSucceeded {
                    node,
                    run,
                    attempt,
                    outputs,
                    effects,
                }
            }
            Err(failure) => {
                let after = has_conditions
                    .then(|| self.execution.outputs_after_failure(node, &failure, at))
                    .flatten();
                let passes = after.map(|outputs| self.lenient_passes(node, &outputs));
                let passes = passes.unwrap_or_default();
                EventKind::AttemptFailed {
                    node,
                    run,
                    attempt,
                    failure,
                    passes,
                }
            }
        };
        self.record_at(kind, at)
    }

    fn record(&mut self, kind: EventKind) -> Result<(), ApplyError> {
        let at = self.now();
        self.record_at(kind, at)
    }

    fn record_at(&mut self, kind: EventKind, at: Timestamp) -> Result<(), ApplyError> {
        self.last = at;
        let event = Event { at, kind };
        self.execution.apply(&event)?;
        self.journal.write(event);
        Ok(())
    }

    /// The time, which never goes back within an execution.
    fn now(&self) -> Timestamp {
        self.running.engine.clock.now().max(self.last)
    }
}
