//! How the command ends, in one place: the codes, and what is said about them.

use std::process::ExitCode;

/// How the command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked for was done.
    Success,
    /// The workflow or node ran and failed, was cancelled, or ran out of time; or it cannot go on.
    ExecutionFailed,
    /// The workflow, the input or the command line is wrong. Nothing was run.
    InvalidInput,
    /// A policy refused it.
    Refused,
    /// A mistake of Jackfield's own, or of the machine.
    Internal,
    /// The execution is kept, and goes on when somebody takes it up.
    Left,
    /// What comes of an execution that was replayed is not what is recorded.
    Differs,
}

impl Exit {
    /// What `--help` says about the codes.
    pub(crate) const HELP: &'static str = "\
Exit codes:
  0  success
  1  the execution failed, was cancelled, ran out of time, or is stuck
  2  invalid input or usage; nothing was run
  3  refused by policy
  4  a fault of jackfield or of the machine, not of the input
  5  the execution has not ended: it is kept, and goes on when it is resumed
  6  what comes of a replay is not what is recorded

Data goes to standard output, everything else to standard error.
Environment: JACKFIELD_LOG is the filter of --log; NO_COLOR turns colors off; JACKFIELD_HOME is the
folder for settings, keys and compiled plugins (~/.jackfield if not set).";

    /// The code that the process ends with.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::ExecutionFailed => 1,
            Self::InvalidInput => 2,
            Self::Refused => 3,
            Self::Internal => 4,
            Self::Left => 5,
            Self::Differs => 6,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
