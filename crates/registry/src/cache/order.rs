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

#[cfg(test)]
mod tests {
    use jackfield_types::TenantId;

    use super::*;
    use crate::Registration;
    use crate::cache::Seat;
    use crate::loader::LazyExecutor;

    struct Guest(Seat);

    impl Holder for Guest {
        fn seat(&self) -> &Seat {
            &self.0
        }

        fn lazy(&self) -> Option<&LazyExecutor> {
            None
        }

        fn registration(self: Arc<Self>) -> Option<Arc<Registration>> {
            None
        }

        fn tenant(&self) -> Option<&TenantId> {
            None
        }

        fn is_retired(&self) -> bool {
            false
        }
    }

    fn guest(used: u64) -> Arc<dyn Holder> {
        let seat = Seat::none();
        seat.touch(used);
        Arc::new(Guest(seat))
    }

    #[test]
    fn whoever_was_used_since_is_not_the_least_recent() {
        let mut order = Order::default();
        let guests: Vec<_> = (1..=5).map(guest).collect();
        for one in &guests {
            order.seat(one, 1);
        }
        guests[0].seat().touch(10);
        guests[1].seat().touch(7);
        let mut left = Vec::new();
        let mut seen = Vec::new();
        while let Some(number) = order.least_recent(&mut seen) {
            let place = guests
                .iter()
                .position(|one| one.seat().number() == Some(number));
            left.extend(place);
            order.vacate(number);
        }
        assert_eq!(left, [2, 3, 4, 1, 0]);
        assert_eq!((order.len(), order.memory()), (0, 0));
    }

    #[test]
    fn coming_and_going_does_not_fill_the_memory() {
        let mut order = Order::default();
        let stays = guest(1);
        order.seat(&stays, 1);
        for used in 2..10_000 {
            let one = guest(used);
            order.seat(&one, 1);
            order.vacate(one.seat().take().unwrap());
        }
        assert_eq!((order.len(), order.places.len()), (1, 2));
        assert!(order.queue.len() <= 2 + MOST_STALE + 1);
        let mut seen = Vec::new();
        assert_eq!(order.least_recent(&mut seen), stays.seat().number());
    }

    #[test]
    fn a_guest_that_is_gone_goes_when_its_turn_comes() {
        let mut order = Order::default();
        order.seat(&guest(1), 5);
        let stays = guest(2);
        order.seat(&stays, 5);
        let number = order.least_recent(&mut Vec::new()).unwrap();
        assert!(order.vacate(number).unwrap().upgrade().is_none());
        assert_eq!((order.len(), order.memory()), (1, 5));
    }
}
