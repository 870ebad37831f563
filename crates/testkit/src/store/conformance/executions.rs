//! Making executions and listing them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jackfield_store_api::{
    ExecutionFilter, ExecutionState, Fence, PageRequest, Requests, StoreError, TenantStore,
};
use jackfield_types::{ExecutionId, UserId};

use super::ground::{Ground, bytes, execution, journal, not_found, refused, version, workflow};

pub(super) async fn execution_is_kept_as_it_was_made(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let before = ground.store.now().await.unwrap();
    let mut new = execution();
    new.user = Some(UserId::parse("ada@example.com").unwrap());
    new.retry_of = Some(ExecutionId::generate());
    new.records = vec![bytes("one"), bytes("two")];
    let (id, retry_of) = (new.id, new.retry_of);
    let made = tenant.create_execution(new).await.unwrap();
    let read = tenant.execution(id).await.unwrap();
    assert_eq!(made, read);
    assert_eq!(read.id, id);
    assert_eq!(read.workflow, version("flow", 1));
    assert_eq!(&read.pinned[..], b"pinned");
    assert_eq!(read.user.unwrap().as_str(), "ada@example.com");
    assert_eq!(read.retry_of, retry_of);
    assert_eq!(read.state, ExecutionState::Running);
    assert_eq!(read.requests, Requests::default());
    assert_eq!((read.length, read.fence, read.lease), (2, Fence(0), None));
    assert!(read.created_at >= before && read.changed_at >= read.created_at);
    assert_eq!(journal(&*tenant, id).await, ["one", "two"]);
    assert_eq!(ground.due().await, [id], "it runs from then on");
}

pub(super) async fn execution_can_be_held_from_the_beginning(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let mut held = ground.held(&*tenant).await;
    assert_eq!(held.fence, Fence(1));
    assert_eq!(ground.due().await, []);
    let lease = tenant.execution(held.id).await.unwrap().lease.unwrap();
    assert_eq!(lease.worker, ground.worker);
    held.write(&*tenant, "more").await;
}

pub(super) async fn execution_needs_its_workflow_version(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    for missing in [version("flow", 2), version("flow", 0), version("none", 1)] {
        let mut new = execution();
        let id = new.id;
        new.workflow = missing;
        not_found(tenant.create_execution(new).await);
        not_found(tenant.execution(id).await);
    }
    not_found(ground.stranger("other").create_execution(execution()).await);
}

pub(super) async fn execution_ids_are_taken_once_in_a_tenant(ground: Ground) {
    let (tenant, other) = (ground.tenant("acme").await, ground.tenant("other").await);
    let mut new = execution();
    new.records = vec![bytes("first")];
    tenant.create_execution(new.clone()).await.unwrap();
    new.records = vec![bytes("second"), bytes("third")];
    let again = tenant.create_execution(new.clone()).await;
    assert!(matches!(again, Err(StoreError::Exists { .. })), "{again:?}");
    assert_eq!(
        journal(&*tenant, new.id).await,
        ["first"],
        "nothing has changed"
    );
    other.create_execution(new.clone()).await.unwrap();
    assert_eq!(journal(&*other, new.id).await, ["second", "third"]);
    assert_eq!(journal(&*tenant, new.id).await, ["first"]);
    assert_eq!(ground.due().await, [new.id, new.id], "they are two");
}

pub(super) async fn executions_are_found_by_every_filter(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    tenant
        .put_workflow(workflow("other", "document"))
        .await
        .unwrap();
    let (mut ids, mut times) = (Vec::new(), Vec::new());
    for number in 0..12 {
        let mut held = if number % 2 == 0 {
            ground.held(&*tenant).await
        } else {
            let mut new = execution();
            new.workflow = version("other", 1);
            new.claim = Some((ground.worker, ground.lease()));
            let made = tenant.create_execution(new).await.unwrap();
            super::ground::Held {
                id: made.id,
                fence: made.fence,
                length: made.length,
            }
        };
        let status = if number < 6 { "completed" } else { "failed" };
        if number % 3 == 0 {
            let status = status.to_owned();
            held.put(&*tenant, ExecutionState::Ended { status }).await;
        }
        ids.push(held.id);
        times.push(tenant.execution(held.id).await.unwrap().created_at);
        ground.pass(Duration::from_millis(2)).await;
    }
    let found = async |filter: ExecutionFilter| {
        let mut places: Vec<usize> = list(&*tenant, &filter, 2)
            .await
            .iter()
            .map(|id| ids.iter().position(|one| one == id).unwrap())
            .collect();
        let newest_first = places.is_sorted_by(|a, b| a > b);
        assert!(newest_first, "{filter:?} gives {places:?}");
        places.reverse();
        places
    };
    let all = ExecutionFilter::default;
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(found(all()).await.len(), 12);
    let other = ExecutionFilter {
        workflow: text("other"),
        ..all()
    };
    assert_eq!(found(other).await, [1, 3, 5, 7, 9, 11]);
    let ended = ExecutionFilter {
        state: text("ended"),
        ..all()
    };
    assert_eq!(found(ended).await, [0, 3, 6, 9]);
    let failed = ExecutionFilter {
        status: text("failed"),
        ..all()
    };
    assert_eq!(found(failed.clone()).await, [6, 9]);
    let running = ExecutionFilter {
        state: text("running"),
        workflow: text("flow"),
        ..all()
    };
    assert_eq!(found(running).await, [2, 4, 8, 10]);
    let between = ExecutionFilter {
        from: Some(times[4]),
        until: Some(times[8]),
        ..all()
    };
    assert_eq!(
        found(between).await,
        [4, 5, 6, 7],
        "from is in it, until is not"
    );
    let everything = ExecutionFilter {
        workflow: text("other"),
        state: text("ended"),
        from: Some(times[0]),
        until: Some(times[11]),
        ..failed
    };
    assert_eq!(found(everything).await, [9]);
    for nothing in [
        ExecutionFilter {
            state: text("nonsense"),
            ..all()
        },
        ExecutionFilter {
            status: text("' OR 1 = 1 --"),
            ..all()
        },
        ExecutionFilter {
            workflow: text("%"),
            ..all()
        },
        ExecutionFilter {
            workflow: text("a\0b"),
            ..all()
        },
        ExecutionFilter {
            state: text("running"),
            status: text("failed"),
            ..all()
        },
        ExecutionFilter {
            from: Some(times[8]),
            until: Some(times[4]),
            ..all()
        },
    ] {
        assert_eq!(found(nothing).await, [0; 0]);
    }
}

pub(super) async fn keys_that_no_page_had_are_refused(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    ground.free(&*tenant).await;
    for key in [
        "",
        "nonsense",
        "1",
        "1.",
        ".1",
        "1.x",
        "99999999999999999999.1",
        "'; DROP TABLE executions; --",
        "\0",
    ] {
        let request = PageRequest {
            after: Some(key.to_owned()),
            limit: 10,
        };
        refused(
            tenant
                .list_executions(&ExecutionFilter::default(), &request)
                .await,
        );
    }
}

/// Lists them page by page while others are added: each one that was there is seen just once.
pub(super) async fn ten_thousand_executions_are_listed_while_others_are_added(ground: Ground) {
    const THERE: usize = 10_000;
    let tenant = ground.tenant("acme").await;
    let mut there = HashSet::new();
    for _ in 0..THERE / 100 {
        let made: Vec<_> = (0..100)
            .map(|_| tenant.create_execution(execution()))
            .collect();
        for one in made {
            there.insert(one.await.unwrap().id);
        }
        ground.pass(Duration::from_millis(1)).await;
    }
    let adder = {
        let tenant = Arc::clone(&tenant);
        tokio::spawn(async move {
            for _ in 0..300 {
                tenant.create_execution(execution()).await.unwrap();
            }
        })
    };
    let mut seen = HashSet::new();
    let mut request = PageRequest::first(237);
    loop {
        let filter = ExecutionFilter::default();
        let page = tenant.list_executions(&filter, &request).await.unwrap();
        for record in &page.entries {
            assert!(seen.insert(record.id), "{} comes twice", record.id);
        }
        if page.next.is_none() {
            break;
        }
        request.after = page.next;
    }
    assert!(there.is_subset(&seen), "all that were there are listed");
    adder.await.unwrap();
    let more = list(&*tenant, &ExecutionFilter::default(), 1_000).await;
    assert_eq!(more.len(), THERE + 300);
}

/// All executions that fit, newest first.
pub(super) async fn list(
    tenant: &dyn TenantStore,
    filter: &ExecutionFilter,
    limit: u32,
) -> Vec<ExecutionId> {
    let mut request = PageRequest::first(limit);
    let mut found = Vec::new();
    loop {
        let page = tenant.list_executions(filter, &request).await.unwrap();
        assert!(page.entries.len() <= limit as usize);
        found.extend(page.entries.iter().map(|record| record.id));
        if page.next.is_none() {
            return found;
        }
        request.after = page.next;
    }
}
