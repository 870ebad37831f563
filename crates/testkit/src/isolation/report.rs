use std::fmt;

/// What came of all attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct LeakReport {
    /// What came of each.
    pub attempts: Vec<AttemptReport>,
}

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptReport {
    /// What was tried.
    pub name: &'static str,
    /// The public calls that it went through, as `Type::call`.
    pub covers: &'static [&'static str],
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The owner found what the other tenant did not.
    Tight,
    /// The other tenant found, learnt or changed this.
    Leaked(Vec<String>),
    /// It showed nothing, for this reason.
    Blind(String),
}

impl LeakReport {
    /// Whether every attempt showed that nothing leaks.
    pub fn is_clean(&self) -> bool {
        self.attempts
            .iter()
            .all(|attempt| attempt.verdict == Verdict::Tight)
    }

    /// The attempts that leaked, each with what it leaked.
    pub fn leaks(&self) -> impl Iterator<Item = (&'static str, &[String])> {
        self.attempts
            .iter()
            .filter_map(|attempt| match &attempt.verdict {
                Verdict::Leaked(leaks) => Some((attempt.name, leaks.as_slice())),
                Verdict::Tight | Verdict::Blind(_) => None,
            })
    }

    /// The attempts that showed nothing, each with the reason.
    pub fn blind(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.attempts
            .iter()
            .filter_map(|attempt| match &attempt.verdict {
                Verdict::Blind(reason) => Some((attempt.name, reason.as_str())),
                Verdict::Tight | Verdict::Leaked(_) => None,
            })
    }
}

impl fmt::Display for LeakReport {
    /// The attempts that did not come out well, one finding a line, and how many did.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (attempt, leaks) in self.leaks() {
            for leak in leaks {
                writeln!(f, "{attempt}: leaked: {leak}")?;
            }
        }
        for (attempt, reason) in self.blind() {
            writeln!(f, "{attempt}: shows nothing: {reason}")?;
        }
        let tight = self
            .attempts
            .iter()
            .filter(|attempt| attempt.verdict == Verdict::Tight)
            .count();
        write!(
            f,
            "{tight} of {} attempts found nothing",
            self.attempts.len()
        )
    }
}
