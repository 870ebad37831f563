//! Handles: they speak for the policy in force, for one tenant, and leave nothing behind.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use jackfield_tenancy::{
    AuditAction, AuditDecision, AuditEntry, AuditLog, AuditOptions, MASK, Redactor, SecretError,
    SecretNameError, SecretsFileError, StaticSecrets, Tenancy, Tenant, Verdict,
};
use jackfield_types::{
    Capability, DataIsolation, Digest, FilterAction, OutputFilter, PluginOrigin, Policy, Quotas,
    Secret,
};
use semver::Version;
use serde_json::json;

use crate::{node_type, tenant, texts, user};

fn allowing(entries: &[&str]) -> Policy {
    Policy {
        allowed_node_types: texts(entries),
        ..Policy::default()
    }
}

#[test]
fn without_a_policy_all_is_allowed_unless_the_instance_denies() {
    let version = Version::new(1, 0, 0);
    let open = Tenancy::open().tenant(&tenant("acme"));
    assert!(open.policy().is_none());
    assert!(open.authorize(&node_type("x"), &version, &[]).is_ok());
    assert!(open.authorize_user(None).is_ok() && open.check_host("example.org", 443).is_ok());
    assert!(open.may_read_environment("HOME"));
    assert_eq!(*open.quotas(), Quotas::default());
    assert_eq!(open.data_isolation(), DataIsolation::Strict);

    let tenancy = Tenancy::builder().deny_by_default().build();
    let closed = tenancy.tenant(&tenant("acme"));
    let refusal = closed
        .authorize(&node_type("x"), &version, &[])
        .unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "no policy, and the instance denies by default"
    );
    assert!(closed.authorize_user(Some(&user("ada"))).is_err());
    assert!(closed.check_host("example.org", 443).is_err());
    assert!(closed.check_capability(Capability::Log).is_err());
    assert!(open.check_capability(Capability::Log).is_ok());
    let plugin = PluginOrigin {
        plugin: "acme/slugify".parse().unwrap(),
        version: Version::new(1, 0, 0),
        digest: Digest::from_bytes([7; 32]),
        signer: Some("acme".to_owned()),
    };
    assert!(closed.authorize_plugin(Some(&plugin)).is_err());
    assert!(open.authorize_plugin(Some(&plugin)).is_ok() && open.authorize_plugin(None).is_ok());
    assert!(!closed.may_read_environment("HOME"));
    assert!(matches!(
        closed.secret("TOKEN"),
        Err(SecretError::Refused(_))
    ));
    tenancy
        .set_policy(&tenant("acme"), &Policy::default())
        .unwrap();
    assert!(closed.authorize(&node_type("x"), &version, &[]).is_ok());
}

#[test]
fn a_capability_is_granted_as_long_as_the_policy_in_force_names_it() {
    let tenancy = Tenancy::open();
    let handle = tenancy.tenant(&tenant("acme"));
    let policy = |capabilities: &[Capability]| Policy {
        capabilities: Some(capabilities.to_vec()),
        ..Policy::default()
    };
    let put = |policy| tenancy.set_policy(&tenant("acme"), &policy).unwrap();
    put(policy(&[Capability::Kv]));
    assert!(handle.check_capability(Capability::Kv).is_ok());
    let refusal = handle.check_capability(Capability::Http).unwrap_err();
    assert_eq!(refusal.to_string(), "capability `http` is not granted");
    put(policy(&[]));
    assert!(handle.check_capability(Capability::Kv).is_err());
}

#[test]
fn sql_is_granted_by_name_only() {
    let tenancy = Tenancy::open();
    let handle = tenancy.tenant(&tenant("acme"));
    let version = Version::new(1, 0, 0);
    let asked = [Capability::Database, Capability::Sql];
    let decide = || handle.authorize(&node_type("dbal-query"), &version, &asked);
    let put = |policy: &Policy| tenancy.set_policy(&tenant("acme"), policy).unwrap();
    // Without a policy, and with one that says nothing about capabilities.
    let unnamed = "capability `sql` is not granted: no policy names it in `capabilities`";
    for policy in [
        None,
        Some(Policy::default()),
        Some(allowing(&["dbal-query"])),
    ] {
        if let Some(policy) = policy {
            put(&policy);
        }
        assert_eq!(decide().unwrap_err().to_string(), unnamed);
        let refusal = handle.check_capability(Capability::Sql).unwrap_err();
        assert_eq!(refusal.to_string(), unnamed);
        let explained = handle.explain(&node_type("dbal-query"), Some(&version), &asked);
        assert_eq!(explained.verdict, Verdict::Refused);
        assert!(handle.check_capability(Capability::Database).is_ok());
    }
    put(&Policy {
        capabilities: Some(asked.to_vec()),
        ..Policy::default()
    });
    assert!(decide().is_ok());
    assert!(handle.check_capability(Capability::Sql).is_ok());
}

#[test]
fn a_handle_follows_its_policy_and_the_number_tells_of_every_change() {
    let tenancy = Tenancy::open();
    let handle = tenancy.tenant(&tenant("acme"));
    let version = Version::new(1, 0, 0);
    let is_allowed = |name| handle.authorize(&node_type(name), &version, &[]).is_ok();
    let mut numbers = vec![handle.policy_number()];
    assert!(
        tenancy
            .set_policy(&tenant("acme"), &allowing(&["a"]))
            .unwrap()
            .is_none()
    );
    numbers.push(handle.policy_number());
    assert!(is_allowed("a") && !is_allowed("b"));
    let old = tenancy
        .set_policy(&tenant("acme"), &allowing(&["b"]))
        .unwrap()
        .unwrap();
    assert_eq!(old.document().allowed_node_types, ["a"]);
    numbers.push(handle.policy_number());
    assert!(!is_allowed("a") && is_allowed("b"));
    assert!(tenancy.remove_policy(&tenant("acme")).is_some());
    assert!(tenancy.remove_policy(&tenant("acme")).is_none());
    numbers.push(handle.policy_number());
    assert!(is_allowed("a") && is_allowed("b"));
    numbers.dedup();
    assert_eq!(numbers.len(), 4);
    assert!(numbers.is_sorted());
}

#[test]
fn a_bad_policy_or_another_tenants_changes_nothing() {
    let tenancy = Tenancy::open();
    let acme = tenant("acme");
    tenancy.set_policy(&acme, &allowing(&["a"])).unwrap();
    let number = tenancy.tenant(&acme).policy_number();
    let findings = tenancy.set_policy(&acme, &allowing(&["["])).unwrap_err();
    assert_eq!(
        findings.as_slice()[0].path.as_deref(),
        Some("/allowedNodeTypes/0")
    );
    let of_other = Policy {
        tenant: Some(tenant("globex")),
        ..Policy::default()
    };
    assert!(tenancy.set_policy(&acme, &of_other).is_err());
    assert_eq!(tenancy.tenant(&acme).policy_number(), number);
}

#[test]
fn tenants_without_policy_and_handle_leave_nothing_behind() {
    let tenancy = Tenancy::open();
    let kept = tenancy.tenant(&tenant("kept"));
    tenancy
        .set_policy(&tenant("acme"), &Policy::default())
        .unwrap();
    for number in 0..10_000 {
        let _ = tenancy.tenant(&tenant(&format!("t{number}")));
    }
    assert_eq!(tenancy.tenant_count(), 2);
    assert!(tenancy.tenant(&tenant("kept")) == kept);
    tenancy.remove_policy(&tenant("acme"));
    assert_eq!(tenancy.tenant_count(), 1);
    drop(kept);
    assert_eq!(tenancy.tenant_count(), 0);
    assert!(Tenancy::open().tenant(&tenant("a")) != tenancy.tenant(&tenant("a")));
}

#[test]
fn policies_change_under_many_threads_and_no_refused_node_type_slips_through_afterwards() {
    let tenancy = Tenancy::open();
    let id = tenant("acme");
    let version = Version::new(1, 0, 0);
    let is_over = AtomicBool::new(false);
    tenancy
        .set_policy(&id, &allowing(&["both", "first"]))
        .unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let handle = tenancy.tenant(&id);
                    assert!(handle.authorize(&node_type("both"), &version, &[]).is_ok());
                    assert!(handle.authorize(&node_type("none"), &version, &[]).is_err());
                    drop(tenancy.tenant(&tenant("passing")));
                }
            });
        }
        for round in 0..200 {
            let (yes, no) = if round % 2 == 0 {
                ("second", "first")
            } else {
                ("first", "second")
            };
            tenancy.set_policy(&id, &allowing(&["both", yes])).unwrap();
            let handle = tenancy.tenant(&id);
            assert!(handle.authorize(&node_type(yes), &version, &[]).is_ok());
            assert!(handle.authorize(&node_type(no), &version, &[]).is_err());
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert_eq!(tenancy.tenant_count(), 1);
}

fn secrets() -> StaticSecrets {
    let secret = |text: &str| Secret::new(text.to_owned());
    let of = |pairs: &[(&str, &str)]| -> BTreeMap<String, Secret<String>> {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), secret(value)))
            .collect()
    };
    StaticSecrets::from_map(BTreeMap::from([
        (
            tenant("acme"),
            of(&[("CRM_TOKEN", "acme's"), ("BANK", "acme's too")]),
        ),
        (tenant("globex"), of(&[("CRM_TOKEN", "globex's")])),
    ]))
    .unwrap()
}

#[test]
fn a_secret_is_given_to_its_tenant_and_only_if_the_policy_grants_it() {
    let tenancy = Tenancy::builder().secrets(secrets()).build();
    let acme = tenancy.tenant(&tenant("acme"));
    let globex = tenancy.tenant(&tenant("globex"));
    assert_eq!(acme.secret("CRM_TOKEN").unwrap().expose(), "acme's");
    assert_eq!(globex.secret("CRM_TOKEN").unwrap().expose(), "globex's");
    let missing = globex.secret("BANK").unwrap_err();
    assert_eq!(missing.to_string(), "tenant `globex` has no secret `BANK`");
    assert_eq!(globex.secret_names(), ["CRM_TOKEN"]);
    let policy = Policy {
        secrets: Some(texts(&["CRM_*"])),
        ..Policy::default()
    };
    tenancy.set_policy(&tenant("acme"), &policy).unwrap();
    assert!(matches!(acme.secret("BANK"), Err(SecretError::Refused(_))));
    assert_eq!(acme.secret_names(), ["CRM_TOKEN"]);
    let stranger = tenancy.tenant(&tenant("initech"));
    assert!(matches!(
        stranger.secret("CRM_TOKEN"),
        Err(SecretError::Missing { .. })
    ));
    assert!(!format!("{:?} {:?}", secrets(), tenancy).contains("acme's"));
}

#[test]
fn a_file_of_secrets_is_read_and_its_errors_never_show_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets.json");
    let read = |text: &str| {
        fs::write(&path, text).unwrap();
        StaticSecrets::read(&path)
    };
    let tenancy = Tenancy::builder()
        .secrets(read(r#"{ "acme": { "TOKEN": "s3cr3t" } }"#).unwrap())
        .build();
    let acme = tenancy.tenant(&tenant("acme"));
    assert_eq!(acme.secret("TOKEN").unwrap().expose(), "s3cr3t");
    for bad in [
        r#"{ "acme": { "TOKEN": 55555 } }"#,
        r#"{ "acme": "s3cr3t" }"#,
        r#"{ "acme": { "TOKEN": "s3cr3t", "TOKEN": "s3cr3t" } }"#,
        r#"{ "acme": {}, "acme": { "A": "s3cr3t" } }"#,
        r#"{ "acme": { "s3cr3t s3cr3t": "x" } }"#,
        r#"{ "acme": { "TOKEN": "" } }"#,
        r#"{ "Acme": { "TOKEN": "s3cr3t" } }"#,
        r#"{ "acme": { "TOKEN": "s3cr3t""#,
    ] {
        let error = read(bad).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(
            !shown.contains("s3cr3t") && !shown.contains("55555"),
            "{shown}"
        );
    }
    assert!(matches!(
        read(r#"{ "acme": { "TOKEN": "" } }"#),
        Err(SecretsFileError::Secret {
            source: SecretNameError::Empty { .. },
            ..
        })
    ));
    assert!(matches!(
        StaticSecrets::read(&folder.path().join("missing")),
        Err(SecretsFileError::Unreadable { .. })
    ));
}

#[test]
fn changes_of_policy_are_recorded_and_the_policy_says_what_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let log = AuditLog::open(folder.path(), AuditOptions::default()).unwrap();
    let tenancy = Tenancy::builder().audit(log.clone()).build();
    let acme = tenancy.tenant(&tenant("acme"));
    let called = || AuditEntry::allowed(AuditAction::NodeCalled);
    acme.record(called());
    let quiet = Policy {
        audit_logging: false,
        ..Policy::default()
    };
    tenancy.set_policy(&tenant("acme"), &quiet).unwrap();
    assert!(!acme.is_recorded(AuditDecision::Allowed));
    acme.record(called());
    acme.record(AuditEntry::refused(
        AuditAction::NodeCalled,
        "a rule".into(),
    ));
    let digest = acme.policy().unwrap().digest().clone();
    tenancy.remove_policy(&tenant("acme")).unwrap();
    log.flush().unwrap();
    let records: Vec<_> = acme
        .audit()
        .unwrap()
        .read()
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let told: Vec<_> = records
        .iter()
        .map(|record| (record.action, record.decision))
        .collect();
    assert_eq!(
        told[1..],
        [
            (AuditAction::NodeCalled, AuditDecision::Allowed),
            (AuditAction::PolicyChanged, AuditDecision::Allowed),
            (AuditAction::NodeCalled, AuditDecision::Refused),
            (AuditAction::PolicyRemoved, AuditDecision::Allowed),
        ]
    );
    assert_eq!(records[2].note.as_deref(), Some(&*digest));
}

#[test]
fn what_ends_leaves_nothing_open_whatever_policies_were_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let log = AuditLog::open(folder.path(), AuditOptions::default()).unwrap();
    let tenancy = Tenancy::builder().audit(log).build();
    tenancy
        .set_policy(&tenant("acme"), &Policy::default())
        .unwrap();
    let acme = tenancy.tenant(&tenant("acme"));
    drop(tenancy);
    acme.record(AuditEntry::allowed(AuditAction::NodeCalled));
    drop(acme);
    // The lock of the folder is free again, and everything was written.
    let log = AuditLog::open(folder.path(), AuditOptions::default()).unwrap();
    let records = log.tenant(&tenant("acme")).read().unwrap();
    assert_eq!(records.map(Result::unwrap).count(), 3);
}

#[test]
fn what_the_instance_takes_out_is_added_to_every_policy() {
    let patterns = texts(&["*password*"]);
    let tenancy = Tenancy::builder()
        .redaction(Vec::new(), patterns)
        .unwrap()
        .build();
    let acme = tenancy.tenant(&tenant("acme"));
    let own = Policy {
        sensitive_field_patterns: texts(&["*token*"]),
        ..Policy::default()
    };
    let masked = |handle: &Tenant| {
        let redactor = Redactor::new(handle.redaction());
        let mut value = json!({ "password": "a", "token": "b", "name": "c" });
        redactor.redact_value(&mut value);
        value
    };
    let without = json!({ "password": MASK, "token": "b", "name": "c" });
    assert_eq!(masked(&acme), without);
    tenancy.set_policy(&tenant("acme"), &own).unwrap();
    assert_eq!(
        masked(&acme),
        json!({ "password": MASK, "token": MASK, "name": "c" })
    );
    // The document is what was written, and says nothing of the instance.
    assert_eq!(acme.policy().unwrap().document(), &own);
    tenancy
        .set_policy(&tenant("acme"), &Policy::default())
        .unwrap();
    assert_eq!(masked(&acme), without);
    assert!(
        Tenancy::open()
            .tenant(&tenant("acme"))
            .redaction()
            .is_none()
    );
    let wrong = Tenancy::builder().redaction(Vec::new(), texts(&["["]));
    assert!(wrong.is_err());
    let filter = |place: usize| OutputFilter {
        path: format!("field{place}"),
        action: FilterAction::Mask,
        node_types: Vec::new(),
    };
    let many: Vec<_> = (0..200).map(filter).collect();
    let tenancy = Tenancy::builder()
        .redaction(many.clone(), Vec::new())
        .unwrap()
        .build();
    let too_many = Policy {
        output_filters: many,
        ..Policy::default()
    };
    let findings = tenancy.set_policy(&tenant("acme"), &too_many).unwrap_err();
    assert_eq!(
        findings.as_slice()[0].path.as_deref(),
        Some("/outputFilters")
    );
    assert!(tenancy.policies().is_empty());
}

#[test]
fn reading_a_folder_writes_into_the_trail_of_nobody_who_does_nothing() {
    let policies = tempfile::tempdir().unwrap();
    for name in ["acme", "globex"] {
        fs::write(policies.path().join(format!("{name}.json")), "{}").unwrap();
    }
    let trails = tempfile::tempdir().unwrap();
    let log = AuditLog::open(trails.path(), AuditOptions::default()).unwrap();
    let tenancy = Tenancy::builder().audit(log.clone()).build();
    tenancy.load_folder(policies.path()).unwrap();
    let acme = tenancy.tenant(&tenant("acme"));
    acme.record(AuditEntry::allowed(AuditAction::NodeCalled));
    acme.record(AuditEntry::allowed(AuditAction::NodeCalled));
    log.flush().unwrap();
    let actions = |name: &str| -> Vec<AuditAction> {
        let records = log.tenant(&tenant(name)).read().unwrap();
        records.map(|record| record.unwrap().action).collect()
    };
    assert_eq!(
        actions("acme")[1..],
        [
            AuditAction::PolicyInForce,
            AuditAction::NodeCalled,
            AuditAction::NodeCalled
        ]
    );
    assert!(actions("globex").is_empty());
    fs::write(
        policies.path().join("globex.json"),
        r#"{"maxOutputSize": 9}"#,
    )
    .unwrap();
    tenancy.load_folder(policies.path()).unwrap();
    log.flush().unwrap();
    assert_eq!(actions("globex").last(), Some(&AuditAction::PolicyChanged));
}
