//! `validate_all`: dependencies that are missing or go round in a circle.

use jackfield_registry::{Problem, Registry};
use jackfield_types::{Dependency, ErrorCode, NodeTypeMetadata};

use crate::common::{metadata, name, numbered};

fn register(registry: &Registry, node_type: &str, dependencies: &[(&str, &str)]) {
    let dependencies = dependencies
        .iter()
        .map(|(on, version)| Dependency {
            node_type: name(on),
            version: version.parse().unwrap(),
        })
        .collect();
    let (node_type, version) = node_type.split_once('@').unwrap_or((node_type, "1.0.0"));
    let metadata = NodeTypeMetadata {
        dependencies,
        ..metadata(node_type, version)
    };
    registry
        .register_with_metadata(node_type, numbered(0), metadata)
        .unwrap();
}

fn texts(registry: &Registry) -> Vec<String> {
    registry
        .validate_all()
        .findings
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn what_is_whole_has_no_findings() {
    let registry = Registry::new();
    register(&registry, "a", &[("b", "^1"), ("c", "*")]);
    register(&registry, "b", &[("c", ">=1, <3")]);
    register(&registry, "c@2.0.0", &[]);
    let report = registry.validate_all();
    assert!(report.is_clean());
    assert_eq!(report.checked, 3);
}

#[test]
fn missing_dependencies_and_versions_are_told_apart() {
    let registry = Registry::new();
    register(
        &registry,
        "a",
        &[("string.uper", "*"), ("c", "^2"), ("d", "*")],
    );
    register(&registry, "c@1.0.0", &[]);
    register(&registry, "c@3.0.0", &[]);
    register(&registry, "d@1.0.0-rc.1", &[]);
    register(&registry, "string.upper", &[]);
    assert_eq!(
        texts(&registry),
        [
            "node type `a` 1.0.0: depends on `string.uper`, which is not registered; did you mean `string.upper`?",
            "node type `a` 1.0.0: depends on `c` ^2, but there is only 3.0.0, 1.0.0",
        ]
    );
    let findings = registry.validate_all().findings;
    assert!(
        findings
            .iter()
            .all(|one| one.problem.code() == ErrorCode::DEPENDENCY_MISSING)
    );
}

#[test]
fn a_cycle_is_reported_once_with_its_whole_path() {
    let registry = Registry::new();
    register(&registry, "x", &[("c", "*")]);
    register(&registry, "c", &[("a", "*")]);
    register(&registry, "b", &[("c", "*"), ("leaf", "*")]);
    register(&registry, "a", &[("leaf", "*"), ("b", "*")]);
    register(&registry, "leaf", &[]);
    assert_eq!(
        texts(&registry),
        ["node type `a` 1.0.0: depends on itself: a → b → c → a"]
    );
    assert_eq!(
        registry.validate_all().findings[0].problem.code(),
        ErrorCode::DEPENDENCY_CYCLE
    );
}

#[test]
fn cycles_that_share_a_node_are_all_reported() {
    let registry = Registry::new();
    register(&registry, "a", &[("b", "*"), ("c", "*")]);
    register(&registry, "b", &[("a", "*")]);
    register(&registry, "c", &[("a", "*")]);
    let paths: Vec<_> = registry
        .validate_all()
        .findings
        .into_iter()
        .map(|one| one.problem)
        .collect();
    let cycle = |path: [&str; 3]| Problem::Cycle {
        path: path.map(name).to_vec(),
    };
    assert_eq!(paths, [cycle(["a", "b", "a"]), cycle(["a", "c", "a"])]);
}

#[test]
fn versions_decide_what_is_a_cycle() {
    let registry = Registry::new();
    register(&registry, "a@2.0.0", &[("b", "*")]);
    register(&registry, "b", &[("a", "^1")]);
    register(&registry, "a@1.0.0", &[]);
    assert!(texts(&registry).is_empty());
}

#[test]
fn a_chain_of_any_length_is_followed() {
    let registry = Registry::new();
    let length = 30_000;
    for place in 0..length {
        let next = format!("n{}", (place + 1) % length);
        register(&registry, &format!("n{place}"), &[(&next, "*")]);
    }
    let report = registry.validate_all();
    let [finding] = report.findings.as_slice() else {
        panic!("{} findings", report.findings.len())
    };
    let Problem::Cycle { path } = &finding.problem else {
        panic!("{finding}")
    };
    assert_eq!(path.len(), length + 1);
    assert_eq!(path.first(), path.last());
    registry.unregister("n77", None);
    let report = registry.validate_all();
    assert_eq!(report.findings.len(), 1);
    assert_eq!(
        report.findings[0].problem.code(),
        ErrorCode::DEPENDENCY_MISSING
    );
}

#[test]
fn more_cycles_than_can_be_told_are_counted() {
    let registry = Registry::new();
    let length = 3_000;
    for place in 0..length {
        let next = format!("n{:04}", (place + 1) % length);
        let mut on = vec![(next.as_str(), "*")];
        if place > 0 && place + 1 < length {
            on.push(("n0000", "*"));
        }
        register(&registry, &format!("n{place:04}"), &on);
    }
    let report = registry.validate_all();
    assert!(report.cycles_left_out > 0);
    assert_eq!(report.findings.len() + report.cycles_left_out, length - 1);
}
