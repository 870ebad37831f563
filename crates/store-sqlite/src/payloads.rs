use bytes::Bytes;
use jackfield_store_api::{Payloads, StoreError, StoreFuture, limits};
use jackfield_types::Digest;
use rusqlite::{Connection, OptionalExtension};

use crate::error::Fault;
use crate::row::number;
use crate::tenant::SqliteTenant;

impl Payloads for SqliteTenant {
    fn payload(&self, digest: Digest) -> StoreFuture<'_, Bytes> {
        self.read(move |connection, tenant| {
            let content: Option<Vec<u8>> = connection
                .prepare_cached(
                    "SELECT c.content FROM payloads AS p JOIN contents AS c ON c.payload = p.number
                     WHERE p.tenant = ?1 AND p.digest = ?2",
                )?
                .query_row((tenant, digest.as_bytes()), |row| row.get(0))
                .optional()?;
            let content =
                content.ok_or_else(|| StoreError::not_found(format!("payload `{digest}`")))?;
            if limits::digest_of(&content) != digest {
                return Err(Fault::Damaged(format!(
                    "payload `{digest}` is not what was written"
                )));
            }
            Ok(content.into())
        })
    }
}

/// Keeps contents, each once, for an execution.
pub(crate) fn add(
    connection: &Connection,
    tenant: i64,
    execution: i64,
    payloads: &[(Digest, Bytes)],
) -> rusqlite::Result<()> {
    for (digest, content) in payloads {
        let known = connection
            .prepare_cached("SELECT number FROM payloads WHERE tenant = ?1 AND digest = ?2")?
            .query_row((tenant, digest.as_bytes()), |row| row.get(0))
            .optional()?;
        let payload: i64 = match known {
            Some(payload) => payload,
            None => insert(connection, tenant, digest, content)?,
        };
        let first = connection
            .prepare_cached(
                "INSERT INTO uses (tenant, execution, payload) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO NOTHING",
            )?
            .execute((tenant, execution, payload))?;
        if first > 0 {
            connection
                .prepare_cached("UPDATE payloads SET uses = uses + 1 WHERE number = ?1")?
                .execute([payload])?;
        }
    }
    Ok(())
}

/// Lets go of what an execution brought: how many contents went with it, and their bytes.
pub(crate) fn remove(
    connection: &Connection,
    tenant: i64,
    execution: i64,
) -> rusqlite::Result<(u64, u64)> {
    let brought = connection
        .prepare_cached("DELETE FROM uses WHERE tenant = ?1 AND execution = ?2 RETURNING payload")?
        .query_map((tenant, execution), |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    let (mut gone, mut bytes) = (0, 0);
    for payload in brought {
        connection
            .prepare_cached("UPDATE payloads SET uses = uses - 1 WHERE number = ?1")?
            .execute([payload])?;
        let size: Option<crate::row::Count> = connection
            .prepare_cached("DELETE FROM payloads WHERE number = ?1 AND uses <= 0 RETURNING size")?
            .query_row([payload], |row| row.get(0))
            .optional()?;
        if let Some(size) = size {
            gone += 1;
            bytes += size.0;
            connection
                .prepare_cached("DELETE FROM contents WHERE payload = ?1")?
                .execute([payload])?;
        }
    }
    Ok((gone, bytes))
}

fn insert(
    connection: &Connection,
    tenant: i64,
    digest: &Digest,
    content: &[u8],
) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("INSERT INTO payloads (tenant, digest, size, uses) VALUES (?1, ?2, ?3, 0)")?
        .execute((tenant, digest.as_bytes(), number(content.len() as u64)))?;
    let payload = connection.last_insert_rowid();
    connection
        .prepare_cached("INSERT INTO contents (payload, content) VALUES (?1, ?2)")?
        .execute((payload, content))?;
    Ok(payload)
}
