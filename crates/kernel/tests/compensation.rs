//! What is undone when an execution fails, and in which order.

#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]

mod script;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use jackfield_kernel::{
    CompensationError, CompensationSpec, Connection, EventKind, Execution, ExecutionStatus,
    FailureMode, Graph, Law, NodeIndex, NodeSpec, Output, RecoveryRules, RunWith,
};
use jackfield_types::{
    ErrorCode, FailureClass, Item, Items, NodeFailure, NodeRole, NodeStatus, OnError, Outputs,
    RetryPolicy, Strategy,
};
use serde_json::json;

use script::{Answer, Call, Script};

fn node(place: usize) -> NodeIndex {
    NodeIndex::new(place)
}

fn connection(from: usize, to: usize, port: u16) -> Connection {
    Connection {
        from: node(from),
        output: Output::Main(port),
        to: node(to),
        input: 0,
        conditional: false,
    }
}

fn undo(place: usize) -> CompensationSpec {
    CompensationSpec {
        node: node(place),
        recovery: RecoveryRules::default(),
    }
}

fn items(values: &[&str]) -> Items {
    let item = |value: &&str| Item::from_value(json!({ "id": value })).unwrap();
    Arc::new(values.iter().map(item).collect())
}

fn failure(class: FailureClass) -> NodeFailure {
    NodeFailure::new(class, ErrorCode::EXECUTION_ERROR, "no")
}

/// A chain of `count` nodes.
fn chain(law: Law, count: usize, compensations: Vec<CompensationSpec>) -> Arc<Graph> {
    let nodes = vec![NodeSpec::default(); count];
    let connections = (1..count).map(|to| connection(to - 1, to, 0)).collect();
    let graph = Graph::build(law, FailureMode::FinishBranches, nodes, connections).unwrap();
    Arc::new(graph.with_compensations(compensations).unwrap())
}

fn run(
    graph: &Arc<Graph>,
    answer: &dyn Fn(&Execution, Call) -> Answer,
    outside: Vec<(Duration, EventKind)>,
) -> Execution {
    let script = Script {
        input: items(&["start"]),
        answer,
        passes: &|_, _| true,
        outside,
    };
    script.run(graph).0
}

/// Which node gave what is undone, with what, and how that ended.
fn undone(execution: &Execution) -> Vec<(usize, String, NodeStatus)> {
    let given = |compensation| {
        let inputs = execution.inputs(compensation);
        let ids = inputs.iter().flat_map(|items| items.iter());
        let ids = ids.map(|item| item.json()["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>().join(",")
    };
    execution
        .compensations()
        .map(|one| {
            let status = one.result.status;
            (one.node.get(), given(one.compensation), status)
        })
        .collect()
}

/// Ordinary nodes give an item that names them, but for the last one, which fails.
fn last_fails(execution: &Execution, call: Call) -> Answer {
    let place = call.node.get();
    if place + 1 == execution.graph().len() {
        return Err(failure(FailureClass::Permanent)).into();
    }
    Ok(Outputs::first(items(&[&format!("of {place}")]))).into()
}

#[test]
fn completed_nodes_are_undone_in_reverse_order_with_what_they_gave() {
    for law in [Law::Settled, Law::DepthFirst] {
        let graph = chain(law, 4, vec![undo(0), undo(2), undo(3)]);
        assert_eq!(graph.len(), 4);
        assert_eq!(graph.compensations().len(), 3);
        let execution = run(&graph, &last_fails, Vec::new());
        assert_eq!(execution.status(), ExecutionStatus::Error);
        assert_eq!(execution.failed(), Some(node(3)));
        // The last one failed itself: there is nothing of it to undo.
        assert_eq!(
            undone(&execution),
            [
                (2, "of 2".to_owned(), NodeStatus::Success),
                (0, "of 0".to_owned(), NodeStatus::Success)
            ]
        );
        let left_alone = graph.compensation(node(3)).unwrap();
        assert_eq!(execution.node_status(left_alone), NodeStatus::Skipped);
    }
}

#[test]
fn nothing_is_undone_when_all_went_well() {
    let graph = chain(Law::Settled, 3, vec![undo(0), undo(1)]);
    let answer = |_: &Execution, _: Call| Answer::from(Ok(Outputs::first(items(&["x"]))));
    let execution = run(&graph, &answer, Vec::new());
    assert_eq!(execution.status(), ExecutionStatus::Success);
    assert_eq!(undone(&execution), []);
}

#[test]
fn a_compensation_is_retried_and_falls_back_and_its_failure_stops_no_other() {
    let mut specs = vec![undo(0), undo(1), undo(2)];
    specs[2].recovery.retry = Some(Box::new(RetryPolicy {
        max_attempts: NonZeroU32::new(3).unwrap(),
        ..RetryPolicy::default()
    }));
    specs[1].recovery.strategy = Strategy::Fallback;
    let graph = chain(Law::Settled, 4, specs);
    let of = |place: usize| graph.compensation(node(place)).unwrap();
    let answer = |execution: &Execution, call: Call| {
        if call.node == of(2) {
            return Err(failure(FailureClass::Retryable)).into();
        }
        if call.node == of(1) && call.with == RunWith::Own {
            return Err(failure(FailureClass::Permanent)).into();
        }
        if execution.graph().compensated(call.node).is_some() {
            return Ok(Outputs::first(items(&["undone"]))).into();
        }
        last_fails(execution, call)
    };
    let execution = run(&graph, &answer, Vec::new());
    assert_eq!(execution.status(), ExecutionStatus::Error);
    assert_eq!(execution.failed(), Some(node(3)));
    let results: Vec<_> = execution.compensations().map(|one| one.result).collect();
    assert_eq!(results[0].status, NodeStatus::Error);
    assert_eq!(results[0].retries, 2);
    assert_eq!(results[1].status, NodeStatus::Success);
    assert!(execution.was_served_by_fallback(of(1)));
    assert_eq!(results[2].status, NodeStatus::Success);
    assert_eq!(results[2].output, Outputs::first(items(&["undone"])));
}

#[test]
fn what_was_skipped_or_let_through_is_not_undone_and_what_came_through_is() {
    let mut nodes = vec![NodeSpec::default(); 5];
    nodes[0].disabled = true;
    nodes[1].recovery.strategy = Strategy::Skip;
    nodes[2].on_error = OnError::ContinueRegularOutput;
    nodes[3].recovery.strategy = Strategy::Skip;
    nodes[3].recovery.allow_partial_output = true;
    let connections = (1..5).map(|to| connection(to - 1, to, 0)).collect();
    let graph = Graph::build(
        Law::Settled,
        FailureMode::FinishBranches,
        nodes,
        connections,
    );
    let all = (0..5).map(undo).collect();
    let graph = Arc::new(graph.unwrap().with_compensations(all).unwrap());
    let answer = |execution: &Execution, call: Call| {
        let mut failure = failure(FailureClass::Permanent);
        if call.node == node(3) {
            failure.partial = Some(Outputs::first(items(&["part"])));
        }
        if execution.graph().compensated(call.node).is_none() {
            Err(failure).into()
        } else {
            Ok(Outputs::default()).into()
        }
    };
    let execution = run(&graph, &answer, Vec::new());
    assert_eq!(
        undone(&execution),
        [(3, "part".to_owned(), NodeStatus::Success)]
    );
}

#[test]
fn branches_are_undone_in_the_order_of_the_plan_whichever_ended_first() {
    // 0 leads to 1, 2 and 3; 3 fails at once.
    let nodes = vec![NodeSpec::default(); 4];
    let connections = (1..4).map(|to| connection(0, to, 0)).collect();
    let graph = Graph::build(
        Law::Settled,
        FailureMode::FinishBranches,
        nodes,
        connections,
    );
    let specs = vec![undo(1), undo(2), undo(0)];
    let graph = Arc::new(graph.unwrap().with_compensations(specs).unwrap());
    for slow in [1, 2] {
        let answer = |execution: &Execution, call: Call| {
            let mut answer = last_fails(execution, call);
            if call.node == node(slow) {
                answer.takes = Duration::from_secs(60);
            }
            answer
        };
        let execution = run(&graph, &answer, Vec::new());
        let order: Vec<_> = undone(&execution).iter().map(|one| one.0).collect();
        assert_eq!(order, [2, 1, 0]);
    }
}

#[test]
fn a_node_in_a_loop_is_undone_once_with_what_it_gave_last() {
    // 0 → 1 (loop: 2 → 1) → 3, which fails. The body gives something else each round.
    let mut nodes = vec![NodeSpec::default(); 4];
    nodes[1].role = NodeRole::Loop;
    let connections = vec![
        connection(0, 1, 0),
        connection(1, 2, 1),
        connection(2, 1, 0),
        connection(1, 3, 0),
    ];
    let graph = Graph::build(
        Law::Settled,
        FailureMode::FinishBranches,
        nodes,
        connections,
    );
    let graph = Arc::new(graph.unwrap().with_compensations(vec![undo(2)]).unwrap());
    let answer = |execution: &Execution, call: Call| match call.node.get() {
        1 if call.run < 3 => Ok(Outputs::on_port(1, items(&["round"]))).into(),
        2 => Ok(Outputs::first(items(&[&format!("round {}", call.run)]))).into(),
        _ => last_fails(execution, call),
    };
    let execution = run(&graph, &answer, Vec::new());
    assert_eq!(execution.result(node(2)).runs, 3);
    assert_eq!(
        undone(&execution),
        [(2, "round 2".to_owned(), NodeStatus::Success)]
    );
}

/// Node 0 completes after 1 ms, node 1 runs for an hour; compensations take 10 s each.
fn slow(execution: &Execution, call: Call) -> Answer {
    let takes = match call.node.get() {
        0 => Duration::from_millis(1),
        1 => Duration::from_secs(3_600),
        _ => Duration::from_secs(10),
    };
    let place = call.node.get();
    let result = Ok(Outputs::first(items(&[&format!("of {place}")])));
    assert!(execution.ended().is_none());
    Answer { takes, result }
}

#[test]
fn an_execution_that_ran_out_of_time_is_undone_and_its_deadline_passes_once() {
    let graph = chain(Law::Settled, 2, vec![undo(0), undo(1)]);
    let outside = vec![
        (Duration::from_secs(5), EventKind::DeadlinePassed),
        (Duration::from_secs(6), EventKind::DeadlinePassed),
    ];
    let execution = run(&graph, &slow, outside);
    assert_eq!(execution.status(), ExecutionStatus::TimedOut);
    assert_eq!(
        undone(&execution),
        [(0, "of 0".to_owned(), NodeStatus::Success)]
    );
}

#[test]
fn a_cancelled_execution_is_left_as_it_is() {
    let graph = chain(Law::Settled, 2, vec![undo(0), undo(1)]);
    let outside = vec![(Duration::from_secs(5), EventKind::CancelRequested)];
    let execution = run(&graph, &slow, outside);
    assert_eq!(execution.status(), ExecutionStatus::Cancelled);
    assert_eq!(undone(&execution), []);
}

#[test]
fn cancelling_stops_the_compensations_and_the_execution_ends_as_it_would_have() {
    let graph = chain(Law::Settled, 4, vec![undo(0), undo(1), undo(2)]);
    let answer = |execution: &Execution, call: Call| {
        let mut answer = last_fails(execution, call);
        if execution.graph().compensated(call.node).is_some() {
            answer.takes = Duration::from_secs(10);
        }
        answer
    };
    let outside = vec![(Duration::from_secs(15), EventKind::CancelRequested)];
    let execution = run(&graph, &answer, outside);
    assert_eq!(execution.status(), ExecutionStatus::Error);
    assert_eq!(
        undone(&execution),
        [
            (2, "of 2".to_owned(), NodeStatus::Success),
            (1, "of 1".to_owned(), NodeStatus::Error),
            (0, "of 0".to_owned(), NodeStatus::Blocked)
        ]
    );
}

#[test]
fn a_timer_that_goes_off_late_changes_nothing() {
    // 0 → 1, which waits for a second attempt when 2 fails and stops everything.
    let mut nodes = vec![NodeSpec::default(); 3];
    nodes[1].recovery.retry = Some(Box::default());
    let connections = vec![connection(0, 1, 0), connection(0, 2, 0)];
    let graph = Graph::build(Law::Settled, FailureMode::FailFast, nodes, connections).unwrap();
    let graph = Arc::new(graph.with_compensations(vec![undo(0)]).unwrap());
    let answer = |execution: &Execution, call: Call| {
        if call.node == node(1) {
            return Err(failure(FailureClass::Retryable)).into();
        }
        let mut answer = last_fails(execution, call);
        answer.takes = match call.node.get() {
            2 => Duration::from_millis(50),
            0 => Duration::ZERO,
            _ => Duration::from_secs(60),
        };
        answer
    };
    let execution = run(&graph, &answer, Vec::new());
    assert_eq!(execution.status(), ExecutionStatus::Error);
    assert_eq!(execution.result(node(1)).runs, 1);
    assert_eq!(
        undone(&execution),
        [(0, "of 0".to_owned(), NodeStatus::Success)]
    );
}

#[test]
fn a_node_is_undone_by_one_compensation_and_has_to_be_there() {
    let graph = || {
        let nodes = vec![NodeSpec::default(); 2];
        Graph::build(Law::Settled, FailureMode::default(), nodes, Vec::new()).unwrap()
    };
    assert_eq!(
        graph().with_compensations(vec![undo(1), undo(1)]).err(),
        Some(CompensationError::Twice { node: node(1) })
    );
    // A compensation cannot be undone.
    assert_eq!(
        graph().with_compensations(vec![undo(1), undo(2)]).err(),
        Some(CompensationError::UnknownNode { place: 1 })
    );
    let again = graph().with_compensations(vec![undo(1), undo(0)]).unwrap();
    let again = again.with_compensations(vec![undo(0)]).unwrap();
    assert_eq!(again.compensations().collect::<Vec<_>>(), [node(2)]);
    assert_eq!(again.compensated(node(2)), Some(node(0)));
    assert_eq!(again.compensation(node(1)), None);
}
