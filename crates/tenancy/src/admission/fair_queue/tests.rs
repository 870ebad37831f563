use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;

/// Fills lines that never get empty.
fn backlogged(weights: &[u32]) -> (FairQueue<()>, Vec<FlowId>) {
    let mut queue = FairQueue::default();
    let flows: Vec<_> = weights.iter().map(|weight| queue.open(*weight)).collect();
    for flow in &flows {
        queue.push(*flow, ());
        queue.push(*flow, ());
    }
    (queue, flows)
}

/// Gives a turn, and lets another take the place of who had it.
fn turn(queue: &mut FairQueue<()>) -> FlowId {
    let (flow, ()) = queue.pop().expect("somebody waits");
    queue.push(flow, ());
    flow
}

#[test]
fn turns_follow_the_weights() {
    let (mut queue, flows) = backlogged(&[3, 1]);
    let turns = (0..400).filter(|_| turn(&mut queue) == flows[0]).count();
    assert_eq!(turns, 300);
}

#[test]
fn a_flow_that_was_held_has_saved_nothing_up() {
    let (mut queue, flows) = backlogged(&[1, 1]);
    queue.set_held(flows[0], true);
    for _ in 0..1_000 {
        assert_eq!(turn(&mut queue), flows[1]);
    }
    queue.set_held(flows[0], false);
    let turns = (0..10).filter(|_| turn(&mut queue) == flows[0]).count();
    assert_eq!(turns, 5);
}

#[test]
fn a_flow_that_had_the_place_to_itself_owes_nothing_for_it() {
    let mut queue = FairQueue::default();
    let (early, late) = (queue.open(1), queue.open(1));
    for _ in 0..1_000 {
        queue.push(early, ());
        queue.pop();
    }
    for _ in 0..10 {
        queue.push(early, ());
        queue.push(late, ());
    }
    let first: Vec<_> = (0..4).filter_map(|_| queue.pop()).collect();
    assert_eq!(first, [(early, ()), (late, ()), (early, ()), (late, ())]);
}

#[test]
fn a_flow_that_is_closed_is_gone_with_its_line() {
    let (mut queue, flows) = backlogged(&[1, 1]);
    queue.close(flows[0]);
    assert_eq!(queue.waiting(), 2);
    queue.push(flows[0], ());
    assert_eq!(queue.waiting(), 2);
    assert_eq!(queue.pop(), Some((flows[1], ())));
    assert_eq!(queue.pop(), Some((flows[1], ())));
    assert_eq!(queue.pop(), None);
}

proptest! {
    /// The bound of the paper: over any stretch in which two flows both wait, what they got by
    /// their weights differs by no more than a turn of each.
    #[test]
    fn shares_are_proportional_over_every_stretch(
        weights in prop::collection::vec(1_u32..100, 2..8),
        turns in 1_usize..400,
    ) {
        let (mut queue, flows) = backlogged(&weights);
        let mut had = vec![vec![0_u32; flows.len()]];
        for _ in 0..turns {
            let flow = turn(&mut queue);
            let mut now = had[had.len() - 1].clone();
            now[flows.iter().position(|other| *other == flow).unwrap()] += 1;
            had.push(now);
        }
        for (from, to) in (0..turns).step_by(17).flat_map(|from| {
            (from..=turns).step_by(11).map(move |to| (from, to))
        }) {
            let shares: Vec<_> = weights
                .iter()
                .enumerate()
                .map(|(flow, weight)| {
                    let count = f64::from(had[to][flow] - had[from][flow]);
                    (count / f64::from(*weight), 1.0 / f64::from(*weight))
                })
                .collect();
            for (one, its_turn) in &shares {
                for (other, others_turn) in &shares {
                    prop_assert!((one - other).abs() <= its_turn + others_turn + 1e-9);
                }
            }
        }
    }

    /// Whoever comes waits for no more than its fair share of the others' turns.
    #[test]
    fn nobody_starves(
        weights in prop::collection::vec(1_u32..50, 1..8),
        weight in 1_u32..50,
        before in 0_usize..200,
    ) {
        let (mut queue, flows) = backlogged(&weights);
        for _ in 0..before {
            turn(&mut queue);
        }
        let late = queue.open(weight);
        for _ in 0..3 {
            queue.push(late, ());
            let mut turns = BTreeMap::<_, u32>::new();
            loop {
                let flow = turn(&mut queue);
                if flow == late {
                    break;
                }
                *turns.entry(flow).or_default() += 1;
                let other = weights[flows.iter().position(|other| *other == flow).unwrap()];
                prop_assert!(turns[&flow] <= other.div_ceil(weight) + 1);
            }
        }
    }

    /// Whatever happens: within a flow it is first come, first served; nobody is lost, let in
    /// twice, or let in while the flow is held; and somebody is let in whenever anybody may be.
    #[test]
    fn lines_stay_lines(operations in prop::collection::vec(operation(), 1..300)) {
        let mut queue = FairQueue::default();
        let mut model: Vec<Line> = Vec::new();
        let mut number = 0;
        for operation in operations {
            let count = model.len();
            let at = |place: usize| place % count.max(1);
            match operation {
                Operation::Open(weight) => model.push(Line {
                    flow: queue.open(weight),
                    waiting: VecDeque::new(),
                    held: false,
                }),
                Operation::Pop => {
                    let may = model.iter().any(|line| !line.held && !line.waiting.is_empty());
                    let popped = queue.pop();
                    prop_assert_eq!(popped.is_some(), may);
                    if let Some((flow, waiter)) = popped {
                        let line = model.iter_mut().find(|line| line.flow == flow).unwrap();
                        prop_assert!(!line.held);
                        prop_assert_eq!(line.waiting.pop_front().unwrap().1, waiter);
                    }
                }
                _ if count == 0 => {}
                Operation::Push(place) => {
                    number += 1;
                    let line = &mut model[at(place)];
                    let ticket = queue.push(line.flow, number);
                    line.waiting.push_back((ticket, number));
                }
                Operation::Remove(place, which) => {
                    let line = &mut model[at(place)];
                    if !line.waiting.is_empty() {
                        let (ticket, waiter) =
                            line.waiting.remove(which % line.waiting.len()).unwrap();
                        prop_assert_eq!(queue.remove(line.flow, ticket), Some(waiter));
                        prop_assert_eq!(queue.remove(line.flow, ticket), None);
                    }
                }
                Operation::Hold(place, held) => {
                    let line = &mut model[at(place)];
                    line.held = held;
                    queue.set_held(line.flow, held);
                }
                Operation::Weigh(place, weight) => {
                    queue.set_weight(model[at(place)].flow, weight);
                }
                Operation::Close(place) => {
                    queue.close(model.swap_remove(at(place)).flow);
                }
            }
            let waiting: usize = model.iter().map(|line| line.waiting.len()).sum();
            prop_assert_eq!(queue.waiting(), waiting);
            for line in &model {
                prop_assert_eq!(queue.length(line.flow), line.waiting.len());
                prop_assert_eq!(queue.first(line.flow), line.waiting.front().map(|(_, w)| w));
            }
        }
    }
}

struct Line {
    flow: FlowId,
    waiting: VecDeque<(Ticket, u32)>,
    held: bool,
}

#[derive(Debug, Clone)]
enum Operation {
    Open(u32),
    Push(usize),
    Pop,
    Remove(usize, usize),
    Hold(usize, bool),
    Weigh(usize, u32),
    Close(usize),
}

fn operation() -> impl Strategy<Value = Operation> {
    let place = || any::<usize>();
    prop_oneof![
        2 => any::<u32>().prop_map(Operation::Open),
        8 => place().prop_map(Operation::Push),
        6 => Just(Operation::Pop),
        2 => (place(), place()).prop_map(|(place, which)| Operation::Remove(place, which)),
        3 => (place(), any::<bool>()).prop_map(|(place, held)| Operation::Hold(place, held)),
        1 => (place(), any::<u32>()).prop_map(|(place, weight)| Operation::Weigh(place, weight)),
        1 => place().prop_map(Operation::Close),
    ]
}
