//! What is put is found, by its tenant alone.

use std::sync::Arc;
use std::time::Duration;

use jackfield_credentials::{CredentialError, CredentialType, CredentialTypes};
use jackfield_store_api::{Collection, Expected, PageRequest, Store, StoreError};
use jackfield_tenancy::{SecretError, SecretSource, Tenancy};
use jackfield_testkit::store::MemoryStore;
use serde_json::json;

use crate::support::{Told, bearer, bound, builder, key, new, put, tenant, token};

#[tokio::test]
async fn what_is_put_is_resolved_listed_and_deleted() {
    let told = Told::default();
    let store = builder(&MemoryStore::new(), &[&key("k1")])
        .audit(told.clone())
        .build();
    let acme = store.tenant(&tenant("acme"));
    put(&acme, "crm", &bound("s3cr3t-1", &["api.example.org"])).await;
    put(
        &acme,
        "mail",
        &new("basic", json!({"user": "ada", "password": "s3cr3t-2"})),
    )
    .await;
    assert_eq!(token(&acme, "crm").await, Ok("s3cr3t-1".to_owned()));

    let listed = acme.list(&PageRequest::first(10)).await.unwrap();
    let names: Vec<&str> = listed.entries.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["crm", "mail"]);
    let details = listed.entries[0].details.as_ref().unwrap();
    assert_eq!(details.credential_type, "bearer");
    assert_eq!(details.hosts, Some(vec!["api.example.org".to_owned()]));
    assert_eq!(details.key.as_str(), "k1");

    // Another one of the name: it is as old as the first, and not as new.
    put(&acme, "crm", &bearer("s3cr3t-3")).await;
    assert_eq!(token(&acme, "crm").await, Ok("s3cr3t-3".to_owned()));
    let again = acme.list(&PageRequest::first(1)).await.unwrap();
    let again = again.entries[0].details.as_ref().unwrap();
    assert_eq!(again.created_at, details.created_at);
    assert!(again.changed_at >= details.changed_at && again.hosts.is_none());

    assert!(acme.delete("crm", Expected::Anything).await.unwrap());
    assert!(!acme.delete("crm", Expected::Anything).await.unwrap());
    assert_eq!(
        token(&acme, "crm").await,
        Err("tenant `acme` has no credential `crm`".to_owned())
    );
    let told = told.take();
    let kinds: Vec<&str> = told
        .iter()
        .map(|told| told.split_whitespace().nth(2).unwrap())
        .collect();
    assert_eq!(kinds, ["Put", "Put", "Used", "Put", "Used", "Deleted"]);
    assert!(!told.concat().contains("s3cr3t"));
}

#[tokio::test]
async fn a_change_expects_what_it_was_told() {
    let store = builder(&MemoryStore::new(), &[&key("k1")]).build();
    let acme = store.tenant(&tenant("acme"));
    let first = acme
        .put("crm", &bearer("1"), Expected::Absent)
        .await
        .unwrap();
    let again = acme.put("crm", &bearer("2"), Expected::Absent).await;
    assert!(matches!(
        again,
        Err(CredentialError::Store(StoreError::Conflict { .. }))
    ));
    acme.put("crm", &bearer("3"), Expected::Revision(first))
        .await
        .unwrap();
    let late = acme.delete("crm", Expected::Revision(first)).await;
    assert!(matches!(
        late,
        Err(CredentialError::Store(StoreError::Conflict { .. }))
    ));
    assert_eq!(token(&acme, "crm").await, Ok("3".to_owned()));
}

#[tokio::test]
async fn what_is_not_right_is_refused_and_changes_nothing() {
    let store = builder(&MemoryStore::new(), &[&key("k1")]).build();
    let acme = store.tenant(&tenant("acme"));
    put(&acme, "crm", &bearer("kept")).await;
    let mut wrong = vec![
        new("baerer", json!({"token": "hunter2"})),
        new("bearer", json!({"tokn": "hunter2"})),
        new("bearer", json!({"token": "hunter2".repeat(20_000)})),
        bound("hunter2", &["ftp://api.example.org"]),
    ];
    let mut typo = bearer("hunter2");
    typo.node_types = Some(vec!["http request".to_owned()]);
    wrong.push(typo);
    for new in &wrong {
        let error = acme.put("crm", new, Expected::Anything).await.unwrap_err();
        let shown = format!("{error} {error:?} {new:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    for name in [
        "",
        ".\0",
        "a/b",
        "../x",
        "a b",
        "\u{430}",
        "crm\n",
        &"x".repeat(257),
    ] {
        let put = acme.put(name, &bearer("x"), Expected::Anything).await;
        assert!(matches!(put, Err(CredentialError::Name)), "{name:?}");
        let deleted = acme.delete(name, Expected::Anything).await;
        assert!(matches!(deleted, Err(CredentialError::Name)), "{name:?}");
        assert!(token(&acme, name).await.is_err());
    }
    assert_eq!(token(&acme, "crm").await, Ok("kept".to_owned()));
}

#[tokio::test]
async fn embedders_add_types_of_their_own() {
    let schema = json!({
        "type": "object",
        "properties": {"account": {"type": "string"}, "pin": {"type": "string", "writeOnly": true}},
        "required": ["account", "pin"]
    });
    let mut types = CredentialTypes::new();
    types
        .add(CredentialType::new("acme/bank", schema).unwrap())
        .unwrap();
    let memory = MemoryStore::new();
    let k1 = key("k1");
    let store = builder(&memory, &[&k1]).types(types).build();
    let id = tenant("acme");
    let acme = store.tenant(&id);
    put(
        &acme,
        "bank",
        &new("acme/bank", json!({"account": "12", "pin": "s3cr3t"})),
    )
    .await;
    assert_eq!(store.find(&id, "bank").unwrap().expose(), "s3cr3t");
    let masked = store.texts(&id, "bank");
    assert_eq!(
        masked
            .iter()
            .map(|text| text.expose().as_str())
            .collect::<Vec<_>>(),
        ["s3cr3t"]
    );
    // A program that does not know the type cannot tell what is secret, and does not read it.
    let other = builder(&memory, &[&k1]).build();
    other.tenant(&id).refresh().await;
    let error = other.find(&id, "bank").unwrap_err();
    assert!(error.to_string().contains("`acme/bank`"), "{error}");
}

#[tokio::test]
async fn no_tenant_gets_at_what_another_one_has() {
    let memory = MemoryStore::new();
    let store = builder(&memory, &[&key("k1")]).build();
    let (acme, globex) = (
        store.tenant(&tenant("acme")),
        store.tenant(&tenant("globex")),
    );
    put(&acme, "crm", &bearer("of-acme")).await;
    put(&globex, "crm", &bearer("of-globex")).await;
    put(&acme, "only", &bearer("of-acme-only")).await;
    assert_eq!(token(&globex, "crm").await, Ok("of-globex".to_owned()));
    assert!(token(&globex, "only").await.is_err());
    assert!(store.find(&tenant("globex"), "only").is_err());
    assert_eq!(
        globex
            .list(&PageRequest::default())
            .await
            .unwrap()
            .entries
            .len(),
        1
    );

    // Whoever can write to the database moves rows about: to another tenant, to another name.
    let rows = memory.tenant(&tenant("acme"));
    let row = rows
        .document(Collection::Credentials, "only")
        .await
        .unwrap()
        .unwrap();
    for (whose, name) in [("globex", "only"), ("globex", "crm"), ("acme", "crm")] {
        let to = memory.tenant(&tenant(whose));
        to.put_document(
            Collection::Credentials,
            name,
            row.content.clone(),
            Expected::Anything,
        )
        .await
        .unwrap();
        let error = token(&store.tenant(&tenant(whose)), name)
            .await
            .unwrap_err();
        assert!(error.contains("cannot be trusted"), "{error}");
        assert!(!error.contains("of-acme"), "{error}");
    }
    assert_eq!(token(&acme, "only").await, Ok("of-acme-only".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn the_next_call_sees_what_was_changed() {
    let memory = MemoryStore::new();
    let k1 = key("k1");
    let here = builder(&memory, &[&k1]).build();
    let elsewhere = builder(&memory, &[&k1]).build();
    let id = tenant("acme");
    let tenancy = Tenancy::builder().secrets(here.clone()).build();
    let acme = tenancy.tenant(&id);
    let read = |name: &str| acme.secret(name).map(|secret| secret.expose().clone());

    // Nobody has asked for the tenant's yet.
    assert!(matches!(read("crm"), Err(SecretError::NotReady { .. })));
    acme.refresh_secrets()
        .expect("there is something to read")
        .await;
    assert!(matches!(read("crm"), Err(SecretError::Missing { .. })));

    // By the same process: at once.
    put(&here.tenant(&id), "crm", &bearer("1")).await;
    assert_eq!(read("crm"), Ok("1".to_owned()));
    put(&here.tenant(&id), "crm", &bearer("2")).await;
    assert_eq!(read("crm"), Ok("2".to_owned()));
    assert_eq!(acme.secret_names(), ["crm"]);

    // By another one: when what was read is too old.
    put(&elsewhere.tenant(&id), "crm", &bearer("3")).await;
    put(&elsewhere.tenant(&id), "new", &bearer("4")).await;
    tokio::time::advance(Duration::from_secs(1)).await;
    acme.refresh_secrets().expect("it is too old").await;
    assert!(acme.refresh_secrets().is_none());
    assert_eq!(
        (read("crm"), read("new")),
        (Ok("3".to_owned()), Ok("4".to_owned()))
    );
    elsewhere
        .tenant(&id)
        .delete("new", Expected::Anything)
        .await
        .unwrap();
    here.tenant(&id)
        .delete("crm", Expected::Anything)
        .await
        .unwrap();
    assert!(matches!(read("crm"), Err(SecretError::Missing { .. })));
    tokio::time::advance(Duration::from_secs(1)).await;
    acme.refresh_secrets().expect("it is too old").await;
    assert!(matches!(read("new"), Err(SecretError::Missing { .. })));
}

#[tokio::test(start_paused = true)]
async fn what_was_read_last_serves_while_the_store_cannot_be_reached() {
    let memory = MemoryStore::new();
    let store = builder(&memory, &[&key("k1")]).build();
    let (id, other) = (tenant("acme"), tenant("globex"));
    put(&store.tenant(&id), "crm", &bearer("1")).await;
    memory.close().await.unwrap();
    tokio::time::advance(Duration::from_secs(5)).await;
    store.refresh(&id).expect("it is too old").await;
    assert_eq!(store.find(&id, "crm").unwrap().expose(), "1");
    store.refresh(&other).expect("it was never read").await;
    let error = store.find(&other, "crm").unwrap_err();
    assert!(matches!(error, SecretError::NotReady { .. }), "{error}");
    assert!(error.to_string().contains("cannot be reached"), "{error}");
    // It is not asked again by each call.
    assert!(store.refresh(&other).is_none());
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(store.refresh(&other).is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_changes_at_once_leave_what_is_kept_as_the_store_has_it() {
    let store = builder(&MemoryStore::new(), &[&key("k1")])
        .max_age(None)
        .build();
    let id = tenant("acme");
    let store = Arc::new(store);
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let (store, id) = (Arc::clone(&store), id.clone());
        writers.spawn(async move {
            let acme = store.tenant(&id);
            for round in 0..25 {
                let name = format!("c{}", (writer + round) % 3);
                if round % 4 == 3 {
                    acme.delete(&name, Expected::Anything).await.unwrap();
                } else {
                    put(&acme, &name, &bearer(&format!("{writer}-{round}"))).await;
                }
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    for name in ["c0", "c1", "c2"] {
        let kept = store
            .find(&id, name)
            .ok()
            .map(|secret| secret.expose().clone());
        assert_eq!(kept, token(&store.tenant(&id), name).await.ok(), "{name}");
    }
}

#[tokio::test]
async fn the_password_in_a_url_is_secret_by_itself() {
    let store = builder(&MemoryStore::new(), &[&key("k")]).build();
    let id = tenant("acme");
    let url = "postgres://me:p%40ssw0rd@db.example.org/app";
    put(
        &store.tenant(&id),
        "db",
        &new("database", json!({ "url": url })),
    )
    .await;
    let texts = store.texts(&id, "db");
    let texts: Vec<&str> = texts.iter().map(|text| text.expose().as_str()).collect();
    assert_eq!(texts, [url, "p@ssw0rd", "p%40ssw0rd"]);
}
