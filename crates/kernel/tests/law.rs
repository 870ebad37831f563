//! The promises of the kernel over random graphs, random outcomes and random interleavings.

mod support;

use std::sync::Arc;

use jackfield_kernel::{
    Connection, Event, EventKind, Execution, ExecutionStatus, FailureMode, Graph, GraphError, Law,
    NodeIndex, NodeSpec, Output,
};
use jackfield_types::{NodeRole, NodeStatus};
use proptest::prelude::*;

use support::{
    Choices, FailureModes, Interruption, World, any_graph, drive, drive_through, graph, visible,
};

fn world() -> impl Strategy<Value = World> {
    (
        any::<u64>(),
        prop_oneof![Just(0), Just(15), Just(50)],
        0..4_u32,
    )
        .prop_map(|(seed, failures, rounds)| World {
            seed,
            failures,
            rounds,
        })
}

fn interruptions() -> impl Strategy<Value = Vec<Interruption>> {
    let kind = prop_oneof![
        Just(EventKind::CancelRequested),
        Just(EventKind::DeadlinePassed)
    ];
    let interruption = (1..60_usize, kind).prop_map(|(after, kind)| Interruption { after, kind });
    prop::collection::vec(interruption, 0..3)
}

fn law() -> impl Strategy<Value = Law> {
    prop_oneof![Just(Law::Settled), Just(Law::DepthFirst)]
}

fn replay(live: &Execution, journal: &[Event]) -> Execution {
    let mut replayed = Execution::new(Arc::clone(live.graph()));
    for event in journal {
        replayed
            .apply(event)
            .expect("what happened can have happened");
    }
    replayed
}

#[test]
fn a_loop_within_another_must_be_entered_by_its_loop_node() {
    // 3 is the outer loop node; the loop of 1 and 4 is entered from 3 by way of 4.
    let connection = |from, to, port| Connection {
        from: NodeIndex::new(from),
        output: Output::Main(port),
        to: NodeIndex::new(to),
        input: 0,
        conditional: false,
    };
    let mut nodes = vec![NodeSpec::default(); 5];
    nodes[1].role = NodeRole::Loop;
    nodes[3].role = NodeRole::Loop;
    let connections = vec![
        connection(0, 3, 0),
        connection(3, 4, 1),
        connection(4, 3, 0),
        connection(4, 1, 0),
        connection(1, 4, 1),
    ];
    let built = Graph::build(Law::Settled, FailureMode::default(), nodes, connections);
    assert_eq!(
        built.err(),
        Some(GraphError::NotEntered {
            node: NodeIndex::new(1)
        })
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn result_does_not_depend_on_the_order_in_which_nodes_end(
        graph in graph(Law::Settled), world in world(), first in any::<u64>(), second in any::<u64>()
    ) {
        let (one, _) = drive(&graph, &world, &mut Choices::new(first));
        let (other, _) = drive(&graph, &world, &mut Choices::new(second));
        prop_assert_eq!(visible(&one), visible(&other));
    }

    #[test]
    fn replay_gives_the_live_state(
        graph in graph(Law::Settled), world in world(), choices in any::<u64>()
    ) {
        let (live, journal) = drive(&graph, &world, &mut Choices::new(choices));
        prop_assert_eq!(&live, &replay(&live, &journal));
    }

    #[test]
    fn replay_of_a_journal_in_json_gives_the_live_state(
        graph in graph(Law::Settled), world in world(), choices in any::<u64>()
    ) {
        let (live, journal) = drive(&graph, &world, &mut Choices::new(choices));
        let written: Vec<_> = journal.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
        let read: Vec<Event> = written.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        prop_assert_eq!(&live, &replay(&live, &read));
    }

    #[test]
    fn a_broken_off_journal_goes_on_to_the_same_result(
        graph in law().prop_flat_map(graph), world in world(), choices in any::<u64>(), cut in any::<prop::sample::Index>()
    ) {
        let (live, journal) = drive(&graph, &world, &mut Choices::new(choices));
        let kept = 1 + cut.index(journal.len());
        let mut resumed = replay(&live, &journal[..kept]);
        resumed.resume();
        let (finished, _) = support::go_on(resumed, &world, kept, &mut Choices::new(choices ^ 99));
        prop_assert_eq!(visible(&live), visible(&finished));
    }

    #[test]
    fn a_journal_that_was_broken_off_and_went_on_replays(
        graph in law().prop_flat_map(|law| any_graph(law, FailureModes::All)),
        world in world(), choices in any::<u64>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..4)
    ) {
        let (_, mut journal) = drive(&graph, &world, &mut Choices::new(choices));
        let mut finished = Execution::new(Arc::clone(&graph));
        for (place, cut) in cuts.into_iter().enumerate() {
            journal.truncate(1 + cut.index(journal.len()));
            finished = Execution::new(Arc::clone(&graph));
            for event in &journal {
                finished.apply(event).unwrap();
            }
            if finished.ended().is_some() {
                break;
            }
            let at = journal.last().unwrap().at;
            let resumed = Event { at, kind: EventKind::ExecutionResumed };
            finished.apply(&resumed).unwrap();
            journal.push(resumed);
            let length = journal.len();
            let mut choices = Choices::new(choices ^ place as u64);
            let (went_on, events) = support::go_on(finished, &world, length, &mut choices);
            finished = went_on;
            journal.extend(events);
        }
        prop_assert_eq!(&finished, &replay(&finished, &journal));
        prop_assert!(finished.ended().is_some());
    }

    #[test]
    fn the_n8n_law_ends_and_replays(
        graph in graph(Law::DepthFirst), world in world(), choices in any::<u64>()
    ) {
        let (live, journal) = drive(&graph, &world, &mut Choices::new(choices));
        prop_assert_eq!(&live, &replay(&live, &journal));
    }

    #[test]
    fn an_event_out_of_turn_is_refused_and_changes_nothing(
        graph in graph(Law::Settled), world in world(), choices in any::<u64>(), cut in any::<prop::sample::Index>(), stray in any::<prop::sample::Index>()
    ) {
        let (live, journal) = drive(&graph, &world, &mut Choices::new(choices));
        let kept = cut.index(journal.len());
        let mut state = replay(&live, &journal[..kept]);
        let before = replay(&live, &journal[..kept]);
        if state.apply(&journal[stray.index(journal.len())]).is_err() {
            prop_assert_eq!(state, before);
        }
    }

    #[test]
    fn what_is_stopped_ends_replays_and_is_undone_unless_it_was_cancelled(
        graph in law().prop_flat_map(|law| any_graph(law, FailureModes::All)),
        world in world(), interruptions in interruptions(), choices in any::<u64>()
    ) {
        let (live, journal) = drive_through(&graph, &world, &interruptions, &mut Choices::new(choices));
        prop_assert_eq!(&live, &replay(&live, &journal));
        let undone: Vec<_> = live.compensations().map(|one| one.node).collect();
        let has_completed = graph.compensations().any(|compensation| {
            let node = graph.compensated(compensation).unwrap();
            let status = live.result(node);
            status.runs > 0 && matches!(status.status, NodeStatus::Success | NodeStatus::Partial)
        });
        match live.status() {
            ExecutionStatus::Success | ExecutionStatus::Cancelled => prop_assert!(undone.is_empty()),
            _ if journal.iter().any(|event| event.kind == EventKind::CancelRequested) => {}
            _ => {
                prop_assert_eq!(has_completed && undone.is_empty(), false);
                for one in live.compensations() {
                    let status = one.result.status;
                    prop_assert!(!matches!(status, NodeStatus::Pending | NodeStatus::Blocked), "{:?}", status);
                }
            }
        }
    }
}
