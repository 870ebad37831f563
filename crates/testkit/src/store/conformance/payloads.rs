//! Large contents, and letting go of what need not be kept.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jackfield_store_api::{Collected, ExecutionState, PageRequest, Retention, TenantStore, limits};
use jackfield_types::ExecutionId;

use super::executions::list;
use super::ground::{Ground, Held, bytes, execution, journal, not_found, payload, refused};

const EVERYTHING: Retention = Retention {
    max_age: None,
    max_count: Some(0),
    dry_run: false,
};

/// Adds a record with payloads.
async fn add(tenant: &dyn TenantStore, held: &mut Held, contents: &[&str]) {
    let mut append = held.append(&["with payloads"]);
    append.payloads = contents.iter().map(|content| payload(content)).collect();
    held.length = tenant.append(append).await.unwrap().length;
}

async fn has(tenant: &dyn TenantStore, content: &str) -> bool {
    match tenant.payload(payload(content).0).await {
        Ok(found) => {
            assert_eq!(found, bytes(content));
            true
        }
        Err(error) => {
            not_found::<Bytes>(Err(error));
            false
        }
    }
}

pub(super) async fn payloads_are_kept_with_the_records_that_name_them(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    assert!(!has(&*tenant, "one").await);
    let mut new = execution();
    new.payloads = vec![payload("one")];
    tenant.create_execution(new).await.unwrap();
    assert!(has(&*tenant, "one").await);
    let mut held = ground.held(&*tenant).await;
    add(&*tenant, &mut held, &["two", "three", "two", ""]).await;
    for content in ["one", "two", "three", ""] {
        assert!(has(&*tenant, content).await, "{content}");
    }
    let large: String = "large ".repeat(700_000);
    add(&*tenant, &mut held, &[&large]).await;
    assert!(has(&*tenant, &large).await);
}

pub(super) async fn payloads_that_are_not_what_their_digest_says_are_refused(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let held = ground.held(&*tenant).await;
    let mut append = held.append(&["x"]);
    append.payloads = vec![(payload("one").0, bytes("two"))];
    refused(tenant.append(append).await);
    let mut new = execution();
    new.payloads = vec![(payload("one").0, bytes("two"))];
    refused(tenant.create_execution(new).await);
    assert_eq!(journal(&*tenant, held.id).await, ["begin"]);
    assert!(!has(&*tenant, "one").await && !has(&*tenant, "two").await);
}

/// What two executions brought stays until both are gone; each tenant has its own.
pub(super) async fn shared_payloads_stay_until_the_last_is_gone(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let other = ground.tenant("other").await;
    let (mut first, mut second) = (ground.held(&*tenant).await, ground.held(&*tenant).await);
    let mut third = ground.held(&*other).await;
    add(
        &*tenant,
        &mut first,
        &["shared", "only the first", "shared"],
    )
    .await;
    add(&*tenant, &mut first, &["shared"]).await;
    add(&*tenant, &mut second, &["shared"]).await;
    add(&*other, &mut third, &["shared"]).await;
    third.end(&*other).await;
    first.end(&*tenant).await;
    let gone = tenant.collect(EVERYTHING).await.unwrap();
    let expected = Collected {
        executions: 1,
        payloads: 1,
        payload_bytes: "only the first".len() as u64,
        workflow_versions: 0,
    };
    assert_eq!(gone, expected);
    assert!(has(&*tenant, "shared").await && !has(&*tenant, "only the first").await);
    not_found(tenant.execution(first.id).await);
    not_found(tenant.journal(first.id, 0, 10).await);
    not_found(tenant.signals(first.id, 0).await);
    second.end(&*tenant).await;
    let gone = tenant.collect(EVERYTHING).await.unwrap();
    assert_eq!(
        (gone.executions, gone.payloads, gone.payload_bytes),
        (1, 1, 6)
    );
    assert!(!has(&*tenant, "shared").await);
    assert!(
        has(&*other, "shared").await,
        "another tenant's is another one"
    );
    assert!(other.execution(third.id).await.is_ok());
    // What is gone can come again.
    let mut again = ground.held(&*tenant).await;
    add(&*tenant, &mut again, &["shared"]).await;
    assert!(has(&*tenant, "shared").await);
}

/// Contents are added all the time while others are let go of: what was added is there.
pub(super) async fn payloads_may_come_while_others_go(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let collector = {
        let tenant = Arc::clone(&tenant);
        tokio::spawn(async move {
            let mut gone = 0;
            while gone < 60 {
                gone += tenant.collect(EVERYTHING).await.unwrap().executions;
                tokio::task::yield_now().await;
            }
        })
    };
    let mut last = None;
    for round in 0..60 {
        let content = format!("content {}", round % 3);
        let mut held = ground.held(&*tenant).await;
        add(&*tenant, &mut held, &[&content, "always"]).await;
        assert!(
            has(&*tenant, &content).await && has(&*tenant, "always").await,
            "round {round}"
        );
        if let Some(mut ended) = last.replace(held) {
            Held::end(&mut ended, &*tenant).await;
        }
        assert!(
            has(&*tenant, &content).await && has(&*tenant, "always").await,
            "round {round}"
        );
    }
    Held::end(&mut last.unwrap(), &*tenant).await;
    collector.await.unwrap();
    for content in ["content 0", "content 1", "content 2", "always"] {
        assert!(
            !has(&*tenant, content).await,
            "{content} is gone with the last"
        );
    }
}

pub(super) async fn retention_lets_the_oldest_go(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let mut ended = Vec::new();
    for _ in 0..10 {
        let mut held = ground.held(&*tenant).await;
        held.end(&*tenant).await;
        ended.push(held.id);
        ground.pass(ground.moment() / 10).await;
    }
    let running = ground.free(&*tenant).await;
    let mut parked = ground.held(&*tenant).await;
    let state = ExecutionState::Parked(jackfield_store_api::Waiting::default());
    parked.put(&*tenant, state).await;
    let collect = async |max_age: Option<Duration>, max_count: Option<u64>, dry_run: bool| {
        let retention = Retention {
            max_age,
            max_count,
            dry_run,
        };
        tenant.collect(retention).await.unwrap().executions
    };
    assert_eq!(
        collect(None, None, false).await,
        0,
        "without bounds nothing goes"
    );
    assert_eq!(collect(None, Some(10), false).await, 0);
    assert_eq!(collect(Some(Duration::MAX), Some(u64::MAX), false).await, 0);
    assert_eq!(collect(None, Some(8), true).await, 2);
    assert_eq!(left(&*tenant).await.len(), 12, "a dry run changes nothing");
    assert_eq!(collect(None, Some(8), false).await, 2);
    let found = left(&*tenant).await;
    assert!(
        ended[..2].iter().all(|id| !found.contains(id)),
        "the oldest are gone"
    );
    assert!(
        ended[2..].iter().all(|id| found.contains(id)),
        "the others are not"
    );
    ground.pass(ground.moment()).await;
    let mut late = ground.held(&*tenant).await;
    late.end(&*tenant).await;
    assert_eq!(collect(Some(ground.moment()), None, true).await, 8);
    assert_eq!(collect(Some(ground.moment()), Some(100), false).await, 8);
    let mut expected = vec![running, parked.id, late.id];
    let mut found = left(&*tenant).await;
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected, "what has not ended stays");
    assert_eq!(collect(Some(Duration::MAX), Some(0), false).await, 1);
}

/// A dry run says what would go, payloads included.
pub(super) async fn dry_runs_count_what_would_go(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    for contents in [&["a", "shared"][..], &["bb", "shared"], &["ccc", "kept"]] {
        let mut held = ground.held(&*tenant).await;
        add(&*tenant, &mut held, contents).await;
        held.end(&*tenant).await;
        ground.pass(Duration::from_millis(2)).await;
    }
    let mut running = ground.held(&*tenant).await;
    add(&*tenant, &mut running, &["kept"]).await;
    for left in (0..=3).rev() {
        let mut retention = Retention {
            max_count: Some(left),
            dry_run: true,
            max_age: None,
        };
        let would = tenant.collect(retention).await.unwrap();
        let again = tenant.collect(retention).await.unwrap();
        assert_eq!(would, again);
        retention.dry_run = false;
        assert_eq!(
            tenant.collect(retention).await.unwrap(),
            would,
            "down to {left}"
        );
    }
    assert!(has(&*tenant, "kept").await && !has(&*tenant, "shared").await);
    let nobody = ground.stranger("nobody").collect(EVERYTHING).await.unwrap();
    assert_eq!(nobody, Collected::default());
}

pub(super) async fn payloads_larger_than_the_limit_are_refused(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let held = ground.held(&*tenant).await;
    let mut append = held.append(&["x"]);
    let content = Bytes::from(vec![0; limits::PAYLOAD_BYTES + 1]);
    append.payloads = vec![(payload("anything").0, content)];
    refused(tenant.append(append).await);
}

async fn left(tenant: &dyn TenantStore) -> Vec<ExecutionId> {
    list(
        tenant,
        &jackfield_store_api::ExecutionFilter::default(),
        PageRequest::MOST,
    )
    .await
}
