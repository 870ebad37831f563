use jackfield_store_api::{Course, StoreError};
use jackfield_types::{ExecutionId, TenantId};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use rustc_hash::FxHashMap;

use crate::courses;
use crate::error::Fault;

/// The database as the writer has it: with the courses at hand that were used last, so that a step
/// of an execution reads nothing.
///
/// What is changed in a course is written when the group ends, once for all changes of the group.
pub(crate) struct Ledger {
    pub(crate) connection: Connection,
    /// The time of the group.
    pub(crate) now: Timestamp,
    /// Whose turn it was last.
    pub(crate) turn: i64,
    tenants: FxHashMap<TenantId, i64>,
    entries: FxHashMap<(i64, ExecutionId), Entry>,
    changed: Vec<(i64, ExecutionId)>,
    /// What SQLite counts up when another process has written.
    version: Option<i64>,
}

/// An execution at hand.
pub(crate) struct Entry {
    /// Its number in this file.
    pub(crate) number: i64,
    /// The row of the last record of its journal.
    pub(crate) last: i64,
    pub(crate) course: Course,
    change: Change,
}

/// What of a course is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// Nothing.
    Nothing,
    /// What every record changes.
    Journal,
    /// All of it.
    Whole,
}

/// The most executions at hand.
const AT_HAND: usize = 1 << 15;

impl Ledger {
    pub(crate) fn new(connection: Connection, now: Timestamp) -> Self {
        Self {
            connection,
            now,
            turn: 0,
            tenants: FxHashMap::default(),
            entries: FxHashMap::default(),
            changed: Vec::new(),
            version: None,
        }
    }

    /// Begins a group.
    pub(crate) fn begin(&mut self, now: Timestamp) -> rusqlite::Result<()> {
        self.now = now;
        self.connection
            .prepare_cached("BEGIN IMMEDIATE")?
            .execute([])?;
        let version = self
            .connection
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get(0))?;
        if self.version != Some(version) || self.entries.len() > AT_HAND {
            self.forget();
            self.version = Some(version);
        }
        Ok(())
    }

    /// Ends a group: it is as safe as the connection makes it when this returns.
    pub(crate) fn commit(&mut self) -> rusqlite::Result<()> {
        self.flush()?;
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    /// Takes a group back.
    pub(crate) fn roll_back(&mut self) {
        self.forget();
        if !self.connection.is_autocommit() {
            // What cannot be taken back now is taken back when the file is opened the next time;
            // nobody was told that it was done.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }

    /// Writes what has changed, so that the database can be asked about it.
    pub(crate) fn flush(&mut self) -> rusqlite::Result<()> {
        for key in self.changed.drain(..) {
            let Some(entry) = self.entries.get_mut(&key) else {
                continue;
            };
            match std::mem::replace(&mut entry.change, Change::Nothing) {
                Change::Nothing => {}
                Change::Journal => courses::update_journal(
                    &self.connection,
                    entry.number,
                    &entry.course,
                    entry.last,
                )?,
                Change::Whole => {
                    courses::update(&self.connection, entry.number, &entry.course, entry.last)?;
                }
            }
        }
        Ok(())
    }

    /// The number of a tenant; `None` when nothing was ever kept for it.
    pub(crate) fn tenant(&mut self, id: &TenantId) -> rusqlite::Result<Option<i64>> {
        if let Some(number) = self.tenants.get(id) {
            return Ok(Some(*number));
        }
        let number = find_tenant(&self.connection, id)?;
        if let Some(number) = number {
            self.tenants.insert(id.clone(), number);
        }
        Ok(number)
    }

    /// The number of a tenant, for whom something is to be kept.
    pub(crate) fn tenant_or_new(&mut self, id: &TenantId) -> rusqlite::Result<i64> {
        if let Some(number) = self.tenant(id)? {
            return Ok(number);
        }
        self.connection
            .prepare_cached("INSERT INTO tenants (id) VALUES (?1)")?
            .execute([id.as_str()])?;
        let number = self.connection.last_insert_rowid();
        self.tenants.insert(id.clone(), number);
        Ok(number)
    }

    /// An execution.
    pub(crate) fn entry(
        &mut self,
        tenant: &TenantId,
        id: ExecutionId,
    ) -> Result<(i64, &mut Entry), Fault> {
        let tenant = self.tenant(tenant)?.ok_or_else(|| no_execution(id))?;
        let key = (tenant, id);
        if !self.entries.contains_key(&key) {
            let entry = load(&self.connection, key)?.ok_or_else(|| no_execution(id))?;
            self.entries.insert(key, entry);
        }
        let entry = self.entries.get_mut(&key).ok_or_else(|| no_execution(id))?;
        Ok((tenant, entry))
    }

    /// Lets something change a course, and has it written.
    pub(crate) fn change<T>(
        &mut self,
        tenant: &TenantId,
        id: ExecutionId,
        change: impl FnOnce(&mut Course, Timestamp) -> Result<T, StoreError>,
    ) -> Result<T, Fault> {
        let now = self.now;
        let (tenant, entry) = self.entry(tenant, id)?;
        let result = change(&mut entry.course, now)?;
        self.note((tenant, id), Change::Whole);
        Ok(result)
    }

    /// Has a course written that was changed.
    pub(crate) fn note(&mut self, key: (i64, ExecutionId), change: Change) {
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        if entry.change == Change::Nothing {
            self.changed.push(key);
        }
        entry.change = entry.change.max(change);
    }

    /// Notes where the last record of a journal is now.
    pub(crate) fn moved(&mut self, key: (i64, ExecutionId), last: i64) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.last = last;
        }
    }

    /// Puts an execution at hand that has just been written.
    pub(crate) fn remember(
        &mut self,
        key: (i64, ExecutionId),
        number: i64,
        course: Course,
        last: i64,
    ) {
        let entry = Entry {
            number,
            last,
            course,
            change: Change::Nothing,
        };
        self.entries.insert(key, entry);
    }

    /// Lets go of an execution that is gone.
    pub(crate) fn drop_entry(&mut self, key: (i64, ExecutionId)) {
        self.entries.remove(&key);
    }

    fn forget(&mut self) {
        self.tenants.clear();
        self.entries.clear();
        self.changed.clear();
    }
}

/// The number of a tenant.
pub(crate) fn find_tenant(connection: &Connection, id: &TenantId) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT number FROM tenants WHERE id = ?1")?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()
}

/// What to say when there is no such execution.
pub(crate) fn no_execution(id: ExecutionId) -> StoreError {
    StoreError::not_found(format!("execution `{id}`"))
}

fn load(connection: &Connection, key: (i64, ExecutionId)) -> Result<Option<Entry>, Fault> {
    let (tenant, id) = key;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT e.number, {} FROM executions AS e JOIN courses AS c ON c.number = e.number
         WHERE e.tenant = ?1 AND e.id = ?2",
        courses::COLUMNS
    ))?;
    let mut rows = statement.query((tenant, id.as_uuid().as_bytes()))?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let (course, last) = courses::read(row)?;
    Ok(Some(Entry {
        number: row.get("number")?,
        last,
        course,
        change: Change::Nothing,
    }))
}
