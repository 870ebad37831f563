//! Credentials are used where they may be, and nowhere else.

use jackfield_tenancy::{SecretError, SecretSource, Tenancy};
use jackfield_testkit::store::MemoryStore;
use jackfield_types::Policy;
use serde_json::json;

use crate::support::{Told, bearer, bound, builder, key, new, node_type, put, tenant, wanted};

#[tokio::test]
async fn a_bound_credential_is_used_for_its_hosts_by_its_node_types_only() {
    let told = Told::default();
    let store = builder(&MemoryStore::new(), &[&key("k")])
        .audit(told.clone())
        .build();
    let id = tenant("acme");
    let acme = store.tenant(&id);
    let mut kept = bound("s3cr3t", &["*.example.org", "localhost:8080"]);
    kept.node_types = Some(vec!["http-request@^1".to_owned(), "acme/*".to_owned()]);
    put(&acme, "crm", &kept).await;
    let tenancy = Tenancy::builder().secrets(store.clone()).build();
    let handle = tenancy.tenant(&id);
    told.take();
    for (by, host, is_allowed) in [
        ("http-request", "api.example.org", true),
        ("acme/send", "API.EXAMPLE.ORG", true),
        ("http-request", "example.org", false),
        ("http-request", "api.example.org.evil.net", false),
        ("http-request", "localhost", false),
        ("http-request", "", false),
        ("evil/send", "api.example.org", false),
    ] {
        let node_type = node_type(by);
        let wanted = wanted(&node_type, host);
        let direct = acme.resolve("crm", &wanted).await;
        let through = handle.credential("crm", &wanted);
        assert_eq!(
            (direct.is_ok(), through.is_ok()),
            (is_allowed, is_allowed),
            "{by} {host}"
        );
        if let (Err(direct), Err(through)) = (direct, through) {
            assert!(matches!(through, SecretError::Refused(_)), "{through}");
            for error in [direct.to_string(), through.to_string()] {
                assert!(error.contains("of credential `crm`"), "{error}");
                assert!(!error.contains("s3cr3t"), "{error}");
            }
        }
    }
    assert_eq!(
        told.take()
            .iter()
            .filter(|told| told.contains("Refused"))
            .count(),
        5
    );
}

#[tokio::test]
async fn a_bound_credential_is_no_plain_secret_and_what_has_no_single_text_neither() {
    let store = builder(&MemoryStore::new(), &[&key("k")]).build();
    let id = tenant("acme");
    let acme = store.tenant(&id);
    put(&acme, "free", &bearer("s3cr3t-1")).await;
    put(&acme, "hosts", &bound("s3cr3t-2", &["*"])).await;
    let mut by_type = bearer("s3cr3t-3");
    by_type.node_types = Some(vec!["*".to_owned()]);
    put(&acme, "types", &by_type).await;
    put(&acme, "plain", &new("secret", json!({"value": "s3cr3t-4"}))).await;
    assert_eq!(store.names(&id), ["free", "plain"]);
    assert_eq!(store.find(&id, "free").unwrap().expose(), "s3cr3t-1");
    assert_eq!(store.find(&id, "plain").unwrap().expose(), "s3cr3t-4");
    for name in ["hosts", "types"] {
        let error = store.find(&id, name).unwrap_err();
        assert!(matches!(error, SecretError::Refused(_)), "{error}");
        assert!(!error.to_string().contains("s3cr3t"), "{error}");
        // It is masked all the same.
        assert_eq!(store.texts(&id, name).len(), 1);
    }
}

#[tokio::test]
async fn the_policy_of_the_tenant_has_its_say() {
    let store = builder(&MemoryStore::new(), &[&key("k")]).build();
    let id = tenant("acme");
    put(&store.tenant(&id), "crm", &bearer("s3cr3t")).await;
    let tenancy = Tenancy::builder().secrets(store).build();
    let policy: Policy = serde_json::from_value(json!({"secrets": ["mail*"]})).unwrap();
    tenancy.set_policy(&id, &policy).unwrap();
    let node_type = node_type("http-request");
    let acme = tenancy.tenant(&id);
    let found = acme.credential("crm", &wanted(&node_type, "x"));
    assert!(matches!(found, Err(SecretError::Refused(_))));
    assert!(acme.secret("crm").is_err() && acme.secret_texts("crm").is_empty());
    // Which names there are is not told either.
    let other = acme
        .credential("none", &wanted(&node_type, "x"))
        .unwrap_err()
        .to_string();
    assert_eq!(other, found.unwrap_err().to_string().replace("crm", "none"));
}
