//! The lists of a policy that take names and globs, and how they go together.

use std::collections::{BTreeSet, HashMap};

use jackfield_definition::{Diagnostic, nearest};
use jackfield_types::{ErrorCode, Policy};

use super::check::check_list;
use super::finding::Finding;
use super::node_pattern::{NodePattern, name_length};
use super::pattern::{NameKind, PatternError};
use super::pattern_set::PatternSet;
use super::shape::index;

const ALLOWED: &str = "allowedNodeTypes";
const RESTRICTED: &str = "restrictedNodeTypes";
/// How many node types that are not there are named.
const MOST_UNKNOWN: usize = 20;

fn report(error: &PatternError, pointer: &str, findings: &mut Vec<Finding>) {
    findings.push(Finding::error(pointer, error.to_string()).with_hint_if(error.hint()));
}

/// Finds what is wrong with a list of names and globs.
pub(super) fn check_names(
    field: &str,
    kind: NameKind,
    entries: &[String],
    findings: &mut Vec<Finding>,
) {
    if !check_list(field, entries, findings) {
        return;
    }
    for (place, entry) in entries.iter().enumerate() {
        if let Err(error) = kind.parse(entry) {
            report(&error, &index(&format!("/{field}"), place), findings);
        }
    }
}

/// Finds what is wrong with the users who may and may not.
pub(super) fn check_users(policy: &Policy, findings: &mut Vec<Finding>) {
    let (allowed, blocked) = (&policy.allowed_users, &policy.blocked_users);
    check_names("allowedUsers", NameKind::ALLOWED_USER, allowed, findings);
    check_names("blockedUsers", NameKind::BLOCKED_USER, blocked, findings);
    let plain = |entry: &String| entry.to_ascii_lowercase();
    refuse_both(
        ["allowedUsers", "blockedUsers"],
        [
            &allowed.iter().map(plain).collect::<Vec<_>>(),
            &blocked.iter().map(plain).collect::<Vec<_>>(),
        ],
        findings,
    );
    let parse = |entry: &String| {
        let name = NameKind::BLOCKED_USER.parse(entry).ok()?;
        Some(NodePattern {
            name,
            versions: None,
        })
    };
    warn_of_covered(
        ["allowedUsers", "blockedUsers"],
        [allowed, blocked],
        NameKind::BLOCKED_USER,
        parse,
        findings,
    );
}

/// Finds what is wrong with the node types that may and may not be used.
pub(super) fn check_node_types(
    policy: &Policy,
    known: Option<&BTreeSet<String>>,
    findings: &mut Vec<Finding>,
) {
    let lists = [&policy.allowed_node_types, &policy.restricted_node_types];
    for (field, entries) in [ALLOWED, RESTRICTED].into_iter().zip(lists) {
        if !check_list(field, entries, findings) {
            return;
        }
        let mut unknown = 0;
        for (place, entry) in entries.iter().enumerate() {
            let pointer = index(&format!("/{field}"), place);
            match NodePattern::parse(entry) {
                Err(error) => report(&error, &pointer, findings),
                // Whoever has so many of them need not be told of each, and each takes a search.
                Ok(_) if unknown == MOST_UNKNOWN => {}
                Ok(pattern) => {
                    let finding = known.and_then(|known| {
                        unknown_node_type(&entry[..name_length(entry)], &pattern, known, &pointer)
                    });
                    unknown += usize::from(finding.is_some());
                    findings.extend(finding);
                }
            }
        }
    }
    refuse_both([ALLOWED, RESTRICTED], lists, findings);
    let parse = |entry: &String| NodePattern::parse(entry).ok();
    warn_of_covered(
        [ALLOWED, RESTRICTED],
        lists,
        NameKind::NODE_TYPE,
        parse,
        findings,
    );
}

/// A warning when an entry means none of the node types that there are.
fn unknown_node_type(
    name: &str,
    pattern: &NodePattern,
    known: &BTreeSet<String>,
    pointer: &str,
) -> Option<Finding> {
    let is_literal = !name.contains(['*', '?', '[', '{']);
    let (message, hint) = if is_literal {
        if known.contains(name) {
            return None;
        }
        let near = nearest(name, known.iter().map(String::as_str));
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        (format!("there is no node type `{name}`"), hint)
    } else {
        let set = PatternSet::compile(false, [pattern.name.clone()]);
        if known.iter().any(|one| !set.matches(one).is_empty()) {
            return None;
        }
        let hint = (!name.contains('/')).then(|| {
            "`*` does not reach beyond a `/`; write `publisher/*` for the node types of a publisher"
                .to_owned()
        });
        (
            format!("`{name}` matches none of the node types that there are"),
            hint,
        )
    };
    let diagnostic = Diagnostic::warning(ErrorCode::UNKNOWN_NODE_TYPE, message);
    Some(Finding::new(diagnostic, pointer).with_hint_if(hint))
}

/// Refuses what is both allowed and forbidden.
fn refuse_both(fields: [&str; 2], lists: [&Vec<String>; 2], findings: &mut Vec<Finding>) {
    let [allowing, refusing] = fields;
    let [allowed, refused] = lists;
    let places: HashMap<&str, usize> = allowed
        .iter()
        .enumerate()
        .map(|(place, entry)| (entry.as_str(), place))
        .collect();
    for (place, entry) in refused.iter().enumerate() {
        let Some(other) = places.get(entry.as_str()).filter(|_| !entry.is_empty()) else {
            continue;
        };
        let pointer = index(&format!("/{refusing}"), place);
        let message = format!("`{entry}` is in `{allowing}` (entry {other}) and in `{refusing}`");
        findings.push(
            Finding::error(pointer, message)
                .with_hint("take it out of one of them; as it stands it is refused"),
        );
    }
}

/// Warns of entries that allow what another list refuses altogether.
fn warn_of_covered(
    fields: [&str; 2],
    lists: [&Vec<String>; 2],
    kind: NameKind,
    parse: impl Fn(&String) -> Option<NodePattern>,
    findings: &mut Vec<Finding>,
) {
    let [allowing, refusing] = fields;
    let [allowed, refused] = lists;
    let patterns: Option<Vec<NodePattern>> = refused.iter().map(&parse).collect();
    let Some(patterns) = patterns.filter(|patterns| !patterns.is_empty()) else {
        return;
    };
    let names = patterns.iter().map(|pattern| pattern.name.clone());
    let set = PatternSet::compile(kind.is_case_insensitive, names);
    let covering = |entry: &String| {
        let own = parse(entry)?;
        let name = match own.versions {
            Some(_) => &entry[..name_length(entry)],
            None => entry,
        };
        let mut matching: Option<BTreeSet<usize>> = None;
        for sample in samples(name)? {
            let found: BTreeSet<usize> = set.matches(&sample).into_iter().collect();
            matching = Some(match matching {
                None => found,
                Some(before) => before.intersection(&found).copied().collect(),
            });
        }
        matching?.into_iter().find(|&place| {
            let versions = &patterns[place].versions;
            !refused[place].eq_ignore_ascii_case(entry)
                && (versions.is_none() || *versions == own.versions)
        })
    };
    let covered: Vec<(usize, usize)> = allowed
        .iter()
        .enumerate()
        .filter_map(|(place, entry)| Some((place, covering(entry)?)))
        .collect();
    if covered.is_empty() {
        return;
    }
    if covered.len() == allowed.len() {
        let message = format!("`{refusing}` refuses all that `{allowing}` allows");
        let pointer = format!("/{refusing}");
        findings
            .push(Finding::warning(pointer, message).with_hint("as it stands nothing is allowed"));
        return;
    }
    for (place, other) in covered {
        let entry = &allowed[place];
        let refusal = &refused[other];
        let message =
            format!("`{entry}` allows nothing: `{refusing}[{other}]` `{refusal}` refuses it");
        let pointer = index(&format!("/{allowing}"), place);
        findings.push(Finding::warning(pointer, message).with_hint("take one of them out"));
    }
}

/// Names that a glob means, different enough to stand for all of them; none for globs that are
/// not just text and stars.
fn samples(glob: &str) -> Option<Vec<String>> {
    if glob.contains(['[', '{']) {
        return None;
    }
    let glob = if glob == "*" { "**" } else { glob };
    let fill = |one: &str, any: &str| glob.replace("**", any).replace('*', one).replace('?', "q");
    if !glob.contains(['*', '?']) {
        return Some(vec![glob.to_owned()]);
    }
    Some(vec![fill("q", "q"), fill("z9.y-x_", "z9/y.x-w/v")])
}
