use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::connection::BUSY;
use crate::queue::Queue;

/// Groups between two looks at how long the log is.
const GROUPS: u32 = 32;
/// Bytes that are written between two looks.
const BYTES: usize = 1_024 * 1_024;
/// Pages after which the log is emptied beside the writer.
const SOON: i64 = 1_000;
/// Pages after which the writer itself moves what is left, so that the log begins anew.
const NOW: i64 = 4_000;
/// Pages after which the writer waits for readers that still use the log.
const AT_LAST: i64 = 16_000;

/// How long the writer waits for readers.
const BRIEFLY: Duration = Duration::from_millis(100);
/// How long to wait until the log is emptied again for want of room.
const AGAIN: Duration = Duration::from_secs(1);

/// The write-ahead log: how long it is, and what is done about it.
///
/// Pages are moved to the file by a thread of its own, since that takes a flush of the disk. It
/// never catches up with a writer that goes on, so now and then the writer does what is left, which
/// is little.
pub(crate) struct Log {
    /// Groups since the last look.
    groups: u32,
    /// Bytes since the last look, about.
    bytes: usize,
    requests: Arc<Queue<()>>,
    underway: Arc<AtomicBool>,
    /// Pages after which readers are waited for.
    patience: i64,
    /// When the log was last emptied for want of room.
    emptied: Option<Instant>,
}

impl Log {
    pub(crate) fn new(requests: Arc<Queue<()>>, underway: Arc<AtomicBool>) -> Self {
        Self {
            groups: 0,
            bytes: 0,
            requests,
            underway,
            patience: AT_LAST,
            emptied: None,
        }
    }

    /// Empties the log when there is no room left, which may make some: `false` when it does not,
    /// and when it was tried just before.
    pub(crate) fn make_room(&mut self, connection: &Connection) -> bool {
        if self.emptied.is_some_and(|last| last.elapsed() < AGAIN) {
            return false;
        }
        self.emptied = Some(Instant::now());
        finish(connection).is_ok()
    }

    /// Looks at the log now and then, between two groups. What does not work now works later: the
    /// log holds everything until then.
    pub(crate) fn after_group(&mut self, connection: &Connection, bytes: usize) {
        self.groups += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.groups < GROUPS && self.bytes < BYTES {
            return;
        }
        (self.groups, self.bytes) = (0, 0);
        let Ok((pages, _)) = checkpoint(connection, "noop") else {
            return;
        };
        if pages < AT_LAST {
            self.patience = AT_LAST;
        }
        if pages >= self.patience {
            // One that reads for long keeps the log from beginning anew: it is not waited for at
            // every turn.
            let _ = restart(connection);
            self.patience = pages.saturating_add(pages / 4);
        } else if pages >= NOW {
            let _ = checkpoint(connection, "passive");
        } else if pages >= SOON && !self.underway.swap(true, Ordering::AcqRel) {
            let _ = self.requests.push(());
        }
    }
}

/// Moves pages whenever it is asked to, until the queue is closed.
pub(crate) fn run(connection: &Connection, requests: &Queue<()>, underway: &AtomicBool) {
    while requests.take().is_some() {
        let _ = checkpoint(connection, "passive");
        underway.store(false, Ordering::Release);
    }
}

/// Moves everything, and leaves an empty log.
pub(crate) fn finish(connection: &Connection) -> rusqlite::Result<()> {
    checkpoint(connection, "truncate").map(|_| ())
}

/// Moves everything, and waits a little for readers, so that the log can begin anew.
fn restart(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BRIEFLY)?;
    let moved = checkpoint(connection, "restart");
    connection.busy_timeout(BUSY)?;
    moved.map(|_| ())
}

/// The pages in the log, and how many of them have been moved.
fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<(i64, i64)> {
    connection
        .prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?
        .query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
}
