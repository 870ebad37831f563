//! The order of rows, and the place in it from which a page goes on.
//!
//! A place is made of the values that the last row has in the columns of the order. It is no secret:
//! whoever has it can read them. So there is none in an order by what must not come out.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jackfield_plugin_api::{Grants, NodeError};
use jackfield_types::ErrorCode;
use schemars::JsonSchema;
use sea_query::{Alias, Expr, ExprTrait, Order, SelectStatement};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::catalog::Column;
use super::cell::{Use, bound, operand};
use super::dialect::Dialect;
use super::read::object;
use super::session::{self, Output};
use super::target::Scope;

/// The longest text of a place.
const MAX_CURSOR: usize = 16 << 10;

/// A field by which rows are sorted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SortBy {
    /// The field.
    pub(super) field: String,
    /// Which values come first. `null` comes last either way.
    #[serde(default)]
    pub(super) direction: Direction,
}

/// Which values come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum Direction {
    /// The smallest.
    #[default]
    Asc,
    /// The largest.
    Desc,
}

/// An order of the rows of a table.
pub(super) struct RowOrder<'a> {
    scope: &'a Scope,
    keys: Vec<(&'a Column, Direction)>,
}

#[derive(Serialize, Deserialize)]
struct Cursor {
    #[serde(rename = "o")]
    order: String,
    #[serde(rename = "k")]
    keys: Vec<Value>,
}

impl<'a> RowOrder<'a> {
    /// The order that was asked for.
    pub(super) fn asked(scope: &'a Scope, sort: &[SortBy]) -> Result<Self, NodeError> {
        let keys = sort
            .iter()
            .map(|by| Ok((scope.column(&by.field)?, by.direction)))
            .collect::<Result<_, NodeError>>()?;
        Ok(Self { scope, keys })
    }

    /// The same, with the columns by which rows are told apart at its end, so that every row has
    /// one place in it.
    pub(super) fn total(mut self) -> Result<Self, NodeError> {
        let Some(identity) = self.scope.table.identity() else {
            let message = format!(
                "entity `{}` has no primary key, and pages of it have no order; page by `offset`",
                self.scope.entity_name
            );
            return Err(NodeError::permanent(ErrorCode::INVALID_PARAMETERS, message));
        };
        for &place in identity {
            let column = &self.scope.table.columns[place];
            let is_there = self.keys.iter().any(|(key, _)| key.name == column.name);
            if !is_there && !self.scope.is_owner(&column.name) {
                self.keys.push((column, Direction::Asc));
            }
        }
        Ok(self)
    }

    /// The same, if pages of it may say where they end: what is masked or taken out of the rows must
    /// not stand in `next` either.
    pub(super) fn shown(self, grants: &dyn Grants) -> Result<Self, NodeError> {
        for (column, _) in &self.keys {
            comes_out(column, Value::Bool(true), grants)?;
        }
        Ok(self)
    }

    /// What says where a row is, to be selected behind what comes out.
    pub(super) fn keys(&self) -> impl Iterator<Item = (Expr, Output)> {
        self.keys.iter().map(|(column, _)| {
            let (key, kind) = match self.scope.dialect {
                // It keeps whatever it is given: only what is there goes on where that is.
                Dialect::Sqlite => (operand(self.scope.dialect, column), None),
                _ => (self.scope.selected(column), Some(column.kind.clone())),
            };
            (key, Output { name: None, kind })
        })
    }

    /// Sorts a statement.
    pub(super) fn apply(&self, statement: &mut SelectStatement) {
        for (column, direction) in &self.keys {
            let expression = match self.scope.dialect {
                // A bare name is what comes out under it, which may be the value as text.
                Dialect::Postgres => {
                    let table = Alias::new(&self.scope.table.name);
                    Expr::col((table, Alias::new(&column.name)))
                }
                dialect => operand(dialect, column),
            };
            if column.nullable {
                let is_null = operand(self.scope.dialect, column).is_null();
                statement.order_by_expr(is_null, Order::Asc);
            }
            let order = match direction {
                Direction::Asc => Order::Asc,
                Direction::Desc => Order::Desc,
            };
            statement.order_by_expr(expression, order);
        }
    }

    /// The place behind a row with these values, as text that nobody has to read.
    ///
    /// # Errors
    /// [`NodeError::Permanent`] when it would hold what must not come out, or would be longer than
    /// what [`behind`](Self::behind) takes.
    pub(super) fn cursor(
        &self,
        keys: Vec<Value>,
        grants: &dyn Grants,
    ) -> Result<String, NodeError> {
        for ((column, _), value) in self.keys.iter().zip(&keys) {
            comes_out(column, value.clone(), grants)?;
        }
        let cursor = Cursor {
            order: self.digest(),
            keys,
        };
        let json = serde_json::to_vec(&cursor).expect("it is plain JSON");
        let cursor = URL_SAFE_NO_PAD.encode(json);
        if cursor.len() > MAX_CURSOR {
            let message = format!(
                "the values that the rows are sorted by are too long to say where the page ends \
                 ({} bytes, at most {MAX_CURSOR}); sort by shorter ones, or page by `offset`",
                cursor.len()
            );
            return Err(NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message));
        }
        Ok(cursor)
    }

    /// The rows behind a place.
    pub(super) fn behind(&self, cursor: &str) -> Result<Expr, NodeError> {
        let wrong = |problem: &str| {
            NodeError::permanent(
                ErrorCode::INVALID_PARAMETERS,
                format!("`after` {problem}; take it from `next` of the page before"),
            )
        };
        let cursor = Some(cursor)
            .filter(|text| text.len() <= MAX_CURSOR)
            .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
            .and_then(|json| serde_json::from_slice::<Cursor>(&json).ok())
            .ok_or_else(|| wrong("is no place in a list"))?;
        if cursor.order != self.digest() || cursor.keys.len() != self.keys.len() {
            return Err(wrong("is a place in another list, or in another order"));
        }
        // Behind the first key, or level with it and behind the second, and so on.
        let mut behind: Option<Expr> = None;
        for ((column, direction), value) in self.keys.iter().zip(&cursor.keys).rev() {
            let key = || operand(self.scope.dialect, column);
            let own = match value {
                Value::Null => (None, key().is_null()),
                value => {
                    let value = || {
                        let value = match self.scope.dialect {
                            Dialect::Sqlite => session::sqlite_value(value).map(Expr::val),
                            dialect => bound(dialect, column, value, Use::Compared).ok(),
                        };
                        value.ok_or_else(|| wrong("has values of other types"))
                    };
                    let farther = match direction {
                        Direction::Asc => key().gt(value()?),
                        Direction::Desc => key().lt(value()?),
                    };
                    let farther = match column.nullable {
                        true => farther.or(key().is_null()),
                        false => farther,
                    };
                    (Some(farther), key().eq(value()?))
                }
            };
            let (farther, level) = own;
            let level = behind.map(|behind| level.and(behind));
            behind = match (farther, level) {
                (Some(farther), Some(level)) => Some(farther.or(level)),
                (farther, level) => farther.or(level),
            };
        }
        // Behind nothing but `null`s there is nothing.
        Ok(behind.unwrap_or_else(|| Expr::val(0_i64).eq(1_i64)))
    }

    fn digest(&self) -> String {
        let mut digest = Sha256::new();
        let mut add = |text: &str| {
            digest.update(text.len().to_be_bytes());
            digest.update(text);
        };
        add(&self.scope.entity_name);
        for (column, direction) in &self.keys {
            add(&column.name);
            add(match direction {
                Direction::Asc => "asc",
                Direction::Desc => "desc",
            });
        }
        URL_SAFE_NO_PAD.encode(&digest.finalize()[..9])
    }
}

/// Whether a value may stand in what says where a page ends: if it comes out in the rows as it is.
fn comes_out(column: &Column, value: Value, grants: &dyn Grants) -> Result<(), NodeError> {
    let row = Value::Object(object([(column.name.as_str(), value)]));
    let page = object([("rows", Value::Array(vec![row])), ("next", Value::Null)]);
    if grants.comes_out_whole(&page) {
        return Ok(());
    }
    let message = format!(
        "the rows are sorted by `{}`, which must not come out, and `next` would show it; sort by \
         other columns, or page by `offset`",
        column.name
    );
    Err(NodeError::permanent(ErrorCode::INVALID_PARAMETERS, message))
}
