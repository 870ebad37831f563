//! Rows on their way into the database.

use jackfield_plugin_api::NodeError;
use jackfield_types::{ErrorCode, Object};
use sea_query::Expr;
use serde_json::Value;

use crate::dbal::cell::{Use, bound, shown};
use crate::dbal::filter::Filter;
use crate::dbal::target::{Scope, Target};

/// How many rows one statement carries at most.
const ROWS_IN_STATEMENT: usize = 500;

/// A row that was checked.
pub(super) struct NewRow {
    /// The item that it was made of.
    pub(super) item: usize,
    /// The places of its columns in the table, in order, the tenant's own not among them.
    pub(super) places: Vec<usize>,
    /// Its values, as they came in.
    pub(super) values: Vec<Value>,
}

impl NewRow {
    /// Its value of a column.
    pub(super) fn value(&self, place: usize) -> Option<&Value> {
        let index = self.places.iter().position(|&other| other == place)?;
        self.values.get(index)
    }

    /// Its values, as parts of a statement, that of the tenant's column last.
    pub(super) fn expressions(&self, scope: &Scope) -> Result<Vec<Expr>, NodeError> {
        let mut made = Vec::with_capacity(self.places.len() + 1);
        for (&place, value) in self.places.iter().zip(&self.values) {
            made.push(expression(scope, place, value)?);
        }
        made.extend(scope.owner().map(|(_, tenant)| Expr::val(tenant)));
        Ok(made)
    }

    /// The names of its columns, that of the tenant last.
    pub(super) fn names<'a>(&'a self, scope: &'a Scope) -> impl Iterator<Item = &'a str> {
        let given = self
            .places
            .iter()
            .map(|&place| scope.table.columns[place].name.as_str());
        given.chain(scope.owner().map(|(column, _)| column))
    }
}

/// A value for a column, as part of a statement.
pub(super) fn expression(scope: &Scope, place: usize, value: &Value) -> Result<Expr, NodeError> {
    part(scope, place, value, Use::Stored)
}

/// A value that a column is compared with.
pub(super) fn compared(scope: &Scope, place: usize, value: &Value) -> Result<Expr, NodeError> {
    part(scope, place, value, Use::Compared)
}

fn part(scope: &Scope, place: usize, value: &Value, purpose: Use) -> Result<Expr, NodeError> {
    let column = &scope.table.columns[place];
    bound(scope.dialect, column, value, purpose).map_err(|error| {
        NodeError::permanent(
            ErrorCode::WRONG_TYPE,
            format!("column `{}`: {error}", column.name),
        )
    })
}

/// Adds the rows that one item stands for.
pub(super) fn of_item(
    target: &Target,
    values: Option<&Value>,
    item: &Object,
    index: usize,
    rows: &mut Vec<NewRow>,
) -> Result<(), NodeError> {
    let scope = &target.scope;
    let mut add = |object: &Object| {
        if rows.len() == target.max_rows() {
            let message = format!(
                "more than {} rows would be written in one call; write them in several",
                target.max_rows()
            );
            return Err(NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message));
        }
        rows.push(checked(scope, object, index, Purpose::New)?);
        Ok(())
    };
    match values {
        None => add(item),
        Some(Value::Object(object)) => add(object),
        Some(Value::Array(objects)) => objects
            .iter()
            .filter_map(Value::as_object)
            .try_for_each(add),
        Some(other) => Err(NodeError::parameter(
            "/values",
            format!("an object, or a list of objects, not {}", shown(other)),
        )),
    }
}

/// What the values of a row are for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose<'a> {
    /// A row that is new.
    New,
    /// The rows of a filter.
    Change(Option<&'a Filter>),
}

/// Checks the values of a row: known columns, none that are not for the caller to fill, and what
/// the entity was declared with.
pub(super) fn checked(
    scope: &Scope,
    object: &Object,
    item: usize,
    purpose: Purpose<'_>,
) -> Result<NewRow, NodeError> {
    let mut row = NewRow {
        item,
        places: Vec::with_capacity(object.len()),
        values: Vec::with_capacity(object.len()),
    };
    for (name, value) in object {
        let column = scope.column(name)?;
        if let Some((_, tenant)) = scope.owner().filter(|(owner, _)| owner == name) {
            // A row that was read and comes back says whose it is, which changes nothing.
            if value.as_str() == Some(tenant) {
                continue;
            }
            let message = format!(
                "column `{name}` says whose a row is, and is filled in under strict isolation; \
                 leave it out"
            );
            return Err(NodeError::refused(ErrorCode::TENANT_FORBIDDEN, message));
        }
        if column.generated {
            let message = format!("column `{name}` is made by the database; leave it out");
            return Err(NodeError::permanent(ErrorCode::INVALID_INPUT, message));
        }
        if scope.is_counted_for_all(column) && !value.is_null() {
            // A row that was read, changed, and comes back has the number that it is found by.
            let is_its_own = match purpose {
                Purpose::New => false,
                Purpose::Change(filter) => filter.is_some_and(|filter| filter.pins(name, value)),
            };
            if is_its_own {
                continue;
            }
            let message = format!(
                "column `{name}` is counted up by the database, for all tenants; leave it out"
            );
            return Err(NodeError::refused(ErrorCode::TENANT_FORBIDDEN, message));
        }
        row.places.extend(scope.table.place(name));
        row.values.push(value.clone());
    }
    if let Some(entity) = &scope.entity {
        entity
            .check(object, matches!(purpose, Purpose::New))
            .map_err(|message| NodeError::permanent(ErrorCode::INVALID_INPUT, message))?;
    }
    Ok(row)
}

/// Cuts rows into what one statement carries: rows of the same columns, one after the other, and
/// not too many values. `starts_anew` says of a row that it cannot go with those before it.
pub(super) fn chunks(
    rows: Vec<NewRow>,
    max_values: usize,
    mut starts_anew: impl FnMut(&NewRow, bool) -> bool,
) -> Vec<Vec<NewRow>> {
    let mut chunks: Vec<Vec<NewRow>> = Vec::new();
    for row in rows {
        let width = row.places.len() + 2;
        let goes_on = chunks.last().is_some_and(|chunk| {
            chunk[0].places == row.places
                && chunk.len() < ROWS_IN_STATEMENT
                && (chunk.len() + 1) * width <= max_values
        });
        let goes_on = !starts_anew(&row, !goes_on) && goes_on;
        match chunks.last_mut().filter(|_| goes_on) {
            Some(chunk) => chunk.push(row),
            None => chunks.push(vec![row]),
        }
    }
    chunks
}
