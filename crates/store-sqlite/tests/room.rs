//! A disk that is full: nothing acknowledged is lost, and it goes on when there is room.

mod support;

use std::sync::Arc;

use bytes::Bytes;
use jackfield_store_api::{Append, JournalRecord, Store, StoreError, TenantStore};
use jackfield_store_sqlite::{SqliteOptions, SqliteStore};
use support::{Held, options};
use tempfile::TempDir;

fn large(held: &Held, after: u64) -> Append {
    let mut append = support::one(held, after);
    append.records = vec![Bytes::from(vec![after as u8; 20_000])];
    append
}

/// Adds records until there is no room, and gives how many there are then.
async fn fill(tenant: &dyn TenantStore, held: &Held) -> u64 {
    let mut length = 1;
    loop {
        match tenant.append(large(held, length)).await {
            Ok(appended) => length = appended.length,
            Err(StoreError::Full { reason, .. }) => {
                assert!(!reason.is_empty());
                return length;
            }
            Err(error) => panic!("{error:?}"),
        }
        assert!(length < 10_000, "there is no end");
    }
}

async fn part(tenant: &dyn TenantStore, held: &Held, after: u64) -> Vec<JournalRecord> {
    let part = tenant.journal(held.id, after, 100).await;
    part.expect("it is read")
}

async fn check(store: &dyn Store, held: &Held, length: u64) {
    let tenant = store.tenant(&jackfield_types::TenantId::parse("acme").expect("an id"));
    assert_eq!(support::length(store, held.id).await, length);
    let mut after = 1;
    while after < length {
        for record in part(&*tenant, held, after).await {
            assert_eq!(record.record[..], vec![after as u8; 20_000]);
            after += 1;
        }
    }
}

#[tokio::test]
async fn full_file_loses_nothing_and_goes_on_with_more_room() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(options(&folder).max_pages(300)).unwrap();
    let (tenant, held) = support::begin(&store).await;
    let length = fill(&*tenant, &held).await;
    assert!(length > 20);
    check(&store, &held, length).await;
    // What needs no room still works.
    tenant
        .renew(held.id, held.fence, std::time::Duration::from_secs(60))
        .await
        .unwrap();
    // Of many that come together those that fit are kept.
    let appends = (0..50).map(|_| tenant.append(large(&held, length)));
    for append in futures_util::future::join_all(appends).await {
        assert!(matches!(append, Err(StoreError::Full { .. })), "{append:?}");
    }
    store.close().await.unwrap();
    let store = SqliteStore::open(options(&folder).max_pages(1_000)).unwrap();
    check(&store, &held, length).await;
    let (_, other) = support::begin(&store).await;
    store
        .tenant(tenant.id())
        .append(large(&other, 1))
        .await
        .unwrap();
}

/// A file system of two megabytes, where the machine lets one be made.
#[cfg(target_os = "linux")]
struct Small {
    folder: TempDir,
}

#[cfg(target_os = "linux")]
impl Small {
    fn mount() -> Option<Self> {
        let folder = TempDir::new().expect("a folder");
        let mut command = std::process::Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]);
        let mounted = command
            .arg(folder.path())
            .output()
            .is_ok_and(|out| out.status.success());
        mounted.then(|| Self { folder })
    }
}

#[cfg(target_os = "linux")]
impl Drop for Small {
    fn drop(&mut self) {
        let unmounted = std::process::Command::new("umount")
            .arg("-l")
            .arg(self.folder.path())
            .status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

/// Runs a test of this program in a process of its own, started by a program with some arguments,
/// and gives what it printed if it failed; `None` when that program cannot do what it is asked to.
#[cfg(unix)]
fn run_apart(
    starter: &str,
    arguments: &[&str],
    test: &str,
    folder: &TempDir,
) -> Option<Result<(), String>> {
    let program = std::env::current_exe().expect("this program");
    let done = std::process::Command::new(starter)
        .args(arguments)
        .arg(program)
        .args(["--exact", test, "--nocapture"])
        .env(APART, folder.path())
        .output()
        .ok()?;
    let output = format!(
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    output
        .contains("running 1 test")
        .then(|| done.status.success().then_some(()).ok_or(output))
}

/// Says to a process that it is started by another test, with the folder that it works in.
#[cfg(unix)]
const APART: &str = "JACKFIELD_TEST_APART";

/// A file that may not grow, by the word of the system and not of the database: whatever the system
/// calls that, nothing acknowledged is lost.
#[cfg(unix)]
#[tokio::test]
async fn file_that_the_system_does_not_let_grow_loses_nothing() {
    let name = "file_that_the_system_does_not_let_grow_loses_nothing";
    if let Some(folder) = std::env::var_os(APART) {
        let folder = std::path::PathBuf::from(folder);
        let store = SqliteStore::open(SqliteOptions::new(folder.join("store.db"))).unwrap();
        let (tenant, held) = support::begin(&store).await;
        let mut length = 1;
        let refused = loop {
            match tenant.append(large(&held, length)).await {
                Ok(appended) => length = appended.length,
                Err(error) => break error,
            }
            assert!(length < 10_000, "there is no end");
        };
        assert!(
            matches!(refused, StoreError::Full { .. } | StoreError::Failed { .. }),
            "{refused:?}"
        );
        check(&store, &held, length).await;
        let told = format!("{} {length}", held.id);
        // The limit is for each file.
        std::fs::write(folder.join("acknowledged"), told).unwrap();
        return;
    }
    let folder = TempDir::new().unwrap();
    let limited = r#"trap "" XFSZ; ulimit -f 4000; exec "$0" "$@""#;
    let done = run_apart("sh", &["-c", limited], name, &folder);
    assert_eq!(done, Some(Ok(())));
    let told = std::fs::read_to_string(folder.path().join("acknowledged")).unwrap();
    let (id, length) = told.split_once(' ').unwrap();
    let held = Held {
        id: id.parse().unwrap(),
        fence: jackfield_store_api::Fence(1),
    };
    let length = length.parse().unwrap();
    assert!(length > 20, "{length}");
    let store = SqliteStore::open(options(&folder)).unwrap();
    check(&store, &held, length).await;
    let (tenant, other) = support::begin(&store).await;
    tenant.append(large(&other, 1)).await.unwrap();
    store.close().await.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn full_disk_loses_nothing_and_goes_on_when_there_is_room() {
    let name = "full_disk_loses_nothing_and_goes_on_when_there_is_room";
    let Some(small) = Small::mount() else {
        // Whoever may not mount may do so in a namespace of its own, on most machines; on others the
        // cases above have to do.
        if std::env::var_os(APART).is_none() {
            let folder = TempDir::new().unwrap();
            let done = run_apart("unshare", &["--map-root-user", "--mount"], name, &folder);
            assert!(!matches!(done, Some(Err(_))), "{done:?}");
        }
        return;
    };
    let ballast = small.folder.path().join("ballast");
    std::fs::write(&ballast, vec![1; 500_000]).unwrap();
    let path = small.folder.path().join("store.db");
    let store = Arc::new(SqliteStore::open(SqliteOptions::new(&path)).unwrap());
    let (tenant, held) = support::begin(&*store).await;
    let length = fill(&*tenant, &held).await;
    assert!(length > 5, "{length}");
    check(&*store, &held, length).await;
    std::fs::remove_file(&ballast).unwrap();
    let appended = tenant.append(large(&held, length)).await.unwrap();
    assert_eq!(
        appended.length,
        length + 1,
        "it goes on without being opened again"
    );
    store.close().await.unwrap();
    // The log and the file need room at the same time when one is moved into the other.
    let roomy = TempDir::new().unwrap();
    for suffix in ["", "-wal"] {
        let from = support::beside(&path, suffix);
        if from.exists() {
            std::fs::copy(from, support::beside(&support::database(&roomy), suffix)).unwrap();
        }
    }
    let store = SqliteStore::open(options(&roomy)).unwrap();
    check(&store, &held, length + 1).await;
    store.close().await.unwrap();
}
