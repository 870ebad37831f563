use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use jackfield_kernel::{
    ApplyError, Command, Event, EventKind, Execution, ExecutionStatus, NodeIndex, NodePhase,
};
use jackfield_types::{ErrorCode, ExecutionId, FailureClass, NodeFailure};
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::admission::Turn;
use crate::attempt::Start;
use crate::audit::{self, ExecutionAudit};
use crate::ending::Unjudged;
use crate::execution::Running;
use crate::invocation::Ended;
use crate::launch::{Company, Waited};
use crate::tenant_state::{Entered, InForce};
use crate::watch::Watch;
use crate::{Journal, Report, StartError, StartOptions};

/// How many attempts may end in a row before others get their turn on the thread.
pub(crate) const LONGEST_STRETCH: u32 = 128;

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
    /// Whether and when it may begin.
    turn: Turn,
    pub(crate) deadline: Option<Instant>,
    pub(crate) last: Timestamp,
    pub(crate) in_flight: FuturesUnordered<BoxFuture<'static, Ended>>,
    /// Calls for which the tenant has no room yet.
    pub(crate) waiting: FuturesUnordered<BoxFuture<'static, Waited>>,
    /// Who is to be told how the calls that are made end.
    pub(crate) watches: FxHashMap<NodeIndex, Watch>,
    /// What the tenant's policy says about calls, as it was when the last one began.
    pub(crate) in_force: Arc<InForce>,
    /// What breaks off the attempts that run, once those before them have been.
    pub(crate) later_attempts: Option<Arc<CancellationToken>>,
    timers: FuturesUnordered<BoxFuture<'static, TimerOver>>,
    starts: VecDeque<Start>,
    /// How many attempts have ended since others had their turn on the thread.
    pub(crate) stretch: u32,
    /// What has just come to an end, if conditions stand behind its node.
    pub(crate) unjudged: Option<Box<Unjudged>>,
    /// Its place among those that the tenant sees run.
    _entered: Option<Entered>,
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
        let in_force = Arc::clone(&running.state().in_force());
        Self {
            running,
            execution,
            journal,
            options,
            trigger,
            turn: Turn::Now(None),
            deadline: None,
            last: Timestamp::UNIX_EPOCH,
            in_flight: FuturesUnordered::new(),
            waiting: FuturesUnordered::new(),
            watches: FxHashMap::default(),
            in_force,
            later_attempts: None,
            timers: FuturesUnordered::new(),
            starts: VecDeque::new(),
            stretch: 0,
            unjudged: None,
            _entered: None,
            _closing: CloseOnDrop(closing),
        }
    }

    /// Lets the tenant see it, and has it wait for its turn.
    pub(crate) fn with_turn(mut self, turn: Turn) -> Self {
        self.turn = turn;
        let since = self.running.engine().clock.now();
        let entered = self
            .running
            .state()
            .enter(&self.running, &self.journal, since);
        self._entered = Some(entered);
        self
    }

    pub(crate) fn id(&self) -> ExecutionId {
        self.running.id
    }

    pub(crate) fn journal(&self) -> Journal {
        self.journal.clone()
    }

    pub(crate) async fn run(mut self) -> Result<Report, StartError> {
        let turn = std::mem::replace(&mut self.turn, Turn::Now(None));
        // Held until the execution has ended.
        let _permit = match turn.come(&self.running.cancellation).await {
            Ok(permit) => permit,
            Err(exceeded) => {
                let error = StartError::QuotaExceeded(exceeded);
                audit::not_started(&self.running.caller, &self.running.plan, &error);
                return Err(error);
            }
        };
        let audit = ExecutionAudit::begin(&self.running);
        self.drive().await.map_err(|error| {
            tracing::error!(execution = %self.running.id, %error, "an event was refused");
            StartError::Internal(error)
        })?;
        let plan = Arc::clone(&self.running.plan);
        let report = Report::new(self.running.id, plan, self.execution, self.journal);
        if let Some(audit) = audit {
            let code = report.failure.as_ref().map(|failure| failure.code.clone());
            audit.ended(report.status, code);
        }
        Ok(report)
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
                () = over => self.pass_deadline()?,
                Some(waited) = self.waiting.next(), if !self.waiting.is_empty() => {
                    self.admit(waited)?;
                }
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
        let (input, variables) = self.running.mask_start(input, variables);
        if let Some(usage) = &self.running.nested.usage {
            // What is too much already is told to the first call.
            let _ = usage.add_variables(self.running.id, &variables);
        }
        tracing::debug!(
            target: "engine",
            execution = %self.running.id,
            tenant = %self.running.tenant_id(),
            workflow = self.running.masked(plan.name().to_owned()),
            "execution started"
        );
        self.record(EventKind::ExecutionStarted {
            execution: self.running.id,
            tenant: self.running.tenant_id().clone(),
            input,
            variables,
            trigger: self.trigger,
            seed: self.options.seed.unwrap_or_else(rand::random),
        })?;
        if self.running.cancellation.is_cancelled() {
            // Nothing begins that somebody wants no more.
            self.record(EventKind::CancelRequested)?;
        }
        Ok(())
    }

    /// Carries out what the kernel orders until it has no more orders for now.
    async fn carry_out(&mut self) -> Result<(), ApplyError> {
        self.judge().await?;
        loop {
            while let Some(command) = self.execution.next() {
                self.obey(command)?;
                self.judge().await?;
                self.take_turns().await?;
            }
            if self.starts.is_empty() {
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
                && let Some(start) = self.starts.pop_front()
            {
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
                let Some(delay) = delay else { return Ok(()) };
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

    pub(crate) fn record(&mut self, kind: EventKind) -> Result<(), ApplyError> {
        let at = self.now();
        self.record_at(kind, at)
    }

    pub(crate) fn record_at(&mut self, kind: EventKind, at: Timestamp) -> Result<(), ApplyError> {
        self.last = at;
        let event = Event { at, kind };
        self.execution.apply(&event)?;
        self.journal.write(event);
        Ok(())
    }

    /// The time, which never goes back within an execution.
    pub(crate) fn now(&self) -> Timestamp {
        self.running.engine().clock.now().max(self.last)
    }
}
