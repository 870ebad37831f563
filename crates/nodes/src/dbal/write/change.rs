use jackfield_plugin_api::NodeError;
use jackfield_types::Object;
use sea_query::{Alias, UpdateStatement};
use serde_json::Value;

use super::params::WriteParams;
use super::returned::{Returned, clause, lock_identities, needed_identity, outputs, read_back};
use super::rows::{Purpose, checked, expression};
use crate::dbal::cell::shown;
use crate::dbal::dialect::Dialect;
use crate::dbal::session::Statement;
use crate::dbal::target::Target;

/// Changes the rows of a filter.
pub(super) async fn run(
    target: &mut Target,
    params: &WriteParams,
    item: &Object,
    index: usize,
    returned: &mut Returned<'_>,
) -> Result<(), NodeError> {
    let most = target.max_rows();
    let (session, scope) = target.parts();
    let values = match &params.values {
        None => item,
        Some(Value::Object(values)) => values,
        Some(other) => {
            let message = format!("an object, not {}", shown(other));
            return Err(NodeError::parameter("/values", message));
        }
    };
    let row = checked(
        scope,
        values,
        index,
        Purpose::Change(params.filter.as_ref()),
    )?;
    if row.places.is_empty() {
        return Err(NodeError::parameter("/values", "at least one column"));
    }
    let rows = scope.rows(params.filter.as_ref())?;
    let mut statement = UpdateStatement::new();
    statement.table(scope.table.reference());
    for (&place, value) in row.places.iter().zip(&row.values) {
        let name = Alias::new(&scope.table.columns[place].name);
        statement.value(name, expression(scope, place, value)?);
    }
    statement.and_where_option(rows.clone());
    let Some(columns) = returned.columns(scope)? else {
        let statement = Statement::of(scope.dialect, &statement);
        return returned.count(session.execute(statement).await?);
    };
    if scope.dialect != Dialect::MySql {
        statement.returning(clause(scope, &columns));
        let statement = Statement::of(scope.dialect, &statement);
        let outputs = outputs(scope, &columns);
        return session
            .rows(statement, Some(&outputs), |row, _| returned.put(row, index))
            .await;
    }
    let identity = needed_identity(scope)?;
    if row.places.iter().any(|place| identity.contains(place)) {
        return Err(NodeError::parameter(
            "/returning",
            "rows whose primary key is changed cannot be found again; leave `returning` out",
        ));
    }
    let keys = lock_identities(session, scope, &identity, rows, most).await?;
    session
        .execute(Statement::of(scope.dialect, &statement))
        .await?;
    read_back(session, scope, &columns, &identity, &keys, |_, row| {
        returned.put(row, index)
    })
    .await
}
