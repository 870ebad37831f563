//! What is in a database: tables, their columns, what is unique. Every name in a statement is one
//! that was found here.

mod mysql;
mod nearest;
mod postgres;
mod sqlite;
mod table;

pub(super) use nearest::nearest_text;
pub(super) use table::{Column, Table};

use jackfield_plugin_api::NodeError;

use super::dialect::Dialect;
use super::session::Session;

/// What the product keeps for itself in a database begins with this.
pub(super) const OWN_PREFIX: &str = "jackfield_";

/// Reads a table, or `None` if there is none that the connection may see.
pub(super) async fn read_table(
    session: &mut Session,
    name: &str,
) -> Result<Option<Table>, NodeError> {
    if name.to_ascii_lowercase().starts_with(OWN_PREFIX) || name.contains('\0') {
        return Ok(None);
    }
    match session.dialect() {
        Dialect::Sqlite => sqlite::read_table(session, name).await,
        Dialect::Postgres => postgres::read_table(session, name).await,
        Dialect::MySql => mysql::read_table(session, name).await,
    }
}

/// The names of tables, for whoever mistyped one.
pub(super) async fn table_names(session: &mut Session) -> Result<Vec<String>, NodeError> {
    let mut names = match session.dialect() {
        Dialect::Sqlite => sqlite::table_names(session).await?,
        Dialect::Postgres => postgres::table_names(session).await?,
        Dialect::MySql => mysql::table_names(session).await?,
    };
    names.retain(|name| !name.to_ascii_lowercase().starts_with(OWN_PREFIX));
    Ok(names)
}
