//! What a damaged file gives: an error that says so, never other contents.

#![expect(
    clippy::unwrap_used,
    reason = "what helps the tests fails them as they do"
)]

mod support;

use std::fs;
use std::time::Duration;

use bytes::Bytes;
use jackfield_store_api::{
    Claim, Collection, ExecutionState, Expected, PageRequest, Retention, Store, StoreError,
    TenantStore, WorkerId, limits,
};
use jackfield_store_sqlite::SqliteStore;
use jackfield_types::{Digest, ExecutionId, TenantId};
use support::{database, options};
use tempfile::TempDir;

const RECORDS: u64 = 200;

/// A store with a bit of everything, closed.
async fn filled() -> (TempDir, ExecutionId) {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(options(&folder)).unwrap();
    let (tenant, held) = support::begin(&store).await;
    for after in 1..RECORDS {
        tenant.append(support::one(&held, after)).await.unwrap();
    }
    let mut append = support::one(&held, RECORDS);
    append.payloads = vec![(payload(), content())];
    tenant.append(append).await.unwrap();
    let document = tenant.put_document(Collection::Variables, "v", content(), Expected::Absent);
    document.await.unwrap();
    tenant.append_audit(0, vec![content()]).await.unwrap();
    tenant
        .send_signal(held.id, "signal", content())
        .await
        .unwrap();
    store.close().await.unwrap();
    (folder, held.id)
}

fn content() -> Bytes {
    Bytes::from("content ".repeat(2_000))
}

fn payload() -> Digest {
    limits::digest_of(&content())
}

/// Reads everything: each answer is right, or an error. Gives how many errors there were.
async fn read(tenant: &dyn TenantStore, id: ExecutionId) -> usize {
    let mut errors = Vec::new();
    match tenant.journal(id, 0, 1_000).await {
        Ok(records) => {
            // A course may be damaged so that it ends early; what is there is right.
            for record in &records {
                let expected = match record.sequence {
                    1 => "begin".to_owned(),
                    number => format!("record {number}"),
                };
                assert_eq!(record.record, expected.as_bytes());
            }
        }
        Err(error) => errors.push(error),
    }
    match tenant.payload(payload()).await {
        Ok(found) => assert_eq!(found, content()),
        Err(error) => errors.push(error),
    }
    match tenant.document(Collection::Variables, "v").await {
        Ok(found) => assert!(found.is_none_or(|found| found.content == content())),
        Err(error) => errors.push(error),
    }
    match tenant.audit(0, 10).await {
        Ok(found) => assert!(found.iter().all(|one| one.record == content())),
        Err(error) => errors.push(error),
    }
    match tenant.signals(id, 0).await {
        Ok(found) => assert!(found.iter().all(|one| one.data == content())),
        Err(error) => errors.push(error),
    }
    match tenant
        .list_executions(&Default::default(), &PageRequest::default())
        .await
    {
        Ok(found) => assert!(found.entries.iter().all(|one| &one.pinned[..] == b"pinned")),
        Err(error) => errors.push(error),
    }
    for error in &errors {
        let clear = matches!(
            error,
            StoreError::Damaged { .. } | StoreError::NotFound { .. }
        );
        assert!(clear, "{error:?}");
    }
    errors.len()
}

#[tokio::test]
async fn flipped_bits_are_noticed() {
    let (folder, id) = filled().await;
    let whole = fs::read(database(&folder)).unwrap();
    let tenant = TenantId::parse("acme").unwrap();
    let mut noticed = 0;
    // Every so many bytes one is changed, in a file that is otherwise whole. The steps are a prime
    // number, so that they come upon every place of a page.
    for place in (100..whole.len()).step_by(2_477) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x55;
        let folder = TempDir::new().unwrap();
        fs::write(database(&folder), damaged).unwrap();
        match SqliteStore::open(options(&folder)) {
            Ok(store) => {
                noticed += usize::from(read(&*store.tenant(&tenant), id).await > 0);
                store.close().await.unwrap();
            }
            Err(error) => {
                noticed += 1;
                assert!(!matches!(error, StoreError::InUse { .. }), "{error:?}");
            }
        }
    }
    assert!(noticed > 10, "{noticed} times");
}

#[tokio::test]
async fn truncated_files_are_noticed() {
    let (folder, id) = filled().await;
    let whole = fs::read(database(&folder)).unwrap();
    let tenant = TenantId::parse("acme").unwrap();
    for part in 1..16 {
        let length = whole.len() * part / 16;
        let folder = TempDir::new().unwrap();
        fs::write(database(&folder), &whole[..length]).unwrap();
        let errors = match SqliteStore::open(options(&folder)) {
            Ok(store) => read(&*store.tenant(&tenant), id).await,
            Err(error) => {
                assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
                assert!(error.to_string().contains("restore"), "{error}");
                1
            }
        };
        assert!(errors > 0, "{length} of {} bytes", whole.len());
    }
}

#[test]
fn other_files_are_refused_and_left_alone() {
    for content in [&b"not a database"[..], &[0; 4_096], &[0xff; 100]] {
        let folder = TempDir::new().unwrap();
        fs::write(database(&folder), content).unwrap();
        let error = SqliteStore::open(options(&folder)).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
        assert_eq!(fs::read(database(&folder)).unwrap(), content);
    }
}

/// One execution is damaged: the others go on.
#[tokio::test]
async fn damage_of_one_execution_does_not_stop_others() {
    let (folder, id) = filled().await;
    let connection = rusqlite::Connection::open(database(&folder)).unwrap();
    connection
        .execute("UPDATE journal SET record = x'00' WHERE sequence = 100", [])
        .unwrap();
    connection
        .execute("UPDATE contents SET content = x'00'", [])
        .unwrap();
    drop(connection);
    let store = SqliteStore::open(options(&folder)).unwrap();
    let tenant = store.tenant(&TenantId::parse("acme").unwrap());
    let damaged = tenant.journal(id, 0, 1_000).await.unwrap_err();
    assert!(matches!(damaged, StoreError::Damaged { .. }), "{damaged:?}");
    assert!(damaged.to_string().contains("record 100"), "{damaged}");
    let damaged = tenant.payload(payload()).await.unwrap_err();
    assert!(matches!(damaged, StoreError::Damaged { .. }), "{damaged:?}");
    assert_eq!(
        tenant.journal(id, 100, 1_000).await.unwrap().len(),
        101,
        "what is whole is read"
    );
    let other = support::hold(&*tenant).await.unwrap();
    tenant.append(support::one(&other, 1)).await.unwrap();
    // It can be let go of like any other.
    let fence = tenant
        .claim_execution(id, claim())
        .await
        .unwrap()
        .unwrap()
        .fence;
    let mut end = support::one(&support::Held { id, fence }, RECORDS + 1);
    end.state = Some(ExecutionState::Ended {
        status: "failed".to_owned(),
    });
    tenant.append(end).await.unwrap();
    let retention = Retention {
        max_count: Some(0),
        ..Retention::default()
    };
    assert_eq!(tenant.collect(retention).await.unwrap().executions, 1);
    assert_eq!(tenant.journal(other.id, 0, 10).await.unwrap().len(), 2);
}

fn claim() -> Claim {
    Claim {
        worker: WorkerId::generate(),
        lease: Duration::from_secs(60),
        most: 1,
    }
}

/// What a row of an execution may say that no execution has.
const DAMAGES: [&str; 6] = [
    "UPDATE courses SET state = 77 WHERE number = ?1",
    "UPDATE courses SET fence = -1 WHERE number = ?1",
    "UPDATE courses SET length = -1 WHERE number = ?1",
    "UPDATE courses SET changed_at = 9223372036854775807 WHERE number = ?1",
    "UPDATE executions SET id = x'00' WHERE number = ?1",
    "DELETE FROM executions WHERE number = ?1",
];

/// Executions that cannot be taken up are passed over: all others are taken up, of whichever tenant.
#[tokio::test]
async fn damaged_executions_keep_nobody_from_being_taken_up() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(options(&folder)).unwrap();
    let mut whole = Vec::new();
    for name in ["acme", "other"] {
        let tenant = store.tenant(&TenantId::parse(name).unwrap());
        for place in 0..DAMAGES.len() + 2 {
            let held = support::hold(&*tenant).await.unwrap();
            tenant.release(held.id, held.fence).await.unwrap();
            if name == "other" || place >= DAMAGES.len() {
                whole.push(held.id);
            }
        }
    }
    store.close().await.unwrap();
    let connection = rusqlite::Connection::open(database(&folder)).unwrap();
    for (number, damage) in (1..).zip(DAMAGES) {
        assert_eq!(connection.execute(damage, [number]).unwrap(), 1);
    }
    drop(connection);
    let store = SqliteStore::open(options(&folder)).unwrap();
    let mut claim = claim();
    claim.most = 100;
    let claimed = store.claim(claim).await.unwrap();
    let mut found: Vec<_> = claimed.iter().map(|one| one.execution).collect();
    found.sort_unstable();
    whole.sort_unstable();
    assert_eq!(found, whole);
    // They are set aside: nobody looks at them again and again.
    let due = store.next_due().await.unwrap().unwrap();
    assert!(
        due > store.now().await.unwrap(),
        "nothing is due but leases"
    );
    store.close().await.unwrap();
    let connection = rusqlite::Connection::open(database(&folder)).unwrap();
    let reasons: Vec<String> = connection
        .prepare("SELECT reason FROM courses WHERE reason IS NOT NULL")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(reasons.len(), DAMAGES.len(), "{reasons:?}");
    assert!(reasons.iter().all(|reason| reason.contains("damaged")));
    drop(connection);

    // A tenant whose name is none has no turn; the other has.
    let connection = rusqlite::Connection::open(database(&folder)).unwrap();
    connection
        .execute("UPDATE tenants SET id = 'No Name!' WHERE id = 'acme'", [])
        .unwrap();
    drop(connection);
    let store = SqliteStore::open(options(&folder)).unwrap();
    let claimed = store.claim(claim).await.unwrap();
    assert_eq!(claimed.len(), DAMAGES.len() + 2);
    assert!(claimed.iter().all(|one| one.tenant.as_str() == "other"));
    let tenants = store.tenants(None).await.unwrap();
    assert_eq!(tenants, [TenantId::parse("other").unwrap()]);
    store.close().await.unwrap();
}

/// A page of a journal is no longer than it may be, and what comes after it is not read for it: that
/// may be damaged.
#[tokio::test]
async fn what_comes_after_a_page_is_not_read_for_it() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(options(&folder)).unwrap();
    let (tenant, held) = support::begin(&store).await;
    for after in 1..50 {
        let mut append = support::one(&held, after);
        append.records = vec![Bytes::from(vec![after as u8; 1_024 * 1_024])];
        tenant.append(append).await.unwrap();
    }
    store.close().await.unwrap();
    let connection = rusqlite::Connection::open(database(&folder)).unwrap();
    connection
        .execute(
            "UPDATE journal SET record = zeroblob(1048576) WHERE sequence > 40",
            [],
        )
        .unwrap();
    drop(connection);
    let store = SqliteStore::open(options(&folder)).unwrap();
    let tenant = store.tenant(tenant.id());
    let page = tenant.journal(held.id, 0, 1_000).await.unwrap();
    assert_eq!(page.len(), 32);
    let damaged = tenant.journal(held.id, 32, 1_000).await.unwrap_err();
    assert!(damaged.to_string().contains("record 41 "), "{damaged}");
}

/// The longest journal goes while others go on.
#[tokio::test]
async fn long_journals_go_a_little_at_a_time() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(options(&folder)).unwrap();
    let (tenant, held) = support::begin(&store).await;
    let mut append = support::one(&held, 1);
    append.records = vec![Bytes::from_static(b"record"); 9_999];
    tenant.append(append).await.unwrap();
    let mut end = support::one(&held, 10_000);
    end.state = Some(ExecutionState::Ended {
        status: "completed".to_owned(),
    });
    tenant.append(end).await.unwrap();
    let other = support::hold(&*tenant).await.unwrap();
    let retention = Retention {
        max_count: Some(0),
        ..Retention::default()
    };
    let mut collecting = tenant.collect(retention);
    let mut length = 1;
    let mut steps = 0;
    let collected = loop {
        tokio::select! {
            biased;
            collected = &mut collecting => break collected.unwrap(),
            appended = tenant.append(support::one(&other, length)) => {
                length = appended.unwrap().length;
                steps += 1;
            }
        }
    };
    assert_eq!(collected.executions, 1);
    assert!(steps > 10, "others made {steps} steps meanwhile");
    store.close().await.unwrap();
    let connection = rusqlite::Connection::open(database(&folder)).unwrap();
    for table in ["journal", "marks", "remnants"] {
        let left: i64 = connection
            .query_row(
                &format!("SELECT count(*) FROM {table} WHERE execution = 1"),
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(left, 0, "{table}");
    }
}
