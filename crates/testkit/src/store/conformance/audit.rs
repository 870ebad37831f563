//! Audit records.

use std::sync::Arc;

use jackfield_store_api::limits;

use super::ground::{Ground, bytes, out_of_turn, refused};

pub(super) async fn audit_records_are_added_at_the_end(ground: Ground) {
    let tenant = ground.stranger("acme");
    assert_eq!(tenant.audit(0, 10).await.unwrap(), []);
    assert_eq!(
        tenant
            .append_audit(0, vec![bytes("one"), bytes("two")])
            .await
            .unwrap(),
        2
    );
    assert_eq!(tenant.append_audit(2, Vec::new()).await.unwrap(), 2);
    assert_eq!(
        tenant.append_audit(2, vec![bytes("three")]).await.unwrap(),
        3
    );
    for elsewhere in [0, 2, 4, u64::MAX] {
        out_of_turn(tenant.append_audit(elsewhere, vec![bytes("lost")]).await);
    }
    let all = tenant.audit(0, 10).await.unwrap();
    let texts: Vec<_> = all
        .iter()
        .map(|one| (one.sequence, &one.record[..]))
        .collect();
    assert_eq!(texts, [(1, &b"one"[..]), (2, b"two"), (3, b"three")]);
    let part = tenant.audit(1, 1).await.unwrap();
    assert_eq!(part, all[1..2]);
    assert_eq!(tenant.audit(3, 10).await.unwrap(), []);
    assert_eq!(tenant.audit(u64::MAX, 10).await.unwrap(), []);
    let too_large = vec![bytes::Bytes::from(vec![0; limits::RECORD_BYTES + 1])];
    refused(tenant.append_audit(3, too_large).await);
}

/// Two writers that know the same end: one of them wins, so that a chain never forks.
pub(super) async fn audit_trails_never_fork(ground: Ground) {
    let tenant = ground.stranger("acme");
    for end in 0..20 {
        let racers: Vec<_> = (0..8)
            .map(|racer| {
                let tenant = Arc::clone(&tenant);
                let record = bytes(&format!("{end} {racer}"));
                tokio::spawn(async move { tenant.append_audit(end, vec![record]).await })
            })
            .collect();
        let mut won = 0;
        for racer in racers {
            match racer.await.unwrap() {
                Ok(length) => {
                    assert_eq!(length, end + 1);
                    won += 1;
                }
                lost => out_of_turn(lost),
            }
        }
        assert_eq!(won, 1);
    }
    let all = tenant.audit(0, 100).await.unwrap();
    assert_eq!(all.len(), 20);
    for (number, one) in (0..).zip(&all) {
        assert_eq!(one.sequence, number + 1);
        assert!(one.record.starts_with(format!("{number} ").as_bytes()));
    }
}
