//! Who is seated, and who was used least recently.
//!
//! A use is noted at the seat alone, so the queue of seats is out of date most of the time, but
//! only in one direction: nobody was used earlier than the queue has it. So whoever comes first in
//! the queue, and was not used since, was used least recently of all; whoever was used since goes
//! back to where it belongs now. Each such step pays for a use that cost no lock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::{Arc, Weak};

use super::Holder;

/// How many turns of seats that are free again the queue may have, beside as many as are taken.
const MOST_STALE: usize = 64;

#[derive(Default)]
pub(super) struct Order {
    places: Vec<Place>,
    free: Vec<u32>,
    queue: BinaryHeap<Reverse<Turn>>,
    taken: usize,
    memory: u64,
}

#[derive(Default)]
struct Place {
    /// A holder that nobody holds any more cannot ask for its executor either.
    holder: Option<Weak<dyn Holder>>,
    memory: u64,
    /// How often the place was taken.
    round: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    used: u64,
    number: u32,
    round: u32,
}

impl Order {
    /// How many are seated.
    pub(super) fn len(&self) -> usize {
        self.taken
    }

    /// The memory of what they hold.
    pub(super) fn memory(&self) -> u64 {
        self.memory
    }

    /// Who is seated, and the memory of what it holds; in no particular order.
    pub(super) fn holders(&self) -> impl Iterator<Item = (Arc<dyn Holder>, u64)> {
        let holder = |place: &Place| Some((place.holder.as_ref()?.upgrade()?, place.memory));
        self.places.iter().filter_map(holder)
    }

    /// Seats a holder that has no seat. There are fewer than 2³² seats: the bounds see to it.
    pub(super) fn seat(&mut self, holder: &Arc<dyn Holder>, memory: u64) {
        let number = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::default());
            u32::try_from(self.places.len() - 1).expect("the cache is bounded below that")
        });
        let place = &mut self.places[index(number)];
        place.holder = Some(Arc::downgrade(holder));
        place.memory = memory;
        self.taken += 1;
        self.memory = self.memory.saturating_add(memory);
        self.queue.push(Reverse(Turn {
            used: holder.seat().used(),
            number,
            round: place.round,
        }));
        holder.seat().give(number);
    }

    /// Makes a seat free; says whose it was.
    pub(super) fn vacate(&mut self, number: u32) -> Option<Weak<dyn Holder>> {
        let place = self.places.get_mut(index(number))?;
        let holder = place.holder.take()?;
        place.round = place.round.wrapping_add(1);
        self.taken -= 1;
        self.memory = self.memory.saturating_sub(place.memory);
        self.free.push(number);
        if self.queue.len() > 2 * self.taken + MOST_STALE {
            let places = &self.places;
            self.queue.retain(|Reverse(turn)| is_current(places, turn));
        }
        Some(holder)
    }

    /// The seat that was used least recently. Holders that were looked at are put into `seen`, to
    /// be dropped after the lock: nobody else may hold them any more.
    pub(super) fn least_recent(&mut self, seen: &mut Vec<Arc<dyn Holder>>) -> Option<u32> {
        loop {
            let mut first = self.queue.peek_mut()?;
            let turn = first.0;
            if !is_current(&self.places, &turn) {
                PeekMut::pop(first);
                continue;
            }
            let holder = self.places[index(turn.number)].holder.as_ref();
            let Some(holder) = holder.and_then(Weak::upgrade) else {
                return Some(turn.number);
            };
            let used = holder.seat().used();
            seen.push(holder);
            if used <= turn.used {
                return Some(turn.number);
            }
            first.0.used = used;
        }
    }
}

fn is_current(places: &[Place], turn: &Turn) -> bool {
    let place = &places[index(turn.number)];
    place.round == turn.round && place.holder.is_some()
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
