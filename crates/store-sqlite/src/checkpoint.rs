use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use crate::queue::Queue;

/// Groups between two looks at how long the log is.
const EVERY: u32 = 32;
/// Pages after which the log is emptied beside the writer.
const SOON: i64 = 1_000;
/// Pages after which the writer itself moves what is left, so that the log begins anew.
const NOW: i64 = 4_000;
/// Pages after which the writer waits for readers that still use the log.
const AT_LAST: i64 = 16_000;

/// The write-ahead log: how long it is, and what is done about it.
///
/// Pages are moved to the file by a thread of its own, since that takes a flush of the disk. It
/// never catches up with a writer that goes on, so now and then the writer does what is left, which
/// is little.
pub(crate) struct Log {
    groups: u32,
    requests: Arc<Queue<()>>,
    underway: Arc<AtomicBool>,
}

impl Log {
    pub(crate) fn new(requests: Arc<Queue<()>>, underway: Arc<AtomicBool>) -> Self {
        Self {
            groups: 0,
            requests,
            underway,
        }
    }

    /// Looks at the log now and then, between two groups. What does not work now works later: the
    /// log holds everything until then.
    pub(crate) fn after_group(&mut self, connection: &Connection) {
        self.groups += 1;
        if self.groups < EVERY {
            return;
        }
        self.groups = 0;
        let Ok((pages, _)) = checkpoint(connection, "noop") else {
            return;
        };
        if pages >= AT_LAST {
            let _ = checkpoint(connection, "restart");
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

/// The pages in the log, and how many of them have been moved.
fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<(i64, i64)> {
    connection
        .prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?
        .query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
}
