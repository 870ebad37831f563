use jackfield_types::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which strings are templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Syntax {
    /// Every string in which `{{` occurs.
    Native,
    /// Every string that begins with `=`; the template is what follows it.
    N8n,
}

/// What a field that is not there means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum MissingFields {
    /// It is `undefined`, and so is everything below it: the whole becomes `null`.
    #[default]
    Lenient,
    /// It is an error, unless the expression says that it may be missing (`?.`, `??`, `typeof`,
    /// `in`).
    Strict,
}

/// How much one evaluation may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The number of steps: parts of the expression evaluated, elements visited, and every 64
    /// bytes of text produced.
    pub steps: u64,
    /// How deeply evaluation and the values that it makes may nest; 256 at the most.
    pub depth: usize,
    /// The size of any one text that is made, and of the result.
    pub output: ByteSize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: 1_000_000,
            depth: 128,
            output: ByteSize::mib(16),
        }
    }
}

/// How an evaluation is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EvaluateOptions {
    /// What a field that is not there means.
    pub missing: MissingFields,
    /// How much may be done.
    pub limits: Limits,
}

impl EvaluateOptions {
    /// The default limits, and an error for every field that is not there.
    pub fn strict() -> Self {
        Self {
            missing: MissingFields::Strict,
            ..Self::default()
        }
    }
}
