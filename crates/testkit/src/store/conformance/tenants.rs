//! Nothing of one tenant is reached through another one, and names are bytes.

use jackfield_store_api::{
    Collection, ExecutionFilter, Expected, PageRequest, Request, Retention, TenantStore, limits,
};
use jackfield_types::TenantId;

use super::ground::{
    Ground, Held, bytes, execution, journal, not_found, payload, refused, version, workflow,
};

/// Every method is called with what another tenant has: nothing is found, nothing is changed.
pub(super) async fn nothing_of_another_tenant_is_reached(ground: Ground) {
    let owner = ground.tenant("owner").await;
    let mut held = ground.held(&*owner).await;
    let mut append = held.append(&["secret"]);
    append.payloads = vec![payload("secret")];
    held.length = owner.append(append).await.unwrap().length;
    owner
        .send_signal(held.id, "secret", bytes("secret"))
        .await
        .unwrap();
    owner.append_audit(0, vec![bytes("secret")]).await.unwrap();
    owner
        .put_workflow(workflow("secret", "secret"))
        .await
        .unwrap();
    for collection in Collection::ALL {
        let put = owner.put_document(collection, "secret", bytes("secret"), Expected::Absent);
        put.await.unwrap();
    }
    let before = everything(&*owner, held).await;

    // One that has nothing, one that has something of its own, and names that are nearly the same.
    let something = ground.tenant("something").await;
    ground.free(&*something).await;
    for name in ["nobody", "something", "owne", "owner2", "o"] {
        let tenant = ground.stranger(name);
        trespass(&ground, &*tenant, held).await;
        assert_eq!(
            everything(&*owner, held).await,
            before,
            "{name} has changed something"
        );
    }
    let claimed = ground.claim().await;
    assert!(claimed.iter().all(|one| one.tenant.as_str() == "something"));
}

async fn trespass(ground: &Ground, tenant: &dyn TenantStore, held: Held) {
    let id = held.id;
    let claim = ground.claim_for(ground.lease());
    not_found(tenant.execution(id).await);
    not_found(tenant.journal(id, 0, 100).await);
    not_found(tenant.signals(id, 0).await);
    not_found(tenant.claim_execution(id, claim).await);
    not_found(tenant.renew(id, held.fence, ground.lease()).await);
    not_found(tenant.release(id, held.fence).await);
    not_found(tenant.append(held.append(&["trespass"])).await);
    not_found(tenant.send_signal(id, "trespass", bytes("x")).await);
    for request in [Request::Cancel, Request::Pause, Request::Resume] {
        not_found(tenant.request(id, request).await);
    }
    not_found(tenant.payload(payload("secret").0).await);
    not_found(tenant.workflow("secret", None).await);
    not_found(tenant.workflow("secret", Some(1)).await);
    not_found(
        tenant
            .workflow_versions("secret", &PageRequest::default())
            .await,
    );
    let mut new = execution();
    new.workflow = version("secret", 1);
    not_found(tenant.create_execution(new).await);
    let listed = tenant
        .list_executions(&ExecutionFilter::default(), &PageRequest::default())
        .await;
    assert!(listed.unwrap().entries.iter().all(|record| record.id != id));
    let listed = tenant
        .list_workflows(&PageRequest::default())
        .await
        .unwrap();
    assert!(listed.entries.iter().all(|one| one.version.id != "secret"));
    for collection in Collection::ALL {
        assert_eq!(tenant.document(collection, "secret").await.unwrap(), None);
        let gone = tenant
            .delete_document(collection, "secret", Expected::Anything)
            .await;
        assert!(!gone.unwrap());
        let listed = tenant
            .list_documents(collection, "", &PageRequest::default())
            .await;
        assert_eq!(listed.unwrap().entries, []);
    }
    assert_eq!(tenant.audit(0, 10).await.unwrap(), []);
    let all = Retention {
        max_count: Some(0),
        ..Retention::default()
    };
    assert_eq!(tenant.collect(all).await.unwrap().executions, 0);
}

/// All that a tenant has, as text.
async fn everything(tenant: &dyn TenantStore, held: Held) -> String {
    let mut all = format!(
        "{:?} {:?} {:?} {:?}",
        tenant.execution(held.id).await.unwrap(),
        journal(tenant, held.id).await,
        tenant.signals(held.id, 0).await.unwrap(),
        tenant.payload(payload("secret").0).await.unwrap(),
    );
    for collection in Collection::ALL {
        let documents = tenant
            .list_documents(collection, "", &PageRequest::default())
            .await;
        all += &format!(" {documents:?}");
    }
    let audit = tenant.audit(0, 100).await.unwrap();
    let workflows = tenant
        .list_workflows(&PageRequest::default())
        .await
        .unwrap();
    format!("{all} {audit:?} {workflows:?}")
}

/// The same ids in two tenants are two things.
pub(super) async fn the_same_names_in_two_tenants_are_two_things(ground: Ground) {
    let tenants = [ground.tenant("one").await, ground.tenant("two").await];
    let mut new = execution();
    new.claim = Some((ground.worker, ground.lease()));
    for tenant in &tenants {
        let name = tenant.id().as_str();
        let made = tenant.create_execution(new.clone()).await.unwrap();
        let mut held = Held {
            id: made.id,
            fence: made.fence,
            length: 1,
        };
        held.write(&**tenant, name).await;
        tenant.send_signal(new.id, name, bytes(name)).await.unwrap();
        tenant.append_audit(0, vec![bytes(name)]).await.unwrap();
        let put = tenant.put_document(Collection::Variables, "v", bytes(name), Expected::Absent);
        put.await.unwrap();
    }
    for tenant in &tenants {
        let name = tenant.id().as_str();
        assert_eq!(journal(&**tenant, new.id).await, ["begin", name]);
        let signals = tenant.signals(new.id, 0).await.unwrap();
        assert_eq!((signals.len(), &signals[0].name[..]), (1, name));
        assert_eq!(tenant.audit(0, 10).await.unwrap()[0].record, bytes(name));
        let variable = tenant.document(Collection::Variables, "v").await.unwrap();
        assert_eq!(variable.unwrap().content, bytes(name));
    }
    let [one, two] = &tenants;
    let mut held = Held {
        id: new.id,
        fence: one.execution(new.id).await.unwrap().fence,
        length: 2,
    };
    held.end(&**one).await;
    assert!(!two.execution(new.id).await.unwrap().state.has_ended());
    let all = Retention {
        max_count: Some(0),
        ..Retention::default()
    };
    assert_eq!(one.collect(all).await.unwrap().executions, 1);
    assert_eq!(journal(&**two, new.id).await, ["begin", "two"]);
}

pub(super) async fn tenants_are_listed_by_id(ground: Ground) {
    let names = async |after: Option<&TenantId>| {
        let found = ground.store.tenants(after).await.unwrap();
        found
            .iter()
            .map(|id| id.as_str().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(None).await, [""; 0]);
    let curious = ground.stranger("curious");
    not_found(curious.workflow("flow", None).await);
    not_found(curious.create_execution(execution()).await);
    curious.collect(Retention::default()).await.unwrap();
    curious.append_audit(7, Vec::new()).await.unwrap_err();
    for name in ["b", "a.b", "a", "c-d"] {
        ground.tenant(name).await;
    }
    let audited = ground.stranger("audited");
    audited.append_audit(0, vec![bytes("x")]).await.unwrap();
    let documented = ground.stranger("documented");
    let put = documented.put_document(Collection::Policies, "p", bytes("x"), Expected::Absent);
    put.await.unwrap();
    let all = ["a", "a.b", "audited", "b", "c-d", "documented"];
    assert_eq!(names(None).await, all, "who only looked is none of them");
    let after = TenantId::parse("audited").unwrap();
    assert_eq!(names(Some(&after)).await, all[3..]);
    let between = TenantId::parse("aa").unwrap();
    assert_eq!(names(Some(&between)).await, all[2..]);
}

pub(super) async fn hostile_names_are_names_like_any_other(ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let long = "ü".repeat(limits::NAME_BYTES / 2);
    let names = [
        "%",
        "_",
        "'",
        "\"",
        "\\",
        ";--",
        "' OR '1'='1",
        "$1",
        "?1",
        ":tenant",
        "{}",
        "%s",
        "a\nb",
        "\r",
        "\t",
        " ",
        " a ",
        "null",
        "NULL",
        "0",
        "-1",
        "é",
        "e\u{301}",
        "ﬀ",
        "ff",
        "İ",
        "ı",
        "🦊",
        "\u{200d}",
        "\u{202e}abc",
        "\u{feff}",
        "../../etc/passwd",
        "x'00'",
        &long,
    ];
    let held = ground.held(&*tenant).await;
    for name in names {
        let put = tenant.put_document(Collection::Variables, name, bytes(name), Expected::Absent);
        put.await.unwrap();
        tenant.put_workflow(workflow(name, name)).await.unwrap();
        tenant
            .send_signal(held.id, name, bytes(name))
            .await
            .unwrap();
    }
    for name in names {
        let found = tenant
            .document(Collection::Variables, name)
            .await
            .unwrap()
            .unwrap();
        assert_eq!((found.name.as_str(), found.content), (name, bytes(name)));
        let found = tenant.workflow(name, None).await.unwrap();
        assert_eq!(
            (found.version, found.document),
            (version(name, 1), bytes(name))
        );
        let request = PageRequest::default();
        let listed = tenant
            .list_documents(Collection::Variables, name, &request)
            .await
            .unwrap();
        let expected = names.iter().filter(|one| one.starts_with(name)).count();
        assert_eq!(listed.entries.len(), expected, "{name:?}");
        let mut new = execution();
        new.workflow = version(name, 1);
        let made = tenant.create_execution(new).await.unwrap();
        let filter = ExecutionFilter {
            workflow: Some(name.to_owned()),
            ..Default::default()
        };
        let listed = tenant.list_executions(&filter, &request).await.unwrap();
        assert_eq!(listed.entries, [made]);
    }
    let signals = tenant.signals(held.id, 0).await.unwrap();
    assert!(signals.iter().map(|signal| signal.name.as_str()).eq(names));
    for name in names {
        let gone = tenant
            .delete_document(Collection::Variables, name, Expected::Anything)
            .await;
        assert!(gone.unwrap(), "{name:?}");
    }
}

/// What cannot be a name is refused where it is written, and is not there where it is read.
pub(super) async fn what_is_no_name_is_refused(ground: Ground) {
    use jackfield_store_api::ExecutionState;
    let tenant = ground.tenant("acme").await;
    let held = ground.held(&*tenant).await;
    let kind = Collection::Variables;
    let long = "x".repeat(limits::NAME_BYTES + 1);
    for name in ["", "\0", "a\0b", &long] {
        refused(
            tenant
                .put_document(kind, name, bytes("x"), Expected::Anything)
                .await,
        );
        assert_eq!(tenant.document(kind, name).await.unwrap(), None);
        assert!(
            !tenant
                .delete_document(kind, name, Expected::Anything)
                .await
                .unwrap()
        );
        refused(tenant.put_workflow(workflow(name, "x")).await);
        not_found(tenant.workflow(name, None).await);
        not_found(
            tenant
                .workflow_versions(name, &PageRequest::default())
                .await,
        );
        refused(tenant.send_signal(held.id, name, bytes("x")).await);
        let mut append = held.append(&["x"]);
        append.state = Some(ExecutionState::Ended {
            status: name.to_owned(),
        });
        refused(tenant.append(append).await);
        let mut new = execution();
        new.workflow = version(name, 1);
        refused(tenant.create_execution(new).await);
    }
    let mut append = held.append(&["x"]);
    append.state = Some(ExecutionState::Stuck {
        reason: "\0".to_owned(),
    });
    refused(tenant.append(append).await);
    let prefix = tenant
        .list_documents(kind, "\0", &PageRequest::default())
        .await
        .unwrap();
    assert_eq!(prefix.entries, []);
    assert_eq!(journal(&*tenant, held.id).await, ["begin"]);
}
