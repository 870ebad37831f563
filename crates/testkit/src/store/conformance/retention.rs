//! How long things are kept, and letting go of a lot.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use jackfield_store_api::{
    Collected, Collection, ExecutionState, Expected, KeptRetention, PageRequest, Retention,
    StoreError, TenantStore,
};

use super::executions::list;
use super::ground::{
    Ground, Held, bytes, execution, journal, not_found, payload, version, workflow,
};

const HOUR: Duration = Duration::from_secs(3_600);

fn down_to(most: u64) -> Retention {
    Retention {
        max_count: Some(most),
        ..Retention::default()
    }
}

async fn left(tenant: &dyn TenantStore) -> usize {
    let filter = jackfield_store_api::ExecutionFilter::default();
    list(tenant, &filter, PageRequest::MOST).await.len()
}

/// Several let go of what is too much at the same time: what is to be left is left.
pub(super) async fn collecting_at_the_same_time_leaves_what_is_to_be_left(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let mut made = join_all((0..600).map(|_| ground.held(&*tenant))).await;
    join_all(made.iter_mut().map(|held| held.end(&*tenant))).await;
    let collectors = (0..4).map(|_| {
        let tenant = Arc::clone(&tenant);
        tokio::spawn(async move { tenant.collect(down_to(300)).await.unwrap().executions })
    });
    let gone: u64 = join_all(collectors)
        .await
        .into_iter()
        .map(Result::unwrap)
        .sum();
    assert_eq!(left(&*tenant).await, 300);
    assert_eq!(gone, 300);
    assert_eq!(
        tenant.collect(down_to(300)).await.unwrap(),
        Collected::default()
    );
}

/// Adds many records at once, some with payloads.
async fn grow(tenant: &dyn TenantStore, held: &mut Held, records: usize) {
    let mut append = held.append(&[]);
    append.records = vec![bytes("record"); records];
    append.payloads = (0..records / 10)
        .map(|number| payload(&format!("{} {number}", held.length)))
        .collect();
    held.length = tenant.append(append).await.unwrap().length;
}

/// What is removed in parts may be broken off between any two: the rest goes the next time, and
/// nobody finds it until then.
pub(super) async fn collecting_may_be_broken_off(mut ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let mut held = ground.held(&*tenant).await;
    for _ in 0..2 {
        grow(&*tenant, &mut held, 3_000).await;
    }
    let sent = (0..500).map(|_| tenant.send_signal(held.id, "signal", Bytes::new()));
    for sent in join_all(sent).await {
        sent.unwrap();
    }
    held.end(&*tenant).await;
    let mut collecting = tenant.collect(down_to(0));
    loop {
        // It is begun, and perhaps at its end.
        tokio::select! {
            biased;
            found = tenant.execution(held.id) => match found {
                Ok(_) => tokio::task::yield_now().await,
                Err(error) => {
                    not_found::<()>(Err(error));
                    break;
                }
            },
            _ = &mut collecting => break,
        }
    }
    drop(collecting);
    not_found(tenant.journal(held.id, 0, 10).await);
    not_found(tenant.signals(held.id, 0).await);
    assert_eq!(left(&*tenant).await, 0);
    ground.reopen().await;
    let tenant = ground.stranger("acme");
    let other = ground.held(&*tenant).await;
    // It may come back from elsewhere under its id, before the rest of it is gone.
    let mut again = execution();
    again.id = held.id;
    tenant.create_execution(again).await.unwrap();
    assert_eq!(journal(&*tenant, held.id).await, ["begin"]);
    assert_eq!(tenant.signals(held.id, 0).await.unwrap(), []);
    tenant.collect(down_to(0)).await.unwrap();
    assert_eq!(
        tenant.collect(down_to(0)).await.unwrap(),
        Collected::default()
    );
    not_found(tenant.payload(payload("1 0").0).await);
    not_found(tenant.payload(payload("3001 299").0).await);
    assert_eq!(journal(&*tenant, other.id).await, ["begin"]);
}

/// Records that are large are read a few at a time.
pub(super) async fn large_records_are_read_in_parts(ground: Ground) {
    const MIB: usize = 1_024 * 1_024;
    let tenant = ground.tenant("acme").await;
    let mut held = ground.held(&*tenant).await;
    for number in 2..=9u8 {
        let mut append = held.append(&[]);
        append.records = vec![Bytes::from(vec![number; 9 * MIB])];
        held.length = tenant.append(append).await.unwrap().length;
    }
    let mut after = 1;
    while after < 9 {
        let part = tenant.journal(held.id, after, 1_000).await.unwrap();
        let size: usize = part.iter().map(|one| one.record.len()).sum();
        assert!(!part.is_empty() && size <= 32 * MIB, "{size} bytes");
        for one in part {
            after += 1;
            assert_eq!((one.sequence, u64::from(one.record[0])), (after, after));
        }
    }
}

/// Executions that are parts of another one are kept as long as that is, and go with it.
pub(super) async fn parts_go_with_their_whole(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let mut whole = ground.held(&*tenant).await;
    let mut parts = Vec::new();
    for _ in 0..3 {
        let mut new = execution();
        new.part_of = Some(whole.id);
        new.claim = Some((ground.worker, ground.lease()));
        new.payloads = vec![payload("of a part")];
        let made = tenant.create_execution(new).await.unwrap();
        let mut part = Held {
            id: made.id,
            fence: made.fence,
            length: made.length,
        };
        part.end(&*tenant).await;
        parts.push(part.id);
    }
    assert_eq!(
        tenant.collect(down_to(0)).await.unwrap(),
        Collected::default()
    );
    assert!(tenant.execution(parts[0]).await.is_ok());
    whole.end(&*tenant).await;
    let mut retention = down_to(0);
    retention.dry_run = true;
    let would = tenant.collect(retention).await.unwrap();
    let expected = Collected {
        executions: 1,
        payloads: 1,
        payload_bytes: 9,
        workflow_versions: 0,
    };
    assert_eq!(would, expected);
    assert_eq!(tenant.collect(down_to(0)).await.unwrap(), expected);
    for id in parts {
        not_found(tenant.execution(id).await);
        not_found(tenant.journal(id, 0, 1).await);
    }
}

/// Versions of workflows go that are not the newest, that no execution has, and that are old enough.
pub(super) async fn versions_that_nothing_has_go(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let other = ground.tenant("other").await;
    let mut runs = ground.held(&*tenant).await;
    for document in ["second", "third", "fourth"] {
        tenant
            .put_workflow(workflow("flow", document))
            .await
            .unwrap();
        other
            .put_workflow(workflow("flow", document))
            .await
            .unwrap();
    }
    tenant
        .put_workflow(workflow("alone", "only"))
        .await
        .unwrap();
    let mut new = execution();
    new.workflow = version("flow", 2);
    let has_second = tenant.create_execution(new).await.unwrap().id;
    let versions = async |tenant: &dyn TenantStore| {
        let page = PageRequest::first(100);
        let found = tenant.workflow_versions("flow", &page).await.unwrap();
        let found = found.entries.iter().map(|one| one.version.version);
        found.collect::<Vec<_>>()
    };
    let collect = async |retention: Retention| {
        let mut dry = retention;
        dry.dry_run = true;
        let would = tenant.collect(dry).await.unwrap();
        let gone = tenant.collect(retention).await.unwrap();
        assert_eq!(would, gone);
        gone.workflow_versions
    };
    assert_eq!(collect(down_to(0)).await, 0, "nothing is old enough");
    if ground.subject.clock().is_none() {
        return;
    }
    ground.pass(HOUR * 2).await;
    assert_eq!(
        collect(Retention::default()).await,
        0,
        "without a bound nothing goes"
    );
    let mut retention = down_to(0);
    retention.max_age = Some(HOUR * 3);
    assert_eq!(
        collect(retention).await,
        0,
        "they are kept as long as is asked for"
    );
    assert_eq!(collect(down_to(0)).await, 1);
    assert_eq!(versions(&*tenant).await, [4, 2, 1]);
    not_found(tenant.workflow("flow", Some(3)).await);
    runs.end(&*tenant).await;
    assert_eq!(
        collect(down_to(0)).await,
        1,
        "it goes with the last that has it"
    );
    assert_eq!(versions(&*tenant).await, [4, 2]);
    assert_eq!(
        tenant.execution(has_second).await.unwrap().workflow.version,
        2
    );
    assert!(tenant.workflow("alone", Some(1)).await.is_ok());
    assert_eq!(
        versions(&*other).await,
        [4, 3, 2, 1],
        "another tenant's stay"
    );
    // What is gone cannot be run, by whomever it was known, and its number does not come again.
    not_found(tenant.create_execution(execution()).await);
    let put = tenant.put_workflow(workflow("flow", "fifth")).await;
    assert_eq!(put.unwrap(), version("flow", 5));
}

/// How long executions are kept is set for each tenant, and is kept itself.
pub(super) async fn retention_is_kept_for_each_tenant(mut ground: Ground) {
    let (acme, other) = (ground.tenant("acme").await, ground.tenant("other").await);
    assert_eq!(acme.kept_retention().await.unwrap(), None);
    let kept = KeptRetention {
        max_age: Some(HOUR * 24 * 30),
        max_count: Some(2),
    };
    acme.keep_retention(Some(kept)).await.unwrap();
    other.keep_retention(None).await.unwrap();
    ground.reopen().await;
    let (acme, other) = (ground.stranger("acme"), ground.stranger("other"));
    assert_eq!(acme.kept_retention().await.unwrap(), Some(kept));
    assert_eq!(other.kept_retention().await.unwrap(), None);
    for _ in 0..5 {
        ground.held(&*acme).await.end(&*acme).await;
    }
    let gone = acme.collect(kept.retention()).await.unwrap();
    assert_eq!(gone.executions, 3);
    let less = KeptRetention {
        max_age: None,
        max_count: Some(1),
    };
    acme.keep_retention(Some(less)).await.unwrap();
    assert_eq!(acme.kept_retention().await.unwrap(), Some(less));
    // What cannot be read is not taken for something else.
    let settings = acme
        .list_documents(Collection::Settings, "", &PageRequest::default())
        .await
        .unwrap();
    let name = settings.entries[0].name.clone();
    let put = acme.put_document(Collection::Settings, &name, bytes("?"), Expected::Anything);
    put.await.unwrap();
    let unread = acme.kept_retention().await;
    assert!(
        matches!(unread, Err(StoreError::Refused { .. })),
        "{unread:?}"
    );
    acme.keep_retention(None).await.unwrap();
    assert_eq!(acme.kept_retention().await.unwrap(), None);
    let running = ground.free(&*acme).await;
    let state = acme.execution(running).await.unwrap().state;
    assert_eq!(state, ExecutionState::Running);
}
