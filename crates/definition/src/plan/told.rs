//! What is said of a node: findings, in the right words and in the right place.

use jackfield_types::{ErrorCode, NodeTypeId, Severity, ValidationIssue};

use crate::catalog::CatalogError;
use crate::diagnostic::Diagnostic;
use crate::expression::ExpressionError;
use crate::workflow::Node;

pub(super) fn falls_back_on_itself(node: &Node) -> Diagnostic {
    let message = format!("`{}` is to be fallen back on by itself", node.node_type);
    Diagnostic::new(ErrorCode::INVALID_WORKFLOW, message)
        .at(format!(
            "{}/fallbackNodeType",
            node.field("errorRecoveryStrategy")
        ))
        .with_node(node.name.as_str())
        .with_expected("another node type")
        .with_hint("use the strategy `retry` to try the same once more")
}

/// A disabled node does not run, so what is wrong with it is no error.
pub(super) fn soften(node: &Node, mut finding: Diagnostic) -> Diagnostic {
    if node.disabled {
        finding.severity = Severity::Warning;
        if finding.code == ErrorCode::TENANT_FORBIDDEN {
            let hint = "it does not run, and what comes in passes on; have the policy changed before it is enabled";
            finding.hint = Some(hint.to_owned());
        }
    }
    finding
}

/// What is said of a node type that may not be used.
pub(super) fn refused(node_type: &NodeTypeId, rule: &str) -> Diagnostic {
    let message = format!("node type `{node_type}` may not be used: {rule}");
    Diagnostic::new(ErrorCode::TENANT_FORBIDDEN, message)
        .with_hint("use another node type, or have the policy changed; nothing gets round it")
}

pub(super) fn told(error: &CatalogError) -> (ErrorCode, Option<String>) {
    match error {
        CatalogError::UnknownNodeType { nearest, .. } => {
            let names: Vec<String> = nearest.iter().map(|near| format!("`{near}`")).collect();
            let hint = (!names.is_empty()).then(|| format!("did you mean {}?", names.join(" or ")));
            (ErrorCode::UNKNOWN_NODE_TYPE, hint)
        }
        CatalogError::UnknownVersion { available, .. } => {
            let versions: Vec<String> =
                available.iter().take(10).map(ToString::to_string).collect();
            let hint = (!versions.is_empty())
                .then(|| format!("the versions that there are: {}", versions.join(", ")));
            (ErrorCode::UNKNOWN_VERSION, hint)
        }
    }
}

pub(super) fn not_found(node: &Node, error: &CatalogError, is_served: bool) -> Diagnostic {
    let (code, hint) = told(error);
    let (fields, is_warning): (&'static [&'static str], bool) = match error {
        CatalogError::UnknownNodeType { .. } => (&["nodeType", "type"], is_served || node.disabled),
        CatalogError::UnknownVersion { .. } => (&["typeVersion"], node.disabled),
    };
    let message = if is_warning && !node.disabled {
        format!("{error}; the node's recovery strategy serves in its place")
    } else {
        error.to_string()
    };
    let mut finding = Diagnostic::new(code, message)
        .at_field(node.pointer(), fields)
        .with_node(node.name.as_str())
        .with_hint_if(hint);
    if is_warning {
        finding.severity = Severity::Warning;
    }
    finding
}

pub(super) fn in_parameters(node: &Node, path: &str, finding: Diagnostic) -> Diagnostic {
    let mut finding = finding
        .at(format!("{}{path}", node.field("parameters")))
        .with_node(node.name.as_str());
    if !path.is_empty() {
        finding.parameter = Some(path.to_owned());
    }
    finding
}

pub(super) fn parameter_issue(node: &Node, issue: ValidationIssue) -> Diagnostic {
    let mut finding = Diagnostic::new(issue.code, issue.message).with_hint_if(issue.hint);
    finding.severity = issue.severity;
    soften(node, in_parameters(node, &issue.path, finding))
}

pub(super) fn expression_error(node: &Node, path: &str, error: ExpressionError) -> Diagnostic {
    let finding = Diagnostic::new(error.code, error.message)
        .with_hint_if(error.hint)
        .within(error.span);
    soften(node, in_parameters(node, path, finding))
}
