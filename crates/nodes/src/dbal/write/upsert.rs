//! Rows that are changed if they are there, and created if not.
//!
//! Where the database takes the columns by which it knows a row again, it is one statement. MySQL
//! takes whatever unique index is hit, which could be that of another tenant's row: there each row
//! is changed first, and created if there was none.

use std::collections::HashSet;

use jackfield_plugin_api::NodeError;
use jackfield_types::ErrorCode;
use sea_query::{Alias, Expr, ExprTrait, OnConflict as Conflict, UpdateStatement};
use serde_json::Value;

use super::insert;
use super::params::{OnConflict, WriteParams};
use super::returned::{Returned, clause, outputs, read_back};
use super::rows::{NewRow, chunks, compared, expression};
use crate::dbal::cell::text_to_send;
use crate::dbal::dialect::Dialect;
use crate::dbal::session::{Session, Statement};
use crate::dbal::target::{Scope, Target};

/// Changes or creates rows.
pub(super) async fn run(
    target: &mut Target,
    params: &WriteParams,
    rows: Vec<NewRow>,
    returned: &mut Returned<'_>,
) -> Result<(), NodeError> {
    let (session, scope) = target.parts();
    let conflict = conflict_places(scope, &params.conflict)?;
    for row in &rows {
        for &place in &conflict {
            if row.value(place).is_none_or(Value::is_null) {
                let name = &scope.table.columns[place].name;
                let message = format!(
                    "item {}: column `{name}` is one of `conflict`, and has no value",
                    row.item
                );
                return Err(NodeError::permanent(ErrorCode::INVALID_INPUT, message));
            }
        }
    }
    if scope.dialect == Dialect::MySql {
        return one_by_one(session, scope, params, &conflict, rows, returned).await;
    }
    // No statement changes the same row twice. Which values are the same is known of plain ones
    // only; and who comes out, of rows that may be left as they are, only of one at a time.
    let is_plain = |&place: &usize| scope.table.columns[place].is_plain();
    let leaves_some = params.on_conflict == OnConflict::Nothing && returned.wants_rows();
    let is_alone = leaves_some || !conflict.iter().all(is_plain);
    let mut seen = HashSet::new();
    let chunks = chunks(rows, scope.dialect.max_values(), |row, is_new| {
        let key: Vec<String> = conflict
            .iter()
            .filter_map(|&place| Some(sameness(scope, place, row.value(place)?)))
            .collect();
        let starts_anew = is_new || is_alone || seen.contains(&key);
        if starts_anew {
            seen.clear();
        }
        seen.insert(key);
        starts_anew
    });
    for chunk in chunks {
        upsert(session, scope, params, &conflict, chunk, returned).await?;
    }
    Ok(())
}

/// A text that is the same for values of a plain column that are.
fn sameness(scope: &Scope, place: usize, value: &Value) -> String {
    let column = &scope.table.columns[place];
    match text_to_send(scope.dialect, &column.kind, value) {
        Some(text) => text,
        // It is refused before it gets that far.
        None => value.to_string(),
    }
}

/// The places of the columns, checked against the unique indexes of the table.
fn conflict_places(scope: &Scope, names: &[String]) -> Result<Vec<usize>, NodeError> {
    let mut places = Vec::with_capacity(names.len());
    for name in names {
        scope.column(name)?;
        if !scope.is_owner(name) {
            places.extend(scope.table.place(name));
        }
    }
    let owner = scope
        .owner()
        .and_then(|(column, _)| scope.table.place(column));
    let mut whole = places.clone();
    whole.extend(owner);
    if scope.table.is_unique(&whole) {
        return Ok(places);
    }
    let shown = |places: &[usize]| {
        let names = places
            .iter()
            .map(|&place| scope.table.columns[place].name.as_str());
        names
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let why = match owner {
        Some(_) if scope.table.is_unique(&places) => {
            "; without the column that says whose a row is, a row of somebody else could be hit"
        }
        _ => "",
    };
    Err(NodeError::parameter(
        "/conflict",
        format!(
            "entity `{}` has no unique index of {}{why}",
            scope.entity_name,
            shown(&whole)
        ),
    ))
}

async fn upsert(
    session: &mut Session,
    scope: &Scope,
    params: &WriteParams,
    conflict: &[usize],
    chunk: Vec<NewRow>,
    returned: &mut Returned<'_>,
) -> Result<(), NodeError> {
    let name = |place: usize| Alias::new(&scope.table.columns[place].name);
    let mut columns: Vec<Alias> = conflict.iter().map(|&place| name(place)).collect();
    columns.extend(scope.owner().map(|(column, _)| Alias::new(column)));
    let mut on_conflict = Conflict::columns(columns);
    let changed: Vec<usize> = chunk[0]
        .places
        .iter()
        .copied()
        .filter(|place| !conflict.contains(place))
        .collect();
    let changes = params.on_conflict == OnConflict::Update;
    match changes {
        false => on_conflict.do_nothing(),
        // It is changed into what it is, so that it comes out.
        true if changed.is_empty() => on_conflict.update_columns(conflict.iter().map(|&p| name(p))),
        true => on_conflict.update_columns(changed.into_iter().map(name)),
    };
    if let Some(own) = scope.own_rows_of_table().filter(|_| changes) {
        on_conflict.action_and_where(own);
    }
    let mut statement = insert::statement(scope, &chunk)?;
    statement.on_conflict(on_conflict);
    let wanted = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
    let written = match returned.columns(scope)? {
        None => {
            let statement = Statement::of(scope.dialect, &statement);
            let written = session.execute(statement).await?;
            returned.count(written)?;
            written
        }
        Some(columns) => {
            statement.returning(clause(scope, &columns));
            let statement = Statement::of(scope.dialect, &statement);
            let mut items = chunk.iter().map(|row| row.item);
            let mut written = 0;
            session
                .rows(statement, Some(&outputs(scope, &columns)), |row, _| {
                    written += 1;
                    returned.put(row, items.next().unwrap_or_default())
                })
                .await?;
            written
        }
    };
    match changes && written < wanted {
        true => Err(not_ours(scope)),
        false => Ok(()),
    }
}

/// The database takes a row of somebody else for the same.
fn not_ours(scope: &Scope) -> NodeError {
    NodeError::permanent(
        ErrorCode::DATABASE_CONSTRAINT,
        format!(
            "entity `{}` has a row with the same `conflict` columns that is not the tenant's own",
            scope.entity_name
        ),
    )
}

async fn one_by_one(
    session: &mut Session,
    scope: &Scope,
    params: &WriteParams,
    conflict: &[usize],
    rows: Vec<NewRow>,
    returned: &mut Returned<'_>,
) -> Result<(), NodeError> {
    let columns = returned.columns(scope)?;
    // By these a row is found again, whether it was there or not.
    let owner = scope.owner().and_then(|(column, tenant)| {
        Some((scope.table.place(column)?, Value::String(tenant.to_owned())))
    });
    for row in rows {
        let item = row.item;
        let mut identity = conflict.to_vec();
        let mut key: Vec<Value> = conflict
            .iter()
            .filter_map(|&place| row.value(place).cloned())
            .collect();
        if let Some((place, tenant)) = &owner {
            identity.push(*place);
            key.push(tenant.clone());
        }
        let mut is_there = change_if_there(session, scope, params, conflict, &row).await?;
        if !is_there {
            let statement = insert::statement(scope, std::slice::from_ref(&row))?;
            let statement = Statement::of(scope.dialect, &statement);
            if let Err(error) = session.execute(statement).await {
                // Somebody else may have created it meanwhile. The statement alone was taken back.
                is_there = error.code() == ErrorCode::DATABASE_CONSTRAINT
                    && change_if_there(session, scope, params, conflict, &row).await?;
                if !is_there {
                    return Err(error);
                }
            }
        }
        let is_written = !is_there || params.on_conflict == OnConflict::Update;
        if !is_written {
            continue;
        }
        returned.count(1)?;
        if let Some(columns) = &columns {
            read_back(session, scope, columns, &identity, &[key], |_, row| {
                returned.put(row, item)
            })
            .await?;
        }
    }
    Ok(())
}

/// Changes the tenant's own row with these conflict columns, if there is one.
async fn change_if_there(
    session: &mut Session,
    scope: &Scope,
    params: &WriteParams,
    conflict: &[usize],
    row: &NewRow,
) -> Result<bool, NodeError> {
    let mut statement = UpdateStatement::new();
    statement.table(scope.table.reference());
    let changes = params.on_conflict == OnConflict::Update;
    for (&place, value) in row.places.iter().zip(&row.values) {
        // What is there already is written again, if nothing else is: so it is known to be there.
        if conflict.contains(&place) || changes {
            let name = Alias::new(&scope.table.columns[place].name);
            statement.value(name, expression(scope, place, value)?);
        }
    }
    for &place in conflict {
        let name = Expr::col(Alias::new(&scope.table.columns[place].name));
        let value = row.value(place).unwrap_or(&Value::Null);
        statement.and_where(name.eq(compared(scope, place, value)?));
    }
    statement.and_where_option(scope.own_rows());
    let found = session
        .execute(Statement::of(scope.dialect, &statement))
        .await?;
    Ok(found > 0)
}
