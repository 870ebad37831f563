//! Makes the tables of declared entities, and adds what is missing to those that are there.
//!
//! Nothing is ever taken away: a column whose type is not the declared one is an error that says so.
//! One process at a time does it; SQLite and PostgreSQL do all of it or nothing.

use std::sync::Arc;

use indexmap::IndexMap;
use jackfield_plugin_api::NodeError;
use jackfield_types::ErrorCode;
use sea_query::{
    Alias, ColumnDef, Index, IndexCreateStatement, MysqlQueryBuilder, PostgresQueryBuilder,
    SchemaStatementBuilder, SqliteQueryBuilder, Table as TableStatement, TableCreateStatement,
};

use super::declaration::ColumnDeclaration;
use super::definition::{Entity, EntityColumn};
use super::{row_security, types};
use crate::dbal::catalog::{Column, Table, read_table};
use crate::dbal::dialect::Dialect;
use crate::dbal::kind::{Kind, ValueType};
use crate::dbal::session::Session;
use crate::dbal::sources::DataSourceConfig;

const POSTGRES_LOCK: &str = "SELECT pg_advisory_xact_lock(7306085893296906337)";
const MYSQL_LOCK: &str = "SELECT GET_LOCK(CONCAT(DATABASE(), '.jackfield'), 60)";
const MYSQL_UNLOCK: &str = "SELECT RELEASE_LOCK(CONCAT(DATABASE(), '.jackfield'))";

/// Makes and changes the tables of entities, and tells what was done. `granted` is the role that
/// may read and write them, when it is not the one that makes them.
pub(in crate::dbal) async fn run(
    mut session: Session,
    entities: &IndexMap<String, Arc<Entity>>,
    config: &DataSourceConfig,
    granted: Option<&str>,
) -> Result<Vec<String>, NodeError> {
    let dialect = session.dialect();
    lock(&mut session).await?;
    let mut done = Vec::new();
    let migrated = migrate(&mut session, entities, config, granted, &mut done).await;
    // What went wrong comes first: without this the lock ends with the connection.
    migrated?;
    if dialect == Dialect::MySql {
        // What is done is done there; the lock is not the transaction's.
        session.fixed(MYSQL_UNLOCK, &[]).await?;
    }
    session.commit().await?;
    Ok(done)
}

async fn lock(session: &mut Session) -> Result<(), NodeError> {
    match session.dialect() {
        // The transaction is the only one that writes.
        Dialect::Sqlite => Ok(()),
        Dialect::Postgres => session.fixed(POSTGRES_LOCK, &[]).await.map(drop),
        Dialect::MySql => {
            let locked = session.fixed(MYSQL_LOCK, &[]).await?;
            let is_locked = locked.first().and_then(|row| row.first()?.as_i64()) == Some(1);
            match is_locked {
                true => Ok(()),
                false => Err(NodeError::retryable(
                    ErrorCode::DATABASE_BUSY,
                    "somebody else migrates this database; it took longer than 60 s",
                )),
            }
        }
    }
}

async fn migrate(
    session: &mut Session,
    entities: &IndexMap<String, Arc<Entity>>,
    config: &DataSourceConfig,
    granted: Option<&str>,
    done: &mut Vec<String>,
) -> Result<(), NodeError> {
    let is_shared = entities
        .values()
        .any(|entity| entity.tenant_column.is_some());
    let is_secured = session.dialect() == Dialect::Postgres && is_shared;
    if is_secured {
        let key = config.row_security_key.as_ref();
        row_security::prepare(session, key.map(|key| key.expose().as_str()), granted).await?;
    }
    for (name, entity) in entities {
        match read_table(session, &entity.table).await? {
            None => create(session, name, entity, done).await?,
            Some(table) => extend(session, name, entity, &table, done).await?,
        }
        if is_secured && let Some(column) = &entity.tenant_column {
            row_security::protect(session, &entity.table, column, granted).await?;
        }
    }
    Ok(())
}

async fn create(
    session: &mut Session,
    name: &str,
    entity: &Entity,
    done: &mut Vec<String>,
) -> Result<(), NodeError> {
    let dialect = session.dialect();
    let mut table = TableStatement::create();
    table.table(Alias::new(&entity.table));
    if dialect == Dialect::MySql {
        // Texts are the same when they are written the same, as in the other databases.
        table
            .engine("InnoDB")
            .character_set("utf8mb4")
            .collate("utf8mb4_bin");
    }
    if let Some(tenant) = &entity.tenant_column {
        table.col(tenant_column(dialect, tenant));
    }
    let mut is_numbered = false;
    for (column, of_column) in &entity.columns {
        is_numbered |= of_column.declaration.generated;
        table.col(column_definition(dialect, column, of_column));
    }
    // What the database counts up is told apart by itself, and SQLite wants it said at the column.
    if !(is_numbered && dialect == Dialect::Sqlite) {
        let tenant = entity.tenant_column.iter().filter(|_| !is_numbered);
        primary_key(&mut table, tenant.chain(&entity.primary_key));
    }
    session.run(written(dialect, &table)).await?;
    done.push(format!("made table `{}` of entity `{name}`", entity.table));
    for index in indexes(entity) {
        session.run(written(dialect, &index.statement)).await?;
    }
    Ok(())
}

fn primary_key<'a>(table: &mut TableCreateStatement, columns: impl Iterator<Item = &'a String>) {
    let mut key = Index::create();
    for column in columns {
        key.col(Alias::new(column));
    }
    table.primary_key(&mut key);
}

async fn extend(
    session: &mut Session,
    name: &str,
    entity: &Entity,
    table: &Table,
    done: &mut Vec<String>,
) -> Result<(), NodeError> {
    let dialect = session.dialect();
    let wrong = |message: String| NodeError::permanent(ErrorCode::DATABASE_ERROR, message);
    if let Some(tenant) = &entity.tenant_column
        && table.column(tenant).is_none()
    {
        return Err(wrong(format!(
            "table `{}` of entity `{name}` has no column `{tenant}`, and nobody can tell whose its \
             rows are; add the column and fill it",
            entity.table
        )));
    }
    for (column, of_column) in &entity.columns {
        if let Some(found) = table.column(column)
            && !is_kept_as(dialect, &found.kind, &of_column.kind)
        {
            return Err(wrong(format!(
                "column `{column}` of table `{}` holds {}, and is declared as {}",
                entity.table, found.kind, of_column.kind
            )));
        }
    }
    for (column, of_column) in &entity.columns {
        let Some(found) = table.column(column) else {
            if of_column.declaration.required || of_column.declaration.generated {
                return Err(wrong(format!(
                    "column `{column}` of entity `{name}` is required, and the rows that are there \
                     have no value for it; declare it without `required` first"
                )));
            }
            let mut statement = TableStatement::alter();
            statement.table(Alias::new(&entity.table));
            statement.add_column(column_definition(dialect, column, of_column));
            session.run(written(dialect, &statement)).await?;
            done.push(format!(
                "added column `{column}` to table `{}`",
                entity.table
            ));
            continue;
        };
        let is_key = entity.primary_key.contains(column);
        if let Some(problem) = difference(dialect, found, &of_column.declaration, is_key) {
            return Err(wrong(format!(
                "column `{column}` of table `{}` {problem}; change the column or the declaration",
                entity.table
            )));
        }
    }
    for index in indexes(entity) {
        let places: Option<Vec<usize>> = index
            .columns
            .iter()
            .map(|column| table.place(column))
            .collect();
        let is_there = index.unique && places.is_some_and(|places| table.is_unique(&places));
        if is_there || has_index(session, &entity.table, &index.name).await? {
            continue;
        }
        session.run(written(dialect, &index.statement)).await?;
        done.push(format!(
            "added index `{}` to table `{}`",
            index.name, entity.table
        ));
    }
    Ok(())
}

/// What a column that is there does not keep as it was declared.
fn difference(
    dialect: Dialect,
    found: &Column,
    declared: &ColumnDeclaration,
    is_key: bool,
) -> Option<String> {
    if declared.generated {
        // The database counts it up by other means, and says that it is never `null`.
        return (!found.counted).then(|| {
            "is not counted up by the database, and is declared as `generated`".to_owned()
        });
    }
    if declared.required && found.nullable {
        return Some("takes `null`, and is declared as `required`".to_owned());
    }
    if !declared.required && !found.nullable && !is_key {
        return Some("takes no `null`, and is declared without `required`".to_owned());
    }
    if let Some(kept) = found.length
        && declared.value_type == ValueType::Text
        && !declared.list
    {
        // MySQL says how many characters fit into texts without a bound, too.
        const UNBOUNDED: i64 = 65_535;
        let most = declared.max_length.map_or(UNBOUNDED, i64::from);
        let most = match dialect {
            Dialect::MySql => most.min(types::MOST_CHARACTERS.into()),
            Dialect::Sqlite | Dialect::Postgres => most,
        };
        if kept < most {
            return Some(format!(
                "keeps {kept} characters, and is declared {}",
                match declared.max_length {
                    Some(most) => format!("with a `maxLength` of {most}"),
                    None => "without a `maxLength`".to_owned(),
                }
            ));
        }
    }
    if let (Some(kept), Some(scale)) = (found.scale, declared.scale)
        && kept < i64::from(scale)
    {
        return Some(format!(
            "keeps {kept} digits behind the point, and is declared with a `scale` of {scale}"
        ));
    }
    None
}

/// Whether values of a kind are kept in a column of another, in a database that lacks the kind.
fn is_kept_as(dialect: Dialect, found: &Kind, declared: &Kind) -> bool {
    if found == declared {
        return true;
    }
    match (dialect, declared) {
        (Dialect::Sqlite, Kind::Array(_)) => *found == Kind::Json,
        (Dialect::MySql, Kind::Array(_)) => *found == Kind::Json,
        (Dialect::MySql, Kind::Timestamp) => *found == Kind::DateTime,
        (Dialect::MySql, Kind::Uuid) => *found == Kind::Text,
        (Dialect::MySql, Kind::Json) => *found == Kind::Text,
        _ => false,
    }
}

struct EntityIndex {
    name: String,
    columns: Vec<String>,
    unique: bool,
    statement: IndexCreateStatement,
}

/// The indexes of an entity, the tenant's column first.
fn indexes(entity: &Entity) -> Vec<EntityIndex> {
    let unique = entity.unique.iter().map(|columns| (columns, true));
    let plain = entity.indexes.iter().map(|columns| (columns, false));
    unique
        .chain(plain)
        .map(|(columns, unique)| {
            let columns: Vec<String> = entity
                .tenant_column
                .iter()
                .chain(columns)
                .cloned()
                .collect();
            let kind = if unique { "unique" } else { "by" };
            let mut name = format!("{}_{kind}_{}", entity.table, columns.join("_"));
            if name.len() > 60 {
                let digest = row_security::short_digest(&name);
                name = format!("{}_{digest}", &name[..40]);
            }
            let mut statement = Index::create();
            statement.name(&name).table(Alias::new(&entity.table));
            if unique {
                statement.unique();
            }
            for column in &columns {
                statement.col(Alias::new(column));
            }
            EntityIndex {
                name,
                columns,
                unique,
                statement: statement.to_owned(),
            }
        })
        .collect()
}

async fn has_index(session: &mut Session, table: &str, index: &str) -> Result<bool, NodeError> {
    let found = match session.dialect() {
        Dialect::Sqlite => {
            let sql =
                "SELECT 1 FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND name = ?";
            session.fixed(sql, &[table, index]).await?
        }
        Dialect::Postgres => {
            let sql = "SELECT 1::bigint FROM pg_indexes WHERE schemaname = current_schema() \
                AND tablename = $1 AND indexname = $2";
            session.fixed(sql, &[table, index]).await?
        }
        Dialect::MySql => {
            let sql = "SELECT 1 FROM information_schema.STATISTICS \
                WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND INDEX_NAME = ?";
            session.fixed(sql, &[table, index]).await?
        }
    };
    Ok(!found.is_empty())
}

fn tenant_column(dialect: Dialect, name: &str) -> ColumnDef {
    let mut column = ColumnDef::new(Alias::new(name));
    match dialect {
        Dialect::Sqlite => column.custom(Alias::new("text")),
        Dialect::Postgres => column.custom(Alias::new("text")),
        Dialect::MySql => column.custom(Alias::new(
            "varchar(128) CHARACTER SET ascii COLLATE ascii_bin",
        )),
    };
    column.not_null().to_owned()
}

fn column_definition(dialect: Dialect, name: &str, of_column: &EntityColumn) -> ColumnDef {
    let declared = &of_column.declaration;
    let mut column = ColumnDef::new(Alias::new(name));
    if declared.generated {
        match dialect {
            // It never gives a number again, not even that of the last row.
            Dialect::Sqlite => column
                .custom(Alias::new("integer"))
                .primary_key()
                .auto_increment(),
            Dialect::Postgres => column
                .custom(Alias::new("bigint"))
                .extra("GENERATED BY DEFAULT AS IDENTITY"),
            Dialect::MySql => column.custom(Alias::new("bigint")).auto_increment(),
        };
        return column.not_null().to_owned();
    }
    column.custom(Alias::new(types::type_name(dialect, declared)));
    match declared.required {
        true => column.not_null(),
        false => column.null(),
    };
    column.to_owned()
}

fn written(dialect: Dialect, statement: &impl SchemaStatementBuilder) -> String {
    match dialect {
        Dialect::Sqlite => statement.build(SqliteQueryBuilder),
        Dialect::Postgres => statement.build(PostgresQueryBuilder),
        Dialect::MySql => statement.build(MysqlQueryBuilder),
    }
}
