//! Reading policies: what is right, and what is wrong with all the others.

use jackfield_definition::SourceText;
use jackfield_tenancy::{PolicyFormat, PolicyReader, policy_schema, read_policy};
use jackfield_types::{
    ByteSize, Capability, DataIsolation, FilterAction, Policy, Span, WhenExceeded,
};

use crate::tenant;

fn json(text: &str) -> SourceText {
    SourceText::new("acme.json", text)
}

fn toml(text: &str) -> SourceText {
    SourceText::new("acme.toml", text)
}

/// What is found in a document.
fn findings(text: &str, format: PolicyFormat) -> String {
    let (source, reader) = match format {
        PolicyFormat::Json => (json(text), PolicyReader::new()),
        PolicyFormat::Toml => (toml(text), PolicyReader::new()),
    };
    match reader.tenant(tenant("acme")).read(&source, format) {
        Ok((_, findings)) => format!("{text}\n=> read\n{findings}\n"),
        Err(findings) => format!("{text}\n=> refused\n{findings}\n"),
    }
}

const WHOLE: &str = r#"{
  "$schema": "policy.schema.json",
  "tenant": "acme",
  "description": "what Acme may do",
  "allowedNodeTypes": ["string.*", "http-request@^1.2", "acme/*", "@n8n/agent"],
  "restrictedNodeTypes": ["string.repeat"],
  "dataIsolation": "relaxed",
  "auditLogging": false,
  "allowedUsers": ["*@acme.example"],
  "blockedUsers": ["mallory@acme.example"],
  "outputFilters": [
    { "path": "customer.email" },
    { "path": "orders.*.card", "action": "remove", "nodeTypes": ["dbal-*"] }
  ],
  "sensitiveFieldPatterns": ["*password*"],
  "maxOutputSize": "2MiB",
  "quotas": {
    "concurrentExecutions": 4,
    "executionsPerSecond": 2.5,
    "executionBurst": 10,
    "nodeCallsPerSecond": 100,
    "itemsPerExecution": 10000,
    "cpuTimePerExecution": "2s",
    "memoryPerExecution": "64MiB",
    "weight": 2,
    "whenExceeded": "reject",
    "maxQueued": 10,
    "maxWait": "5s"
  },
  "allowedHosts": ["api.example.org", "*.example.net:8443", "10.0.0.1"],
  "environment": ["STAGE"],
  "secrets": ["CRM_*"],
  "capabilities": ["http", "random"],
  "trustedPublishers": ["acme", "globex-*", "unsigned"],
  "pluginQuota": { "memory": "128MiB", "time": "2s", "output": "1MiB", "hostCalls": 500, "instances": 4 },
  "circuitBreaker": { "failureRate": 0.25, "minimumCalls": 8, "window": "1m", "openFor": 500 }
}"#;

#[test]
fn every_field_is_read_and_written_alike() {
    let (policy, warnings) = read_policy(&json(WHOLE), PolicyFormat::Json).unwrap();
    assert_eq!(warnings.to_string(), "");
    assert_eq!(policy.tenant, Some(tenant("acme")));
    assert_eq!(policy.allowed_node_types.len(), 4);
    assert_eq!(policy.data_isolation, DataIsolation::Relaxed);
    assert!(!policy.audit_logging);
    assert_eq!(policy.output_filters[1].action, FilterAction::Remove);
    assert_eq!(policy.max_output_size, Some(ByteSize::mib(2)));
    assert_eq!(policy.quotas.executions_per_second, Some(2.5));
    assert_eq!(policy.quotas.when_exceeded, WhenExceeded::Reject);
    assert_eq!(policy.quotas.max_wait, Span::from_millis(5_000));
    assert_eq!(
        policy.capabilities,
        Some(vec![Capability::Http, Capability::Random])
    );
    assert_eq!(policy.plugin_quota.memory, Some(ByteSize::mib(128)));
    assert_eq!(policy.plugin_quota.instances, Some(4));
    let breaker = policy.circuit_breaker.unwrap();
    assert_eq!(breaker.open_for, Span::from_millis(500));
    // The types' own reader agrees, and what is written is read as the same.
    let mut plain: serde_json::Value = serde_json::from_str(WHOLE).unwrap();
    plain.as_object_mut().unwrap().remove("$schema");
    assert_eq!(serde_json::from_value::<Policy>(plain).unwrap(), policy);
    let written = serde_json::to_string(&policy).unwrap();
    let (again, _) = read_policy(&json(&written), PolicyFormat::Json).unwrap();
    assert_eq!(again, policy);
}

#[test]
fn toml_says_the_same_as_json() {
    let text = r#"
tenant = "acme"
allowedNodeTypes = ["string.*"]
sensitiveFieldPatterns = ["*password*"]
maxOutputSize = "2MiB"

[quotas]
executionsPerSecond = 2.5
concurrentExecutions = 0x4
maxWait = "5s"

[[outputFilters]]
path = "customer.email"

[[outputFilters]]
path = "orders.*.card"
action = "remove"
"#;
    let same = r#"{
      "tenant": "acme", "allowedNodeTypes": ["string.*"],
      "sensitiveFieldPatterns": ["*password*"], "maxOutputSize": 2097152,
      "quotas": { "executionsPerSecond": 2.5, "concurrentExecutions": 4, "maxWait": 5000 },
      "outputFilters": [{ "path": "customer.email" }, { "path": "orders.*.card", "action": "remove" }]
    }"#;
    let (from_toml, warnings) = read_policy(&toml(text), PolicyFormat::Toml).unwrap();
    assert_eq!(warnings.to_string(), "");
    let (from_json, _) = read_policy(&json(same), PolicyFormat::Json).unwrap();
    assert_eq!(from_toml, from_json);
    let (empty, _) = read_policy(&toml(""), PolicyFormat::Toml).unwrap();
    assert_eq!(empty, Policy::default());
}

#[test]
fn every_mistake_of_a_document_is_found_in_one_go() {
    let document = r#"{
  "tenant": "Acme",
  "allowedNodes": ["string.*"],
  "allowedNodeTypes": ["", "a b", "string.[", "http-request@new", 7, "math.add", "strіng.*"],
  "restrictedNodeTypes": ["math.add"],
  "dataIsolation": "strictt",
  "auditLogging": "yes",
  "blockedUsers": "mallory",
  "outputFilters": [{ "action": "mask" }, { "path": "a..b" }, "x", { "path": "a", "paths": 1 }],
  "sensitiveFieldPatterns": [""],
  "maxOutputSize": "much",
  "quotas": {
    "concurrentExecutions": 0,
    "executionsPerSecond": -1,
    "nodeCallsPerSecond": 1e300,
    "executionBurst": 4294967296,
    "itemsPerExecution": 1.5,
    "cpuTimePerExecution": "99d",
    "memoryPerExecution": 0,
    "weight": 0,
    "whenExceeded": "wait",
    "maxWait": "2 days",
    "burst": 1
  },
  "allowedHosts": ["https://example.org/", "a*b", "example.org:0"],
  "environment": null,
  "secrets": [""],
  "capabilities": ["htpp", "http", "http"],
  "trustedPublishers": ["Acme", "acme/*", "globex", "globex"],
  "circuitBreaker": { "failureRate": 50, "minimumCalls": 0, "window": 0 }
}"#;
    insta::assert_snapshot!(findings(document, PolicyFormat::Json));
}

#[test]
fn mistakes_in_toml_have_their_places_too() {
    let document = r#"# a policy
tenant = "other"
allowedNodeTypes = [
  "string.*",
  "a b",
]
restricted = []

[quotas]
executionsPerSecond = nan
nodeCallsPerSecond = inf
concurrentExecutions = -3
maxWait = 1979-05-27

[[outputFilters]]
path = ""
"#;
    insta::assert_snapshot!(findings(document, PolicyFormat::Toml));
}

#[test]
fn what_is_no_document_is_refused() {
    let deep = "[".repeat(200_000);
    let deep_toml = format!("a = {}", "[".repeat(100_000));
    let dotted = format!("{} = 1", vec!["a"; 50_000].join("."));
    for (text, format) in [
        (&*deep, PolicyFormat::Json),
        (&*deep_toml, PolicyFormat::Toml),
        (&*dotted, PolicyFormat::Toml),
    ] {
        let source = json(text);
        assert!(read_policy(&source, format).is_err());
    }
    let long = format!("{{\"description\": \"{}\"}}", "x".repeat(5 << 20));
    let refusal = read_policy(&json(&long), PolicyFormat::Json).unwrap_err();
    assert!(refusal.to_string().contains("LIMIT_EXCEEDED"), "{refusal}");
    let documents = [
        findings("", PolicyFormat::Json),
        findings("[]", PolicyFormat::Json),
        findings("{\"tenant\": \"acme\"", PolicyFormat::Json),
        findings(
            "{\"tenant\": \"acme\", \"tenant\": \"acme\"}",
            PolicyFormat::Json,
        ),
        findings(
            "tenant = \"acme\"\ntenant = \"b\"\nx = ]",
            PolicyFormat::Toml,
        ),
        findings(
            "{\"quotas\": {\"executionsPerSecond\": 1e999}}",
            PolicyFormat::Json,
        ),
    ];
    insta::assert_snapshot!(documents.join("\n"));
}

#[test]
fn what_is_probably_not_meant_is_a_warning() {
    let document = r#"{
  "allowedNodeTypes": ["string.*", "string.*", "http-request", "acme/*"],
  "restrictedNodeTypes": ["http-*"],
  "allowedUsers": ["ada"],
  "blockedUsers": ["*"],
  "outputFilters": [{ "path": "a" }, { "path": "a" }],
  "sensitiveFieldPatterns": ["*"],
  "quotas": { "executionBurst": 3, "maxQueued": 0, "maxWait": 0 }
}"#;
    insta::assert_snapshot!(findings(document, PolicyFormat::Json));
}

#[test]
fn a_pair_of_lists_that_contradict_each_other_is_refused_or_warned_of() {
    let both = r#"{ "allowedUsers": ["Ada"], "blockedUsers": ["ada"] }"#;
    let covered = r#"{ "allowedNodeTypes": ["math.*", "acme/*@1"], "restrictedNodeTypes": ["math.*@1", "math.**", "acme/*"] }"#;
    let empty = r#"{ "allowedNodeTypes": [], "restrictedNodeTypes": [], "secrets": [] }"#;
    let other_version =
        r#"{ "allowedNodeTypes": ["math.*"], "restrictedNodeTypes": ["math.*@1"] }"#;
    let documents =
        [both, covered, empty, other_version].map(|text| findings(text, PolicyFormat::Json));
    insta::assert_snapshot!(documents.join("\n"));
}

#[test]
fn node_types_that_nobody_provides_are_warned_of() {
    let reader =
        PolicyReader::new().known_node_types(["http-request", "string.upper", "acme/slug"]);
    let text = r#"{ "allowedNodeTypes": ["htpp-request", "http-request", "strings.*", "string.*", "acme/*@2"] }"#;
    let (_, warnings) = reader.read(&json(text), PolicyFormat::Json).unwrap();
    insta::assert_snapshot!(warnings);
}

#[test]
fn the_schema_has_the_fields_that_are_read() {
    let schema = policy_schema();
    let properties = schema["properties"].as_object().unwrap();
    let whole: serde_json::Value = serde_json::from_str(WHOLE).unwrap();
    for field in whole.as_object().unwrap().keys() {
        assert!(properties.contains_key(field), "{field}");
    }
    assert_eq!(properties.len(), whole.as_object().unwrap().len());
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn the_schema_accepts_what_is_read_and_not_what_has_the_wrong_shape() {
    let validator = jsonschema::draft202012::new(&policy_schema()).unwrap();
    let whole: serde_json::Value = serde_json::from_str(WHOLE).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&whole)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(errors, [""; 0]);
    for wrong in [
        r#"{ "allowed": [] }"#,
        r#"{ "tenant": "" }"#,
        r#"{ "tenant": null }"#,
        r#"{ "secrets": null }"#,
        r#"{ "circuitBreaker": null }"#,
        r#"{ "capabilities": ["htpp"] }"#,
        r#"{ "allowedUsers": [7] }"#,
        r#"{ "quotas": { "weight": 0 } }"#,
        r#"{ "quotas": { "weight": 1001 } }"#,
        r#"{ "quotas": { "concurrentExecutions": 0 } }"#,
        r#"{ "quotas": { "executionBurst": 2000000 } }"#,
        r#"{ "quotas": { "maxWait": -1 } }"#,
        r#"{ "quotas": { "itemsPerExecution": 0.5 } }"#,
        r#"{ "maxOutputSize": "much" }"#,
        r#"{ "circuitBreaker": { "failureRate": 2 } }"#,
        r#"{ "circuitBreaker": { "minimumCalls": 0 } }"#,
        r#"{ "outputFilters": [{}] }"#,
    ] {
        assert!(
            !validator.is_valid(&serde_json::from_str(wrong).unwrap()),
            "{wrong}"
        );
        assert!(
            read_policy(&json(wrong), PolicyFormat::Json).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn lists_that_would_take_long_to_compile_are_refused_before_they_are() {
    let hostile = [
        ("allowedNodeTypes", "a*b*c{x,y,z}*[a-z]?", 101),
        ("restrictedNodeTypes", "a*b", 1_001),
        ("sensitiveFieldPatterns", "*a*b*", 257),
    ];
    for (field, glob, count) in hostile {
        let entries: Vec<String> = (0..count).map(|n| format!("{glob}{n}")).collect();
        let document = serde_json::json!({ field: entries }).to_string();
        let source = SourceText::new("acme.json", document);
        let findings = read_policy(&source, PolicyFormat::Json).unwrap_err();
        assert!(findings.has_errors(), "{field}");
        assert!(findings.len() <= 2, "{field}: {findings}");
    }
}
