use jackfield_plugin_api::NodeError;
use jackfield_types::ErrorCode;
use rustc_hash::FxHashSet;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Number, Value};

use crate::value::{compare, integer, kind, write_identity};

/// What is made of the values of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Operation {
    /// How many there are; without a `field`, how many items there are.
    Count,
    /// How many different ones there are.
    CountUnique,
    /// Their sum.
    Sum,
    /// Their mean.
    Average,
    /// The least one.
    Min,
    /// The greatest one.
    Max,
    /// The first one.
    First,
    /// The last one.
    Last,
    /// Their texts, one after the other with a separator.
    Concat,
    /// A list of them.
    Append,
}

impl Operation {
    /// How the operation is written.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::CountUnique => "countUnique",
            Self::Sum => "sum",
            Self::Average => "average",
            Self::Min => "min",
            Self::Max => "max",
            Self::First => "first",
            Self::Last => "last",
            Self::Concat => "concat",
            Self::Append => "append",
        }
    }

    fn is_arithmetic(self) -> bool {
        matches!(self, Self::Sum | Self::Average)
    }
}

/// The longest text that `concat` makes.
const LONGEST_TEXT: usize = 16 << 20;

/// A sum that is exact as long as all of its numbers are integers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Total {
    Exact(i128),
    Float(f64),
}

/// What is known of the values of one group so far.
#[derive(Debug)]
pub(super) enum Summary<'v> {
    Count(u64),
    Unique(FxHashSet<String>),
    Total {
        operation: Operation,
        total: Total,
        count: u64,
    },
    Pick {
        operation: Operation,
        value: Option<&'v Value>,
    },
    Text {
        separator: &'v str,
        text: Option<String>,
    },
    List(Vec<&'v Value>),
}

impl<'v> Summary<'v> {
    pub(super) fn new(operation: Operation, separator: &'v str) -> Self {
        match operation {
            Operation::Count => Self::Count(0),
            Operation::CountUnique => Self::Unique(FxHashSet::default()),
            Operation::Sum | Operation::Average => Self::Total {
                operation,
                total: Total::Exact(0),
                count: 0,
            },
            Operation::Min | Operation::Max | Operation::First | Operation::Last => Self::Pick {
                operation,
                value: None,
            },
            Operation::Concat => Self::Text {
                separator,
                text: None,
            },
            Operation::Append => Self::List(Vec::new()),
        }
    }

    /// Whether a value can be taken in: sums are made of numbers only.
    pub(super) fn accepts(operation: Operation, value: &Value) -> Result<(), &'static str> {
        if operation.is_arithmetic() && !value.is_number() {
            return Err(kind(value));
        }
        Ok(())
    }

    /// Takes one more value in.
    pub(super) fn add(&mut self, value: &'v Value) -> Result<(), NodeError> {
        match self {
            Self::Count(count) => *count += 1,
            Self::Unique(seen) => {
                let mut identity = String::new();
                write_identity(value, &mut identity);
                seen.insert(identity);
            }
            Self::Total { total, count, .. } => {
                if let Value::Number(number) = value {
                    *total = total.plus(number);
                    *count += 1;
                }
            }
            Self::Pick {
                operation,
                value: picked,
            } => {
                let takes = match (&picked, *operation) {
                    (None, _) | (Some(_), Operation::Last) => true,
                    (Some(least), Operation::Min) => compare(value, least).is_lt(),
                    (Some(greatest), Operation::Max) => compare(value, greatest).is_gt(),
                    (Some(_), _) => false,
                };
                if takes {
                    *picked = Some(value);
                }
            }
            Self::Text { separator, text } => {
                let whole = match text {
                    Some(text) => {
                        text.push_str(separator);
                        text
                    }
                    None => text.insert(String::new()),
                };
                match value {
                    Value::String(text) => whole.push_str(text),
                    other => whole.push_str(&other.to_string()),
                }
                if whole.len() > LONGEST_TEXT {
                    let message =
                        format!("`concat` makes texts of at most {} MiB", LONGEST_TEXT >> 20);
                    return Err(NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message));
                }
            }
            Self::List(list) => list.push(value),
        }
        Ok(())
    }

    /// The result.
    pub(super) fn finish(self) -> Result<Value, NodeError> {
        Ok(match self {
            Self::Count(count) => count.into(),
            Self::Unique(seen) => u64::try_from(seen.len()).unwrap_or(u64::MAX).into(),
            Self::Total {
                operation: Operation::Average,
                count: 0,
                ..
            } => Value::Null,
            Self::Total {
                operation: Operation::Average,
                total,
                count,
            } => total.over(count)?,
            Self::Total { total, .. } => total.finish()?,
            Self::Pick { value, .. } => value.cloned().unwrap_or_default(),
            Self::Text { text, .. } => text.unwrap_or_default().into(),
            Self::List(list) => list.into_iter().cloned().collect(),
        })
    }
}

impl Total {
    fn plus(self, number: &Number) -> Self {
        match (self, integer(number)) {
            // Sums of fewer than 2^63 integers of 64 bits fit.
            (Self::Exact(sum), Some(integer)) => Self::Exact(sum.saturating_add(integer)),
            (Self::Exact(sum), None) => Self::Float(sum as f64 + float(number)),
            (Self::Float(sum), _) => Self::Float(sum + float(number)),
        }
    }

    fn finish(self) -> Result<Value, NodeError> {
        match self {
            Self::Exact(sum) => i64::try_from(sum)
                .map(Value::from)
                .or_else(|_| u64::try_from(sum).map(Value::from))
                .map_err(|_| out_of_range()),
            Self::Float(sum) => Number::from_f64(sum)
                .map(Value::Number)
                .ok_or_else(out_of_range),
        }
    }

    fn over(self, count: u64) -> Result<Value, NodeError> {
        match self {
            Self::Exact(sum) if sum % i128::from(count) == 0 => {
                Self::Exact(sum / i128::from(count)).finish()
            }
            Self::Exact(sum) => Self::Float(sum as f64 / count as f64).finish(),
            Self::Float(sum) => Self::Float(sum / count as f64).finish(),
        }
    }
}

fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or(f64::NAN)
}

fn out_of_range() -> NodeError {
    NodeError::permanent(
        ErrorCode::NUMBER_ERROR,
        "the sum is out of the range of numbers",
    )
}
