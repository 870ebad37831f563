//! What is left when the process or the machine stops in the middle.

#![expect(
    clippy::unwrap_used,
    reason = "what helps the tests fails them as they do"
)]

mod support;

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jackfield_store_api::{Append, Store, TenantStore, limits};
use jackfield_store_sqlite::{SqliteOptions, SqliteStore};
use jackfield_types::{ExecutionId, TenantId};
use support::{beside, database, options};
use tempfile::TempDir;

/// Three records and a payload that belongs to them.
fn batch(id: ExecutionId, fence: jackfield_store_api::Fence, after: u64) -> Append {
    let content = Bytes::from(format!("payload {id} {after}"));
    Append {
        execution: id,
        fence,
        after,
        records: (0..3)
            .map(|part| Bytes::from(format!("{id} {after} {part}")))
            .collect(),
        payloads: vec![(limits::digest_of(&content), content)],
        state: None,
    }
}

/// Checks that a journal is made of whole batches, with their payloads, and gives its length.
async fn whole_batches(tenant: &dyn TenantStore, id: ExecutionId) -> u64 {
    let length = tenant.execution(id).await.unwrap().length;
    assert_eq!(length % 3, 1, "a batch is there in part");
    let mut after = 1;
    while after < length {
        let records = tenant.journal(id, after, 3).await.unwrap();
        for (part, record) in records.iter().enumerate() {
            assert_eq!(record.record, format!("{id} {after} {part}").as_bytes());
        }
        let content = format!("payload {id} {after}");
        let payload = tenant
            .payload(limits::digest_of(content.as_bytes()))
            .await
            .unwrap();
        assert_eq!(payload, content.as_bytes());
        after += 3;
    }
    assert_eq!(tenant.journal(id, length, 10).await.unwrap(), []);
    length
}

/// The log is cut off at many places, as a loss of power may leave it: what is there is a beginning
/// of what was written, in whole changes.
#[tokio::test]
async fn log_that_is_cut_off_leaves_whole_changes() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(options(&folder)).unwrap();
    let (tenant, held) = support::begin(&store).await;
    let begun = fs::metadata(beside(&database(&folder), "-wal"))
        .unwrap()
        .len();
    for number in 0..8 {
        tenant
            .append(batch(held.id, held.fence, 1 + number * 3))
            .await
            .unwrap();
    }
    let copy = support::copy(&database(&folder));
    let log = fs::metadata(beside(&database(&copy), "-wal"))
        .unwrap()
        .len();
    let mut lengths = Vec::new();
    // From just after the execution was made, at places that lie in every part of a page.
    for end in (begun..=log).step_by(1_511) {
        let copy = support::copy(&database(&copy));
        let file = OpenOptions::new()
            .write(true)
            .open(beside(&database(&copy), "-wal"))
            .unwrap();
        file.set_len(end).unwrap();
        drop(file);
        let store = SqliteStore::open(options(&copy)).unwrap();
        lengths.push(whole_batches(&*store.tenant(tenant.id()), held.id).await);
        store.close().await.unwrap();
    }
    assert!(lengths.is_sorted(), "{lengths:?}");
    assert_eq!(lengths.first(), Some(&1));
    assert!(lengths.last() >= Some(&22), "{lengths:?}");
}

/// The name of the file, for the process that is to be killed.
const CHILD: &str = "JACKFIELD_STORE_TO_WRITE";

/// What the killed process does: several executions journal as fast as they can, and each writes
/// to its output what was acknowledged. It is a test of its own only because test programs can run
/// nothing else; without the name of a file there is nothing to write.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(SqliteOptions::new(path)).unwrap();
        let mut writers = Vec::new();
        for _ in 0..8 {
            let (tenant, held) = support::begin(&store).await;
            writers.push(tokio::spawn(async move {
                let mut length = 1;
                loop {
                    println!("acknowledged {} {length}", held.id);
                    let append = batch(held.id, held.fence, length);
                    length = tenant.append(append).await.unwrap().length;
                }
            }));
        }
        // None of them ends.
        futures_util::future::join_all(writers).await;
    });
}

/// Kills the process when it goes out of scope, whatever happens.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The process is killed at many instants; each time the next one finds all that was acknowledged,
/// and goes on.
#[tokio::test]
async fn killed_process_loses_nothing_that_was_acknowledged() {
    let folder = TempDir::new().unwrap();
    let tenant = TenantId::parse("acme").unwrap();
    let mut acknowledged: Vec<(ExecutionId, u64)> = Vec::new();
    for round in 0..12u64 {
        let program = std::env::current_exe().unwrap();
        let mut child = Command::new(program)
            .args([
                "--exact",
                "child_that_writes_until_it_is_killed",
                "--nocapture",
            ])
            .env(CHILD, database(&folder))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map(Killed)
            .unwrap();
        let output = BufReader::new(child.0.stdout.take().unwrap());
        let mut lines = output.lines();
        // It is killed after so many acknowledgements, and a bit more.
        let wanted = 8 + round * 37;
        let mut seen = 0;
        let mut killed = false;
        let mut spare = Instant::now();
        for line in &mut lines {
            let Ok(line) = line else { break };
            let Some(words) = line.split_once("acknowledged ").map(|(_, words)| words) else {
                continue;
            };
            let Some((id, length)) = words.split_once(' ') else {
                continue;
            };
            let (Ok(id), Ok(length)) = (id.parse(), length.parse()) else {
                continue;
            };
            match acknowledged.iter_mut().find(|(known, _)| *known == id) {
                Some((_, known)) => *known = length,
                None => acknowledged.push((id, length)),
            }
            seen += 1;
            if seen == wanted {
                spare = Instant::now();
            }
            if !killed && seen >= wanted && spare.elapsed() >= Duration::from_micros(round * 300) {
                child.0.kill().unwrap();
                killed = true;
            }
        }
        assert!(killed, "it ended by itself after {seen} acknowledgements");
        drop(child);
        let store = Arc::new(SqliteStore::open(options(&folder)).unwrap());
        let tenant = store.tenant(&tenant);
        for (id, length) in &mut acknowledged {
            let found = whole_batches(&*tenant, *id).await;
            assert!(
                found >= *length,
                "round {round}: {id} has {found}, not {length}"
            );
            *length = found;
        }
        store.close().await.unwrap();
    }
    assert!(acknowledged.len() >= 12, "each round begins some");
}
