//! Signals that are sent again, that are large, and that are too many.

use bytes::Bytes;
use futures_util::future::join_all;
use jackfield_store_api::{NewSignal, Signal, StoreError, limits};

use super::ground::{Ground, bytes, not_found, out_of_turn, refused};

const MIB: usize = 1_024 * 1_024;

fn keyed(key: &str, data: &str) -> NewSignal {
    NewSignal::new("go", bytes(data)).with_key(key)
}

#[track_caller]
fn exists<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    let error = result.expect_err("it does not work");
    assert!(matches!(error, StoreError::Exists { .. }), "{error:?}");
}

/// Whoever does not know whether a signal was sent sends it again: it is there once.
pub(super) async fn signals_with_a_key_are_sent_once(mut ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let mut held = ground.held(&*tenant).await;
    tenant.send_signal(held.id, "go", bytes("x")).await.unwrap();
    let calls = (0..20).map(|_| tenant.signal(held.id, keyed("one", "data")));
    for sent in join_all(calls).await {
        assert_eq!(sent.unwrap(), 2);
    }
    assert_eq!(
        tenant.signal(held.id, keyed("two", "data")).await.unwrap(),
        3
    );
    exists(tenant.signal(held.id, keyed("one", "other")).await);
    let renamed = NewSignal::new("stop", bytes("data")).with_key("one");
    exists(tenant.signal(held.id, renamed).await);
    refused(tenant.signal(held.id, keyed("", "data")).await);
    refused(tenant.signal(held.id, keyed("a\0b", "data")).await);
    let signals = tenant.signals(held.id, 0).await.unwrap();
    assert_eq!(signals.len(), 3, "{signals:?}");
    // Keys belong to one execution of one tenant.
    let other = ground.held(&*tenant).await;
    assert_eq!(
        tenant.signal(other.id, keyed("one", "new")).await.unwrap(),
        1
    );
    let stranger = ground.tenant("other").await;
    not_found(stranger.signal(held.id, keyed("one", "data")).await);
    // It is known for as long as the execution is, whoever asks.
    ground.reopen().await;
    let tenant = ground.stranger("acme");
    assert_eq!(
        tenant.signal(held.id, keyed("one", "data")).await.unwrap(),
        2
    );
    let id = held.id;
    match tenant.append(held.append(&["still held"])).await {
        Ok(appended) => held.length = appended.length,
        Err(_) => {
            let claim = ground.claim_for(ground.lease());
            let claimed = tenant.claim_execution(id, claim).await.unwrap();
            held.fence = claimed.expect("nobody holds it").fence;
        }
    }
    held.end(&*tenant).await;
    assert_eq!(tenant.signal(id, keyed("two", "data")).await.unwrap(), 3);
    out_of_turn(tenant.signal(id, keyed("three", "data")).await);
}

pub(super) async fn large_signals_are_read_in_parts(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let held = ground.held(&*tenant).await;
    for number in 1..=5u8 {
        let data = Bytes::from(vec![number; 12 * MIB]);
        tenant.send_signal(held.id, "large", data).await.unwrap();
    }
    let mut found: Vec<Signal> = Vec::new();
    while found.len() < 5 {
        let after = found.last().map_or(0, |last| last.number);
        let part = tenant.signals(held.id, after).await.unwrap();
        let size: usize = part.iter().map(|signal| signal.data.len()).sum();
        assert!(!part.is_empty() && size <= 32 * MIB, "{size} bytes");
        found.extend(part);
    }
    for (number, signal) in (1..).zip(&found) {
        assert_eq!((signal.number, signal.data[0]), (u64::from(number), number));
    }
}

/// Whoever may send signals cannot fill the store, or the memory of the worker that reads them.
pub(super) async fn signals_are_bounded(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let held = ground.held(&*tenant).await;
    let most = limits::SIGNALS_BYTES as usize;
    let size = limits::RECORD_BYTES;
    for _ in 0..most / size {
        let data = Bytes::from(vec![0; size]);
        tenant.send_signal(held.id, "large", data).await.unwrap();
    }
    refused(tenant.send_signal(held.id, "more", bytes("x")).await);
    let sent = tenant.send_signal(held.id, "empty", Bytes::new()).await;
    assert_eq!(sent.unwrap(), (most / size) as u64 + 1);
    let held = ground.held(&*tenant).await;
    let mut left = limits::SIGNALS;
    while left > 0 {
        let some = left.min(1_000);
        left -= some;
        let calls = (0..some).map(|_| tenant.send_signal(held.id, "small", Bytes::new()));
        for sent in join_all(calls).await {
            sent.unwrap();
        }
    }
    let last = tenant.signals(held.id, limits::SIGNALS - 1).await.unwrap();
    assert_eq!(last.len(), 1);
    refused(tenant.send_signal(held.id, "more", Bytes::new()).await);
    let other = ground.held(&*tenant).await;
    assert!(tenant.send_signal(other.id, "x", bytes("x")).await.is_ok());
}
