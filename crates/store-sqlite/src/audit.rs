use bytes::Bytes;
use jackfield_store_api::{
    AuditRecords, JournalRecord, PageRequest, StoreError, StoreFuture, limits,
};
use jackfield_types::TenantId;
use rusqlite::Connection;

use crate::error::Fault;
use crate::journal::BYTES;
use crate::ledger::Ledger;
use crate::row::{Count, number};
use crate::store::refuse;
use crate::sum::{checked, sum};
use crate::tenant::SqliteTenant;

impl AuditRecords for SqliteTenant {
    fn append_audit(&self, after: u64, records: Vec<Bytes>) -> StoreFuture<'_, u64> {
        if let Err(refused) = limits::check_records(&records) {
            return refuse(refused);
        }
        let weight = records.iter().map(Bytes::len).sum();
        self.change(weight, move |ledger, tenant| {
            add(ledger, tenant, after, &records)
        })
    }

    fn audit(&self, after: u64, limit: u32) -> StoreFuture<'_, Vec<JournalRecord>> {
        let limit = limit.clamp(1, PageRequest::MOST);
        self.read(move |connection, tenant| {
            let mut statement = connection.prepare_cached(
                "SELECT sequence, record, checksum FROM audit
                 WHERE tenant = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3",
            )?;
            let mut rows = statement.query((tenant, number(after), limit))?;
            let mut found: Vec<JournalRecord> = Vec::new();
            let mut bytes = 0;
            while let Some(row) = rows.next()? {
                let sequence = row.get::<_, Count>(0)?.0;
                let what = format!("audit record {sequence}");
                if sequence != after + found.len() as u64 + 1 {
                    return Err(Fault::Damaged(format!("{what} follows a gap")));
                }
                let place = [tenant, number(sequence)];
                let record = checked(&what, &place, &[], row.get(1)?, row.get(2)?)?;
                bytes += record.len();
                if bytes > BYTES && !found.is_empty() {
                    break;
                }
                found.push(JournalRecord { sequence, record });
            }
            Ok(found)
        })
    }
}

fn add(
    ledger: &mut Ledger,
    tenant: &TenantId,
    after: u64,
    records: &[Bytes],
) -> Result<u64, Fault> {
    let length = match ledger.tenant(tenant)? {
        Some(tenant) => length(&ledger.connection, tenant)?,
        None => 0,
    };
    if length != after {
        return Err(Fault::Refused(StoreError::OutOfTurn {
            reason: format!("the audit trail has {length} records, not {after}"),
        }));
    }
    if records.is_empty() {
        return Ok(length);
    }
    let tenant = ledger.tenant_or_new(tenant)?;
    let mut insert = ledger.connection.prepare_cached(
        "INSERT INTO audit (tenant, sequence, record, checksum) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let mut sequence = length;
    for record in records {
        sequence += 1;
        let checksum = sum(&[tenant, number(sequence)], &[], record);
        insert.execute((tenant, number(sequence), &**record, checksum))?;
    }
    Ok(sequence)
}

fn length(connection: &Connection, tenant: i64) -> rusqlite::Result<u64> {
    let last: Option<Count> = connection
        .prepare_cached("SELECT max(sequence) FROM audit WHERE tenant = ?1")?
        .query_row([tenant], |row| row.get(0))?;
    Ok(last.map_or(0, |last| last.0))
}
