//! The order of the law: capabilities, then the allow list, then the deny list.

use jackfield_tenancy::policy::{RuleSays, Verdict};
use jackfield_tenancy::{Decision, TenantPolicy};
use jackfield_types::{Capability, Digest, PluginOrigin, Policy};
use semver::Version;

use crate::{node_type, texts, user};

fn compiled(policy: &Policy) -> TenantPolicy {
    TenantPolicy::compile(policy).unwrap()
}

fn lists(allowed: &[&str], restricted: &[&str]) -> TenantPolicy {
    compiled(&Policy {
        allowed_node_types: texts(allowed),
        restricted_node_types: texts(restricted),
        ..Policy::default()
    })
}

fn decide(policy: &TenantPolicy, name: &str, version: &str) -> String {
    let version = Version::parse(version).unwrap();
    match policy.decide(&node_type(name), &version, &[]) {
        Decision::Allowed { rule } => format!("allowed: {rule}"),
        Decision::Refused(refusal) => format!("refused: {refusal}"),
    }
}

#[test]
fn the_allow_list_is_asked_first_and_the_deny_list_has_the_last_word() {
    let policy = lists(
        &["string.*", "http-request@^1.2", "acme/*"],
        &["string.repeat", "acme/*@<2"],
    );
    let decisions: Vec<String> = [
        ("string.upper", "1.0.0"),
        ("string.repeat", "1.0.0"),
        ("http-request", "1.2.0"),
        ("http-request", "2.0.0"),
        ("acme/slugify", "1.9.9"),
        ("acme/slugify", "2.0.0"),
        ("math.add", "1.0.0"),
        ("String.upper", "1.0.0"),
    ]
    .into_iter()
    .map(|(name, version)| format!("{name} {version}: {}", decide(&policy, name, version)))
    .collect();
    insta::assert_snapshot!(decisions.join("\n"));
}

#[test]
fn empty_lists_allow_all_and_a_deny_list_alone_refuses_only_what_it_means() {
    assert!(decide(&lists(&[], &[]), "anything", "1.0.0").starts_with("allowed"));
    let policy = lists(&[], &["http-*"]);
    assert_eq!(
        decide(&policy, "http-request", "1.0.0"),
        "refused: restrictedNodeTypes[0] `http-*`"
    );
    assert!(decide(&policy, "math.add", "1.0.0").starts_with("allowed"));
    assert!(decide(&lists(&["*"], &[]), "acme/a/b", "1.0.0").starts_with("allowed"));
}

#[test]
fn a_capability_that_is_not_granted_refuses_whatever_the_lists_say() {
    let policy = compiled(&Policy {
        allowed_node_types: texts(&["http-request"]),
        capabilities: Some(vec![Capability::Log]),
        ..Policy::default()
    });
    let version = Version::new(1, 0, 0);
    let asked = [Capability::Log, Capability::Http, Capability::Secrets];
    let decision = policy.decide(&node_type("http-request"), &version, &asked);
    assert_eq!(&**decision.rule(), "capability `http` is not granted");
    assert!(!decision.is_allowed());
    let decision = policy.decide(&node_type("http-request"), &version, &asked[..1]);
    assert!(decision.is_allowed());
    let nothing = compiled(&Policy {
        capabilities: Some(Vec::new()),
        ..Policy::default()
    });
    let asks = |capabilities| nothing.decide(&node_type("x"), &version, capabilities);
    assert!(asks(&[]).is_allowed() && !asks(&[Capability::Clock]).is_allowed());
}

#[test]
fn users_are_allowed_first_and_blocked_whatever_their_case() {
    let policy = compiled(&Policy {
        allowed_users: texts(&["*@acme.example"]),
        blocked_users: texts(&["mallory@*"]),
        ..Policy::default()
    });
    assert_eq!(policy.decide_user(Some(&user("ada@acme.example"))), Ok(()));
    let rule = |name: Option<&str>| {
        let name = name.map(user);
        policy.decide_user(name.as_ref()).unwrap_err().to_string()
    };
    assert_eq!(rule(Some("ada@other.example")), "not in allowedUsers");
    assert_eq!(
        rule(Some("Mallory@acme.example")),
        "blockedUsers[0] `mallory@*`"
    );
    assert_eq!(
        rule(None),
        "no user is named, and allowedUsers is not empty"
    );
    let blocking = compiled(&Policy {
        blocked_users: texts(&["mallory"]),
        ..Policy::default()
    });
    assert!(blocking.decide_user(None).is_ok() && blocking.decide_user(Some(&user("ada"))).is_ok());
    assert!(blocking.decide_user(Some(&user("mallory"))).is_err());
}

/// A plugin, signed by somebody or by nobody.
fn origin(signer: Option<&str>) -> PluginOrigin {
    PluginOrigin {
        plugin: "acme/slugify".parse().unwrap(),
        version: Version::new(1, 0, 0),
        digest: Digest::from_bytes([7; 32]),
        signer: signer.map(str::to_owned),
    }
}

#[test]
fn plugins_are_taken_of_those_publishers_whom_the_tenant_trusts() {
    let trusting = |publishers: &[&str]| {
        compiled(&Policy {
            trusted_publishers: Some(texts(publishers)),
            ..Policy::default()
        })
    };
    let (acme, other, nobody) = (
        origin(Some("acme")),
        origin(Some("reviewers")),
        origin(None),
    );
    let open = compiled(&Policy::default());
    for origin in [&acme, &other, &nobody] {
        assert_eq!(open.decide_plugin(origin), Ok(()));
    }
    let policy = trusting(&["acme", "globex-*"]);
    assert_eq!(policy.decide_plugin(&acme), Ok(()));
    assert_eq!(policy.decide_plugin(&origin(Some("globex-labs"))), Ok(()));
    assert_eq!(
        policy.decide_plugin(&other).unwrap_err().to_string(),
        "publisher `reviewers` of plugin `acme/slugify` is not in trustedPublishers"
    );
    assert_eq!(
        policy.decide_plugin(&nobody).unwrap_err().to_string(),
        "plugin `acme/slugify` is not signed by a trusted publisher, and `unsigned` is not in trustedPublishers"
    );
    let none = trusting(&[]);
    assert!(none.decide_plugin(&acme).is_err() && none.decide_plugin(&nobody).is_err());
}

#[test]
fn only_that_very_word_lets_unsigned_plugins_in() {
    for (publishers, is_unsigned_taken) in [
        (&["*"][..], false),
        (&["un*"][..], false),
        (&["unsigned"][..], true),
        (&["acme", "unsigned"][..], true),
    ] {
        let policy = compiled(&Policy {
            trusted_publishers: Some(texts(publishers)),
            ..Policy::default()
        });
        // Nobody gets in by being called so.
        for signer in [None, Some("unsigned")] {
            let verdict = policy.decide_plugin(&origin(signer));
            assert_eq!(
                verdict.is_ok(),
                is_unsigned_taken,
                "{publishers:?} {signer:?}"
            );
        }
    }
}

#[test]
fn hosts_environment_and_secrets_are_open_unless_the_policy_names_some() {
    let open = compiled(&Policy::default());
    assert!(open.decide_host("example.org", 443).is_ok());
    assert!(open.may_read_environment("HOME") && open.decide_secret("TOKEN").is_ok());
    let policy = compiled(&Policy {
        allowed_hosts: Some(texts(&["*.example.org", "10.0.0.1:8080"])),
        environment: Some(texts(&["STAGE", "APP_*"])),
        secrets: Some(texts(&["CRM_*"])),
        ..Policy::default()
    });
    assert!(policy.decide_host("api.example.org", 443).is_ok());
    assert!(policy.decide_host("10.0.0.1", 8080).is_ok());
    assert_eq!(
        policy
            .decide_host("evil.example", 443)
            .unwrap_err()
            .to_string(),
        "`evil.example` at port 443 is not in allowedHosts"
    );
    assert!(policy.may_read_environment("APP_URL") && !policy.may_read_environment("app_url"));
    assert_eq!(
        policy.decide_secret("BANK").unwrap_err().to_string(),
        "`BANK` is not in secrets"
    );
    let closed = compiled(&Policy {
        allowed_hosts: Some(Vec::new()),
        environment: Some(Vec::new()),
        secrets: Some(Vec::new()),
        ..Policy::default()
    });
    assert!(closed.decide_host("example.org", 443).is_err());
    assert!(!closed.may_read_environment("HOME") && closed.decide_secret("TOKEN").is_err());
}

#[test]
fn an_explanation_shows_every_rule_that_was_asked_and_the_one_that_decides() {
    let policy = lists(&["math.*", "string.*"], &["http-*", "string.repeat@<2"]);
    let version = Version::new(1, 0, 0);
    let told = policy.explain(&node_type("string.repeat"), Some(&version), &[]);
    insta::assert_json_snapshot!(told);
    let told = policy.explain(&node_type("string.repeat"), None, &[]);
    assert_eq!(told.verdict, Verdict::DependsOnVersion);
    assert_eq!(&*told.rule, "restrictedNodeTypes[1] `string.repeat@<2`");
    assert_eq!(told.steps.last().unwrap().says, RuleSays::SomeVersions);
    let told = policy.explain(&node_type("dbal-read"), None, &[]);
    assert_eq!(
        (told.verdict, &*told.rule),
        (Verdict::Refused, "not in allowedNodeTypes")
    );
}
