//! Which files are opened, by whom, and what becomes of those that are not ours.

mod support;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use jackfield_store_api::{Claim, ExecutionState, Request, Store, StoreError, Waiting, WorkerId};
use jackfield_store_sqlite::{Role, SqliteOptions, SqliteStore};
use rusqlite::Connection;
use support::{beside, database, options};
use tempfile::TempDir;

fn visitor(folder: &TempDir) -> SqliteOptions {
    options(folder).role(Role::Visitor)
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(options(&folder)).unwrap();
    support::begin(&store).await;
    let files: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap())
        .collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", file.path());
    }
}

#[tokio::test]
async fn second_worker_is_refused_and_told_who_has_it() {
    let folder = TempDir::new().unwrap();
    let first = SqliteStore::open(options(&folder)).unwrap();
    support::begin(&first).await;
    let refused = SqliteStore::open(options(&folder)).unwrap_err();
    assert!(matches!(refused, StoreError::InUse { .. }), "{refused:?}");
    let message = refused.to_string();
    assert!(
        message.contains(&format!("process {}", std::process::id())),
        "{message}"
    );
    assert!(message.contains("PostgreSQL"), "the way out: {message}");
    support::begin(&first).await;
    first.close().await.unwrap();
    let second = SqliteStore::open(options(&folder)).unwrap();
    support::begin(&second).await;
}

#[cfg(unix)]
#[test]
fn second_worker_is_refused_by_whatever_way_it_comes() {
    let folder = TempDir::new().unwrap();
    let first = SqliteStore::open(options(&folder)).unwrap();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(database(&folder), &link).unwrap();
    let refused = SqliteStore::open(SqliteOptions::new(&link)).unwrap_err();
    assert!(matches!(refused, StoreError::InUse { .. }), "{refused:?}");
    drop(first);
    drop(SqliteStore::open(SqliteOptions::new(&link)).unwrap());
}

#[tokio::test]
async fn letting_go_of_a_store_closes_it() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(options(&folder)).unwrap();
    let (tenant, held) = support::begin(&store).await;
    drop(store);
    let appended = tenant.append(support::one(&held, 1)).await;
    assert_eq!(appended.unwrap().length, 2, "a part of it keeps it open");
    drop(tenant);
    assert!(
        !beside(&database(&folder), "-wal").exists(),
        "nothing is left in the log"
    );
    let store = SqliteStore::open(options(&folder)).unwrap();
    assert_eq!(support::length(&store, held.id).await, 2);
}

#[tokio::test]
async fn visitors_ask_things_of_executions_that_run_elsewhere() {
    let folder = TempDir::new().unwrap();
    let worker = SqliteStore::open(options(&folder)).unwrap();
    let (tenant, held) = support::begin(&worker).await;
    let mut parked = support::one(&held, 1);
    let waiting = Waiting {
        until: None,
        signal_after: Some(0),
    };
    parked.state = Some(ExecutionState::Parked(waiting));
    tenant.append(parked).await.unwrap();
    let claim = Claim {
        worker: WorkerId::generate(),
        lease: Duration::from_secs(60),
        most: 10,
    };
    assert_eq!(worker.claim(claim).await.unwrap(), []);

    let visitor = SqliteStore::open(visitor(&folder)).unwrap();
    let theirs = visitor.tenant(tenant.id());
    assert_eq!(theirs.execution(held.id).await.unwrap().length, 2);
    theirs
        .send_signal(held.id, "go", bytes::Bytes::new())
        .await
        .unwrap();
    let refused = visitor.claim(claim).await.unwrap_err();
    assert!(matches!(refused, StoreError::InUse { .. }), "{refused:?}");
    let refused = theirs.claim_execution(held.id, claim).await.unwrap_err();
    assert!(matches!(refused, StoreError::InUse { .. }), "{refused:?}");

    let claimed = worker.claim(claim).await.unwrap();
    assert_eq!(claimed.len(), 1, "the signal of another process is seen");
    theirs.request(held.id, Request::Cancel).await.unwrap();
    let standing = tenant
        .renew(held.id, claimed[0].fence, claim.lease)
        .await
        .unwrap();
    assert!(standing.requests.cancel && standing.signals == 1);
    visitor.close().await.unwrap();
    // Both write, again and again, and each sees what the other has written.
    let other = SqliteStore::open(self::visitor(&folder)).unwrap();
    let theirs = other.tenant(tenant.id());
    for number in 2..30 {
        assert_eq!(
            theirs
                .send_signal(held.id, "again", bytes::Bytes::new())
                .await
                .unwrap(),
            number
        );
        let standing = tenant
            .renew(held.id, claimed[0].fence, claim.lease)
            .await
            .unwrap();
        assert_eq!(standing.signals, number);
    }
}

#[tokio::test]
async fn visitors_do_not_disturb_what_a_worker_holds() {
    let folder = TempDir::new().unwrap();
    let worker = SqliteStore::open(options(&folder)).unwrap();
    let (tenant, held) = support::begin(&worker).await;
    let visitor = SqliteStore::open(visitor(&folder)).unwrap();
    tenant.append(support::one(&held, 1)).await.unwrap();
    visitor.close().await.unwrap();
    tenant.append(support::one(&held, 2)).await.unwrap();
    worker.close().await.unwrap();
    let next = SqliteStore::open(options(&folder)).unwrap();
    let record = next.tenant(tenant.id()).execution(held.id).await.unwrap();
    assert_eq!(
        (record.length, record.lease),
        (3, None),
        "its worker cannot live any more"
    );
}

#[tokio::test]
async fn many_open_and_close_a_new_file_at_once() {
    for _ in 0..10 {
        let folder = Arc::new(TempDir::new().unwrap());
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let folder = Arc::clone(&folder);
                std::thread::spawn(move || SqliteStore::open(visitor(&folder)).map(drop))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap().unwrap();
        }
        support::begin(&SqliteStore::open(options(&folder)).unwrap()).await;
    }
}

#[test]
fn newer_files_are_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    drop(SqliteStore::open(options(&folder)).unwrap());
    let connection = Connection::open(database(&folder)).unwrap();
    connection
        .pragma_update(None, "user_version", 4_711)
        .unwrap();
    drop(connection);
    let before = fs::read(database(&folder)).unwrap();
    for role in [Role::Worker, Role::Visitor] {
        let refused = SqliteStore::open(options(&folder).role(role)).unwrap_err();
        let newer = matches!(
            refused,
            StoreError::Newer {
                found: 4_711,
                known: 1,
                ..
            }
        );
        assert!(newer, "{refused:?}");
        assert!(
            refused.to_string().contains("run the newer program"),
            "{refused}"
        );
    }
    assert_eq!(fs::read(database(&folder)).unwrap(), before);
}

#[test]
fn databases_of_other_programs_are_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let connection = Connection::open(database(&folder)).unwrap();
    connection
        .execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")
        .unwrap();
    drop(connection);
    let before = fs::read(database(&folder)).unwrap();
    let refused = SqliteStore::open(options(&folder)).unwrap_err();
    assert!(matches!(refused, StoreError::Refused { .. }), "{refused:?}");
    assert!(refused.to_string().contains("another program"), "{refused}");
    assert_eq!(fs::read(database(&folder)).unwrap(), before);
}

#[test]
fn folders_that_are_not_there_are_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("none").join("store.db");
    let refused = SqliteStore::open(SqliteOptions::new(&path)).unwrap_err();
    assert!(refused.to_string().contains("none"), "{refused}");
    let refused = SqliteStore::open(SqliteOptions::new(folder.path())).unwrap_err();
    assert!(!refused.to_string().is_empty());
}

#[tokio::test]
async fn interrupted_migration_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    // An empty file is what is left when the process dies before the first transaction.
    fs::write(database(&folder), b"").unwrap();
    let store = SqliteStore::open(options(&folder)).unwrap();
    support::begin(&store).await;
}
