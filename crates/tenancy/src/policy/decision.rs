//! What a policy answers, and why.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// What a policy says about a node type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It may be used.
    Allowed {
        /// The rule that says so, such as ``allowedNodeTypes[2] `string.*` ``.
        rule: Arc<str>,
    },
    /// It may not.
    Refused(Refusal),
}

impl Decision {
    /// Whether it may be used.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed { .. })
    }

    /// The rule that decided.
    pub fn rule(&self) -> &Arc<str> {
        match self {
            Self::Allowed { rule } | Self::Refused(Refusal { rule }) => rule,
        }
    }

    /// The rule that allows it.
    ///
    /// # Errors
    /// The [`Refusal`], if it was refused.
    pub fn into_result(self) -> Result<Arc<str>, Refusal> {
        match self {
            Self::Allowed { rule } => Ok(rule),
            Self::Refused(refusal) => Err(refusal),
        }
    }
}

/// Why a tenant may not do something.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Refusal {
    /// The rule that says so, such as ``restrictedNodeTypes[0] `http-*` ``.
    pub rule: Arc<str>,
}

impl Refusal {
    /// A refusal by this rule.
    pub fn new(rule: impl Into<Arc<str>>) -> Self {
        Self { rule: rule.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rule)
    }
}

impl std::error::Error for Refusal {}

/// How a decision comes about: every rule that was looked at, and the one that decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// What is decided.
    pub verdict: Verdict,
    /// The rule that decides.
    pub rule: Arc<str>,
    /// The rules in the order in which they are asked. Those behind one that refuses are not
    /// asked any more.
    pub steps: Vec<ExplainedRule>,
}

/// What is decided about a node type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It may be used.
    Allowed,
    /// It may not.
    Refused,
    /// Some versions may be used and others not.
    DependsOnVersion,
}

impl Verdict {
    /// The verdict as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::DependsOnVersion => "dependsOnVersion",
        }
    }
}

/// One rule that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedRule {
    /// The rule.
    pub rule: Arc<str>,
    /// What it says.
    pub says: RuleSays,
    /// Whether it is the one that decides.
    pub decides: bool,
}

/// What one rule says about a node type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RuleSays {
    /// It does not mean this node type.
    Nothing,
    /// It means other versions of this node type.
    OtherVersion,
    /// It means some versions of this node type, and nobody said which one it is.
    SomeVersions,
    /// It lets it be used, unless a later rule refuses it.
    Allows,
    /// It refuses it.
    Refuses,
}
