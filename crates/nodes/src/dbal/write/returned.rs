//! What comes out of a write: rows, or how many.

use jackfield_plugin_api::{NodeError, NodeOutput};
use jackfield_types::{ErrorCode, Item, Object};
use sea_query::{Alias, Expr, ExprTrait, Order, Query, ReturningClause, SelectStatement};
use serde_json::Value;

use crate::dbal::catalog::Column;
use crate::dbal::read::{object, too_many};
use crate::dbal::session::{Output, Session, Statement};
use crate::dbal::target::Scope;
use crate::items::Budget;

/// What was asked for.
pub(in crate::dbal) struct Returning<'a> {
    fields: Option<&'a [String]>,
    max_rows: usize,
}

/// What has come out so far.
pub(in crate::dbal) struct Returned<'a> {
    returning: Returning<'a>,
    budget: Budget,
    items: Vec<Item>,
    affected: u64,
}

impl<'a> Returning<'a> {
    pub(in crate::dbal) fn of(fields: Option<&'a [String]>, max_rows: usize) -> Self {
        Self { fields, max_rows }
    }
}

impl<'a> Returned<'a> {
    pub(in crate::dbal) fn new(returning: Returning<'a>) -> Self {
        Self {
            returning,
            budget: Budget::default(),
            items: Vec::new(),
            affected: 0,
        }
    }

    /// The columns of the rows that come out, if rows do.
    pub(in crate::dbal) fn columns<'s>(
        &self,
        scope: &'s Scope,
    ) -> Result<Option<Vec<&'s Column>>, NodeError> {
        self.returning
            .fields
            .map(|fields| scope.columns(fields))
            .transpose()
    }

    /// Whether rows come out.
    pub(in crate::dbal) fn wants_rows(&self) -> bool {
        self.returning.fields.is_some()
    }

    /// Counts rows that were written.
    ///
    /// # Errors
    /// [`NodeError::Permanent`] when one call has written more than it may; it is rolled back.
    pub(in crate::dbal) fn count(&mut self, affected: u64) -> Result<(), NodeError> {
        self.affected += affected;
        let most = self.returning.max_rows;
        if usize::try_from(self.affected).is_ok_and(|affected| affected <= most) {
            return Ok(());
        }
        let message = format!(
            "more than {most} rows would be written, and none is; narrow the filter, or raise \
             `maxRows` of the data source"
        );
        Err(NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message))
    }

    /// Takes a row that was written.
    pub(in crate::dbal) fn put(&mut self, row: Object, item: usize) -> Result<(), NodeError> {
        if self.items.len() == self.returning.max_rows {
            return Err(too_many(self.returning.max_rows));
        }
        self.budget.spend(&row)?;
        self.items.push(Item::new(row).paired_with(item));
        Ok(())
    }

    /// What a node gives: the rows, or one item with their number.
    pub(in crate::dbal) fn output(self) -> NodeOutput {
        if self.wants_rows() {
            return NodeOutput::items(self.items);
        }
        let count = object([("affected", self.affected.into())]);
        NodeOutput::items(vec![Item::new(count)])
    }
}

/// What a statement gives of the rows that it writes, where databases can do that.
pub(in crate::dbal) fn clause(scope: &Scope, columns: &[&Column]) -> ReturningClause {
    let columns = columns.iter().map(|column| scope.selected(column));
    Query::returning().exprs(columns)
}

/// The columns, as they come out.
pub(in crate::dbal) fn outputs(scope: &Scope, columns: &[&Column]) -> Vec<Output> {
    columns.iter().map(|column| scope.output(column)).collect()
}

/// Reads rows by the columns that tell them apart, for a database that does not give back what it
/// writes. `keys` has the values of those columns; the rows come in the same order.
pub(in crate::dbal) async fn read_back(
    session: &mut Session,
    scope: &Scope,
    columns: &[&Column],
    identity: &[usize],
    keys: &[Vec<Value>],
    mut put: impl FnMut(usize, Object) -> Result<(), NodeError>,
) -> Result<(), NodeError> {
    let outputs = outputs(scope, columns);
    for (number, key) in keys.iter().enumerate() {
        let mut statement = SelectStatement::new();
        statement
            .exprs(columns.iter().map(|column| scope.selected(column)))
            .from(scope.table.reference())
            .and_where_option(scope.own_rows());
        for (&place, value) in identity.iter().zip(key) {
            let name = Expr::col(Alias::new(&scope.table.columns[place].name));
            statement.and_where(name.eq(super::rows::compared(scope, place, value)?));
        }
        session
            .rows(
                Statement::of(scope.dialect, &statement),
                Some(&outputs),
                |row, _| put(number, row),
            )
            .await?;
    }
    Ok(())
}

/// The identities of the rows of a filter, locked until the transaction ends, for a database that
/// does not give back what it writes.
pub(in crate::dbal) async fn lock_identities(
    session: &mut Session,
    scope: &Scope,
    identity: &[usize],
    rows: Option<Expr>,
    most: usize,
) -> Result<Vec<Vec<Value>>, NodeError> {
    let columns = identity.iter().map(|&place| &scope.table.columns[place]);
    let outputs: Vec<Output> = columns
        .clone()
        .map(|column| Output {
            name: None,
            ..scope.output(column)
        })
        .collect();
    let mut statement = SelectStatement::new();
    statement
        .exprs(columns.clone().map(|column| scope.selected(column)))
        .from(scope.table.reference())
        .and_where_option(rows)
        .lock_exclusive();
    for column in columns {
        statement.order_by(Alias::new(&column.name), Order::Asc);
    }
    let mut found = Vec::new();
    session
        .rows(
            Statement::of(scope.dialect, &statement),
            Some(&outputs),
            |_, key| {
                if found.len() == most {
                    return Err(too_many(most));
                }
                found.push(key);
                Ok(())
            },
        )
        .await?;
    Ok(found)
}

/// The columns that tell rows apart, which are needed to read back what was written.
pub(in crate::dbal) fn needed_identity(scope: &Scope) -> Result<Vec<usize>, NodeError> {
    scope
        .table
        .identity()
        .map(<[usize]>::to_vec)
        .ok_or_else(|| {
            NodeError::parameter(
                "/returning",
                format!(
                    "entity `{}` has no primary key by which {} could find the rows again",
                    scope.entity_name, scope.dialect
                ),
            )
        })
}
