//! What columns mean.

use jackfield_types::{Digest, TenantId};
use jiff::Timestamp;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::error::Fault;

/// The most bytes that are read at once, if it is more than one row.
pub(crate) const BYTES: i64 = 32 * 1_024 * 1_024;

/// How a count is written. Nothing is ever counted that far.
pub(crate) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(crate) fn micros(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::as_microsecond)
}

pub(crate) fn timestamp(microseconds: i64) -> Result<Timestamp, Fault> {
    Timestamp::from_microsecond(microseconds)
        .map_err(|_| Fault::Damaged(format!("{microseconds} is no time")))
}

pub(crate) fn time(row: &PgRow, column: &str) -> Result<Timestamp, Fault> {
    timestamp(row.try_get(column)?)
}

pub(crate) fn maybe_time(row: &PgRow, column: &str) -> Result<Option<Timestamp>, Fault> {
    row.try_get::<Option<i64>, _>(column)?
        .map(timestamp)
        .transpose()
}

pub(crate) fn count(row: &PgRow, column: &str) -> Result<u64, Fault> {
    counted(row.try_get(column)?)
}

pub(crate) fn counted(count: i64) -> Result<u64, Fault> {
    u64::try_from(count).map_err(|_| Fault::Damaged(format!("{count} is no count")))
}

pub(crate) fn version(row: &PgRow, column: &str) -> Result<u32, Fault> {
    let version: i64 = row.try_get(column)?;
    u32::try_from(version).map_err(|_| Fault::Damaged(format!("{version} is no version")))
}

pub(crate) fn digest(bytes: &[u8]) -> Result<Digest, Fault> {
    let bytes = bytes
        .try_into()
        .map_err(|_| Fault::Damaged(format!("a digest has {} bytes", bytes.len())))?;
    Ok(Digest::from_bytes(bytes))
}

pub(crate) fn tenant(text: &str) -> Result<TenantId, Fault> {
    TenantId::parse(text)
        .map_err(|error| Fault::Damaged(format!("a tenant is called `{text}`: {error}")))
}
