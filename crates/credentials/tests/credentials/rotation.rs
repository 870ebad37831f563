//! New keys, also when it breaks off.

use std::time::Duration;

use jackfield_credentials::{CredentialError, KeyId, Rotation};
use jackfield_store_api::{Collection, Expected, Store};
use jackfield_testkit::store::{Interruption, MemoryStore, StoreClock};
use jackfield_types::TenantId;

use crate::support::{Told, bearer, builder, fragile, key, put, tenant, token};

const COUNT: usize = 4;

fn tenants() -> [TenantId; 2] {
    [tenant("acme"), tenant("globex")]
}

/// A store in which each of two tenants has some.
async fn filled(own: &jackfield_credentials::MasterKey) -> MemoryStore {
    let memory = MemoryStore::new();
    let store = builder(&memory, &[own]).build();
    for id in tenants() {
        for number in 0..COUNT {
            let token = bearer(&format!("{id}-{number}"));
            put(&store.tenant(&id), &format!("c{number}"), &token).await;
        }
    }
    memory
}

async fn assert_readable(memory: &MemoryStore, own: &[&jackfield_credentials::MasterKey]) {
    let store = builder(&memory.reopen(), own).build();
    for id in tenants() {
        for number in 0..COUNT {
            let found = token(&store.tenant(&id), &format!("c{number}")).await;
            assert_eq!(found, Ok(format!("{id}-{number}")));
        }
    }
}

#[tokio::test]
async fn a_rotation_that_breaks_off_anywhere_loses_nothing_and_goes_on() {
    let (old, new) = (key("old"), key("new"));
    let before_now = filled(&old).await;
    let later = before_now.now().await.unwrap() + jiff::SignedDuration::from_hours(1);
    for rotation in [
        Rotation::MasterKey,
        Rotation::DataKeys {
            encrypted_before: later,
        },
    ] {
        for interruption in [Interruption::BeforeTheWrite, Interruption::AfterTheWrite] {
            for after in 0..2 * COUNT {
                let memory = filled(&old).await;
                let (broken, builder_of_broken) = fragile(&memory, &[&new, &old]);
                let store = builder_of_broken.build();
                broken.interrupt(u64::try_from(after).unwrap(), interruption);
                let error = store.rotate(rotation).await.unwrap_err();
                assert!(matches!(error, CredentialError::Store(_)), "{error}");
                assert_readable(&memory, &[&new, &old]).await;

                let store = builder(&memory.reopen(), &[&new, &old]).build();
                let rotated = store.rotate(rotation).await.unwrap();
                assert!(rotated.is_done());
                let kept = after + usize::from(interruption == Interruption::AfterTheWrite);
                assert_eq!(
                    (rotated.unchanged, rotated.changed),
                    (kept as u64, (2 * COUNT - kept) as u64)
                );
                let in_use = store.keys_in_use().await.unwrap();
                assert_eq!(
                    in_use.keys().map(KeyId::as_str).collect::<Vec<_>>(),
                    ["new"]
                );
                assert_readable(&memory, &[&new]).await;
            }
        }
    }
}

#[tokio::test]
async fn what_cannot_be_read_stays_as_it_is_and_is_told() {
    let (lost, old, new) = (key("lost"), key("old"), key("new"));
    let memory = filled(&old).await;
    let id = tenant("acme");
    put(
        &builder(&memory, &[&lost]).build().tenant(&id),
        "c9",
        &bearer("x"),
    )
    .await;
    let rows = memory.tenant(&id);
    let junk = b"junk".as_slice().into();
    rows.put_document(Collection::Credentials, "c8", junk, Expected::Absent)
        .await
        .unwrap();
    let told = Told::default();
    let store = builder(&memory, &[&new, &old]).audit(told.clone()).build();
    let rotated = store.rotate(Rotation::MasterKey).await.unwrap();
    assert!(!rotated.is_done() && rotated.changed == 2 * COUNT as u64);
    let failed: Vec<&str> = rotated
        .failed
        .iter()
        .map(|(_, name, _)| name.as_str())
        .collect();
    assert_eq!(failed, ["c8", "c9"]);
    assert!(rotated.failed[1].2.contains("needs the master key `lost`"));
    assert_readable(&memory, &[&new]).await;
    assert_eq!(told.take().len(), 2 * COUNT);
    // With the key it goes on.
    let store = builder(&memory, &[&new, &lost]).build();
    let rotated = store.rotate(Rotation::MasterKey).await.unwrap();
    assert_eq!((rotated.changed, rotated.failed.len()), (1, 1));
    assert_eq!(token(&store.tenant(&id), "c9").await, Ok("x".to_owned()));
}

#[tokio::test]
async fn new_data_keys_encrypt_everything_anew_and_times_stay() {
    let own = key("k");
    let memory = filled(&own).await;
    let store = builder(&memory, &[&own]).build();
    let id = tenant("acme");
    let rows = memory.tenant(&id);
    let before = rows
        .document(Collection::Credentials, "c0")
        .await
        .unwrap()
        .unwrap();
    let page = jackfield_store_api::PageRequest::first(1);
    let listed = store.tenant(&id).list(&page).await.unwrap();
    // The master key is the current one: nothing to be done.
    assert_eq!(store.rotate(Rotation::MasterKey).await.unwrap().changed, 0);
    let encrypted_before = memory.now().await.unwrap() + jiff::SignedDuration::from_secs(1);
    let rotation = Rotation::DataKeys { encrypted_before };
    assert_eq!(
        store.rotate(rotation).await.unwrap().changed,
        2 * COUNT as u64
    );
    assert_eq!(store.rotate(rotation).await.unwrap().changed, 0);
    let after = rows
        .document(Collection::Credentials, "c0")
        .await
        .unwrap()
        .unwrap();
    let tail = before.content.len() - 32;
    assert_ne!(before.content[tail..], after.content[tail..]);
    let again = store.tenant(&id).list(&page).await.unwrap();
    let (old, new) = (&listed.entries[0].details, &again.entries[0].details);
    let (old, new) = (old.as_ref().unwrap(), new.as_ref().unwrap());
    assert_eq!(
        (old.created_at, old.changed_at),
        (new.created_at, new.changed_at)
    );
    assert_eq!(new.encrypted_at, encrypted_before);
    assert_readable(&memory, &[&own]).await;
}

#[tokio::test]
async fn what_was_encrypted_in_the_future_gets_a_new_data_key_too() {
    let own = key("k");
    let clock = StoreClock::default();
    let memory = MemoryStore::with_clock(clock.clone());
    let store = builder(&memory, &[&own]).build();
    let acme = store.tenant(&tenant("acme"));
    clock.advance(Duration::from_secs(86_400));
    put(&acme, "ahead", &bearer("x")).await;
    clock.set_back(Duration::from_secs(86_400));
    put(&acme, "right", &bearer("y")).await;
    clock.advance(Duration::from_secs(60));
    let rotation = Rotation::DataKeys {
        encrypted_before: clock.now(),
    };
    let rotated = store.rotate(rotation).await.unwrap();
    assert_eq!((rotated.changed, rotated.unchanged), (2, 0));
    let again = store.rotate(rotation).await.unwrap();
    assert_eq!((again.changed, again.unchanged), (0, 2));
    assert_eq!(token(&acme, "ahead").await, Ok("x".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotation_does_not_undo_what_is_changed_meanwhile() {
    let (old, new) = (key("old"), key("new"));
    let memory = filled(&old).await;
    let store = builder(&memory, &[&new, &old]).build();
    let acme = store.tenant(&tenant("acme"));
    let writer = tokio::spawn({
        let acme = acme.clone();
        async move {
            for round in 0..200 {
                put(&acme, "c1", &bearer(&round.to_string())).await;
            }
            acme.delete("c2", Expected::Anything).await.unwrap();
        }
    });
    while !writer.is_finished() {
        assert!(store.rotate(Rotation::MasterKey).await.is_ok());
        let later = memory.now().await.unwrap();
        let rotation = Rotation::DataKeys {
            encrypted_before: later,
        };
        assert!(store.rotate(rotation).await.is_ok());
    }
    writer.await.unwrap();
    assert_eq!(token(&acme, "c1").await, Ok("199".to_owned()));
    assert!(token(&acme, "c2").await.is_err());
}

#[tokio::test]
async fn keys_can_be_exchanged_while_it_runs() {
    let (old, new) = (key("old"), key("new"));
    let memory = filled(&old).await;
    let store = builder(&memory, &[&old]).build();
    store.set_keys(crate::support::keys(&[&new, &old]));
    assert!(store.rotate(Rotation::MasterKey).await.unwrap().is_done());
    store.set_keys(crate::support::keys(&[&new]));
    assert_eq!(
        token(&store.tenant(&tenant("acme")), "c0").await,
        Ok("acme-0".to_owned())
    );
    assert_readable(&memory, &[&new]).await;
}
