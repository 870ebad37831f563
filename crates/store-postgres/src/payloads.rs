use bytes::Bytes;
use jackfield_store_api::{Payloads, StoreError, StoreFuture, limits};
use jackfield_types::Digest;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::draft::Draft;
use crate::error::Fault;
use crate::row::counted;
use crate::tenant::PostgresTenant;
use crate::tries::read;

/// The bytes after which a statement takes no further content.
const CHUNK: usize = 8 * 1_024 * 1_024;
/// How often contents are written that others write and remove at the same time.
const TRIES: usize = 16;

impl Payloads for PostgresTenant {
    fn payload(&self, digest: Digest) -> StoreFuture<'_, Bytes> {
        Box::pin(async move {
            read!(self.inner, |connection| {
                let row =
                    sqlx::query("SELECT content FROM payloads WHERE tenant = $1 AND digest = $2")
                        .bind(self.id.as_str())
                        .bind(digest.as_bytes().as_slice())
                        .fetch_optional(connection)
                        .await?;
                let row =
                    row.ok_or_else(|| StoreError::not_found(format!("payload `{digest}`")))?;
                let content: Vec<u8> = row.try_get(0)?;
                if limits::digest_of(&content) != digest {
                    return Err(Fault::Damaged(format!(
                        "payload `{digest}` is not what was written"
                    )));
                }
                Ok(content.into())
            })
        })
    }
}

/// A content that an execution brings.
struct Brought<'a> {
    tenant: &'a str,
    execution: Uuid,
    digest: Digest,
    content: &'a Bytes,
}

/// Keeps the contents of a group, each once.
pub(crate) async fn add(connection: &mut PgConnection, drafts: &[Draft]) -> Result<(), Fault> {
    let mut all = Vec::new();
    for draft in drafts {
        for (digest, content) in &draft.payloads {
            all.push(Brought {
                tenant: draft.key.0.as_str(),
                execution: *draft.key.1.as_uuid(),
                digest: *digest,
                content,
            });
        }
    }
    if all.is_empty() {
        return Ok(());
    }
    // All take locks in the same order.
    all.sort_by(|a, b| {
        let place = |one: &Brought<'_>| (one.tenant.to_owned(), *one.digest.as_bytes());
        place(a).cmp(&place(b))
    });
    let mut missing: Vec<&Brought<'_>> = Vec::new();
    for one in &all {
        if missing
            .last()
            .is_none_or(|last| (last.tenant, last.digest) != (one.tenant, one.digest))
        {
            missing.push(one);
        }
    }
    for _ in 0..TRIES {
        let held = hold(connection, &missing).await?;
        let mut held = held.into_iter();
        missing.retain(|_| !held.next().unwrap_or_default());
        if missing.is_empty() {
            return note(connection, &all).await;
        }
        insert(connection, &missing).await?;
    }
    Err(Fault::Collided)
}

/// Keeps contents that are there from being removed until the transaction ends, and says for each
/// whether it is there.
async fn hold(connection: &mut PgConnection, wanted: &[&Brought<'_>]) -> Result<Vec<bool>, Fault> {
    let tenants: Vec<&str> = wanted.iter().map(|one| one.tenant).collect();
    let digests: Vec<&[u8]> = wanted
        .iter()
        .map(|one| one.digest.as_bytes().as_slice())
        .collect();
    let rows = sqlx::query(
        "SELECT w.place FROM unnest($1::text[], $2::bytea[])
             WITH ORDINALITY AS w(tenant, digest, place)
             JOIN payloads AS p ON p.tenant = w.tenant AND p.digest = w.digest
         ORDER BY w.place FOR KEY SHARE OF p",
    )
    .bind(tenants)
    .bind(digests)
    .fetch_all(connection)
    .await?;
    let mut held = vec![false; wanted.len()];
    for row in rows {
        let place = counted(row.try_get(0)?)?;
        let place = usize::try_from(place).unwrap_or_default().wrapping_sub(1);
        if let Some(is_held) = held.get_mut(place) {
            *is_held = true;
        }
    }
    Ok(held)
}

/// Writes contents, unless somebody else is just doing so.
async fn insert(connection: &mut PgConnection, missing: &[&Brought<'_>]) -> Result<(), Fault> {
    let mut rest = missing;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fitting = rest
            .iter()
            .take_while(|one| {
                let fits = bytes < CHUNK;
                bytes += one.content.len();
                fits
            })
            .count();
        let (chunk, others) = rest.split_at(fitting);
        rest = others;
        let tenants: Vec<&str> = chunk.iter().map(|one| one.tenant).collect();
        let digests: Vec<&[u8]> = chunk
            .iter()
            .map(|one| one.digest.as_bytes().as_slice())
            .collect();
        let contents: Vec<&[u8]> = chunk.iter().map(|one| &**one.content).collect();
        sqlx::query(
            "INSERT INTO payloads (tenant, digest, content)
             SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[])
             ON CONFLICT DO NOTHING",
        )
        .bind(tenants)
        .bind(digests)
        .bind(contents)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Notes which executions brought what.
async fn note(connection: &mut PgConnection, all: &[Brought<'_>]) -> Result<(), Fault> {
    let tenants: Vec<&str> = all.iter().map(|one| one.tenant).collect();
    let executions: Vec<Uuid> = all.iter().map(|one| one.execution).collect();
    let digests: Vec<&[u8]> = all
        .iter()
        .map(|one| one.digest.as_bytes().as_slice())
        .collect();
    sqlx::query(
        "INSERT INTO uses (tenant, execution, digest)
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::bytea[])
         ON CONFLICT DO NOTHING",
    )
    .bind(tenants)
    .bind(executions)
    .bind(digests)
    .execute(connection)
    .await?;
    Ok(())
}

/// What went of payloads.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Gone {
    /// How many uses of contents.
    pub(crate) uses: i64,
    /// How many contents that nobody uses any more.
    pub(crate) contents: u64,
    /// The bytes of those.
    pub(crate) bytes: u64,
}

/// Lets go of what executions brought, so much at the most.
pub(crate) async fn remove_some(
    connection: &mut PgConnection,
    tenant: &str,
    executions: &[Uuid],
    most: i64,
) -> Result<Gone, Fault> {
    let rows = sqlx::query(
        "WITH gone AS (
             DELETE FROM uses WHERE (tenant, execution, digest) IN (
                 SELECT u.tenant, u.execution, u.digest FROM uses AS u
                 WHERE u.tenant = $1 AND u.execution = ANY($2) LIMIT $3)
             RETURNING digest)
         SELECT digest, count(*) AS uses FROM gone GROUP BY digest",
    )
    .bind(tenant)
    .bind(executions)
    .bind(most)
    .fetch_all(&mut *connection)
    .await?;
    let mut gone = Gone::default();
    let mut brought: Vec<Vec<u8>> = Vec::new();
    for row in &rows {
        brought.push(row.try_get("digest")?);
        gone.uses += row.try_get::<i64, _>("uses")?;
    }
    if brought.is_empty() {
        return Ok(gone);
    }
    // Whoever adds one of them now waits; who was before has noted it by then.
    sqlx::query(
        "SELECT FROM payloads WHERE tenant = $1 AND digest = ANY($2) ORDER BY digest FOR UPDATE",
    )
    .bind(tenant)
    .bind(&brought)
    .execute(&mut *connection)
    .await?;
    let row = sqlx::query(
        "WITH gone AS (
             DELETE FROM payloads AS p
             WHERE p.tenant = $1 AND p.digest = ANY($2) AND (
                 SELECT u.execution FROM uses AS u
                 WHERE u.tenant = p.tenant AND u.digest = p.digest LIMIT 1) IS NULL
             RETURNING octet_length(p.content)::bigint AS size)
         SELECT count(*), coalesce(sum(size), 0)::bigint FROM gone",
    )
    .bind(tenant)
    .bind(&brought)
    .fetch_one(connection)
    .await?;
    gone.contents = counted(row.try_get(0)?)?;
    gone.bytes = counted(row.try_get(1)?)?;
    Ok(gone)
}
