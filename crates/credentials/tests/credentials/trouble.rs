//! Wrong keys, broken rows, changes that break off.

use std::sync::Arc;

use jackfield_credentials::{
    CredentialError, CredentialStore, CredentialType, CredentialTypes, KeyError, MasterKeys,
    Rotation,
};
use jackfield_store_api::{Collection, Expected, PageRequest, Store};
use jackfield_tenancy::Tenancy;
use jackfield_testkit::store::{Interruption, MemoryStore};

use serde_json::json;

use crate::support::{bearer, builder, fragile, key, new, node_type, put, tenant, token, wanted};

#[tokio::test]
async fn a_key_that_is_missing_or_another_one_is_told_to_whoever_asks() {
    let memory = MemoryStore::new();
    let id = tenant("acme");
    let (old, new) = (key("2024"), key("2025"));
    put(
        &builder(&memory, &[&old]).build().tenant(&id),
        "crm",
        &bearer("s3cr3t"),
    )
    .await;
    let node_type = node_type("http-request");
    for (own, expected) in [
        (
            vec![&new],
            "needs the master key `2024`, and there are `2025`",
        ),
        (
            vec![&new, &key("2024")],
            "was encrypted with another key than the one that is called `2024`",
        ),
    ] {
        let store = builder(&memory, &own).build();
        let tenancy = Tenancy::builder().secrets(store.clone()).build();
        let acme = tenancy.tenant(&id);
        acme.refresh_secrets().unwrap().await;
        let errors = [
            acme.secret("crm").unwrap_err().to_string(),
            acme.credential("crm", &wanted(&node_type, "x"))
                .unwrap_err()
                .to_string(),
            token(&store.tenant(&id), "crm").await.unwrap_err(),
        ];
        for error in errors {
            assert!(
                error.contains(expected) && !error.contains("s3cr3t"),
                "{error}"
            );
        }
        // The rest goes on: it is listed, and another one is kept beside it.
        assert_eq!(
            store
                .tenant(&id)
                .list(&PageRequest::default())
                .await
                .unwrap()
                .entries
                .len(),
            1
        );
        put(&store.tenant(&id), "other", &bearer("fine")).await;
        assert_eq!(
            token(&store.tenant(&id), "other").await,
            Ok("fine".to_owned())
        );
        store
            .tenant(&id)
            .delete("other", Expected::Anything)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_row_of_a_newer_program_is_told_from_a_broken_one() {
    let memory = MemoryStore::new();
    let id = tenant("acme");
    let store = builder(&memory, &[&key("k1")]).build();
    let acme = store.tenant(&id);
    put(&acme, "crm", &bearer("s3cr3t")).await;
    let rows = memory.tenant(&id);
    let row = rows
        .document(Collection::Credentials, "crm")
        .await
        .unwrap()
        .unwrap();
    let mut newer = row.content.to_vec();
    newer[3] = 9;
    for (content, expected) in [
        (newer, "is written in format 9, and this program knows 1"),
        (row.content[..40].to_vec(), "it breaks off"),
        (Vec::new(), "it breaks off"),
        (b"{}{}{}".to_vec(), "it does not begin as credentials do"),
    ] {
        rows.put_document(
            Collection::Credentials,
            "crm",
            content.into(),
            Expected::Anything,
        )
        .await
        .unwrap();
        let error = token(&acme, "crm").await.unwrap_err();
        assert!(error.contains(expected), "{error}");
        let listed = acme.list(&PageRequest::default()).await.unwrap();
        assert!(
            listed.entries[0]
                .problem
                .as_ref()
                .unwrap()
                .contains(expected)
        );
        // It can be put anew all the same.
        put(&acme, "crm", &bearer("again")).await;
        assert_eq!(token(&acme, "crm").await, Ok("again".to_owned()));
    }
}

#[tokio::test]
async fn a_change_that_breaks_off_leaves_the_old_one_or_the_new_one() {
    for interruption in [Interruption::BeforeTheWrite, Interruption::AfterTheWrite] {
        let memory = MemoryStore::new();
        let (k1, id) = (key("k1"), tenant("acme"));
        put(
            &builder(&memory, &[&k1]).build().tenant(&id),
            "crm",
            &bearer("old"),
        )
        .await;
        let (broken, builder_of_broken) = fragile(&memory, &[&k1]);
        let store = builder_of_broken.build();
        store.tenant(&id).refresh().await;
        broken.interrupt(0, interruption);
        let put = store
            .tenant(&id)
            .put("crm", &bearer("new"), Expected::Anything)
            .await;
        assert!(matches!(put, Err(CredentialError::Store(_))), "{put:?}");
        let again = builder(&memory.reopen(), &[&k1]).build();
        let expected = if interruption == Interruption::BeforeTheWrite {
            "old"
        } else {
            "new"
        };
        assert_eq!(
            token(&again.tenant(&id), "crm").await,
            Ok(expected.to_owned())
        );
    }
}

#[tokio::test]
async fn without_a_key_what_there_is_can_be_told_and_taken_away_and_nothing_more() {
    let memory = MemoryStore::new();
    let id = tenant("acme");
    let whole = builder(&memory, &[&key("2025")]).build();
    put(&whole.tenant(&id), "crm", &bearer("s3cr3t")).await;
    let store = CredentialStore::builder(Arc::new(memory.clone()), MasterKeys::none()).build();
    let acme = store.tenant(&id);
    let told = acme.verify("crm").await.unwrap_err().to_string();
    assert_eq!(
        told,
        "credential `crm` needs the master key `2025`, and there are none; give `2025` too, and rotate before it is taken away"
    );
    let summary = acme.summary("crm").await.unwrap().unwrap();
    assert_eq!(summary.details.unwrap().key.as_str(), "2025");
    assert!(acme.summary("other").await.unwrap().is_none());
    let put = acme.put("other", &bearer("x"), Expected::Anything).await;
    assert!(matches!(put, Err(CredentialError::Key(KeyError::None))));
    let rotated = store.rotate(Rotation::MasterKey).await;
    assert!(matches!(rotated, Err(CredentialError::Key(KeyError::None))));
    whole.tenant(&id).verify("crm").await.unwrap();
    assert!(acme.delete("crm", Expected::Anything).await.unwrap());
    let error = acme.verify("crm").await.unwrap_err();
    assert!(matches!(error, CredentialError::Missing { .. }), "{error}");
}

#[tokio::test]
async fn one_of_a_type_that_is_not_known_any_more_tells_so_and_keeps_its_keys_turning() {
    let memory = MemoryStore::new();
    let (id, old, next) = (tenant("acme"), key("old"), key("next"));
    let mut types = CredentialTypes::new();
    let schema =
        json!({"type": "object", "properties": {"pin": {"type": "string", "writeOnly": true}}});
    types
        .add(CredentialType::new("acme/bank", schema).unwrap())
        .unwrap();
    let embedded = builder(&memory, &[&old]).types(types).build();
    put(
        &embedded.tenant(&id),
        "bank",
        &new("acme/bank", json!({"pin": "s3cr3t"})),
    )
    .await;
    put(&embedded.tenant(&id), "crm", &bearer("fine")).await;

    let store = builder(&memory, &[&next, &old]).build();
    let acme = store.tenant(&id);
    let told = acme.verify("bank").await.unwrap_err().to_string();
    assert!(
        told.starts_with(
            "credential `bank` is of type `acme/bank`, which this program does not know; there are `api-key`, "
        ) && !told.contains("s3cr3t"),
        "{told}"
    );
    assert_eq!(token(&acme, "crm").await, Ok("fine".to_owned()));
    let rotated = store.rotate(Rotation::MasterKey).await.unwrap();
    assert!(rotated.is_done() && rotated.changed == 2, "{rotated:?}");
}

#[tokio::test]
async fn a_binding_that_could_not_be_read_again_is_not_written() {
    let memory = MemoryStore::new();
    let id = tenant("acme");
    let store = builder(&memory, &[&key("k")]).build();
    let entry = format!("{}@{}1", "n".repeat(512), " ".repeat(511));
    let mut new = bearer("s3cr3t");
    new.node_types = Some(vec![entry; 256]);
    let put = store
        .tenant(&id)
        .put("crm", &new, Expected::Anything)
        .await
        .unwrap_err();
    assert!(
        matches!(put, CredentialError::BindingTooLarge { .. }),
        "{put}"
    );
    assert!(store.tenant(&id).summary("crm").await.unwrap().is_none());
}
