//! Runs an execution on a clock of its own: what each attempt gives, and how long it takes, is
//! said by the test.

#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jackfield_kernel::{
    Command, ConnectionIndex, Effects, Event, EventKind, Execution, Graph, NodeIndex, Output, Pass,
    RunWith, SkipReason,
};
use jackfield_types::{
    ErrorCode, ExecutionId, FailureClass, Item, Items, NodeFailure, Outputs, TenantId,
};
use jiff::Timestamp;

/// One attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) node: NodeIndex,
    pub(crate) run: u32,
    pub(crate) attempt: u32,
    pub(crate) with: RunWith,
}

/// What an attempt gives, and how long it takes.
pub(crate) struct Answer {
    pub(crate) takes: Duration,
    pub(crate) result: Result<Outputs, NodeFailure>,
}

impl From<Result<Outputs, NodeFailure>> for Answer {
    fn from(result: Result<Outputs, NodeFailure>) -> Self {
        Self {
            takes: Duration::from_millis(1),
            result,
        }
    }
}

/// What happens later on.
enum Later {
    Ended(Call, Result<Outputs, NodeFailure>),
    Other(EventKind),
}

pub(crate) struct Script<'a> {
    pub(crate) input: Items,
    pub(crate) answer: &'a dyn Fn(&Execution, Call) -> Answer,
    /// Whether the condition on a connection lets an item pass.
    pub(crate) passes: &'a dyn Fn(ConnectionIndex, &Item) -> bool,
    /// What comes from outside, and when.
    pub(crate) outside: Vec<(Duration, EventKind)>,
}

struct Run<'a> {
    script: Script<'a>,
    execution: Execution,
    journal: Vec<Event>,
    now: Duration,
    later: BTreeMap<(Duration, usize), Later>,
    scheduled: usize,
}

impl Script<'_> {
    /// Runs to the end.
    pub(crate) fn run(mut self, graph: &Arc<Graph>) -> (Execution, Vec<Event>) {
        let outside = std::mem::take(&mut self.outside);
        let started = EventKind::ExecutionStarted {
            execution: ExecutionId::from_uuid(Default::default()),
            tenant: TenantId::default_tenant(),
            input: Arc::clone(&self.input),
            variables: Arc::default(),
            trigger: None,
            seed: 0,
        };
        let mut run = Run {
            script: self,
            execution: Execution::new(Arc::clone(graph)),
            journal: Vec::new(),
            now: Duration::ZERO,
            later: BTreeMap::new(),
            scheduled: 0,
        };
        run.record(started);
        for (at, kind) in outside {
            run.schedule(at, Later::Other(kind));
        }
        while run.execution.ended().is_none() {
            run.step();
        }
        (run.execution, run.journal)
    }
}

impl Run<'_> {
    fn record(&mut self, kind: EventKind) {
        let at = Timestamp::UNIX_EPOCH + self.now;
        let event = Event { at, kind };
        self.execution.apply(&event).unwrap();
        self.journal.push(event);
    }

    fn schedule(&mut self, at: Duration, later: Later) {
        self.scheduled += 1;
        self.later.insert((at, self.scheduled), later);
    }

    fn step(&mut self) {
        let Some(command) = self.execution.next() else {
            let ((at, _), later) = self.later.pop_first().expect("something is under way");
            self.now = self.now.max(at);
            return match later {
                Later::Ended(call, result) => self.end(call, result),
                Later::Other(kind) => self.record(kind),
            };
        };
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
                });
                let call = Call {
                    node,
                    run,
                    attempt,
                    with,
                };
                let Answer { takes, result } = (self.script.answer)(&self.execution, call);
                self.schedule(self.now + takes, Later::Ended(call, result));
            }
            Command::Skip { node, run, reason } => {
                let passes = match (reason, self.execution.inputs(node).first()) {
                    (SkipReason::Disabled, Some(items)) => {
                        self.passes(node, &Outputs::first(Arc::clone(items)))
                    }
                    _ => Vec::new(),
                };
                self.record(EventKind::NodeSkipped {
                    node,
                    run,
                    reason,
                    passes,
                });
            }
            Command::Wait {
                node,
                run,
                attempt,
                delay,
                ..
            } => {
                let kind = EventKind::TimerFired { node, run, attempt };
                let delay = delay.expect("no node of a script waits for a signal");
                self.schedule(self.now + delay, Later::Other(kind));
            }
            Command::CancelRunning => self.break_off(),
            Command::Finish { status } => self.record(EventKind::ExecutionFinished { status }),
        }
    }

    fn break_off(&mut self) {
        for (key, later) in std::mem::take(&mut self.later) {
            match later {
                Later::Ended(call, _) => {
                    let class = FailureClass::Final;
                    let failure = NodeFailure::new(class, ErrorCode::CANCELLED, "broken off");
                    self.end(call, Err(failure));
                }
                // Timers may go off late.
                other @ Later::Other(_) => {
                    self.later.insert(key, other);
                }
            }
        }
    }

    fn end(&mut self, call: Call, result: Result<Outputs, NodeFailure>) {
        let Call {
            node, run, attempt, ..
        } = call;
        let kind = match result {
            Ok(outputs) => {
                let going_on = self.execution.outputs_after_success(node, &outputs);
                let passes = self.passes(node, &going_on);
                let effects = Effects {
                    passes,
                    ..Effects::default()
                };
                EventKind::AttemptSucceeded {
                    node,
                    run,
                    attempt,
                    outputs,
                    effects: Some(Box::new(effects)),
                }
            }
            Err(failure) => {
                let at = Timestamp::UNIX_EPOCH + self.now;
                let going_on = self.execution.outputs_after_failure(node, &failure, at);
                let passes = going_on.map(|outputs| self.passes(node, &outputs));
                EventKind::AttemptFailed {
                    node,
                    run,
                    attempt,
                    failure: Box::new(failure),
                    passes: passes.unwrap_or_default(),
                }
            }
        };
        self.record(kind);
    }

    fn passes(&self, node: NodeIndex, outputs: &Outputs) -> Vec<Pass> {
        let graph = self.execution.graph();
        let outgoing = graph.outgoing(node).iter();
        outgoing
            .filter(|&&connection| graph.connection(connection).conditional)
            .map(|&connection| {
                let items = match graph.connection(connection).output {
                    Output::Main(port) => outputs.main.get(usize::from(port)),
                    Output::Error => outputs.error.as_ref(),
                };
                let places = (0_u32..).zip(items.into_iter().flat_map(|items| items.iter()));
                let passing = places.filter(|(_, item)| (self.script.passes)(connection, item));
                let items = passing.map(|(place, _)| place).collect();
                Pass { connection, items }
            })
            .collect()
    }
}
