//! What holds for any policy and any text.

use jackfield_definition::SourceText;
use jackfield_tenancy::policy::Verdict;
use jackfield_tenancy::{PolicyFormat, TenantPolicy, read_policy};
use jackfield_types::{Capability, NodeTypeId, Policy};
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use semver::Version;
use serde_json::{Value, json};

/// Entries that parse, made of few pieces so that they often match.
fn entry() -> impl Strategy<Value = String> {
    let name = "(@|)(a|b|\\*|\\?|[ab]\\.|a/|\\*\\*|\\[ab\\]|\\{a,b\\}|-){1,5}";
    let versions = prop_oneof![
        3 => Just(""),
        1 => Just("@1"),
        1 => Just("@^1.2"),
        1 => Just("@<2"),
        1 => Just("@1.2.3"),
    ];
    (name, versions).prop_map(|(name, versions)| format!("{name}{versions}"))
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![
        Just("1.2.3"),
        Just("1.0.0"),
        Just("2.0.0"),
        Just("1.2.3-beta.1"),
        Just("1.2.3+build"),
    ]
    .prop_map(|text| Version::parse(text).unwrap())
}

fn compiled(allowed: &[String], restricted: &[String]) -> Option<TenantPolicy> {
    TenantPolicy::compile(&Policy {
        allowed_node_types: allowed.to_vec(),
        restricted_node_types: restricted.to_vec(),
        capabilities: Some(vec![Capability::Http]),
        ..Policy::default()
    })
    .ok()
}

/// Whether a glob means a name: an own matcher, which tries everything.
fn means(glob: &[u8], name: &[u8]) -> bool {
    let stars = |rest: &[u8], may_cross: bool| {
        (0..=name.len())
            .take_while(|&taken| may_cross || !name[..taken].contains(&b'/'))
            .any(|taken| means(rest, &name[taken..]))
    };
    match glob {
        [] => name.is_empty(),
        [b'*', rest @ ..] => stars(rest, false),
        [b'?', rest @ ..] => name
            .split_first()
            .is_some_and(|(c, tail)| *c != b'/' && means(rest, tail)),
        [c, rest @ ..] => name
            .split_first()
            .is_some_and(|(d, tail)| c == d && means(rest, tail)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_is_read_without_a_panic(text in any::<String>()) {
        for format in [PolicyFormat::Json, PolicyFormat::Toml] {
            let _ = read_policy(&SourceText::new("p", &*text), format);
        }
    }

    #[test]
    fn any_entry_is_read_without_a_panic(entry in "[ -~\u{e9}\u{430}\t]{0,12}", field in 0_usize..8) {
        let fields = [
            "allowedNodeTypes", "restrictedNodeTypes", "allowedUsers", "blockedUsers",
            "allowedHosts", "environment", "secrets", "trustedPublishers",
        ];
        let document = json!({ fields[field]: [entry] });
        if let Ok(policy) = serde_json::from_value::<Policy>(document.clone())
            && let Ok(compiled) = TenantPolicy::compile(&policy)
        {
            let name = NodeTypeId::parse("a").unwrap();
            let _ = compiled.decide(&name, &Version::new(1, 0, 0), &[]);
            let _ = compiled.decide_host(&entry, 1);
            let _ = compiled.decide_host("\u{e9}x", 1);
            let _ = compiled.decide_secret(&entry);
        }
        let text = document.to_string();
        let _ = read_policy(&SourceText::new("p", text), PolicyFormat::Json);
        let toml = format!("{} = [{:?}]\n[quotas]\nweight = {entry}", fields[field], entry);
        let _ = read_policy(&SourceText::new("p", toml), PolicyFormat::Toml);
    }

    #[test]
    fn a_value_of_the_wrong_type_is_found_at_its_place(field in 0_usize..17, value in 0_usize..6) {
        let schema = jackfield_tenancy::policy_schema();
        let fields: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        let field = fields[field];
        let values = [json!(null), json!(true), json!(-1.5), json!("\u{0}"), json!([{}]), json!({ "x": 1 })];
        let document = json!({ field.as_str(): values[value] });
        let source = SourceText::new("p", document.to_string());
        match read_policy(&source, PolicyFormat::Json) {
            Ok(_) => prop_assert!(matches!(
                (field.as_str(), &values[value]),
                ("auditLogging", Value::Bool(_)) | ("description" | "$schema", Value::String(_))
            )),
            Err(findings) => {
                let pointer = format!("/{field}");
                prop_assert!(findings.iter().all(|finding| {
                    let path = finding.path.as_deref().unwrap_or_default();
                    path.starts_with(&pointer) && finding.location.is_some()
                }), "{findings}");
            }
        }
    }

    #[test]
    fn plain_globs_mean_what_a_naive_matcher_says(
        glob in "[ab/.*?]{1,6}", name in "[ab/.]{1,6}",
    ) {
        // `**` has a meaning of its own, and a `*` alone too.
        if glob.contains("**") || glob == "*" {
            return Ok(());
        }
        let entries = std::slice::from_ref(&glob);
        if let Some(policy) = compiled(entries, &[]) {
            let version = Version::new(1, 0, 0);
            let decision = policy.decide(&NodeTypeId::parse(&name).unwrap(), &version, &[]);
            prop_assert_eq!(decision.is_allowed(), means(glob.as_bytes(), name.as_bytes()));
        }
    }

    #[test]
    fn what_is_decided_is_what_is_explained_and_stays_so_when_asked_again(
        allowed in proptest::collection::vec(entry(), 0..5),
        restricted in proptest::collection::vec(entry(), 0..5),
        name in "(@|)[ab./-]{1,5}",
        version in version(),
        asks in any::<bool>(),
    ) {
        let Some(policy) = compiled(&allowed, &restricted) else {
            return Ok(());
        };
        let name = NodeTypeId::parse(&name).unwrap();
        let capabilities: &[Capability] = if asks { &[Capability::Kv] } else { &[Capability::Http] };
        let decision = policy.decide(&name, &version, capabilities);
        prop_assert_eq!(&policy.decide(&name, &version, capabilities), &decision);
        let told = policy.explain(&name, Some(&version), capabilities);
        prop_assert_eq!(told.verdict == Verdict::Allowed, decision.is_allowed());
        prop_assert_eq!(&told.rule, decision.rule());
        prop_assert_eq!(told.steps.iter().filter(|step| step.decides).count(), 1);
        // Without a version it is sure only of what holds for every version.
        let sure = policy.explain(&name, None, capabilities).verdict;
        prop_assert!(sure == told.verdict || sure == Verdict::DependsOnVersion);
        // Another entry that refuses never makes anything allowed.
        let mut more = restricted.clone();
        more.push("a*".to_owned());
        if let Some(stricter) = compiled(&allowed, &more) {
            let stricter = stricter.decide(&name, &version, capabilities);
            prop_assert!(decision.is_allowed() || !stricter.is_allowed());
        }
    }
}
