//! Credentials that others keep, in the environment and in files.

use std::time::Duration;

use jackfield_credentials::{CredentialTypes, ExternalCredentials, LayeredSecrets};
use jackfield_tenancy::{SecretError, SecretSource, Tenancy};
use jackfield_testkit::store::MemoryStore;
use jackfield_types::{Secret, TenantId};
use serde_json::{Value, json};

use crate::support::{bearer, builder, key, new, node_type, put, tenant, wanted};

fn external(document: &Value) -> Result<ExternalCredentials, String> {
    let environment = |name: &str| match name {
        "TOKEN" => Some(Secret::new("s3cr3t-env".to_owned())),
        _ => None,
    };
    ExternalCredentials::parse(
        document.to_string().as_bytes(),
        CredentialTypes::new(),
        environment,
    )
    .map_err(|error| format!("{error} {error:?}"))
}

fn read(source: &impl SecretSource, id: &TenantId, name: &str) -> Result<String, SecretError> {
    source.find(id, name).map(|secret| secret.expose().clone())
}

#[tokio::test]
async fn values_come_from_the_environment_and_from_files_with_type_and_binding() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    std::fs::write(&path, "s3cr3t-file\n").unwrap();
    let source = external(&json!({
        "acme": {
            "plain": {"env": "TOKEN"},
            "crm": {
                "type": "basic",
                "fields": {"user": "ada", "password": {"file": path}},
                "hosts": ["api.example.org"]
            }
        },
        "globex": {"plain": {"file": path}}
    }))
    .unwrap();
    let (acme, globex) = (tenant("acme"), tenant("globex"));
    assert_eq!(read(&source, &acme, "plain"), Ok("s3cr3t-env".to_owned()));
    assert_eq!(
        read(&source, &globex, "plain"),
        Ok("s3cr3t-file".to_owned())
    );
    assert!(matches!(
        read(&source, &globex, "crm"),
        Err(SecretError::Missing { .. })
    ));
    assert!(matches!(
        read(&source, &acme, "crm"),
        Err(SecretError::Refused(_))
    ));
    assert_eq!(source.names(&acme), ["plain"]);
    let tenancy = Tenancy::builder().secrets(source).build();
    let node_type = node_type("http-request");
    let handle = tenancy.tenant(&acme);
    let found = handle
        .credential("crm", &wanted(&node_type, "api.example.org"))
        .unwrap();
    assert_eq!(found.text("password").unwrap().expose(), "s3cr3t-file");
    // And what goes over the wire of it.
    assert_eq!(
        found.expose_secrets(),
        ["s3cr3t-file", "YWRhOnMzY3IzdC1maWxl"]
    );
    assert!(
        handle
            .credential("crm", &wanted(&node_type, "evil.example"))
            .is_err()
    );
}

#[tokio::test(start_paused = true)]
async fn a_file_that_changes_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let source = external(&json!({"acme": {"t": {"file": path}}})).unwrap();
    let id = tenant("acme");
    let error = read(&source, &id, "t").unwrap_err();
    assert!(error.to_string().contains("it cannot be read"), "{error}");
    for content in ["one", "two\r\n"] {
        std::fs::write(&path, content).unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        source.refresh(&id).expect("it is old").await;
        assert_eq!(read(&source, &id, "t"), Ok(content.trim_end().to_owned()));
        assert!(source.refresh(&id).is_none());
    }
    for (content, expected) in [
        (vec![0xff], "it is no text"),
        (vec![b'x'; 70_000], "64 KiB"),
    ] {
        std::fs::write(&path, content).unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        source.refresh(&id).expect("it is old").await;
        let error = read(&source, &id, "t").unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn documents_that_are_not_right_are_refused_without_being_shown() {
    for document in [
        json!([]),
        json!({"acme": {"x": "hunter2"}}),
        json!({"acme": {"x": {"env": "TOKEN", "file": "hunter2"}}}),
        json!({"acme": {"x": {"type": "bearer", "fields": {}, "hunter2": 1}}}),
        json!({"acme": {"x": {"type": "baerer", "fields": {"token": "hunter2"}}}}),
        json!({"acme": {"x": {"env": "NONE"}}}),
        json!({"Acme": {"x": {"env": "TOKEN"}}}),
        json!({"acme": {"x": {"type": "bearer", "fields": {"token": "hunter2"}, "hosts": ["a/b"]}}}),
    ] {
        let error = external(&document).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn of_several_sources_the_first_that_has_it_serves() {
    let memory = MemoryStore::new();
    let id = tenant("acme");
    let old = key("old");
    let acme = builder(&memory, &[&old]).build().tenant(&id);
    put(&acme, "both", &bearer("stored")).await;
    put(
        &acme,
        "stored",
        &new("secret", json!({"value": "stored-too"})),
    )
    .await;
    let document = json!({"acme": {"both": {"env": "TOKEN"}, "external": {"env": "TOKEN"}}});
    for (own, expected) in [(&old, true), (&key("new"), false)] {
        let layered = LayeredSecrets::new()
            .with(builder(&memory, &[own]).build())
            .with(external(&document).unwrap());
        layered
            .refresh(&id)
            .expect("the store was never read")
            .await;
        assert_eq!(layered.names(&id), ["both", "external", "stored"]);
        assert_eq!(read(&layered, &id, "external"), Ok("s3cr3t-env".to_owned()));
        let both = read(&layered, &id, "both");
        if expected {
            assert_eq!(both, Ok("stored".to_owned()));
        } else {
            // It is there and cannot be read: no other one serves in its place.
            assert!(matches!(both, Err(SecretError::Unreadable { .. })));
        }
        assert!(matches!(
            read(&layered, &id, "none"),
            Err(SecretError::Missing { .. })
        ));
    }
}
