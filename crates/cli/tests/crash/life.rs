//! The life of a process, when it is over: how it ended, and what it had said by then.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::orders::Doom;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Killed,
    ByItself(i32),
}

/// A process that has been.
pub(crate) struct Life {
    pub(crate) number: u32,
    pub(crate) arguments: Vec<String>,
    pub(crate) doom: Doom,
    pub(crate) end: End,
    pub(crate) began: Timestamp,
    pub(crate) over: Timestamp,
    pub(crate) lasted: Duration,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Life {
    /// What it has told programs on its standard output, a line each. One that it was about to write
    /// is none.
    pub(crate) fn told(&self) -> impl Iterator<Item = &str> {
        let is_for_people = !self
            .arguments
            .iter()
            .any(|one| one == "json" || one == "events");
        let lines = self.stdout.split_inclusive('\n');
        lines.filter(move |line| !is_for_people && line.ends_with('\n'))
    }

    /// The execution that it has said is kept.
    pub(crate) fn acknowledged(&self) -> Option<&str> {
        let mut lines = self.stderr.lines();
        lines.find_map(|line| {
            let (id, place) = line.strip_prefix("execution ")?.split_once(' ')?;
            place.starts_with("is kept in").then_some(id)
        })
    }
}

impl fmt::Debug for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { began, over, .. } = self;
        writeln!(f, "process {}, {began} to {over}", self.number)?;
        writeln!(f, "  jackfield {}", self.arguments.join(" "))?;
        writeln!(f, "  {:?}, meant to be {:?}", self.end, self.doom)?;
        let said = self.stdout.lines().map(|line| (">", line));
        for (mark, line) in said.chain(self.stderr.lines().map(|line| ("!", line))) {
            let line: String = line.chars().take(300).collect();
            writeln!(f, "  {mark} {line}")?;
        }
        Ok(())
    }
}
