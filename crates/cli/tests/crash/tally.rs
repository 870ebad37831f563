//! What processes were at when they were killed.

use jackfield::History;
use jiff::Timestamp;

use crate::life::{End, Life};

/// How many processes are killed at least at each thing that they do.
const FEW: usize = 3;
/// How many are killed at least in the middle of a call.
const CALLING: usize = 10;

/// How many processes were killed, by what they were at.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Before their execution was kept.
    never_kept: usize,
    /// With their execution kept, and nothing said of it.
    unacknowledged: usize,
    /// With their execution under way.
    under_way: usize,
    /// After the end of their execution.
    at_the_end: usize,
    /// Going on with executions, before anything was asked.
    taking_up: usize,
    /// Going on with executions, with something asked.
    going_on: usize,
    /// Sending a signal.
    telling: usize,
    /// Of all these, those with something under way that their execution had called.
    calling: usize,
    /// Those that ended by themselves.
    spared: usize,
}

impl Tally {
    pub(crate) fn kills(&self) -> usize {
        let begun = self.never_kept + self.unacknowledged + self.under_way + self.at_the_end;
        begun + self.taking_up + self.going_on + self.telling
    }

    pub(crate) fn never_kept(&mut self) {
        self.never_kept += 1;
    }

    /// Counts a process that began an execution.
    pub(crate) fn begun(&mut self, life: &Life, history: &History) {
        if life.end != End::Killed {
            self.spared += 1;
        } else if has_ended_by(history, life.over) {
            self.at_the_end += 1;
        } else if life.acknowledged().is_none() {
            self.unacknowledged += 1;
        } else {
            self.under_way += 1;
        }
    }

    /// Counts a process that went on with executions, and asked so much outside.
    pub(crate) fn resumed(&mut self, life: &Life, asks: usize) {
        match (life.end, asks) {
            (End::ByItself(_), _) => self.spared += 1,
            (End::Killed, 0) => self.taking_up += 1,
            (End::Killed, _) => self.going_on += 1,
        }
    }

    /// Counts a process that sent a signal.
    pub(crate) fn told(&mut self, life: &Life) {
        match life.end {
            End::ByItself(_) => self.spared += 1,
            End::Killed => self.telling += 1,
        }
    }

    /// Notes that so many of those counted were killed in the middle of a call.
    pub(crate) fn calling(&mut self, number: usize) {
        self.calling += number;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.never_kept += other.never_kept;
        self.unacknowledged += other.unacknowledged;
        self.under_way += other.under_way;
        self.at_the_end += other.at_the_end;
        self.taking_up += other.taking_up;
        self.going_on += other.going_on;
        self.telling += other.telling;
        self.calling += other.calling;
        self.spared += other.spared;
    }

    /// Whether processes were killed at everything that they do.
    pub(crate) fn is_varied(&self) -> bool {
        let all = [
            self.never_kept,
            self.under_way,
            self.taking_up,
            self.going_on,
        ];
        all.iter().all(|number| *number >= FEW) && self.calling >= CALLING
    }
}

/// Whether nothing happened in an execution after a time.
pub(crate) fn has_ended_by(history: &History, time: Timestamp) -> bool {
    let last = history.entries().last();
    last.is_some_and(|last| last.event.at < time)
}
