//! What the disk allows: a bare loop of inserts, in groups.

use std::path::Path;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rusqlite::Connection;

use super::scene::Milliseconds;

/// What is written at once.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    /// The rows of a group.
    pub(crate) rows: usize,
    /// The bytes of a row.
    pub(crate) bytes: usize,
}

/// What the loop came to.
pub(crate) struct Floor {
    /// Rows a second.
    pub(crate) rate: f64,
    /// How long groups took.
    pub(crate) took: Milliseconds,
}

/// Inserts for so long.
pub(crate) fn run(folder: &Path, group: Group, time: Duration) -> Floor {
    let connection = Connection::open(folder.join("floor.db")).unwrap();
    let set = |name: &str, value: &str| {
        let answer = connection.pragma_update_and_check(None, name, value, |_| Ok(()));
        // Not every setting gives an answer.
        assert!(matches!(
            answer,
            Ok(()) | Err(rusqlite::Error::QueryReturnedNoRows)
        ));
    };
    set("journal_mode", "wal");
    set("synchronous", "full");
    connection
        .execute_batch(
            "CREATE TABLE rows (execution INTEGER NOT NULL, sequence INTEGER NOT NULL,
                 record BLOB NOT NULL)",
        )
        .unwrap();
    let mut begin_group = connection.prepare("BEGIN").unwrap();
    let mut insert = connection
        .prepare("INSERT INTO rows VALUES (?1, ?2, ?3)")
        .unwrap();
    let mut commit = connection.prepare("COMMIT").unwrap();
    let record = vec![0x5a_u8; group.bytes];
    let begin = Instant::now();
    let mut groups = 0_u32;
    let mut took = Histogram::<u64>::new(3).unwrap();
    while begin.elapsed() < time {
        let began = Instant::now();
        begin_group.execute([]).unwrap();
        for row in 0..group.rows {
            insert.execute((row as i64, groups, &record)).unwrap();
        }
        commit.execute([]).unwrap();
        groups += 1;
        let nanoseconds = began.elapsed().as_nanos();
        took.record(u64::try_from(nanoseconds).unwrap()).unwrap();
    }
    Floor {
        rate: f64::from(groups) * group.rows as f64 / begin.elapsed().as_secs_f64(),
        took: Milliseconds(took),
    }
}
