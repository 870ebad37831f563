use jackfield_store_api::StoreError;
use sqlx::{Connection, PgConnection, Row};

use crate::address::Address;
use crate::error::Fault;

/// What makes each version of the schema out of the one before it. Never changed once released.
const MIGRATIONS: &[&str] = &[include_str!("schema/0001.sql")];

/// The oldest server that is known to do.
const SERVER: i32 = 130_000;

/// The newest version of the schema.
fn newest() -> u32 {
    MIGRATIONS.len() as u32
}

/// Brings a schema to the newest version, in one transaction under a lock, and refuses one that is
/// not ours or is newer without changing it.
pub(crate) async fn prepare(
    connection: &mut PgConnection,
    address: &Address,
) -> Result<(), StoreError> {
    let prepared = bring_up(connection, address).await;
    prepared.map_err(|fault| address.place.fault(fault))
}

async fn bring_up(connection: &mut PgConnection, address: &Address) -> Result<(), Fault> {
    check_server(connection, address).await?;
    if version(connection, address).await? == Some(newest()) {
        return Ok(());
    }
    let mut transaction = connection.begin().await?;
    lock(&mut transaction, &address.schema).await?;
    // Somebody else may have brought it there meanwhile, or further.
    let found = version(&mut transaction, address).await?;
    if found.is_none() {
        create(&mut transaction, &address.schema).await?;
    }
    let done = found.unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(done as usize) {
        sqlx::raw_sql(*migration).execute(&mut *transaction).await?;
    }
    sqlx::query("UPDATE jackfield_store SET version = $1")
        .bind(i64::from(newest()))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}

/// Refuses a server that cannot hold a store.
async fn check_server(connection: &mut PgConnection, address: &Address) -> Result<(), Fault> {
    let row = sqlx::query(
        "SELECT current_setting('server_version_num')::int4, current_setting('server_encoding'),
             current_setting('server_version')",
    )
    .fetch_one(connection)
    .await?;
    let place = &address.place.0;
    if row.try_get::<i32, _>(0)? < SERVER {
        let found: String = row.try_get(2)?;
        return Err(refused(format!(
            "{place} is on a PostgreSQL {found}; a store needs {} or later",
            SERVER / 10_000
        )));
    }
    let encoding: String = row.try_get(1)?;
    if encoding != "UTF8" {
        return Err(refused(format!(
            "{place} is in a database with the encoding {encoding}, which cannot hold every name; \
             make one with the encoding UTF8"
        )));
    }
    Ok(())
}

/// Which version a schema has, or `None` if there is none of ours yet.
async fn version(connection: &mut PgConnection, address: &Address) -> Result<Option<u32>, Fault> {
    let row = sqlx::query(
        "SELECT count(*), count(*) FILTER (WHERE c.relname = 'jackfield_store')
         FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE n.nspname = $1",
    )
    .bind(&address.schema)
    .fetch_one(&mut *connection)
    .await?;
    let (all, ours): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let place = &address.place.0;
    if ours == 0 {
        if all == 0 {
            return Ok(None);
        }
        return Err(refused(format!(
            "the schema of {place} has tables of another program in it; name another schema, which \
             is made if there is none"
        )));
    }
    let found: i64 = sqlx::query("SELECT version FROM jackfield_store")
        .fetch_one(connection)
        .await?
        .try_get(0)?;
    let found = u32::try_from(found).map_err(|_| {
        Fault::Damaged(format!("the schema has the version {found}, which is none"))
    })?;
    if found > newest() {
        return Err(Fault::Refused(StoreError::Newer {
            store: place.to_string(),
            found,
            known: newest(),
        }));
    }
    Ok(Some(found))
}

/// Shuts out everybody else who would bring the schema to another version.
async fn lock(connection: &mut PgConnection, schema: &str) -> Result<(), Fault> {
    sqlx::query("SELECT set_config('lock_timeout', '5min', true)")
        .execute(&mut *connection)
        .await?;
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('jackfield schema ' || $1, 0))")
        .bind(schema)
        .execute(connection)
        .await?;
    Ok(())
}

/// Makes the schema if there is none, and marks it as ours.
async fn create(connection: &mut PgConnection, schema: &str) -> Result<(), Fault> {
    sqlx::query("SELECT set_config('jackfield.schema', $1, true)")
        .bind(schema)
        .execute(&mut *connection)
        .await?;
    sqlx::raw_sql(
        "DO $$ BEGIN
             IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace
                            WHERE nspname = current_setting('jackfield.schema')) THEN
                 EXECUTE format('CREATE SCHEMA %I', current_setting('jackfield.schema'));
             END IF;
         END $$;
         CREATE TABLE jackfield_store (
             only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
             version bigint NOT NULL
         );
         INSERT INTO jackfield_store (version) VALUES (0);",
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn refused(reason: String) -> Fault {
    Fault::Refused(StoreError::Refused { reason })
}
