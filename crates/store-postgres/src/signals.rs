use jackfield_store_api::{PageRequest, Signal};
use jackfield_types::ExecutionId;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::draft::{Draft, Key, SentBefore};
use crate::drafts::place_in;
use crate::error::Fault;
use crate::group::Wanted;
use crate::row::{BYTES, count, digest, number, time};
use crate::statements;
use crate::sum::{checked, sum};

/// Writes the signals of a group.
pub(crate) async fn insert(connection: &mut PgConnection, drafts: &[Draft]) -> Result<(), Fault> {
    let mut tenants: Vec<&str> = Vec::new();
    let mut executions: Vec<Uuid> = Vec::new();
    let mut numbers: Vec<i64> = Vec::new();
    let mut times: Vec<i64> = Vec::new();
    let mut checksums: Vec<i64> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    let mut keys: Vec<Option<&str>> = Vec::new();
    let mut data: Vec<&[u8]> = Vec::new();
    for draft in drafts {
        for signal in &draft.signals {
            let at = signal.at.as_microsecond();
            tenants.push(draft.key.0.as_str());
            executions.push(*draft.key.1.as_uuid());
            numbers.push(number(signal.number));
            times.push(at);
            checksums.push(checksum(
                &draft.key,
                signal.number,
                at,
                &signal.name,
                &signal.data,
            ));
            names.push(&signal.name);
            keys.push(signal.key.as_deref());
            data.push(&signal.data);
        }
    }
    if tenants.is_empty() {
        return Ok(());
    }
    sqlx::query(statements::INSERT_SIGNALS)
        .bind(tenants)
        .bind(executions)
        .bind(numbers)
        .bind(times)
        .bind(checksums)
        .bind(names)
        .bind(keys)
        .bind(data)
        .execute(connection)
        .await?;
    Ok(())
}

/// Looks up which signals with keys were sent, of those that a group is to send. Done after the
/// courses are read: whoever sends one later changes the course, and the group is made again.
pub(crate) async fn find(
    connection: &mut PgConnection,
    wanted: &Wanted,
    drafts: &mut [Draft],
) -> Result<(), Fault> {
    if wanted.signals.is_empty() {
        return Ok(());
    }
    let keys = wanted.signals.iter().map(|(place, _)| &wanted.keys[*place]);
    let tenants: Vec<&str> = keys.clone().map(|key| key.0.as_str()).collect();
    let executions: Vec<Uuid> = keys.map(|key| *key.1.as_uuid()).collect();
    let names: Vec<&str> = wanted.signals.iter().map(|(_, key)| key.as_str()).collect();
    let rows = sqlx::query(statements::FIND_SIGNALS)
        .bind(tenants)
        .bind(executions)
        .bind(names)
        .fetch_all(connection)
        .await?;
    for row in &rows {
        let place = place_in(row.try_get("place")?).and_then(|place| wanted.signals.get(place));
        if let Some((place, key)) = place
            && let Some(draft) = drafts.get_mut(*place)
        {
            draft.sent_before.push(SentBefore {
                key: key.clone(),
                number: count(row, "number")?,
                name: row.try_get("name")?,
                digest: digest(row.try_get("digest")?)?,
            });
        }
    }
    Ok(())
}

/// The signals of an execution after a number; `None` when there is no such execution.
pub(crate) async fn read(
    connection: &mut PgConnection,
    key: &Key,
    after: u64,
) -> Result<Option<Vec<Signal>>, Fault> {
    let rows = sqlx::query(
        "SELECT q.number, q.sent_at, q.checksum, q.name, q.data
         FROM courses AS c LEFT JOIN (
             SELECT p.*, sum(octet_length(p.data)) OVER (ORDER BY p.number) AS bytes
             FROM (SELECT * FROM signals
                   WHERE tenant = $1 AND execution = $2 AND number > $3
                   ORDER BY number LIMIT $4) AS p) AS q
             ON q.bytes <= $5 OR q.number = $3 + 1
         WHERE c.tenant = $1 AND c.id = $2
         ORDER BY q.number",
    )
    .bind(key.0.as_str())
    .bind(key.1.as_uuid())
    // What comes after the last number that there is does not come.
    .bind(number(after).min(i64::MAX - 1))
    .bind(i64::from(PageRequest::MOST))
    .bind(BYTES)
    .fetch_all(connection)
    .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut signals = Vec::new();
    for row in &rows {
        if row.try_get::<Option<i64>, _>("number")?.is_none() {
            continue;
        }
        let number = count(row, "number")?;
        let at = time(row, "sent_at")?;
        let name: String = row.try_get("name")?;
        let place = place_of(key.1, number, at.as_microsecond());
        let data = checked(
            || format!("signal {number} of execution `{}`", key.1),
            &[key.0.as_str(), &name],
            &place,
            row.try_get("data")?,
            row.try_get("checksum")?,
        )?;
        signals.push(Signal {
            number,
            name,
            data,
            at,
        });
    }
    Ok(Some(signals))
}

fn checksum(key: &Key, signal: u64, at: i64, name: &str, data: &[u8]) -> i64 {
    sum(&[key.0.as_str(), name], &place_of(key.1, signal, at), data)
}

fn place_of(id: ExecutionId, signal: u64, at: i64) -> [i64; 4] {
    let (high, low) = id.as_uuid().as_u64_pair();
    [high.cast_signed(), low.cast_signed(), number(signal), at]
}
