//! Journals: order, gaps, all or nothing.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use jackfield_store_api::{ExecutionState, Requests, limits};
use jackfield_types::ExecutionId;

use super::ground::{Ground, bytes, execution, journal, not_found, out_of_turn, payload, refused};

pub(super) async fn appends_take_effect_in_the_order_of_the_calls(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let mut held = ground.held(&*tenant).await;
    let calls: Vec<_> = (0..500)
        .map(|number| {
            let text = number.to_string();
            let append = held.append(&[&text, &text]);
            held.length += 2;
            tenant.append(append)
        })
        .collect();
    // The last one is asked first.
    for appended in join_all(calls.into_iter().rev()).await {
        appended.unwrap();
    }
    let mut expected = vec!["begin".to_owned()];
    expected.extend((0..500).flat_map(|number: u32| [number.to_string(), number.to_string()]));
    assert_eq!(journal(&*tenant, held.id).await, expected);
}

pub(super) async fn append_elsewhere_than_at_the_end_is_refused(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let mut held = ground.held(&*tenant).await;
    held.write(&*tenant, "two").await;
    for after in [0, 1, 3, 1_000, u64::MAX] {
        let mut append = held.append(&["lost", "repeated"]);
        append.after = after;
        append.payloads = vec![payload("lost")];
        append.state = Some(ExecutionState::Ended {
            status: "failed".to_owned(),
        });
        out_of_turn(tenant.append(append).await);
    }
    assert_eq!(journal(&*tenant, held.id).await, ["begin", "two"]);
    not_found(tenant.payload(payload("lost").0).await);
    let record = tenant.execution(held.id).await.unwrap();
    assert_eq!((record.state, record.length), (ExecutionState::Running, 2));
    held.write(&*tenant, "three").await;
}

pub(super) async fn append_says_how_the_execution_stands(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let mut held = ground.held(&*tenant).await;
    let appended = held.write(&*tenant, "two").await;
    assert_eq!(appended.length, 2);
    assert_eq!(appended.standing.requests, Requests::default());
    assert_eq!(appended.standing.signals, 0);
    let nothing = tenant.append(held.append(&[])).await.unwrap();
    assert_eq!(nothing, appended, "there may be no records");
    let record = tenant.execution(held.id).await.unwrap();
    assert_eq!(record.length, 2);
    assert!(record.changed_at >= record.created_at);
}

pub(super) async fn execution_that_has_ended_takes_nothing_more(ground: Ground) {
    use jackfield_store_api::Request;
    let tenant = ground.tenant("acme").await;
    let mut held = ground.held(&*tenant).await;
    held.end(&*tenant).await;
    out_of_turn(tenant.append(held.append(&["late"])).await);
    out_of_turn(tenant.renew(held.id, held.fence, ground.lease()).await);
    out_of_turn(tenant.release(held.id, held.fence).await);
    for request in [Request::Cancel, Request::Pause, Request::Resume] {
        out_of_turn(tenant.request(held.id, request).await);
    }
    out_of_turn(tenant.send_signal(held.id, "signal", Bytes::new()).await);
    assert_eq!(
        tenant
            .claim_execution(held.id, ground.claim_for(ground.lease()))
            .await
            .unwrap(),
        None
    );
    assert_eq!(ground.due().await, []);
    assert_eq!(ground.store.next_due().await.unwrap(), None);
    assert_eq!(journal(&*tenant, held.id).await, ["begin", "put"]);
    assert_eq!(tenant.signals(held.id, 0).await.unwrap(), []);
    let record = tenant.execution(held.id).await.unwrap();
    assert!(record.state.has_ended());
    assert_eq!((record.lease, record.requests), (None, Requests::default()));
}

/// Journals that grow at the same time are read in parts of every size.
pub(super) async fn journals_are_read_from_any_place(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(ground.held(&*tenant).await);
    }
    for number in 0..300 {
        for held in &mut all {
            let text = format!("{} {number}", held.id);
            let texts = vec![text.as_str(); 1 + number % 3];
            let append = held.append(&texts);
            held.length += texts.len() as u64;
            tenant.append(append).await.unwrap();
        }
    }
    for held in &all {
        let whole = journal(&*tenant, held.id).await;
        assert_eq!(whole.len() as u64, held.length);
        assert!(
            whole
                .iter()
                .skip(1)
                .all(|text| text.starts_with(&held.id.to_string()))
        );
        for (after, limit) in [
            (0, 1),
            (0, 63),
            (1, 64),
            (63, 2),
            (64, 1),
            (100, 65),
            (127, 130),
            (500, 1_000),
        ] {
            let part = tenant.journal(held.id, after, limit).await.unwrap();
            let end = whole.len().min((after + u64::from(limit)) as usize);
            let texts: Vec<_> = part.iter().map(|record| &record.record[..]).collect();
            let expected: Vec<_> = whole[after as usize..end]
                .iter()
                .map(String::as_bytes)
                .collect();
            assert_eq!(texts, expected, "{limit} after {after}");
            assert_eq!(part[0].sequence, after + 1);
        }
        for after in [held.length, held.length + 1, u64::MAX] {
            assert_eq!(tenant.journal(held.id, after, 10).await.unwrap(), []);
        }
        assert_eq!(
            tenant.journal(held.id, 0, 0).await.unwrap().len(),
            1,
            "at least one"
        );
        assert_eq!(
            tenant.journal(held.id, 0, u32::MAX).await.unwrap().len(),
            whole.len()
        );
    }
}

pub(super) async fn records_may_be_large_up_to_a_limit(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let mut held = ground.held(&*tenant).await;
    let large = Bytes::from(vec![0xa5; 3 * 1_024 * 1_024]);
    for _ in 0..14 {
        let mut append = held.append(&[]);
        append.records = vec![large.clone(), Bytes::new()];
        held.length = tenant.append(append).await.unwrap().length;
    }
    let mut after = 1;
    while after < held.length {
        let part = tenant.journal(held.id, after, 1_000).await.unwrap();
        assert!(
            !part.is_empty(),
            "there is at least one as long as there is any"
        );
        for record in part {
            after += 1;
            assert_eq!(record.sequence, after);
            let expected = if after % 2 == 0 {
                &large
            } else {
                &Bytes::new()
            };
            assert!(record.record == *expected, "record {after}");
        }
    }
    let mut append = held.append(&[]);
    append.records = vec![Bytes::from(vec![0; limits::RECORD_BYTES + 1])];
    refused(tenant.append(append).await);
    let mut append = held.append(&[]);
    append.records = vec![Bytes::new(); limits::RECORDS + 1];
    refused(tenant.append(append).await);
    let mut new = execution();
    new.pinned = Bytes::from(vec![0; limits::RECORD_BYTES + 1]);
    refused(tenant.create_execution(new).await);
    held.write(&*tenant, "goes on").await;
}

/// What a caller does not wait for happens as a whole or not at all, and what comes after it goes
/// on.
pub(super) async fn calls_that_nobody_waits_for_happen_whole_or_not_at_all(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let mut held = ground.held(&*tenant).await;
    for round in 0..100 {
        drop(tenant.append(held.append(&["a", "b", "c"])));
        if round % 2 == 0 {
            tokio::task::yield_now().await;
        }
        // What is called later takes effect later: the fate of the other one is known then.
        tenant
            .renew(held.id, held.fence, ground.lease())
            .await
            .unwrap();
        let length = tenant.execution(held.id).await.unwrap().length;
        assert!(
            [held.length, held.length + 3].contains(&length),
            "a part of it"
        );
        held.length = length;
        held.write(&*tenant, "end").await;
    }
    let texts = journal(&*tenant, held.id).await.concat();
    assert_eq!(texts.replace("abcend", "").replace("end", ""), "begin");
}

/// Many executions journal at the same time, each in its own order.
pub(super) async fn a_hundred_executions_journal_at_the_same_time(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let mut writers = Vec::new();
    for _ in 0..100 {
        let mut held = ground.held(&*tenant).await;
        let tenant = Arc::clone(&tenant);
        writers.push(tokio::spawn(async move {
            for step in 0..20 {
                held.write(&*tenant, &format!("{} {step}", held.id)).await;
            }
            held.id
        }));
    }
    for writer in writers {
        let id: ExecutionId = writer.await.unwrap();
        let mut expected = vec!["begin".to_owned()];
        expected.extend((0..20).map(|step| format!("{id} {step}")));
        assert_eq!(journal(&*tenant, id).await, expected);
    }
}

pub(super) async fn journal_of_no_execution_is_not_found(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let held = ground.held(&*tenant).await;
    let mut unknown = held;
    unknown.id = ExecutionId::generate();
    not_found(tenant.journal(unknown.id, 0, 10).await);
    not_found(tenant.append(unknown.append(&["x"])).await);
    not_found(tenant.execution(unknown.id).await);
    not_found(tenant.signals(unknown.id, 0).await);
    not_found(tenant.send_signal(unknown.id, "signal", bytes("x")).await);
    not_found(
        tenant
            .renew(unknown.id, unknown.fence, ground.lease())
            .await,
    );
    not_found(tenant.release(unknown.id, unknown.fence).await);
    not_found(
        tenant
            .claim_execution(unknown.id, ground.claim_for(ground.lease()))
            .await,
    );
    not_found(
        tenant
            .request(unknown.id, jackfield_store_api::Request::Cancel)
            .await,
    );
}
