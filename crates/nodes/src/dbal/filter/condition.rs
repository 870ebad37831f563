use jackfield_plugin_api::NodeError;
use jackfield_types::ErrorCode;
use sea_query::{Alias, Expr, ExprTrait, LikeExpr};
use serde_json::Value;

use super::{Filter, Operator, Reach};
use crate::dbal::catalog::Column;
use crate::dbal::cell::{Use, bound};
use crate::dbal::dialect::Dialect;
use crate::dbal::kind::Kind;

/// How many values one filter compares with.
const MAX_VALUES: usize = 30_000;

/// What a field of a filter stands for.
pub(in crate::dbal) struct Operand {
    /// What is compared.
    pub(in crate::dbal) expression: Expr,
    /// What its values are.
    pub(in crate::dbal) column: Column,
}

/// Knows what the fields of a filter stand for.
pub(in crate::dbal) trait Fields {
    /// What a field stands for.
    ///
    /// # Errors
    /// [`NodeError::Permanent`] when there is no such field.
    fn operand(&self, name: &str) -> Result<Operand, NodeError>;
}

/// Makes a condition of a statement of a filter. Values go beside the statement, never into it.
pub(in crate::dbal) fn condition(
    dialect: Dialect,
    filter: &Filter,
    fields: &dyn Fields,
) -> Result<Expr, NodeError> {
    let mut writer = Writer {
        dialect,
        fields,
        values: 0,
    };
    writer.write(filter)
}

struct Writer<'a> {
    dialect: Dialect,
    fields: &'a dyn Fields,
    values: usize,
}

impl Writer<'_> {
    fn write(&mut self, filter: &Filter) -> Result<Expr, NodeError> {
        match filter {
            Filter::And(filters) => self.joined(filters, true),
            Filter::Or(filters) => self.joined(filters, false),
            Filter::Not(filter) => Ok(self.write(filter)?.not()),
            Filter::Field {
                name,
                operator,
                value,
            } => self.field(name, *operator, value),
        }
    }

    fn joined(&mut self, filters: &[Filter], is_and: bool) -> Result<Expr, NodeError> {
        let mut joined: Option<Expr> = None;
        // What says nothing is left out: databases bound how deep conditions go.
        let neutral = if is_and { Reach::All } else { Reach::None };
        let said = |filter: &&Filter| !(filter.is_constant() && filter.reach() == neutral);
        for filter in filters.iter().filter(said) {
            let next = self.write(filter)?;
            joined = Some(match joined {
                None => next,
                Some(before) if is_and => before.and(next),
                Some(before) => before.or(next),
            });
        }
        Ok(joined.unwrap_or_else(|| constant(is_and)))
    }

    fn field(&mut self, name: &str, operator: Operator, value: &Value) -> Result<Expr, NodeError> {
        let Operand { expression, column } = self.fields.operand(name)?;
        let elements = value.as_array().map_or(&[][..], Vec::as_slice);
        Ok(match operator {
            Operator::Eq => expression.eq(self.value(name, &column, value)?),
            Operator::Ne => expression.ne(self.value(name, &column, value)?),
            Operator::Lt => expression.lt(self.value(name, &column, value)?),
            Operator::Lte => expression.lte(self.value(name, &column, value)?),
            Operator::Gt => expression.gt(self.value(name, &column, value)?),
            Operator::Gte => expression.gte(self.value(name, &column, value)?),
            Operator::In if elements.is_empty() => constant(false),
            Operator::NotIn if elements.is_empty() => constant(true),
            Operator::In => expression.is_in(self.list(name, &column, elements)?),
            Operator::NotIn => expression.is_not_in(self.list(name, &column, elements)?),
            Operator::Between | Operator::NotBetween => {
                let [low, high] = elements else {
                    return Err(wrong(name, "`between` takes two values"));
                };
                let low = self.value(name, &column, low)?;
                let high = self.value(name, &column, high)?;
                match operator {
                    Operator::Between => expression.between(low, high),
                    _ => expression.not_between(low, high),
                }
            }
            Operator::Like | Operator::NotLike => {
                if !column.kind.is_textual() {
                    return Err(wrong(
                        name,
                        &format!("`like` is for texts, and this is {}", column.kind),
                    ));
                }
                let expression = match (self.dialect, &column.kind) {
                    (Dialect::Postgres, Kind::Uuid | Kind::Other) => {
                        expression.cast_as(Alias::new("text"))
                    }
                    _ => expression,
                };
                self.count(name)?;
                let pattern = LikeExpr::new(value.as_str().unwrap_or_default());
                // The others escape by a backslash without being told.
                let pattern = match self.dialect {
                    Dialect::Sqlite => pattern.escape('\\'),
                    Dialect::Postgres | Dialect::MySql => pattern,
                };
                match operator {
                    Operator::Like => expression.like(pattern),
                    _ => expression.not_like(pattern),
                }
            }
            Operator::IsNull if value.as_bool() == Some(false) => expression.is_not_null(),
            Operator::IsNull => expression.is_null(),
        })
    }

    fn list(
        &mut self,
        name: &str,
        column: &Column,
        values: &[Value],
    ) -> Result<Vec<Expr>, NodeError> {
        values
            .iter()
            .map(|value| self.value(name, column, value))
            .collect()
    }

    fn value(&mut self, name: &str, column: &Column, value: &Value) -> Result<Expr, NodeError> {
        self.count(name)?;
        bound(self.dialect, column, value, Use::Compared)
            .map_err(|error| wrong(name, &error.to_string()))
    }

    fn count(&mut self, name: &str) -> Result<(), NodeError> {
        self.values += 1;
        if self.values > MAX_VALUES {
            let message = format!(
                "field `{name}`: the filter compares with more than {MAX_VALUES} values; ask in \
                 several calls"
            );
            return Err(NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message));
        }
        Ok(())
    }
}

/// Every row, or none: a comparison, because not every database has words for it.
fn constant(holds: bool) -> Expr {
    Expr::val(i64::from(holds)).eq(1_i64)
}

fn wrong(name: &str, problem: &str) -> NodeError {
    NodeError::permanent(ErrorCode::WRONG_TYPE, format!("field `{name}`: {problem}"))
}
