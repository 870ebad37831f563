use jackfield_plugin_api::NodeError;
use sea_query::{Alias, InsertStatement};
use serde_json::Value;

use super::returned::{Returned, clause, needed_identity, outputs, read_back};
use super::rows::{NewRow, chunks};
use crate::dbal::dialect::Dialect;
use crate::dbal::kind::Kind;
use crate::dbal::session::{Session, Statement};
use crate::dbal::target::{Scope, Target};

/// Creates rows.
pub(super) async fn run(
    target: &mut Target,
    rows: Vec<NewRow>,
    returned: &mut Returned<'_>,
) -> Result<(), NodeError> {
    let (session, scope) = target.parts();
    if scope.dialect == Dialect::MySql && returned.wants_rows() {
        return insert_and_read_back(session, scope, rows, returned).await;
    }
    for chunk in chunks(rows, scope.dialect.max_values(), |_, _| false) {
        let mut statement = statement(scope, &chunk)?;
        let Some(columns) = returned.columns(scope)? else {
            let statement = Statement::of(scope.dialect, &statement);
            returned.count(session.execute(statement).await?)?;
            continue;
        };
        statement.returning(clause(scope, &columns));
        let statement = Statement::of(scope.dialect, &statement);
        let mut items = chunk.iter().map(|row| row.item);
        session
            .rows(statement, Some(&outputs(scope, &columns)), |row, _| {
                returned.put(row, items.next().unwrap_or_default())
            })
            .await?;
    }
    Ok(())
}

/// The statement that inserts rows of the same columns.
pub(super) fn statement(scope: &Scope, rows: &[NewRow]) -> Result<InsertStatement, NodeError> {
    let mut statement = InsertStatement::new();
    statement.into_table(scope.table.reference());
    let names: Vec<Alias> = rows[0].names(scope).map(Alias::new).collect();
    if names.is_empty() {
        let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        statement.or_default_values_many(count);
        return Ok(statement);
    }
    statement.columns(names);
    for row in rows {
        // There are as many as there are columns.
        statement.values_panic(row.expressions(scope)?);
    }
    Ok(statement)
}

/// Inserts row by row, so that the number that the database gives each of them is known.
async fn insert_and_read_back(
    session: &mut Session,
    scope: &Scope,
    rows: Vec<NewRow>,
    returned: &mut Returned<'_>,
) -> Result<(), NodeError> {
    let Some(columns) = returned.columns(scope)? else {
        return Ok(());
    };
    let identity = needed_identity(scope)?;
    for row in rows {
        let item = row.item;
        let key = insert_one(session, scope, row, &identity).await?;
        read_back(session, scope, &columns, &identity, &[key], |_, row| {
            returned.put(row, item)
        })
        .await?;
    }
    Ok(())
}

/// Inserts a row and tells by which values it is found again.
pub(super) async fn insert_one(
    session: &mut Session,
    scope: &Scope,
    row: NewRow,
    identity: &[usize],
) -> Result<Vec<Value>, NodeError> {
    let rows = [row];
    let statement = statement(scope, &rows)?;
    session
        .execute(Statement::of(scope.dialect, &statement))
        .await?;
    let [row] = rows;
    let mut key = Vec::with_capacity(identity.len());
    for &place in identity {
        let column = &scope.table.columns[place];
        let given = row.value(place).filter(|value| !value.is_null());
        let value = match given {
            Some(value) => value.clone(),
            None if scope.is_owner(&column.name) => scope
                .owner()
                .map(|(_, tenant)| tenant.into())
                .unwrap_or_default(),
            None if column.kind == Kind::Integer => session
                .last_number()
                .await?
                .map(Value::from)
                .unwrap_or_default(),
            None => Value::Null,
        };
        if value.is_null() {
            return Err(NodeError::parameter(
                "/returning",
                format!(
                    "column `{}` of the primary key is made by the database, which does not tell \
                     what it made; give it a value, or leave `returning` out",
                    column.name
                ),
            ));
        }
        key.push(value);
    }
    Ok(key)
}
