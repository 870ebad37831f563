//! What the fields of a policy say, one by one and together. Every mistake is found in one go,
//! with the place as a JSON Pointer.

use std::collections::{BTreeSet, HashMap};

use jackfield_types::{FilterAction, OutputFilter, Policy};

use super::finding::Finding;
use super::hosts::HostPattern;
use super::limits;
use super::lists;
use super::pattern::NameKind;
use super::shape::index;

/// How many entries a list may have.
const MOST_ENTRIES: usize = 10_000;

/// Finds what is wrong with a policy, or probably is. `known` are the node types that there are,
/// if somebody knows.
pub(super) fn check(policy: &Policy, known: Option<&BTreeSet<String>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    lists::check_node_types(policy, known, &mut findings);
    lists::check_users(policy, &mut findings);
    check_filters(&policy.output_filters, &mut findings);
    check_field_patterns(&policy.sensitive_field_patterns, &mut findings);
    check_hosts(policy, &mut findings);
    let named = [
        ("environment", NameKind::ENVIRONMENT, &policy.environment),
        ("secrets", NameKind::SECRET, &policy.secrets),
    ];
    for (field, kind, entries) in named {
        if let Some(entries) = entries {
            lists::check_names(field, kind, entries, &mut findings);
        }
    }
    check_capabilities(policy, &mut findings);
    limits::check(policy, &mut findings);
    findings
}

/// Finds what is wrong with any list: that it is too long, and what is written twice. Whether it
/// can be looked at further.
pub(super) fn check_list(field: &str, entries: &[String], findings: &mut Vec<Finding>) -> bool {
    let pointer = format!("/{field}");
    if entries.len() > MOST_ENTRIES {
        let message = format!(
            "`{field}` has {} entries; at most {MOST_ENTRIES} are read",
            entries.len()
        );
        findings.push(Finding::error(pointer, message).with_hint("write globs instead of names"));
        return false;
    }
    let mut seen = HashMap::new();
    for (place, entry) in entries.iter().enumerate() {
        if let Some(first) = seen.insert(entry.as_str(), place)
            && !entry.is_empty()
        {
            let message = format!("`{entry}` is written twice in `{field}`");
            findings.push(
                Finding::warning(index(&pointer, place), message)
                    .with_hint(format!("it is entry {first} too; take one of them out")),
            );
        }
    }
    true
}

fn check_hosts(policy: &Policy, findings: &mut Vec<Finding>) {
    let Some(entries) = &policy.allowed_hosts else {
        return;
    };
    if !check_list("allowedHosts", entries, findings) {
        return;
    }
    for (place, entry) in entries.iter().enumerate() {
        if let Err(error) = HostPattern::parse(entry) {
            let pointer = index("/allowedHosts", place);
            findings.push(Finding::error(pointer, error.to_string()).with_hint(error.hint()));
        }
    }
}

fn check_capabilities(policy: &Policy, findings: &mut Vec<Finding>) {
    let capabilities = policy.capabilities.as_deref().unwrap_or_default();
    for (place, capability) in capabilities.iter().enumerate() {
        if capabilities[..place].contains(capability) {
            let name = capability.as_str();
            let message = format!("`{name}` is written twice in `capabilities`");
            findings.push(
                Finding::warning(index("/capabilities", place), message)
                    .with_hint("take one of them out"),
            );
        }
    }
}

fn check_filters(filters: &[OutputFilter], findings: &mut Vec<Finding>) {
    if filters.len() > MOST_ENTRIES {
        let message = format!(
            "`outputFilters` has {} entries; at most {MOST_ENTRIES} are read",
            filters.len()
        );
        findings.push(Finding::error("/outputFilters", message));
        return;
    }
    let mut seen: HashMap<(&str, &[String]), FilterAction> = HashMap::new();
    for (place, filter) in filters.iter().enumerate() {
        let pointer = index("/outputFilters", place);
        check_path(&filter.path, &format!("{pointer}/path"), findings);
        for (number, entry) in filter.node_types.iter().enumerate() {
            let pointer = format!("{pointer}/nodeTypes/{number}");
            lists::check_node_pattern(entry, &pointer, findings);
        }
        let same = seen.insert((&filter.path, &filter.node_types), filter.action);
        if same.is_some() && !filter.path.is_empty() {
            let message = format!("`{}` is filtered twice", filter.path);
            findings.push(Finding::warning(pointer, message).with_hint("take one of them out"));
        }
    }
}

fn check_path(path: &str, pointer: &str, findings: &mut Vec<Finding>) {
    const EXPECTED: &str =
        "field names with dots between them, such as `customer.email` or `orders.*.card`";
    const LONGEST: usize = 1_024;
    let message = if path.is_empty() {
        "an empty path leads nowhere".to_owned()
    } else if path.len() > LONGEST {
        format!(
            "a path has at most {LONGEST} bytes, this one has {}",
            path.len()
        )
    } else if path.split('.').any(|step| step.trim().is_empty()) {
        format!("`{path}` has a step without a name")
    } else if path.split('.').all(|step| matches!(step, "*" | "**")) {
        let message = format!("`{path}` means every field there is");
        findings.push(Finding::warning(pointer, message).with_hint("name the field that is meant"));
        return;
    } else {
        return;
    };
    findings.push(Finding::error(pointer, message).with_expected(EXPECTED));
}

fn check_field_patterns(patterns: &[String], findings: &mut Vec<Finding>) {
    const FIELD: NameKind = NameKind {
        what: "field",
        allows: |c| !c.is_control(),
        is_case_insensitive: true,
    };
    const FIELD_NAME: &str = "sensitiveFieldPatterns";
    lists::check_names(FIELD_NAME, FIELD, patterns, findings);
    for (place, pattern) in patterns.iter().enumerate() {
        if !pattern.is_empty() && pattern.chars().all(|c| c == '*') {
            let pointer = index("/sensitiveFieldPatterns", place);
            let message = format!("`{pattern}` masks every field there is");
            findings.push(
                Finding::warning(pointer, message)
                    .with_hint("write a part of the name between the stars, such as `*password*`"),
            );
        }
    }
}
