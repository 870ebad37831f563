//! What the fields of a policy say, one by one and together. Every mistake is found in one go,
//! with the place as a JSON Pointer.

use std::collections::{BTreeSet, HashMap, HashSet};

use jackfield_types::Policy;

use crate::redaction::RedactionRules;

use super::finding::Finding;
use super::hosts::HostPattern;
use super::limits;
use super::lists;
use super::pattern::NameKind;
use super::shape::index;

/// How many entries a list may have.
const MOST_ENTRIES: usize = 10_000;

type IsGlob = fn(&str) -> bool;

/// How many of them may be globs: each is tried for each new name, and those that are more than
/// text and stars take long to compile.
const MOST_GLOBS: [(usize, &str, IsGlob); 2] = [
    (1_000, "globs", |entry| entry.contains('*')),
    (100, "globs with more than stars in them", |entry| {
        entry.contains("**") || entry.contains(['?', '[', '{'])
    }),
];

/// Finds what is wrong with a policy, or probably is. `known` are the node types that there are,
/// if somebody knows.
pub(super) fn check(policy: &Policy, known: Option<&BTreeSet<String>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    lists::check_node_types(policy, known, &mut findings);
    lists::check_users(policy, &mut findings);
    check_redaction(policy, &mut findings);
    check_hosts(policy, &mut findings);
    let named = [
        ("environment", NameKind::ENVIRONMENT, &policy.environment),
        ("secrets", NameKind::SECRET, &policy.secrets),
        (
            "trustedPublishers",
            NameKind::PUBLISHER,
            &policy.trusted_publishers,
        ),
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
    for (most, what, is_one) in MOST_GLOBS {
        let number = entries.iter().filter(|entry| is_one(entry)).count();
        if number > most {
            let message = format!("`{field}` has {number} {what}; at most {most} are read");
            findings.push(
                Finding::error(pointer, message).with_hint("write names, or fewer and wider globs"),
            );
            return false;
        }
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

fn check_redaction(policy: &Policy, findings: &mut Vec<Finding>) {
    let filters = &policy.output_filters;
    let patterns = &policy.sensitive_field_patterns;
    if !check_list("sensitiveFieldPatterns", patterns, findings) {
        return;
    }
    if let Err(error) = RedactionRules::compile(filters, patterns) {
        let problems = error.problems.into_iter();
        findings.extend(problems.map(|problem| {
            Finding::error(problem.place.to_string(), problem.message).with_hint(problem.hint)
        }));
    }
    let mut seen: HashSet<(&str, &[String])> = HashSet::new();
    for (place, filter) in filters.iter().enumerate() {
        let is_new = seen.insert((&filter.path, &filter.node_types));
        let pointer = index("/outputFilters", place);
        if !is_new && !filter.path.is_empty() {
            let message = format!("`{}` is filtered twice", filter.path);
            findings.push(Finding::warning(pointer, message).with_hint("take one of them out"));
        } else if filter
            .path
            .split('.')
            .all(|step| matches!(step, "*" | "**"))
        {
            let message = format!("`{}` means every field there is", filter.path);
            findings.push(
                Finding::warning(format!("{pointer}/path"), message)
                    .with_hint("name the field that is meant"),
            );
        }
    }
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
