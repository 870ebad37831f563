use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use jackfield_kernel::{ApplyError, Event, EventKind, Execution, ExecutionStatus, NodeIndex};
use jackfield_types::ExecutionId;
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::admission::Turn;
use crate::attempt::Start;
use crate::audit::{self, ExecutionAudit};
use crate::durable::{Creation, Halt, Kept, Lost, Outcome, Rest, Writer};
use crate::ending::Unjudged;
use crate::execution::Running;
use crate::invocation::Ended;
use crate::launch::Waited;
use crate::parts::EndOnDrop;
use crate::signals::Signals;
use crate::tenant_state::{Entered, InForce};
use crate::watch::Watch;
use crate::{Journal, Report, StartError, StartOptions};

/// Runs one execution: asks the kernel what to do, does it, and reports what happened.
///
/// Everything that belongs to the execution is owned by its future: when that is dropped, attempts
/// that run are broken off and nothing is left behind.
pub(crate) struct Driver {
    pub(crate) running: Arc<Running>,
    pub(crate) execution: Execution,
    pub(crate) journal: Journal,
    pub(crate) options: StartOptions,
    pub(crate) trigger: Option<NodeIndex>,
    /// Whether and when it may begin.
    turn: Turn,
    /// How it is put into the store, if it is to be kept and is not there yet.
    pub(crate) creation: Option<Box<Creation>>,
    /// What writes its journal, if it is kept.
    pub(crate) writer: Option<Box<Writer>>,
    /// Whether it may leave memory while it waits.
    pub(crate) may_park: bool,
    /// Whether it had begun before.
    pub(crate) goes_on: bool,
    /// Why it is to be left, if it is.
    pub(crate) resting: Option<Rest>,
    pub(crate) is_end_written: bool,
    /// Nodes that wait, as far as somebody has to know.
    pub(crate) waits: Vec<NodeIndex>,
    pub(crate) signals: Signals,
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
    pub(crate) timers: FuturesUnordered<BoxFuture<'static, TimerOver>>,
    pub(crate) starts: VecDeque<Start>,
    /// How many attempts have ended since others had their turn on the thread.
    pub(crate) stretch: u32,
    /// What has just come to an end, if conditions stand behind its node.
    pub(crate) unjudged: Option<Box<Unjudged>>,
    /// Its place among those that the tenant sees run.
    _entered: Option<Entered>,
    /// Ends the journal for its readers, however the driver ends.
    pub(crate) closing: CloseOnDrop,
    /// Whether a handle waits for its end, whoever runs it by then.
    pub(crate) is_awaited: bool,
}

pub(crate) struct CloseOnDrop(pub(crate) Option<Journal>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        if let Some(journal) = &self.0 {
            journal.close();
        }
    }
}

pub(crate) struct TimerOver {
    pub(crate) node: NodeIndex,
    pub(crate) run: u32,
    pub(crate) attempt: u32,
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
            creation: None,
            writer: None,
            may_park: false,
            goes_on: false,
            resting: None,
            is_end_written: false,
            waits: Vec::new(),
            signals: Signals::default(),
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
            closing: CloseOnDrop(Some(closing)),
            is_awaited: false,
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

    /// Runs an execution that cannot leave memory before it has ended.
    pub(crate) async fn run_to_end(self) -> Result<Report, StartError> {
        let execution = self.id();
        match self.run().await? {
            Outcome::Ended(report) => Ok(report),
            Outcome::Left => Err(StartError::NotKept {
                execution,
                reason: "it was paused; it goes on when it is resumed".to_owned(),
            }),
        }
    }

    pub(crate) async fn run(mut self) -> Result<Outcome, StartError> {
        self.running.parts.let_park(self.may_park);
        // Before all that runs of it is dropped with the driver.
        let _over = EndOnDrop(Arc::clone(&self.running.parts));
        // What it begins with is masked by what is known of the tenant's secrets.
        if let Some(refresh) = self.running.tenant().refresh_secrets() {
            refresh.await;
        }
        if let Some(creation) = self.creation.take() {
            self.create(*creation).await?;
        }
        let turn = std::mem::replace(&mut self.turn, Turn::Now(None));
        // Held until the execution has ended.
        let come = self.come(turn).await;
        if matches!(come, Err(StartError::TakenOver { .. })) && self.give_way().await.is_ok() {
            return Ok(self.left());
        }
        let _permit = match come? {
            Ok(permit) => permit,
            Err(exceeded) => {
                let error = StartError::QuotaExceeded(exceeded);
                audit::not_started(&self.running.caller, &self.running.plan, &error);
                self.refuse().await;
                return Err(error);
            }
        };
        let audit = ExecutionAudit::begin(&self.running, self.goes_on);
        let driven = match self.drive().await {
            Err(Halt::Lost(Lost::TakenOver)) => self.give_way().await,
            driven => driven,
        };
        match driven {
            Ok(Kept::Left) => {
                if let Some(audit) = audit {
                    audit.left();
                }
                return Ok(self.left());
            }
            Ok(Kept::Ended | Kept::Waits | Kept::Idle | Kept::GoesOn) => {}
            Err(halt) => {
                let error = self.halted(halt).await;
                if let Some(audit) = audit.filter(|_| !matches!(error, StartError::Internal(_))) {
                    audit.left();
                }
                return Err(error);
            }
        }
        let plan = Arc::clone(&self.running.plan);
        let report = Report::new(self.running.id, plan, self.execution, self.journal);
        if let Some(audit) = audit {
            let code = report.failure.as_ref().map(|failure| failure.code.clone());
            audit.ended(report.status, code);
        }
        Ok(Outcome::Ended(report))
    }

    /// It goes on later or elsewhere.
    fn left(&mut self) -> Outcome {
        if self.is_awaited {
            // What comes next is written there too.
            self.closing.0 = None;
        }
        Outcome::Left
    }

    async fn drive(&mut self) -> Result<Kept, Halt> {
        if self.execution.started().is_none() {
            let started = self.first_event();
            self.record(started)?;
        }
        // What was asked before it was taken up.
        self.attend()?;
        if self.execution.status() == ExecutionStatus::Running
            && self.running.cancellation.is_cancelled()
            && !self.execution.is_cancelled()
        {
            // Nothing begins that somebody wants no more.
            self.record(EventKind::CancelRequested)?;
        }
        loop {
            self.carry_out().await?;
            // What is seldom is boxed, so that the driver stays small.
            if self.listens() && Box::pin(self.listen()).await? {
                continue;
            }
            if self.has_parts_to_end() {
                Box::pin(self.end_parts()).await;
            }
            let mut kept = self.keep()?;
            if kept == Kept::Idle {
                kept = Box::pin(self.settle_down()).await?;
            }
            match kept {
                Kept::Waits | Kept::Idle => {}
                Kept::GoesOn => continue,
                Kept::Ended | Kept::Left => return Ok(kept),
            }
            let cancelled = self.running.cancellation.clone();
            let deadline = self.deadline;
            let over = async move {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            let runs = self.execution.status() == ExecutionStatus::Running;
            let (is_kept, listens) = (self.writer.is_some(), !self.waits.is_empty());
            let mailbox = &self.running.mailbox;
            let writer = &mut self.writer;
            let landed = async {
                match writer {
                    Some(writer) => {
                        let hold = Arc::clone(writer.hold());
                        // A lost execution is left whatever is being written.
                        tokio::select! {
                            biased;
                            () = hold.changed.notified() => Ok(None),
                            events = writer.landed() => events.map(Some),
                        }
                    }
                    None => {
                        mailbox.changed.notified().await;
                        Ok(None)
                    }
                }
            };
            // Each arm only waits; what ended stays in its set until it is taken out here.
            tokio::select! {
                biased;
                () = cancelled.cancelled(), if runs => {
                    self.resting = None;
                    self.record(EventKind::CancelRequested)?;
                }
                () = over, if runs => self.pass_deadline()?,
                landed = landed, if is_kept || listens => match landed? {
                    Some(events) => self.tell(events),
                    None => self.attend()?,
                },
                arrived = self.signals.arrived(), if self.signals.is_fetching() => {
                    self.take_in(arrived);
                }
                Some(waited) = self.waiting.next(), if !self.waiting.is_empty() => {
                    self.admit(waited)?;
                }
                Some(ended) = self.in_flight.next(), if !self.in_flight.is_empty() => {
                    self.end(ended)?;
                }
                Some(timer) = self.timers.next(), if runs && !self.timers.is_empty() => {
                    let TimerOver { node, run, attempt } = timer;
                    self.fire(node, run, attempt)?;
                }
            }
        }
    }

    /// A wait is over, unless a signal has ended it before.
    fn fire(&mut self, node: NodeIndex, run: u32, attempt: u32) -> Result<(), ApplyError> {
        let waits = self.execution.wait(node).is_some();
        if !waits || self.execution.turn(node) != (run, attempt) {
            return Ok(());
        }
        self.record(EventKind::TimerFired { node, run, attempt })
    }

    pub(crate) fn record(&mut self, kind: EventKind) -> Result<(), ApplyError> {
        let at = self.now();
        self.record_at(kind, at)
    }

    pub(crate) fn record_at(&mut self, kind: EventKind, at: Timestamp) -> Result<(), ApplyError> {
        self.last = at;
        let event = Event { at, kind };
        if let Some(writer) = &mut self.writer {
            let node = event.kind.node();
            let inputs = node.map_or(&[][..], |node| self.execution.inputs(node));
            writer.gather(&event, inputs);
            self.execution.apply(&event)?;
            writer.tell_later(event);
            return Ok(());
        }
        self.execution.apply(&event)?;
        self.journal.write(event);
        Ok(())
    }

    /// The time, which never goes back within an execution.
    pub(crate) fn now(&self) -> Timestamp {
        self.running.engine().clock.now().max(self.last)
    }
}
