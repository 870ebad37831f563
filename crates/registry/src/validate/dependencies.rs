//! What the node types of a workflow depend on: whether it is there, and leads nowhere back.

use std::sync::Arc;

use jackfield_definition::{Diagnostic, Dialect, Node, Workflow};
use jackfield_types::{
    ErrorCode, NodeTypeId, RecoveryStrategy, Severity, Strategy, VersionSelector,
};
use rustc_hash::{FxHashMap, FxHashSet};
use semver::VersionReq;

use crate::resolution::{matching, nearest_names, select};
use crate::snapshot::Snapshot;
use crate::{Registration, RegistrationId};

/// How much of one node type's dependencies is looked at.
const MOST_VISITED: usize = 10_000;
/// How many findings one node type brings.
const MOST_FINDINGS: usize = 20;
/// How many names of a path are shown.
const SHOWN_OF_PATH: usize = 12;

/// A registration that a node needs, and where the document says so.
pub(super) struct Needed {
    pub(super) registration: Arc<Registration>,
    node: String,
    path: String,
    /// How bad it is if the registration cannot do its work.
    severity: Severity,
}

/// The registrations that the nodes of a workflow use, as far as they are known.
pub(super) fn in_use(workflow: &Workflow, snapshot: &Snapshot) -> Vec<Needed> {
    let mut needed = Vec::new();
    let mut common_fallback = workflow.error_recovery.as_ref().and_then(fallback_of);
    for node in workflow.nodes.iter().filter(|node| !node.disabled) {
        let strategy = node.error_recovery_strategy.as_ref();
        let common = workflow.error_recovery.as_ref();
        let mut add = |node_type: &NodeTypeId, version: &VersionSelector, path, severity| {
            if let Some(found) = select(snapshot.versions(node_type.as_str()), version) {
                needed.push(Needed {
                    registration: Arc::clone(found),
                    node: node.name.to_string(),
                    path,
                    severity,
                });
            }
        };
        let field = match workflow.dialect {
            Dialect::Native => "nodeType",
            Dialect::N8n => "type",
        };
        let severity = severity_of(strategy.or(common));
        add(&node.node_type, &node.version, place(node, field), severity);
        let (fallback, path) = match strategy {
            Some(own) => {
                let path = place(node, "errorRecoveryStrategy/fallbackNodeType");
                (fallback_of(own), path)
            }
            // All nodes share it, so it is looked at once.
            None => {
                let path = "/errorRecovery/fallbackNodeType".to_owned();
                (common_fallback.take(), path)
            }
        };
        if let Some(fallback) = fallback {
            add(fallback, &VersionSelector::Newest, path, Severity::Error);
        }
        let Some(compensation) = &node.compensation else {
            continue;
        };
        let own = compensation.error_recovery_strategy.as_ref();
        let path = place(node, "compensation/nodeType");
        let version = &compensation.type_version;
        add(&compensation.node_type, version, path, severity_of(own));
        if let Some(fallback) = own.and_then(fallback_of) {
            let path = place(node, "compensation/errorRecoveryStrategy/fallbackNodeType");
            add(fallback, &VersionSelector::Newest, path, Severity::Error);
        }
    }
    needed
}

fn place(node: &Node, field: &str) -> String {
    format!("/nodes/{}/{field}", node.place)
}

/// A node that goes on without its node type goes on without what that depends on.
fn severity_of(strategy: Option<&RecoveryStrategy>) -> Severity {
    match strategy.map(|strategy| strategy.strategy) {
        Some(Strategy::Fallback | Strategy::Skip | Strategy::Retry) => Severity::Warning,
        Some(Strategy::Fail) | None => Severity::Error,
    }
}

fn fallback_of(strategy: &RecoveryStrategy) -> Option<&NodeTypeId> {
    let is_fallback = strategy.strategy == Strategy::Fallback;
    strategy.fallback_node_type.as_ref().filter(|_| is_fallback)
}

/// What is wrong with what is needed, at each place that needs it.
pub(super) fn report(needed: &[Needed], snapshot: &Snapshot) -> Vec<Diagnostic> {
    let mut known: FxHashMap<RegistrationId, Vec<Flaw>> = FxHashMap::default();
    let mut findings = Vec::new();
    for one in needed {
        let registration = &one.registration;
        let flaws = known
            .entry(registration.id())
            .or_insert_with(|| flaws(registration, snapshot));
        for Flaw {
            code,
            message,
            hint,
        } in flaws
        {
            let finding = match one.severity {
                Severity::Error => Diagnostic::new(code.clone(), message.as_str()),
                Severity::Warning => Diagnostic::warning(code.clone(), message.as_str()),
            };
            findings.push(
                finding
                    .at(one.path.as_str())
                    .with_node(one.node.as_str())
                    .with_hint(hint.as_str()),
            );
        }
    }
    findings
}

/// Something that keeps a node type from doing its work.
struct Flaw {
    code: ErrorCode,
    message: String,
    hint: String,
}

/// Follows the dependencies of a registration, depth first and without recursion.
fn flaws(root: &Registration, snapshot: &Snapshot) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let mut seen = FxHashSet::from_iter([root.id()]);
    // What leads to where it is, and which dependency of each comes next.
    let mut path: Vec<(&Registration, usize)> = vec![(root, 0)];
    while let Some((node, next)) = path.last_mut() {
        if flaws.len() >= MOST_FINDINGS {
            break;
        }
        let Some(dependency) = node.summary().dependencies.get(*next) else {
            path.pop();
            continue;
        };
        *next += 1;
        let versions = snapshot.versions(dependency.node_type.as_str());
        let Some(found) = matching(versions, &dependency.version) else {
            let way = way(&path, &dependency.node_type);
            flaws.push(missing(
                &way,
                &dependency.node_type,
                &dependency.version,
                snapshot,
            ));
            continue;
        };
        if let Some(first) = path.iter().position(|(one, _)| one.id() == found.id()) {
            flaws.push(cycle(&way(&path[first..], found.node_type())));
        } else if seen.len() < MOST_VISITED && seen.insert(found.id()) {
            path.push((found, 0));
        }
    }
    flaws
}

fn missing(way: &str, node_type: &NodeTypeId, version: &VersionReq, snapshot: &Snapshot) -> Flaw {
    let versions = snapshot.versions(node_type.as_str());
    let (what, hint) = if versions.is_empty() {
        let near = nearest_names(snapshot, node_type.as_str());
        let near = near.first().map_or_else(String::new, |name| {
            format!("; `{name}` is written nearly like it")
        });
        let hint = format!("load the plugin that provides `{node_type}`{near}");
        ("is not registered".to_owned(), hint)
    } else {
        let available: Vec<_> = versions
            .iter()
            .take(5)
            .map(|one| one.version().to_string())
            .collect();
        let what = format!("is registered, but only in {}", available.join(", "));
        let hint = format!("load a plugin that provides `{node_type}` {version}");
        (what, hint)
    };
    Flaw {
        code: ErrorCode::DEPENDENCY_MISSING,
        message: format!("depends on `{node_type}` {version}, which {what}: `{way}`"),
        hint,
    }
}

fn cycle(way: &str) -> Flaw {
    Flaw {
        code: ErrorCode::DEPENDENCY_CYCLE,
        message: format!("what it depends on goes round in a circle: `{way}`"),
        hint: "one of these node types must not depend on the next one".to_owned(),
    }
}

/// `a → b → c`; the middle of a long way is left out.
fn way(path: &[(&Registration, usize)], end: &NodeTypeId) -> String {
    let mut names: Vec<&str> = path
        .iter()
        .map(|(one, _)| one.node_type().as_str())
        .collect();
    names.push(end.as_str());
    if names.len() > SHOWN_OF_PATH {
        let half = SHOWN_OF_PATH / 2;
        names.splice(half..names.len() - half, ["…"]);
    }
    names.join(" → ")
}
