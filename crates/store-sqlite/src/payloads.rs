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

/// What went of payloads.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Gone {
    /// How many uses of contents.
    pub(crate) uses: u64,
    /// How many contents that nobody uses any more.
    pub(crate) contents: u64,
    /// The bytes of those.
    pub(crate) bytes: u64,
}

/// Lets go of what an execution brought, at most so many contents or until they have so many bytes.
pub(crate) fn remove_some(
    connection: &Connection,
    (tenant, execution): (i64, i64),
    (most, heaviest): (u64, u64),
) -> rusqlite::Result<Gone> {
    let brought = connection
        .prepare_cached("SELECT payload FROM uses WHERE tenant = ?1 AND execution = ?2 LIMIT ?3")?
        .query_map((tenant, execution, number(most)), |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    let mut gone = Gone::default();
    for payload in brought {
        if gone.bytes >= heaviest {
            break;
        }
        gone.uses += 1;
        connection
            .prepare_cached(
                "DELETE FROM uses WHERE tenant = ?1 AND execution = ?2 AND payload = ?3",
            )?
            .execute((tenant, execution, payload))?;
        connection
            .prepare_cached("UPDATE payloads SET uses = uses - 1 WHERE number = ?1")?
            .execute([payload])?;
        let size: Option<crate::row::Count> = connection
            .prepare_cached("DELETE FROM payloads WHERE number = ?1 AND uses <= 0 RETURNING size")?
            .query_row([payload], |row| row.get(0))
            .optional()?;
        if let Some(size) = size {
            gone.contents += 1;
            gone.bytes = gone.bytes.saturating_add(size.0);
            connection
                .prepare_cached("DELETE FROM contents WHERE payload = ?1")?
                .execute([payload])?;
        }
    }
    Ok(gone)
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
