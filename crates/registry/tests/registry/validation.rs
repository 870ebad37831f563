//! Whole workflows, checked and kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use jackfield_definition::expression::MissingFields;
use jackfield_definition::{
    Catalog, CatalogEntry, CatalogError, Dialect, PlanOptions, SourceText, Workflow, read_workflow,
};
use jackfield_plugin_api::{BoxFuture, NodeCall, NodeError, NodeExecutor, NodeOutput};
use jackfield_registry::{
    CatalogView, ExecutorLoader, LoaderError, Registry, Validated, ValidationStatistics,
};
use jackfield_types::{
    ByteSize, Dependency, ErrorCode, NodeTypeId, NodeTypeMetadata, TenantId, ValidationIssue,
    VersionSelector,
};
use serde_json::{Value, json};

use crate::common::{metadata, name, numbered, tenant};

fn register(registry: &Registry, node_type: &str, dependencies: &[(&str, &str)]) {
    let dependencies = dependencies.iter().map(|(on, version)| Dependency {
        node_type: name(on),
        version: version.parse().unwrap(),
    });
    let metadata = NodeTypeMetadata {
        dependencies: dependencies.collect(),
        ..metadata(node_type, "1.0.0")
    };
    registry
        .replace_with_metadata(node_type, numbered(0), metadata)
        .unwrap();
}

fn text(node: &Value) -> SourceText {
    let document = json!({
        "formatVersion": 1,
        "name": "test",
        "nodes": [node],
    });
    SourceText::new(
        "test.json",
        serde_json::to_string_pretty(&document).unwrap(),
    )
}

fn node(node_type: &str) -> Value {
    json!({ "id": "n", "name": "Node", "nodeType": node_type })
}

fn check(registry: &Registry, source: &SourceText) -> Arc<Validated> {
    registry.validate(source, &PlanOptions::default())
}

fn findings(registry: &Registry, source: &SourceText) -> Vec<String> {
    let validated = check(registry, source);
    let found = validated.findings.iter();
    found.map(ToString::to_string).collect()
}

fn counted(registry: &Registry) -> (u64, u64, u64) {
    let ValidationStatistics {
        hits,
        misses,
        stale,
        ..
    } = registry.stats().validations;
    (hits, misses, stale)
}

#[test]
fn what_is_right_is_planned_and_kept() {
    let registry = Registry::new();
    register(&registry, "a", &[]);
    let source = text(&node("a"));
    let first = check(&registry, &source);
    assert!(first.is_valid() && first.findings.is_empty());
    assert_eq!(first.plan.as_ref().unwrap().nodes().len(), 1);
    let again = check(&registry, &SourceText::new("test.json", source.text()));
    assert!(Arc::ptr_eq(&first, &again));
    assert_eq!(counted(&registry), (1, 1, 0));
    assert_eq!(registry.stats().validations.entries, 1);
    assert_eq!(
        registry.export()["statistics"]["validations"]["hits"],
        json!(1)
    );
}

#[test]
fn mistakes_of_all_kinds_are_found_in_one_go() {
    let registry = Registry::new();
    register(&registry, "a", &[("string.uper", "*")]);
    register(&registry, "string.upper", &[]);
    let mut document = json!({
        "formatVersion": 1,
        "nodes": [
            { "id": "n", "name": "Node", "nodeType": "a" },
            { "id": "m", "name": "Other", "nodeType": "b" },
        ],
        "connections": { "Node": { "main": { "0": ["Nobody"] } } },
    });
    let source = SourceText::new("f.json", document.to_string());
    let validated = check(&registry, &source);
    assert!(!validated.is_valid());
    let codes: Vec<_> = validated
        .findings
        .iter()
        .map(|one| one.code.clone())
        .collect();
    for code in [
        ErrorCode::DEPENDENCY_MISSING,
        ErrorCode::UNKNOWN_NODE_TYPE,
        ErrorCode::CONNECTION_INVALID,
    ] {
        assert!(codes.contains(&code), "{code} in {codes:?}");
    }
    // Of a text that cannot be read as a whole, the rest is looked at all the same.
    document["nodes"][0]["name"] = json!(7);
    let validated = check(&registry, &SourceText::new("f.json", document.to_string()));
    let mut codes = validated.findings.iter().map(|one| &one.code);
    assert!(codes.any(|code| *code == ErrorCode::UNKNOWN_NODE_TYPE));
    assert!(!validated.is_valid());
}

#[test]
fn missing_dependencies_are_found_with_place_and_way() {
    let registry = Registry::new();
    register(&registry, "a", &[("b", "*")]);
    register(&registry, "b", &[("string.uper", "^1"), ("c", "^2")]);
    register(&registry, "c", &[]);
    register(&registry, "string.upper", &[]);
    assert_eq!(
        findings(&registry, &text(&node("a"))),
        [
            "error[DEPENDENCY_MISSING] test.json:8:19: depends on `string.uper` ^1, which is not \
             registered: `a → b → string.uper` (node `Node`); hint: load the plugin that provides \
             `string.uper`; `string.upper` is written nearly like it",
            "error[DEPENDENCY_MISSING] test.json:8:19: depends on `c` ^2, which is registered, but \
             only in 1.0.0: `a → b → c` (node `Node`); hint: load a plugin that provides `c` ^2",
        ]
    );
    register(&registry, "string.uper", &[]);
    register(&registry, "b", &[("string.uper", "^1")]);
    assert!(check(&registry, &text(&node("a"))).is_valid());
}

#[test]
fn a_cycle_of_dependencies_is_found_with_its_path() {
    let registry = Registry::new();
    register(&registry, "a", &[("b", "*")]);
    register(&registry, "b", &[("c", "*")]);
    register(&registry, "c", &[("b", "*")]);
    let validated = check(&registry, &text(&node("a")));
    let found = &validated.findings.as_slice()[0];
    assert_eq!(found.code, ErrorCode::DEPENDENCY_CYCLE);
    assert_eq!(
        found.message,
        "what it depends on goes round in a circle: `b → c → b`"
    );
    assert_eq!(found.path.as_deref(), Some("/nodes/0/nodeType"));
    assert!(!validated.is_valid());

    // A ring of any length is followed, and shown in short.
    for place in 0..30_000 {
        let next = format!("r{}", (place + 1) % 30_000);
        register(&registry, &format!("r{place}"), &[(&next, "*")]);
    }
    let validated = check(&registry, &text(&node("r0")));
    let messages = validated.findings.iter().map(|one| one.message.len());
    assert!(messages.max().unwrap_or(0) < 400);
}

#[test]
fn a_node_that_can_do_without_its_node_type_can_do_without_dependencies() {
    let registry = Registry::new();
    register(&registry, "a", &[("gone", "*")]);
    let mut skipping = node("a");
    skipping["errorRecoveryStrategy"] = json!("skip");
    let validated = check(&registry, &text(&skipping));
    assert!(validated.is_valid());
    assert_eq!(validated.findings.len(), 1);
    assert_eq!(validated.plan.as_ref().unwrap().nodes().len(), 1);

    register(&registry, "fine", &[]);
    let mut falling = node("fine");
    falling["errorRecoveryStrategy"] = json!({ "strategy": "fallback", "fallbackNodeType": "a" });
    let validated = check(&registry, &text(&falling));
    let found = &validated.findings.as_slice()[0];
    assert_eq!(
        found.path.as_deref(),
        Some("/nodes/0/errorRecoveryStrategy/fallbackNodeType")
    );
    assert!(!validated.is_valid());

    let mut compensated = node("fine");
    compensated["compensation"] = json!("a");
    let validated = check(&registry, &text(&compensated));
    let found = validated.findings.iter();
    let paths: Vec<_> = found
        .filter(|one| one.code == ErrorCode::DEPENDENCY_MISSING)
        .filter_map(|one| one.path.as_deref())
        .collect();
    assert_eq!(paths, ["/nodes/0/compensation/nodeType"]);
    assert!(!validated.is_valid());

    let mut disabled = node("a");
    disabled["disabled"] = json!(true);
    assert!(check(&registry, &text(&disabled)).findings.is_empty());
}

#[test]
fn every_change_to_the_registry_sweeps_results_away() {
    let registry = Registry::new();
    let source = text(&node("a"));
    assert!(!check(&registry, &source).is_valid());
    register(&registry, "a", &[]);
    assert!(check(&registry, &source).is_valid());
    register(&registry, "a", &[("b", "*")]);
    assert!(!check(&registry, &source).is_valid());
    register(&registry, "b", &[]);
    assert!(check(&registry, &source).is_valid());
    registry.unregister("b", None);
    assert!(!check(&registry, &source).is_valid());
    registry.clear();
    let code = check(&registry, &source).findings.as_slice()[0]
        .code
        .clone();
    assert_eq!(code, ErrorCode::UNKNOWN_NODE_TYPE);
    assert_eq!(counted(&registry), (0, 6, 0));
    registry.unregister("b", None);
    check(&registry, &source);
    assert_eq!(counted(&registry), (1, 6, 0), "nothing was taken out");
}

#[test]
fn kept_results_hold_no_executor_that_was_replaced() {
    let registry = Registry::new();
    let executor = numbered(1);
    let watch = Arc::downgrade(&executor);
    registry
        .register_with_metadata("a", executor, metadata("a", "1.0.0"))
        .unwrap();
    assert!(check(&registry, &text(&node("a"))).is_valid());
    register(&registry, "a", &[]);
    assert!(watch.upgrade().is_none());
}

/// Every field that makes a difference makes another result.
#[test]
fn what_differs_is_told_apart() {
    let registry = Registry::new();
    register(&registry, "a", &[]);
    let (workflow, _) = read_workflow(&text(&node("a"))).unwrap();
    let options = PlanOptions::default();
    let first = registry.validate(&workflow, &options);
    let changes: [fn(&mut Workflow); 9] = [
        |one| one.name = "other".to_owned(),
        |one| one.dialect = Dialect::N8n,
        |one| one.nodes[0].parameters = json!({ "x": 1 }),
        |one| one.nodes[0].parameters = json!({ "x": "1" }),
        |one| one.nodes[0].parameters = json!({ "x": 1.0 }),
        |one| one.nodes[0].execute_once = true,
        |one| one.variables.extend([("x".to_owned(), json!(null))]),
        |one| one.source = Some(SourceText::new("other.json", "{}")),
        |one| one.source = Some(SourceText::new("other.json", "[]")),
    ];
    let mut results = vec![Arc::clone(&first)];
    for change in changes {
        let mut changed = workflow.clone();
        change(&mut changed);
        let validated = registry.validate(&changed, &options);
        assert!(results.iter().all(|one| !Arc::ptr_eq(one, &validated)));
        results.push(validated);
    }
    let lenient = PlanOptions {
        missing_fields: Some(MissingFields::Lenient),
    };
    assert!(!Arc::ptr_eq(
        &first,
        &registry.validate(&workflow, &lenient)
    ));
    assert!(Arc::ptr_eq(&first, &registry.validate(&workflow, &options)));
}

/// Refuses one node type, and counts how often it is asked.
struct Narrow<'a> {
    registry: &'a Registry,
    refused: &'a str,
    asked: AtomicUsize,
}

impl Catalog for Narrow<'_> {
    fn find(
        &self,
        node_type: &NodeTypeId,
        version: &VersionSelector,
    ) -> Result<Arc<dyn CatalogEntry>, CatalogError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if node_type.as_str() == self.refused {
            return Err(CatalogError::UnknownNodeType {
                node_type: node_type.clone(),
                nearest: Vec::new(),
            });
        }
        self.registry.find(node_type, version)
    }
}

#[test]
fn tenants_and_policies_do_not_share_results() {
    let registry = Registry::new();
    register(&registry, "a", &[]);
    let source = text(&node("a"));
    let options = PlanOptions::default();
    let catalog = |refused| Narrow {
        registry: &registry,
        refused,
        asked: AtomicUsize::new(0),
    };
    let ask = |catalog: &Narrow<'_>, tenant: &TenantId, policy_number| {
        let view = CatalogView {
            catalog,
            tenant,
            policy_number,
        };
        registry.validate_for(view, &source, &options).is_valid()
    };
    let (acme, other) = (TenantId::parse("acme").unwrap(), tenant());
    let (open, narrow) = (catalog("nothing"), catalog("a"));
    assert!(check(&registry, &source).is_valid());
    assert!(!ask(&narrow, &acme, 1));
    assert!(ask(&open, other, 1));
    assert!(!ask(&narrow, &acme, 1));
    assert!(ask(&open, &acme, 2));
    assert_eq!(narrow.asked.load(Ordering::SeqCst), 1);
    assert_eq!(open.asked.load(Ordering::SeqCst), 2);
    assert_eq!(counted(&registry), (1, 4, 0));
}

/// An executor with a rule of its own, loaded at first use.
struct Picky;

impl NodeExecutor for Picky {
    fn execute<'a>(&'a self, _: NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>> {
        Box::pin(async { Ok(NodeOutput::default()) })
    }

    fn validate(&self, _: &Value) -> Vec<ValidationIssue> {
        vec![ValidationIssue::parameter("", "never right")]
    }
}

impl ExecutorLoader for Picky {
    fn load(&self) -> BoxFuture<'_, Result<Arc<dyn NodeExecutor>, LoaderError>> {
        Box::pin(async { Ok(Arc::new(Picky) as Arc<dyn NodeExecutor>) })
    }
}

#[test]
fn an_executor_that_has_come_is_asked_for_its_own_rules() {
    let registry = Registry::new();
    let one = registry
        .register_lazy("a", Arc::new(Picky), metadata("a", "1.0.0"))
        .unwrap();
    let source = text(&node("a"));
    assert!(check(&registry, &source).is_valid());
    assert!(check(&registry, &source).is_valid());
    let loaded = registry.load_executor(&one, tenant()).now_or_never();
    assert!(loaded.unwrap().is_ok());
    assert!(!check(&registry, &source).is_valid());
    assert!(!check(&registry, &source).is_valid());
    assert_eq!(counted(&registry), (2, 2, 1));
}

#[test]
fn results_are_bounded_by_count_and_by_size() {
    let registry = Registry::builder().validation_entries(2).build();
    register(&registry, "a", &[]);
    let named = |name: &str| {
        let mut node = node("a");
        node["name"] = json!(name);
        text(&node)
    };
    for name in ["x", "y", "x", "z", "x", "y"] {
        check(&registry, &named(name));
    }
    assert_eq!(registry.stats().validations.entries, 2);
    assert_eq!(counted(&registry), (2, 4, 0));

    let registry = Registry::builder()
        .validation_documents(ByteSize::bytes(450))
        .build();
    register(&registry, "a", &[]);
    check(&registry, &named(&"long".repeat(150)));
    assert_eq!(registry.stats().validations.entries, 0);
    for name in ["x", "y", "z"] {
        check(&registry, &named(name));
    }
    let entries = registry.stats().validations.entries;
    assert!((1..3).contains(&entries), "{entries}");

    let registry = Registry::builder().validation_entries(0).build();
    register(&registry, "a", &[]);
    assert!(check(&registry, &named("x")).is_valid());
    assert_eq!(registry.stats().validations.entries, 0);
}
