//! Start-time fair queueing, and nothing else: no clock, no lock, no quotas.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

/// One of those between whom turns are shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct FlowId(u64);

/// A place in a flow's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// Virtual time: how many turns a flow of weight 1 would have had, times [`TURN`].
type Tag = u128;

/// What a turn costs a flow of weight 1. It is large enough for every weight to divide it well,
/// and no number of turns overflows the tag.
const TURN: Tag = 1 << 64;

/// When a flow's next turn begins, in virtual time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    start: Tag,
    /// Who was there first goes first when tags are equal.
    order: u64,
    flow: FlowId,
}

#[derive(Debug)]
struct Flow<T> {
    cost: Tag,
    line: BTreeMap<Ticket, T>,
    /// The end of its last turn.
    finish: Tag,
    /// Its next turn: there is one just when it has somebody in line and is not held.
    turn: Option<Turn>,
    held: bool,
}

/// Lines of waiters, a line a flow. Flows have turns by their weights, waiters within a flow in the
/// order in which they came.
///
/// A flow can be held: it keeps its line but has no turns, and saves none up, until it is let go.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    flows: FxHashMap<FlowId, Flow<T>>,
    turns: BTreeSet<Turn>,
    /// The start of the last turn.
    now: Tag,
    /// The latest end of any turn.
    latest: Tag,
    waiting: usize,
    last_number: u64,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self {
            flows: FxHashMap::default(),
            turns: BTreeSet::new(),
            now: 0,
            latest: 0,
            waiting: 0,
            last_number: 0,
        }
    }
}

fn cost(weight: u32) -> Tag {
    TURN / Tag::from(weight.max(1))
}

impl<T> FairQueue<T> {
    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Adds a flow.
    pub(super) fn open(&mut self, weight: u32) -> FlowId {
        let id = FlowId(self.number());
        let flow = Flow {
            cost: cost(weight),
            line: BTreeMap::new(),
            finish: 0,
            turn: None,
            held: false,
        };
        self.flows.insert(id, flow);
        id
    }

    /// Takes a flow out with all who wait in it.
    pub(super) fn close(&mut self, id: FlowId) {
        if let Some(flow) = self.flows.remove(&id) {
            self.waiting -= flow.line.len();
            if let Some(turn) = flow.turn {
                self.turns.remove(&turn);
            }
        }
    }

    /// Changes a flow's weight, from its next turn but one.
    pub(super) fn set_weight(&mut self, id: FlowId, weight: u32) {
        if let Some(flow) = self.flows.get_mut(&id) {
            flow.cost = cost(weight);
        }
    }

    /// Puts somebody at the end of a flow's line. Nobody is put anywhere when there is no such flow.
    pub(super) fn push(&mut self, id: FlowId, waiter: T) -> Ticket {
        let ticket = Ticket(self.number());
        if let Some(flow) = self.flows.get_mut(&id) {
            flow.line.insert(ticket, waiter);
            self.waiting += 1;
        }
        self.settle(id);
        ticket
    }

    /// Takes somebody out of a flow's line who does not wait any longer.
    pub(super) fn remove(&mut self, id: FlowId, ticket: Ticket) -> Option<T> {
        let removed = self.flows.get_mut(&id)?.line.remove(&ticket)?;
        self.waiting -= 1;
        self.settle(id);
        Some(removed)
    }

    /// Gives a flow no turns, or gives it turns again.
    pub(super) fn set_held(&mut self, id: FlowId, held: bool) {
        if let Some(flow) = self.flows.get_mut(&id)
            && flow.held != held
        {
            flow.held = held;
            self.settle(id);
        }
    }

    /// The next whose turn it is.
    pub(super) fn pop(&mut self) -> Option<(FlowId, T)> {
        let turn = self.turns.pop_first()?;
        let flow = self.flows.get_mut(&turn.flow)?;
        flow.turn = None;
        flow.finish = turn.start.saturating_add(flow.cost);
        self.now = turn.start;
        self.latest = self.latest.max(flow.finish);
        let (_, waiter) = flow.line.pop_first()?;
        self.waiting -= 1;
        self.settle(turn.flow);
        Some((turn.flow, waiter))
    }

    /// Who is first in a flow's line.
    pub(super) fn first(&self, id: FlowId) -> Option<&T> {
        let (_, waiter) = self.flows.get(&id)?.line.first_key_value()?;
        Some(waiter)
    }

    /// How many wait in a flow's line.
    pub(super) fn length(&self, id: FlowId) -> usize {
        self.flows.get(&id).map_or(0, |flow| flow.line.len())
    }

    /// How many wait in all.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Gives a flow its next turn if it is to have one and has none, and the other way round.
    fn settle(&mut self, id: FlowId) {
        self.last_number += 1;
        let order = self.last_number;
        let Some(flow) = self.flows.get_mut(&id) else {
            return;
        };
        let waits = !flow.held && !flow.line.is_empty();
        match (flow.turn, waits) {
            (None, true) => {
                let turn = Turn {
                    start: self.now.max(flow.finish),
                    order,
                    flow: id,
                };
                flow.turn = Some(turn);
                self.turns.insert(turn);
            }
            (Some(turn), false) => {
                flow.turn = None;
                self.turns.remove(&turn);
            }
            _ => {}
        }
        if self.turns.is_empty() {
            // Nobody contends any longer: all begin alike the next time.
            self.now = self.latest;
        }
    }
}

#[cfg(test)]
mod tests;
