//! Waiting for signals, and going on with other items than there were.

#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use jackfield_kernel::{
    ApplyError, Command, Connection, Effects, Event, EventKind, Execution, ExecutionStatus,
    FailureMode, Graph, Law, NodeIndex, NodePhase, NodeSpec, Output, RunWith,
};
use jackfield_types::{
    AwaitedSignal, ExecutionId, Item, Items, NodeStatus, Outputs, SignalName, SignalReply, TenantId,
};
use jiff::Timestamp;
use serde_json::json;

fn chain(nodes: usize) -> Execution {
    let connections = (1..nodes).map(|to| Connection {
        from: NodeIndex::new(to - 1),
        output: Output::Main(0),
        to: NodeIndex::new(to),
        input: 0,
        conditional: false,
    });
    let specs = vec![NodeSpec::default(); nodes];
    let (law, mode) = (Law::Settled, FailureMode::default());
    let graph = Graph::build(law, mode, specs, connections.collect()).unwrap();
    let mut execution = Execution::new(Arc::new(graph));
    apply(
        &mut execution,
        EventKind::ExecutionStarted {
            execution: ExecutionId::from_uuid(Default::default()),
            tenant: TenantId::default_tenant(),
            input: items("start"),
            variables: Arc::default(),
            trigger: None,
            seed: 0,
        },
    )
    .unwrap();
    execution
}

fn items(name: &str) -> Items {
    Arc::new(vec![Item::from_value(json!({ "is": name })).unwrap()])
}

fn apply(execution: &mut Execution, kind: EventKind) -> Result<(), ApplyError> {
    let at = Timestamp::UNIX_EPOCH;
    execution.apply(&Event { at, kind })
}

fn run(execution: &mut Execution, effects: Option<Effects>) -> NodeIndex {
    let Some(Command::Run {
        node,
        run,
        attempt,
        with,
    }) = execution.next()
    else {
        panic!("nothing is to run");
    };
    let started = EventKind::AttemptStarted {
        node,
        run,
        attempt,
        with,
    };
    apply(execution, started).unwrap();
    let succeeded = EventKind::AttemptSucceeded {
        node,
        run,
        attempt,
        outputs: Outputs::on_port(1, items("held")),
        effects: effects.map(Box::new),
    };
    apply(execution, succeeded).unwrap();
    node
}

fn awaits(wait: Option<Duration>) -> Effects {
    Effects {
        wait,
        signal: Some(AwaitedSignal {
            name: SignalName::parse("go").unwrap(),
            reply: SignalReply::Items,
        }),
        ..Effects::default()
    }
}

fn received(node: NodeIndex, signal: u64) -> EventKind {
    EventKind::SignalReceived {
        node,
        run: 0,
        attempt: 1,
        signal,
        outputs: Outputs::first(items("brought")),
        passes: Vec::new(),
    }
}

#[test]
fn a_signal_brings_other_outputs_than_were_held_back() {
    let mut execution = chain(2);
    let node = run(&mut execution, Some(awaits(None)));
    assert_eq!(execution.awaited_signal(node).unwrap().name, "go");
    assert_eq!(execution.wait(node), Some((Timestamp::UNIX_EPOCH, None)));
    let ordered = execution.next().unwrap();
    assert!(
        matches!(ordered, Command::Wait { delay: None, .. }),
        "{ordered:?}"
    );
    assert_eq!(execution.node_status(node), NodeStatus::Pending);

    apply(&mut execution, received(node, 1)).unwrap();
    assert_eq!(execution.received_up_to(), 1);
    assert_eq!(execution.node_status(node), NodeStatus::Success);
    let next = NodeIndex::new(1);
    assert_eq!(execution.inputs(next), [items("brought")]);
}

#[test]
fn when_the_time_is_over_what_was_held_back_leaves() {
    let mut execution = chain(2);
    let node = run(&mut execution, Some(awaits(Some(Duration::from_secs(1)))));
    let (run, attempt) = (0, 1);
    apply(&mut execution, EventKind::TimerFired { node, run, attempt }).unwrap();
    assert_eq!(execution.awaited_signal(node), None);
    assert_eq!(
        execution.outputs(node),
        Some(&Outputs::on_port(1, items("held")))
    );
    // Nothing was held back for the next node.
    assert!(matches!(execution.next(), Some(Command::Skip { .. })));
}

#[test]
fn a_signal_is_received_once_and_only_where_one_is_awaited() {
    let mut execution = chain(3);
    let first = run(&mut execution, Some(awaits(None)));
    let other = NodeIndex::new(1);
    assert!(apply(&mut execution, received(other, 1)).is_err());
    apply(&mut execution, received(first, 2)).unwrap();
    assert!(execution.has_received(2) && !execution.has_received(1));
    assert_eq!(execution.received_up_to(), 0);

    let second = run(&mut execution, Some(awaits(None)));
    assert!(apply(&mut execution, received(second, 2)).is_err());
    apply(&mut execution, received(second, 1)).unwrap();
    assert_eq!(execution.received_up_to(), 2);
}

#[test]
fn an_input_is_replaced_while_its_node_is_about_to_run() {
    let mut execution = chain(2);
    let node = NodeIndex::new(0);
    let replace = |inputs| EventKind::InputReplaced {
        node,
        run: 0,
        inputs,
    };
    assert!(apply(&mut execution, replace(Vec::new())).is_err());
    apply(&mut execution, replace(vec![items("edited")])).unwrap();
    assert_eq!(execution.inputs(node), [items("edited")]);
    assert!(execution.input_segments(node).is_empty());
    run(&mut execution, None);
    assert!(apply(&mut execution, replace(vec![items("late")])).is_err());
}

#[test]
fn an_attempt_that_was_lost_begins_once_more_under_the_same_number() {
    let mut execution = chain(1);
    let Some(Command::Run { node, .. }) = execution.next() else {
        panic!("nothing is to run");
    };
    let started = EventKind::AttemptStarted {
        node,
        run: 0,
        attempt: 1,
        with: RunWith::Own,
    };
    apply(&mut execution, started.clone()).unwrap();
    assert!(execution.has_running());
    assert!(apply(&mut execution, started.clone()).is_err());
    apply(&mut execution, EventKind::ExecutionResumed).unwrap();
    let with = RunWith::Own;
    assert_eq!(execution.phase(node), NodePhase::Ready { with });
    assert_eq!(execution.status(), ExecutionStatus::Running);
    apply(&mut execution, started).unwrap();
    assert_eq!(execution.turn(node), (0, 1));
}
