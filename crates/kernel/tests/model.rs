//! The kernel against a second, naive model of the same law, over random executions.

#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]

mod naive;
mod script;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use jackfield_kernel::{
    CompensationSpec, Connection, Execution, ExecutionStatus, FailureMode, Graph, Law, NodeIndex,
    NodeSpec, Output, RecoveryRules, RunWith,
};
use jackfield_types::{
    Backoff, ErrorCode, FailureClass, Item, ItemFailure, Items, NodeFailure, OnError, Outputs,
    RetryPolicy, Span, Strategy as Recovery,
};
use proptest::prelude::*;
use serde_json::json;

use naive::{Asked, Ending, Fate, Workflow};
use script::{Answer, Call, Script};

/// How many executions each of the four tests compares; 100,000 in all at the least.
const EXECUTIONS: u32 = 30_000;

/// Numbers that look random: SplitMix64.
struct Dice(u64);

impl Dice {
    fn of(parts: &[u64]) -> Self {
        let mut dice = Self(0x5bd1_e995);
        for part in parts {
            dice.0 ^= part;
            dice.0 = dice.roll();
        }
        dice
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound as u64) as usize
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    Chain,
    Branches,
    Joins,
    Any,
}

#[derive(Debug, Clone, Copy)]
struct World {
    seed: u64,
    /// How many of 100 attempts fail.
    failures: usize,
}

impl naive::World for World {
    fn input(&self) -> Items {
        let mut dice = Dice::of(&[self.seed, 1]);
        let count = dice.below(4);
        let item = |n| Item::from_value(json!({ "start": n })).unwrap();
        Arc::new((0..count).map(item).collect())
    }

    fn attempt(&self, asked: &Asked<'_>) -> (Duration, Result<Outputs, NodeFailure>) {
        let mut dice = Dice::of(&[
            self.seed,
            2,
            asked.node as u64,
            u64::from(asked.undoes),
            u64::from(asked.with == RunWith::Fallback),
            u64::from(asked.attempt),
        ]);
        let takes = Duration::from_millis(dice.below(200) as u64);
        let fails = dice.below(100) < self.failures;
        let outputs = outputs(asked, &mut dice);
        let result = if fails {
            Err(failure(outputs, &mut dice))
        } else {
            Ok(outputs)
        };
        (takes, result)
    }

    fn passes(&self, connection: usize, item: &Item) -> bool {
        let seen = serde_json::to_string(item.json()).unwrap();
        let seen = seen.bytes().fold(0_u64, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        !Dice::of(&[self.seed, 3, connection as u64, seen]).one_in(3)
    }
}

/// Some items on some ports, which tell what they were made from.
fn outputs(asked: &Asked<'_>, dice: &mut Dice) -> Outputs {
    let given: Vec<String> = asked
        .inputs
        .iter()
        .flat_map(|items| items.iter())
        .map(|item| {
            let text = serde_json::to_string(item.json()).unwrap();
            format!("{:x}", text.bytes().map(u32::from).sum::<u32>())
        })
        .collect();
    let given = given.join("-");
    let mut item = |place: usize| {
        let item = json!({ "n": asked.node, "place": place, "given": given });
        let item = Item::from_value(item).unwrap();
        match dice.below(4) {
            0 => item,
            other => item.paired_with(other - 1),
        }
    };
    let mut list = |count: usize| -> Items { Arc::new((0..count).map(&mut item).collect()) };
    let lists = [list(asked.node % 3), list(1), list(2)];
    let ports = dice.below(4);
    Outputs {
        main: lists.into_iter().take(ports).collect(),
        error: dice.one_in(8).then(|| Items::new(vec![Item::default()])),
    }
}

fn failure(outputs: Outputs, dice: &mut Dice) -> NodeFailure {
    let class = dice.pick(&[
        FailureClass::Retryable,
        FailureClass::Retryable,
        FailureClass::Permanent,
        FailureClass::UnknownNodeType,
        FailureClass::Final,
    ]);
    let code = dice.pick(&[
        ErrorCode::EXECUTION_ERROR,
        ErrorCode::EXECUTION_ERROR,
        ErrorCode::NETWORK_ERROR,
        ErrorCode::NETWORK_ERROR,
        ErrorCode::HTTP_STATUS,
        ErrorCode::HTTP_STATUS,
        ErrorCode::QUOTA_EXCEEDED,
        ErrorCode::TENANT_FORBIDDEN,
        ErrorCode::CANCELLED,
    ]);
    let mut failure = NodeFailure::new(class, code, format!("failure {}", dice.below(9)));
    if failure.code == ErrorCode::HTTP_STATUS {
        failure.status = Some(dice.pick(&[404, 409, 429, 503]));
    }
    if dice.one_in(4) {
        failure.retry_after = Some(Duration::from_millis(dice.pick(&[0, 70, 300, 450, 5_000])));
    }
    if dice.one_in(2) {
        failure.partial = Some(outputs);
    }
    if dice.one_in(2) {
        failure.failed_items = (0..dice.below(4))
            .map(|number| ItemFailure {
                item: dice.pick(&[0, 1, 2, 3, u32::MAX]),
                code: ErrorCode::NUMBER_ERROR,
                message: format!("item failure {number}"),
                status: dice.one_in(2).then_some(400),
            })
            .collect();
    }
    failure
}

fn recovery(dice: &mut Dice) -> RecoveryRules {
    let retry = dice.one_in(2).then(|| {
        let listed = dice.below(4);
        Box::new(RetryPolicy {
            max_attempts: NonZeroU32::new(1 + dice.below(5) as u32).unwrap(),
            backoff_type: dice.pick(&[
                Backoff::Exponential,
                Backoff::Linear,
                Backoff::Fibonacci,
                Backoff::Constant,
            ]),
            initial_delay: Span::from_millis(dice.pick(&[0, 100, 250])),
            max_delay: Span::from_millis(dice.pick(&[300, 1_000, 60_000])),
            multiplier: dice.pick(&[1.0, 2.0, 3.0]),
            jitter: 0.0,
            deadline: dice
                .one_in(2)
                .then(|| Span::from_millis(dice.pick(&[0, 150, 400, 1_000]))),
            retryable_errors: match listed {
                1 => vec![ErrorCode::NETWORK_ERROR, ErrorCode::TENANT_FORBIDDEN],
                _ => Vec::new(),
            },
            retryable_status_codes: if listed == 2 {
                vec![409, 503]
            } else {
                Vec::new()
            },
        })
    });
    RecoveryRules {
        retry,
        strategy: dice.pick(&[
            Recovery::Fail,
            Recovery::Retry,
            Recovery::Skip,
            Recovery::Fallback,
        ]),
        allow_partial_output: dice.one_in(2),
    }
}

fn workflow(shape: Shape, size: usize, dice: &mut Dice) -> Workflow {
    let nodes = (0..size)
        .map(|_| NodeSpec {
            disabled: dice.one_in(12),
            always_output: dice.one_in(4),
            recovery: recovery(dice),
            on_error: dice.pick(&[
                OnError::StopWorkflow,
                OnError::ContinueErrorOutput,
                OnError::ContinueRegularOutput,
            ]),
            ..NodeSpec::default()
        })
        .collect();
    let mut connections = Vec::new();
    for to in 1..size {
        let sources = match shape {
            Shape::Chain => vec![to - 1],
            Shape::Branches => vec![dice.below(to)],
            Shape::Joins => (0..1 + dice.below(3)).map(|_| dice.below(to)).collect(),
            Shape::Any => (0..dice.below(4)).map(|_| dice.below(to)).collect(),
        };
        for from in sources {
            let output = match dice.below(6) {
                0 => Output::Error,
                1 => Output::Main(1),
                2 => Output::Main(2),
                _ => Output::Main(0),
            };
            connections.push(Connection {
                from: NodeIndex::new(from),
                output,
                to: NodeIndex::new(to),
                input: match shape {
                    Shape::Chain | Shape::Branches => 0,
                    Shape::Joins | Shape::Any => dice.pick(&[0, 0, 1, 2]),
                },
                conditional: dice.one_in(5),
            });
        }
    }
    let compensations = (0..size)
        .map(|_| dice.one_in(3).then(|| recovery(dice)))
        .collect();
    Workflow {
        nodes,
        connections,
        compensations,
    }
}

/// Runs a workflow in the kernel.
fn run(workflow: &Workflow, world: &World) -> (Ending, ExecutionStatus) {
    let graph = Graph::build(
        Law::Settled,
        FailureMode::FinishBranches,
        workflow.nodes.clone(),
        workflow.connections.clone(),
    );
    let specs = workflow.compensations.iter().enumerate();
    let specs = specs.filter_map(|(place, recovery)| {
        Some(CompensationSpec {
            node: NodeIndex::new(place),
            recovery: recovery.clone()?,
        })
    });
    let graph = graph.unwrap().with_compensations(specs.collect());
    let graph = Arc::new(graph.unwrap());
    let answer = |execution: &Execution, call: Call| {
        let compensated = graph.compensated(call.node);
        assert_eq!(call.run, 0);
        let (takes, result) = naive::World::attempt(
            world,
            &Asked {
                node: compensated.unwrap_or(call.node).get(),
                undoes: compensated.is_some(),
                with: call.with,
                attempt: call.attempt,
                inputs: execution.inputs(call.node),
            },
        );
        Answer { takes, result }
    };
    let script = Script {
        input: naive::World::input(world),
        answer: &answer,
        passes: &|connection, item| naive::World::passes(world, connection.get(), item),
        outside: Vec::new(),
    };
    let (execution, _) = script.run(&graph);
    let nodes = (0..graph.len()).map(|place| fate(&execution, NodeIndex::new(place)));
    let undone = execution.compensations();
    let undone = undone.map(|one| (one.node.get(), fate(&execution, one.compensation)));
    let ending = Ending {
        nodes: nodes.collect(),
        failed: execution.failed().map(NodeIndex::get),
        undone: undone.collect(),
    };
    (ending, execution.status())
}

fn fate(execution: &Execution, node: NodeIndex) -> Fate {
    let result = execution.result(node);
    assert_eq!(result.error.is_some(), result.error_code.is_some());
    Fate {
        status: result.status,
        outputs: result.output,
        error: result.error_code.zip(result.error),
        retries: result.retries,
        recovery: result.recovery_applied,
        by_fallback: execution.was_served_by_fallback(node),
        ran: result.runs > 0,
        took: result.duration,
    }
}

fn compare(shape: Shape, seed: u64, size: usize, failures: usize) -> Result<(), TestCaseError> {
    let workflow = workflow(shape, size, &mut Dice(seed));
    let world = World { seed, failures };
    let (ending, status) = run(&workflow, &world);
    let expected = naive::run(&workflow, &world);
    prop_assert_eq!(&ending, &expected, "{:#?}", workflow);
    let expected = if expected.failed.is_some() {
        ExecutionStatus::Error
    } else {
        ExecutionStatus::Success
    };
    prop_assert_eq!(status, expected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: EXECUTIONS, ..ProptestConfig::default() })]

    #[test]
    fn chains_end_as_in_the_naive_model(seed: u64, size in 1..6_usize, failures in 5..90_usize) {
        compare(Shape::Chain, seed, size, failures)?;
    }

    #[test]
    fn branches_end_as_in_the_naive_model(seed: u64, size in 1..8_usize, failures in 5..90_usize) {
        compare(Shape::Branches, seed, size, failures)?;
    }

    #[test]
    fn joins_end_as_in_the_naive_model(seed: u64, size in 1..8_usize, failures in 5..60_usize) {
        compare(Shape::Joins, seed, size, failures)?;
    }

    #[test]
    fn all_kinds_of_workflows_end_as_in_the_naive_model(
        seed: u64, size in 1..9_usize, failures in 5..60_usize
    ) {
        compare(Shape::Any, seed, size, failures)?;
    }
}
