//! Small documents.

use bytes::Bytes;
use jackfield_store_api::{
    Collection, Document, Expected, PageRequest, Revision, TenantStore, limits,
};

use super::ground::{Ground, bytes, conflict, refused};

const KIND: Collection = Collection::PluginState;

async fn put(tenant: &dyn TenantStore, name: &str, content: &str) -> Revision {
    let put = tenant
        .put_document(KIND, name, bytes(content), Expected::Anything)
        .await;
    put.unwrap()
}

async fn get(tenant: &dyn TenantStore, name: &str) -> Option<Document> {
    tenant.document(KIND, name).await.unwrap()
}

pub(super) async fn documents_are_written_read_and_deleted(ground: Ground) {
    let tenant = ground.stranger("acme");
    assert_eq!(get(&*tenant, "a").await, None);
    let before = ground.store.now().await.unwrap();
    let first = put(&*tenant, "a", "one").await;
    let document = get(&*tenant, "a").await.unwrap();
    assert_eq!(
        (&document.name[..], &document.content[..]),
        ("a", &b"one"[..])
    );
    assert_eq!(document.revision, first);
    assert!(document.changed_at >= before);
    let second = put(&*tenant, "a", "").await;
    assert!(second > first);
    assert_eq!(get(&*tenant, "a").await.unwrap().content, Bytes::new());
    assert!(
        tenant
            .delete_document(KIND, "a", Expected::Anything)
            .await
            .unwrap()
    );
    assert_eq!(get(&*tenant, "a").await, None);
    assert!(
        !tenant
            .delete_document(KIND, "a", Expected::Anything)
            .await
            .unwrap()
    );
}

pub(super) async fn changes_may_expect_what_they_find(ground: Ground) {
    let tenant = ground.stranger("acme");
    let write = async |expected| tenant.put_document(KIND, "a", bytes("x"), expected).await;
    let delete = async |expected| tenant.delete_document(KIND, "a", expected).await;
    conflict(write(Expected::Revision(Revision(1))).await);
    conflict(delete(Expected::Revision(Revision(1))).await);
    assert!(!delete(Expected::Absent).await.unwrap());
    let first = write(Expected::Absent).await.unwrap();
    conflict(write(Expected::Absent).await);
    conflict(delete(Expected::Absent).await);
    let second = write(Expected::Revision(first)).await.unwrap();
    conflict(write(Expected::Revision(first)).await);
    conflict(delete(Expected::Revision(first)).await);
    assert_eq!(
        get(&*tenant, "a").await.unwrap().revision,
        second,
        "nothing has changed"
    );
    assert!(delete(Expected::Revision(second)).await.unwrap());
    conflict(write(Expected::Revision(second)).await);
}

pub(super) async fn revisions_never_come_back(ground: Ground) {
    let tenant = ground.stranger("acme");
    let mut last = Revision(0);
    for round in 0..20 {
        for _ in 0..round % 3 {
            put(&*tenant, "other", "x").await;
        }
        let revision = put(&*tenant, "a", "x").await;
        assert!(revision > last, "round {round}");
        last = revision;
        if round % 2 == 0 {
            tenant
                .delete_document(KIND, "a", Expected::Anything)
                .await
                .unwrap();
            conflict(
                tenant
                    .put_document(KIND, "a", bytes("x"), Expected::Revision(last))
                    .await,
            );
        }
        tenant
            .delete_document(KIND, "other", Expected::Anything)
            .await
            .unwrap();
    }
}

/// Two writers that expect the same revision: one of them wins.
pub(super) async fn writers_that_expect_the_same_do_not_both_win(ground: Ground) {
    let tenant = ground.stranger("acme");
    for _ in 0..20 {
        let expected = match get(&*tenant, "a").await {
            Some(document) => Expected::Revision(document.revision),
            None => Expected::Absent,
        };
        let racers: Vec<_> = (0..8)
            .map(|_| {
                let tenant = std::sync::Arc::clone(&tenant);
                tokio::spawn(
                    async move { tenant.put_document(KIND, "a", bytes("x"), expected).await },
                )
            })
            .collect();
        let mut won = 0;
        for racer in racers {
            match racer.await.unwrap() {
                Ok(_) => won += 1,
                lost => conflict(lost),
            }
        }
        assert_eq!(won, 1);
    }
}

pub(super) async fn documents_are_listed_by_the_bytes_of_their_names(ground: Ground) {
    let tenant = ground.stranger("acme");
    let mut names = vec![
        "a",
        "a/",
        "a/b",
        "a/b/c",
        "a/bc",
        "a/é",
        "a/z",
        "a0",
        "A/b",
        "b",
        "%",
        "a/%",
        "a/_",
        "é",
        "🦊",
        "\u{ffff}",
        "\u{10ffff}",
        "a/\u{10ffff}",
    ];
    for name in &names {
        put(&*tenant, name, name).await;
    }
    let other = tenant.put_document(
        Collection::Variables,
        "a/other",
        bytes("x"),
        Expected::Absent,
    );
    other.await.unwrap();
    names.sort_unstable();
    for prefix in [
        "",
        "a",
        "a/",
        "a/b",
        "A",
        "%",
        "_",
        "é",
        "\u{10ffff}",
        "nothing",
        "a/b/c/d",
    ] {
        let expected: Vec<_> = names
            .iter()
            .filter(|name| name.starts_with(prefix))
            .collect();
        for limit in [1, 2, 5, 100] {
            let found = list(&*tenant, prefix, limit).await;
            assert!(
                found.iter().eq(expected.iter().copied()),
                "{prefix:?} in pages of {limit}: {found:?}"
            );
        }
    }
    for after in ["", "a/b", "a/bb", "zzz", "\0"] {
        let request = PageRequest {
            after: Some(after.to_owned()),
            limit: 100,
        };
        let page = tenant.list_documents(KIND, "a/", &request).await.unwrap();
        let expected = names
            .iter()
            .filter(|name| name.starts_with("a/") && **name > after);
        assert!(
            page.entries
                .iter()
                .map(|one| one.name.as_str())
                .eq(expected.copied()),
            "{after:?}"
        );
    }
    assert_eq!(list(&*tenant, "a\0", 100).await, Vec::<String>::new());
}

pub(super) async fn large_documents_are_listed_in_parts(ground: Ground) {
    let tenant = ground.stranger("acme");
    let large = Bytes::from(vec![7; 4 * 1_024 * 1_024]);
    for number in 0..12 {
        let name = format!("{number:02}");
        let put = tenant.put_document(KIND, &name, large.clone(), Expected::Absent);
        put.await.unwrap();
    }
    assert_eq!(list(&*tenant, "", 1_000).await.len(), 12);
    let too_large = Bytes::from(vec![7; limits::RECORD_BYTES + 1]);
    refused(
        tenant
            .put_document(KIND, "x", too_large, Expected::Anything)
            .await,
    );
}

pub(super) async fn collections_are_apart(ground: Ground) {
    let tenant = ground.stranger("acme");
    for collection in Collection::ALL {
        let content = bytes(collection.as_str());
        let put = tenant.put_document(collection, "same", content, Expected::Absent);
        put.await.unwrap();
    }
    for collection in Collection::ALL {
        let found = tenant.document(collection, "same").await.unwrap().unwrap();
        assert_eq!(found.content, bytes(collection.as_str()));
        let page = tenant
            .list_documents(collection, "", &PageRequest::default())
            .await;
        assert_eq!(page.unwrap().entries, [found]);
    }
    assert!(
        tenant
            .delete_document(KIND, "same", Expected::Anything)
            .await
            .unwrap()
    );
    let left = tenant
        .document(Collection::Variables, "same")
        .await
        .unwrap();
    assert!(left.is_some());
}

async fn list(tenant: &dyn TenantStore, prefix: &str, limit: u32) -> Vec<String> {
    let mut request = PageRequest::first(limit);
    let mut found = Vec::new();
    loop {
        let page = tenant.list_documents(KIND, prefix, &request).await.unwrap();
        assert!(page.entries.len() <= limit as usize);
        found.extend(page.entries.into_iter().map(|one| one.name));
        if page.next.is_none() {
            return found;
        }
        assert!(page.next > request.after, "it goes on");
        request.after = page.next;
    }
}
