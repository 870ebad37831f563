//! Random graphs, outcomes that depend on nothing but what a node is given, and a driver that
//! takes things in whatever order a seed says.

#![expect(
    clippy::unwrap_used,
    clippy::result_large_err,
    reason = "a mistake in a test may panic"
)]

mod graphs;

use std::sync::Arc;
use std::time::Duration;

use jackfield_kernel::{
    Command, Effects, Event, EventKind, Execution, ExecutionStatus, Graph, NodeIndex, Output, Pass,
};
use jackfield_types::{
    AwaitedSignal, ErrorCode, ExecutionId, FailureClass, Item, ItemFailure, Items, NodeFailure,
    NodeResult, NodeRole, Object, Outputs, SignalName, SignalReply, TenantId, VariableAccess,
    VariableWrite,
};
use jiff::Timestamp;
use serde_json::json;

pub(crate) use graphs::{FailureModes, any_graph, graph};

/// A generator of numbers for a driver's choices: an xorshift, seeded by the test.
pub(crate) struct Choices(u64);

impl Choices {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

fn hash(parts: &[u64]) -> u64 {
    parts.iter().fold(0xcbf2_9ce4_8422_2325, |hash, part| {
        (hash ^ part)
            .wrapping_mul(0x0000_0100_0000_01b3)
            .rotate_left(23)
    })
}

fn hash_text(text: &str) -> u64 {
    text.bytes()
        .fold(7, |hash, byte| hash_pair(hash, u64::from(byte)))
}

fn hash_pair(a: u64, b: u64) -> u64 {
    hash(&[a, b])
}

/// What a node does, worked out from what it is given.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    /// How many of 100 attempts fail.
    pub(crate) failures: u64,
    pub(crate) rounds: u32,
}

/// What comes from outside after so many events.
#[derive(Debug, Clone)]
pub(crate) struct Interruption {
    pub(crate) after: usize,
    pub(crate) kind: EventKind,
}

impl World {
    fn attempt(
        &self,
        execution: &Execution,
        node: NodeIndex,
        run: u32,
        attempt: u32,
        variables: &Object,
    ) -> Result<(Outputs, Option<Box<Effects>>), NodeFailure> {
        let graph = execution.graph();
        let spec = graph.node(node);
        let given = execution
            .inputs(node)
            .iter()
            .flat_map(|items| items.iter())
            .map(|item| hash_text(&serde_json::to_string(item.json()).unwrap()))
            .fold(1, hash_pair);
        let seen = match spec.variables {
            VariableAccess::None => 0,
            _ => hash_text(&serde_json::to_string(variables).unwrap()),
        };
        let chance = hash(&[
            self.seed,
            node.get() as u64,
            u64::from(run),
            u64::from(attempt),
        ]);
        if chance % 100 < self.failures {
            let class = match (chance >> 8) % 3 {
                0 => FailureClass::Retryable,
                1 => FailureClass::Permanent,
                _ => FailureClass::Final,
            };
            let mut failure =
                NodeFailure::new(class, ErrorCode::EXECUTION_ERROR, "as the world wills");
            if (chance >> 12).is_multiple_of(2) {
                failure.failed_items = [(chance >> 13) % 4, (chance >> 15) % 2]
                    .map(|item| ItemFailure {
                        item: item as u32,
                        code: ErrorCode::NUMBER_ERROR,
                        message: format!("item {item}"),
                        status: None,
                    })
                    .to_vec();
                let other = json!({ "n": node.get(), "given": given, "other": true });
                let other = Item::from_value(other).unwrap().paired_with(1);
                failure.partial = Some(Outputs::first(Arc::new(vec![other])));
            }
            return Err(failure);
        }
        let item = |port: u64| {
            let value = json!({ "n": node.get(), "given": given, "seen": seen, "port": port });
            Item::from_value(value).unwrap()
        };
        let list = |port: u64| -> Items {
            let count = (chance >> (16 + 4 * port)) % 4;
            Arc::new((0..count).map(|_| item(port)).collect())
        };
        let main = if spec.role == NodeRole::Loop {
            let state = execution.loop_state(node).unwrap();
            if state.round < self.rounds {
                vec![Items::default(), Arc::new(vec![item(1)])]
            } else {
                let back = state
                    .collected
                    .iter()
                    .map(|items| items.len())
                    .sum::<usize>();
                let done = json!({ "n": node.get(), "back": back, "given": given });
                vec![
                    Arc::new(vec![Item::from_value(done).unwrap()]),
                    Items::default(),
                ]
            }
        } else {
            vec![list(0), list(1)]
        };
        let mut effects = Effects::default();
        if spec.variables == VariableAccess::Writes {
            let name = format!("v{}", chance % 3);
            let value = json!([node.get(), run, seen]);
            effects.variables.push(VariableWrite::Set { name, value });
        }
        // A time, a signal, or whichever of both comes first.
        if matches!((chance >> 40) % 16, 0 | 1 | 3) {
            effects.wait = Some(Duration::from_millis(5));
        }
        if matches!((chance >> 40) % 16, 2 | 3) {
            effects.signal = Some(AwaitedSignal {
                name: SignalName::parse("go").unwrap(),
                reply: SignalReply::Items,
            });
        }
        for &connection in graph.outgoing(node) {
            let spec = graph.connection(connection);
            let Output::Main(port) = spec.output else {
                continue;
            };
            if spec.conditional {
                let count = main.get(usize::from(port)).map_or(0, |items| items.len());
                let items = (0..count as u32)
                    .filter(|place| (chance >> place) & 1 == 0)
                    .collect();
                effects.passes.push(Pass { connection, items });
            }
        }
        let outputs = Outputs {
            main: main.into_iter().collect(),
            error: None,
        };
        Ok((
            outputs,
            (effects != Effects::default()).then(|| Box::new(effects)),
        ))
    }
}

enum Pending {
    Attempt {
        node: NodeIndex,
        run: u32,
        attempt: u32,
        variables: Arc<Object>,
    },
    Timer {
        node: NodeIndex,
        run: u32,
        attempt: u32,
    },
    Signal {
        node: NodeIndex,
        run: u32,
        attempt: u32,
    },
}

impl World {
    /// What ends a wait: the signal, if there is one and it comes in time.
    fn wait(
        &self,
        execution: &Execution,
        (node, run, attempt): (NodeIndex, u32, u32),
        delay: Option<Duration>,
    ) -> Pending {
        let comes = hash(&[self.seed, 11, node.get() as u64, u64::from(run)]).is_multiple_of(2);
        if execution.awaited_signal(node).is_some() && (delay.is_none() || comes) {
            Pending::Signal { node, run, attempt }
        } else {
            Pending::Timer { node, run, attempt }
        }
    }
}

/// The signal that a run of a node waits for: its number, which no other has, and what it brings.
fn signal(execution: &Execution, node: NodeIndex, run: u32, attempt: u32) -> EventKind {
    let brought = json!({ "n": node.get(), "run": run, "brought": true });
    let conditional = execution.graph().outgoing(node).iter();
    let conditional = conditional.filter(|&&one| execution.graph().connection(one).conditional);
    EventKind::SignalReceived {
        node,
        run,
        attempt,
        signal: u64::from(run) * 10_000 + node.get() as u64 + 1,
        outputs: Outputs::first(Arc::new(vec![Item::from_value(brought).unwrap()])),
        passes: conditional
            .map(|&connection| Pass {
                connection,
                items: vec![0],
            })
            .collect(),
    }
}

/// Runs an execution to its end, taking what is under way in an order that `choices` picks.
pub(crate) fn drive(
    graph: &Arc<Graph>,
    world: &World,
    choices: &mut Choices,
) -> (Execution, Vec<Event>) {
    drive_through(graph, world, &[], choices)
}

/// The same, with what comes from outside meanwhile.
pub(crate) fn drive_through(
    graph: &Arc<Graph>,
    world: &World,
    interruptions: &[Interruption],
    choices: &mut Choices,
) -> (Execution, Vec<Event>) {
    let mut execution = Execution::new(Arc::clone(graph));
    let started = Event {
        at: Timestamp::UNIX_EPOCH,
        kind: EventKind::ExecutionStarted {
            execution: ExecutionId::from_uuid(Default::default()),
            tenant: TenantId::default_tenant(),
            input: Arc::new(vec![Item::default()]),
            variables: Arc::default(),
            trigger: None,
            seed: world.seed,
        },
    };
    execution.apply(&started).unwrap();
    let mut journal = vec![started];
    let finished = run(execution, &mut journal, world, interruptions, choices);
    (finished, journal)
}

/// Runs on from where a journal of `length` events left an execution.
pub(crate) fn go_on(
    execution: Execution,
    world: &World,
    length: usize,
    choices: &mut Choices,
) -> (Execution, Vec<Event>) {
    if execution.ended().is_some() {
        return (execution, Vec::new());
    }
    // Later in time than all that was replayed.
    let at = Timestamp::from_millisecond(length as i64 + 1).unwrap();
    let mut journal = vec![
        Event {
            at,
            kind: EventKind::CancelRequested
        };
        length
    ];
    let finished = run(execution, &mut journal, world, &[], choices);
    (finished, journal.split_off(length))
}

fn run(
    mut execution: Execution,
    journal: &mut Vec<Event>,
    world: &World,
    interruptions: &[Interruption],
    choices: &mut Choices,
) -> Execution {
    let record = |execution: &mut Execution, journal: &mut Vec<Event>, kind| {
        let at = Timestamp::from_millisecond(journal.len() as i64).unwrap();
        let event = Event { at, kind };
        execution.apply(&event).unwrap();
        journal.push(event);
    };
    let mut pending = Vec::new();
    for _ in 0..50_000 {
        for interruption in interruptions {
            if interruption.after == journal.len() {
                record(&mut execution, journal, interruption.kind.clone());
            }
        }
        // Sometimes something ends before the next order is asked for.
        let asks = pending.is_empty() || choices.below(3) > 0;
        match if asks { execution.next() } else { None } {
            Some(Command::Run {
                node,
                run,
                attempt,
                with,
            }) => {
                let kind = EventKind::AttemptStarted {
                    node,
                    run,
                    attempt,
                    with,
                };
                record(&mut execution, journal, kind);
                let variables = Arc::clone(execution.variables());
                pending.push(Pending::Attempt {
                    node,
                    run,
                    attempt,
                    variables,
                });
            }
            Some(Command::Skip { node, run, reason }) => {
                let passes = execution
                    .graph()
                    .outgoing(node)
                    .iter()
                    .filter(|connection| execution.graph().connection(**connection).conditional)
                    .map(|&connection| Pass {
                        connection,
                        items: vec![0],
                    })
                    .collect();
                let kind = EventKind::NodeSkipped {
                    node,
                    run,
                    reason,
                    passes,
                };
                record(&mut execution, journal, kind);
            }
            Some(Command::Wait {
                node,
                run,
                attempt,
                delay,
                ..
            }) => pending.push(world.wait(&execution, (node, run, attempt), delay)),
            Some(Command::CancelRunning) => {
                // Timers may go off late; attempts all end.
                let keeps_timers = choices.below(2) == 0;
                for ended in std::mem::take(&mut pending) {
                    match ended {
                        Pending::Attempt {
                            node, run, attempt, ..
                        } => {
                            let failure = NodeFailure::new(
                                FailureClass::Final,
                                ErrorCode::CANCELLED,
                                "broken off",
                            );
                            let kind = EventKind::AttemptFailed {
                                node,
                                run,
                                attempt,
                                failure: Box::new(failure),
                                passes: Vec::new(),
                            };
                            record(&mut execution, journal, kind);
                        }
                        timer @ Pending::Timer { .. } if keeps_timers => pending.push(timer),
                        Pending::Timer { .. } | Pending::Signal { .. } => {}
                    }
                }
            }
            Some(Command::Finish { status }) => {
                assert!(pending.is_empty() || status != ExecutionStatus::Success);
                record(
                    &mut execution,
                    journal,
                    EventKind::ExecutionFinished { status },
                );
                return execution;
            }
            None => {
                assert!(
                    !pending.is_empty(),
                    "nothing runs, nothing is ordered, and it has not ended"
                );
                let place = choices.below(pending.len());
                let kind = match pending.swap_remove(place) {
                    // Nobody listens any more once the execution is being undone.
                    Pending::Signal { node, .. } if execution.awaited_signal(node).is_none() => {
                        continue;
                    }
                    Pending::Signal { node, run, attempt } => {
                        signal(&execution, node, run, attempt)
                    }
                    Pending::Timer { node, run, attempt } => {
                        EventKind::TimerFired { node, run, attempt }
                    }
                    Pending::Attempt {
                        node,
                        run,
                        attempt,
                        variables,
                    } => match world.attempt(&execution, node, run, attempt, &variables) {
                        Ok((outputs, effects)) => EventKind::AttemptSucceeded {
                            node,
                            run,
                            attempt,
                            outputs,
                            effects,
                        },
                        Err(failure) => EventKind::AttemptFailed {
                            node,
                            run,
                            attempt,
                            failure: Box::new(failure),
                            passes: Vec::new(),
                        },
                    },
                };
                record(&mut execution, journal, kind);
            }
        }
    }
    panic!("the execution does not end");
}

/// All that a user sees of an execution, but for times.
pub(crate) fn visible(execution: &Execution) -> Vec<String> {
    let mut seen = vec![
        format!("{:?} {:?}", execution.status(), execution.failed()),
        serde_json::to_string(execution.variables()).unwrap(),
    ];
    let without_times = |result: NodeResult| {
        let mut result = serde_json::to_value(result).unwrap();
        result["timestamp"] = json!(0);
        result["duration"] = json!(0);
        result
    };
    for place in 0..execution.graph().len() {
        let result = without_times(execution.result(NodeIndex::new(place)));
        seen.push(format!("{place}: {result}"));
    }
    for undone in execution.compensations() {
        let inputs = execution.inputs(undone.compensation).to_vec();
        let result = without_times(undone.result);
        seen.push(format!("{:?} undone: {inputs:?} {result}", undone.node));
    }
    seen
}
