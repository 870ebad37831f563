//! Checks workflows that are parameters of nodes, such as that of `execute-workflow`, so that
//! their mistakes are known when the outer workflow is planned and not when the node runs.

use serde_json::Value;

use super::PlanOptions;
use super::build::Planner;
use super::told::in_parameters;
use crate::catalog::Catalog;
use crate::diagnostic::Diagnostic;
use crate::diagnostics::Findings;
use crate::read::read_value;
use crate::workflow::Node;

/// How many workflows deep is looked. What is deeper is checked when it runs.
const DEEPEST: usize = 4;

/// Checks the workflow at a JSON Pointer of a node's parameters, which is `depth` workflows deep.
pub(super) fn check(
    node: &Node,
    pointer: &str,
    catalog: &dyn Catalog,
    depth: usize,
    findings: &mut Findings,
) {
    let Some(document) = node.parameters.pointer(pointer).filter(|_| depth < DEEPEST) else {
        return;
    };
    for mut finding in inner_findings(document, catalog, depth) {
        let path = match &finding.path {
            Some(path) => format!("{pointer}{path}"),
            None => pointer.to_owned(),
        };
        finding.message = match finding.node.take() {
            Some(inner) => format!(
                "in the inline workflow, node `{inner}`: {}",
                finding.message
            ),
            None => format!("in the inline workflow: {}", finding.message),
        };
        finding.location = None;
        findings.push(in_parameters(node, &path, finding));
    }
}

fn inner_findings(document: &Value, catalog: &dyn Catalog, depth: usize) -> Vec<Diagnostic> {
    let mut found = Findings::default();
    let diagnostics = match read_value(document, &mut found) {
        Some(partial) => {
            let planner = Planner::new(&partial.workflow, &partial.broken, catalog, found);
            let planned = planner.within(depth + 1).plan(&PlanOptions::default());
            match planned {
                Ok(plan) => plan.warnings,
                Err(diagnostics) => diagnostics,
            }
        }
        None => found.locate(None),
    };
    diagnostics.into_parts().0
}
