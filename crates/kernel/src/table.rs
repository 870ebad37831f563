//! The table of the law: what is done about a failed attempt, as data.
//!
//! The rows are gone through from the first one; the first whose questions are all answered with
//! yes decides. No other code decides about a failure, and `docs/recovery.md` shows these rows.

use jackfield_types::{OnError, Strategy};

use crate::RunWith;

/// What the rows ask about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    /// Refused by tenancy, cancelled, or over a quota that does not fill up again.
    pub(crate) is_refused: bool,
    pub(crate) is_final: bool,
    pub(crate) may_retry: bool,
    pub(crate) with: RunWith,
    pub(crate) strategy: Strategy,
    pub(crate) passes_partial: bool,
    pub(crate) on_error: OnError,
    pub(crate) has_failed_items: bool,
}

/// What a row asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    IsRefused,
    IsNotFinal,
    MayRetry,
    IsOwnAttempt,
    Falls,
    Skips,
    PassesPartial,
    StopsWorkflow,
    HasFailedItems,
    ContinuesByErrorPort,
    ContinuesByMainPort,
}

/// What is done about a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is tried again after a wait.
    Retry,
    /// The fallback node type runs.
    Fallback,
    /// What was produced goes on, with status `partial`.
    SkipPartly,
    /// One empty item goes on, with status `skipped`.
    Skip,
    /// Nothing goes on, and the execution fails.
    Stop,
    /// The input items, each with an `error`, go on by the error port.
    ErrorPort,
    /// What the others gave goes on; the failing items, each with an `error`, by the error port.
    FailedItemsByErrorPort,
    /// The input items, each with an `error`, go on by the first main port.
    MainPort,
    /// What the others gave goes on; the failing items take their places among it.
    FailedItemsByMainPort,
}

struct Row {
    /// The step of the law that the row belongs to.
    step: u8,
    questions: &'static [Question],
    verdict: Verdict,
}

const fn row(step: u8, questions: &'static [Question], verdict: Verdict) -> Row {
    Row {
        step,
        questions,
        verdict,
    }
}

/// Every way in which a failed attempt can be decided.
const ROWS: &[Row] = &[
    row(1, &[Question::IsRefused], Verdict::Stop),
    row(
        2,
        &[
            Question::IsNotFinal,
            Question::IsOwnAttempt,
            Question::MayRetry,
        ],
        Verdict::Retry,
    ),
    row(
        3,
        &[
            Question::IsNotFinal,
            Question::IsOwnAttempt,
            Question::Falls,
        ],
        Verdict::Fallback,
    ),
    row(
        4,
        &[
            Question::IsNotFinal,
            Question::Skips,
            Question::PassesPartial,
        ],
        Verdict::SkipPartly,
    ),
    row(4, &[Question::IsNotFinal, Question::Skips], Verdict::Skip),
    row(5, &[Question::StopsWorkflow], Verdict::Stop),
    row(
        5,
        &[Question::ContinuesByErrorPort, Question::HasFailedItems],
        Verdict::FailedItemsByErrorPort,
    ),
    row(5, &[Question::ContinuesByErrorPort], Verdict::ErrorPort),
    row(
        5,
        &[Question::ContinuesByMainPort, Question::HasFailedItems],
        Verdict::FailedItemsByMainPort,
    ),
    row(5, &[Question::ContinuesByMainPort], Verdict::MainPort),
];

/// Goes through the rows.
pub(crate) fn decide(facts: &Facts) -> Verdict {
    ROWS.iter()
        .find(|row| row.questions.iter().all(|question| question.holds(facts)))
        .map_or(Verdict::Stop, |row| row.verdict)
}

impl Question {
    pub(crate) fn holds(self, facts: &Facts) -> bool {
        match self {
            Self::IsRefused => facts.is_refused,
            Self::IsNotFinal => !facts.is_final,
            Self::MayRetry => facts.may_retry,
            Self::IsOwnAttempt => facts.with == RunWith::Own,
            Self::Falls => facts.strategy == Strategy::Fallback,
            Self::Skips => facts.strategy == Strategy::Skip,
            Self::PassesPartial => facts.passes_partial,
            Self::StopsWorkflow => facts.on_error == OnError::StopWorkflow,
            Self::HasFailedItems => facts.has_failed_items,
            Self::ContinuesByErrorPort => facts.on_error == OnError::ContinueErrorOutput,
            Self::ContinuesByMainPort => facts.on_error == OnError::ContinueRegularOutput,
        }
    }
}

/// A row of the table by which it is decided what is done about a failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryRow {
    /// The step of the law that it belongs to.
    pub step: u8,
    /// What is asked, all of which has to be so.
    pub questions: Vec<&'static str>,
    /// What is done then.
    pub outcome: &'static str,
}

/// The table by which it is decided what is done about a failed attempt, for people: the first row
/// that fits decides.
pub fn recovery_table() -> Vec<RecoveryRow> {
    let shown = |row: &Row| RecoveryRow {
        step: row.step,
        questions: row.questions.iter().map(|one| one.as_str()).collect(),
        outcome: row.verdict.as_str(),
    };
    ROWS.iter().map(shown).collect()
}

impl Question {
    fn as_str(self) -> &'static str {
        match self {
            Self::IsRefused => "refused by tenancy, cancelled, or over a quota for good",
            Self::IsNotFinal => "not final",
            Self::MayRetry => "retryable, attempts left, and the next one in time",
            Self::IsOwnAttempt => "the node's own attempt, not its fallback's",
            Self::Falls => "strategy `fallback`",
            Self::Skips => "strategy `skip`",
            Self::PassesPartial => "`allowPartialOutput`, and something was produced",
            Self::StopsWorkflow => "`onError` is `stopWorkflow`",
            Self::HasFailedItems => "some items failed, each by itself",
            Self::ContinuesByErrorPort => "`onError` is `continueErrorOutput`",
            Self::ContinuesByMainPort => "`onError` is `continueRegularOutput`",
        }
    }
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "waits, then tries again",
            Self::Fallback => "runs the fallback node type, once",
            Self::SkipPartly => "`partial`: what was produced goes on",
            Self::Skip => "`skipped`: one empty item goes on",
            Self::Stop => "`error`: nothing goes on, and the execution fails",
            Self::ErrorPort => {
                "`error`: the input items, each with an `error`, go on by the error port"
            }
            Self::FailedItemsByErrorPort => {
                "`partial`: the failing items, each with its `error`, go on by the error port, the \
                 others as usual"
            }
            Self::MainPort => {
                "`error`: the input items, each with an `error`, go on by the first main port"
            }
            Self::FailedItemsByMainPort => {
                "`partial`: the failing items, each with its `error`, go on by the first main port, \
                 in their places among the others"
            }
        }
    }
}
