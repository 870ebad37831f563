//! Wrong keys, broken rows, changes that break off.

use jackfield_store_api::{Collection, Expected, PageRequest, Store};
use jackfield_tenancy::Tenancy;
use jackfield_testkit::store::{Interruption, MemoryStore};

use crate::support::{bearer, builder, key, node_type, put, tenant, token, wanted};

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
        let broken = memory.reopen();
        let store = builder(&broken, &[&k1]).build();
        store.tenant(&id).refresh().await;
        broken.interrupt(0, interruption);
        let put = store
            .tenant(&id)
            .put("crm", &bearer("new"), Expected::Anything)
            .await;
        assert!(put.unwrap_err().is_transient());
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
