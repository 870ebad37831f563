//! Workflows and their versions.

use jackfield_store_api::{PageRequest, TenantStore};

use super::ground::{Ground, not_found, refused, version, workflow};

pub(super) async fn workflow_versions_count_from_one(ground: Ground) {
    let tenant = ground.stranger("acme");
    for number in 1..=5 {
        let put = tenant
            .put_workflow(workflow("flow", &format!("document {number}")))
            .await;
        assert_eq!(put.unwrap(), version("flow", number));
    }
    let newest = tenant.workflow("flow", None).await.unwrap();
    assert_eq!(newest.version.version, 5);
    let third = tenant.workflow("flow", Some(3)).await.unwrap();
    assert_eq!(
        (third.version.version, &third.document[..]),
        (3, &b"document 3"[..])
    );
    assert_eq!(third.name, "the workflow flow");
    assert_eq!(third.digest, workflow("flow", "document 3").digest);
}

pub(super) async fn workflow_of_the_same_digest_is_the_same_version(ground: Ground) {
    let tenant = ground.stranger("acme");
    let put = async |document: &str| {
        let put = tenant.put_workflow(workflow("flow", document)).await;
        put.unwrap().version
    };
    assert_eq!(put("one").await, 1);
    assert_eq!(put("one").await, 1);
    assert_eq!(put("two").await, 2);
    assert_eq!(put("one").await, 3, "only the newest one counts");
    let other = tenant.put_workflow(workflow("other", "one")).await;
    assert_eq!(other.unwrap().version, 1, "each workflow counts by itself");
}

pub(super) async fn workflow_that_is_not_there_is_not_found(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    not_found(tenant.workflow("none", None).await);
    not_found(tenant.workflow("flow", Some(2)).await);
    not_found(tenant.workflow("flow", Some(0)).await);
    not_found(tenant.workflow("flow", Some(u32::MAX)).await);
    not_found(
        tenant
            .workflow_versions("none", &PageRequest::default())
            .await,
    );
}

pub(super) async fn workflows_are_listed_by_id_with_their_newest_version(ground: Ground) {
    let tenant = ground.stranger("acme");
    for id in ["b", "B", "a", "ä", "a-b", "%"] {
        for document in ["one", "two"] {
            tenant.put_workflow(workflow(id, document)).await.unwrap();
        }
    }
    let all = list(&*tenant, 100).await;
    assert_eq!(all, ["%@2", "B@2", "a@2", "a-b@2", "b@2", "ä@2"]);
    for limit in 1..8 {
        assert_eq!(list(&*tenant, limit).await, all, "pages of {limit}");
    }
}

pub(super) async fn workflow_versions_are_listed_newest_first(ground: Ground) {
    let tenant = ground.stranger("acme");
    for number in 1..=7 {
        let put = tenant
            .put_workflow(workflow("flow", &format!("{number}")))
            .await;
        put.unwrap();
    }
    let mut request = PageRequest::first(3);
    let mut found = Vec::new();
    loop {
        let page = tenant.workflow_versions("flow", &request).await.unwrap();
        assert!(page.entries.len() <= 3);
        found.extend(page.entries.iter().map(|one| one.version.version));
        if page.next.is_none() {
            break;
        }
        request.after = page.next;
    }
    assert_eq!(found, [7, 6, 5, 4, 3, 2, 1]);
    request.after = Some("not a number".to_owned());
    refused(tenant.workflow_versions("flow", &request).await);
}

async fn list(tenant: &dyn TenantStore, limit: u32) -> Vec<String> {
    let mut request = PageRequest::first(limit);
    let mut found = Vec::new();
    loop {
        let page = tenant.list_workflows(&request).await.unwrap();
        assert!(page.entries.len() <= limit as usize);
        found.extend(page.entries.iter().map(|one| one.version.to_string()));
        if page.next.is_none() {
            return found;
        }
        request.after = page.next;
    }
}
