//! Plans one node: looks its type up, checks its parameters and compiles their expressions.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use jackfield_kernel::NodeSpec;
use jackfield_types::{
    ErrorCode, NodeTypeId, NodeTypeMetadata, Object, Severity, Strategy, VariableAccess,
    VersionSelector,
};
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;

use super::expression_places::ExpressionPlaces;
use super::recovery::{Inherited, Recovery, recovery};
use super::texts::{LONGEST_POINTER, has_short_pointers};
use super::told::{
    expression_error, falls_back_on_itself, in_parameters, not_found, parameter_issue, refused,
    soften, told,
};
use super::{PlanFallback, PlanNode, inline, mistakes};
use crate::catalog::{Catalog, CatalogEntry, CatalogError};
use crate::diagnostic::Diagnostic;
use crate::diagnostics::Findings;
use crate::expression::{ParameterTemplate, Syntax};
use crate::workflow::{Node, Workflow};

/// How many bytes the JSON Pointers of a node's expressions may take together.
const MOST_POINTER_BYTES: usize = 16 << 20;

/// A node type that was looked up.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) entry: Arc<dyn CatalogEntry>,
    pub(super) places: ExpressionPlaces,
    /// Why it may not be used.
    refusal: Option<Arc<str>>,
}

impl Found {
    pub(super) fn metadata(&self) -> &Arc<NodeTypeMetadata> {
        self.entry.metadata()
    }
}

/// A node on its way into the plan.
pub(super) struct Draft {
    pub(super) node: PlanNode,
    pub(super) spec: NodeSpec,
    /// What its type says; `None` when nothing is known about it.
    pub(super) metadata: Option<Arc<NodeTypeMetadata>>,
}

/// Plans nodes one after the other and remembers which types have been looked up.
pub(super) struct NodePlanner<'a> {
    workflow: &'a Workflow,
    catalog: &'a dyn Catalog,
    /// How many workflows the workflow is within.
    depth: usize,
    looked_up: FxHashMap<(NodeTypeId, VersionSelector), Result<Found, CatalogError>>,
    reported_fallbacks: FxHashSet<String>,
}

impl<'a> NodePlanner<'a> {
    pub(super) fn new(workflow: &'a Workflow, catalog: &'a dyn Catalog, depth: usize) -> Self {
        Self {
            workflow,
            catalog,
            depth,
            looked_up: FxHashMap::default(),
            reported_fallbacks: FxHashSet::default(),
        }
    }

    fn look_up(
        &mut self,
        node_type: &NodeTypeId,
        version: &VersionSelector,
    ) -> Result<Found, CatalogError> {
        let key = (node_type.clone(), version.clone());
        let catalog = self.catalog;
        let found = self.looked_up.entry(key).or_insert_with(|| {
            catalog.find(node_type, version).map(|entry| {
                let places = ExpressionPlaces::of(entry.metadata());
                let refusal = catalog.refusal(node_type, entry.as_ref());
                Found {
                    entry,
                    places,
                    refusal: refusal.map(Arc::from),
                }
            })
        });
        found.clone()
    }

    /// Plans a node of the workflow.
    pub(super) fn plan(&mut self, node: &Node, findings: &mut Findings) -> Draft {
        self.plan_inheriting(node, Inherited::of(self.workflow), findings)
    }

    /// Plans something that is like a node but does not fail as the workflow says.
    pub(super) fn plan_alone(&mut self, node: &Node, findings: &mut Findings) -> Draft {
        self.plan_inheriting(node, Inherited::default(), findings)
    }

    fn plan_inheriting(
        &mut self,
        node: &Node,
        inherited: Inherited<'_>,
        findings: &mut Findings,
    ) -> Draft {
        let Recovery {
            mut rules,
            fallback,
        } = recovery(inherited, node);
        let fallback = fallback
            .and_then(|(node_type, pointer)| self.fallback(node, &node_type, &pointer, findings));
        let found = match self.look_up(&node.node_type, &node.version) {
            Ok(found) => {
                if let Some(refusal) = &found.refusal {
                    let finding = refused(&node.node_type, refusal)
                        .at_field(node.pointer(), &["nodeType", "type"])
                        .with_node(node.name.as_str());
                    findings.push(soften(node, finding));
                }
                Some(found)
            }
            Err(error) => {
                let is_served = match rules.strategy {
                    Strategy::Fallback => fallback.is_some(),
                    Strategy::Skip | Strategy::Retry => true,
                    Strategy::Fail => false,
                };
                findings.push(match self.catalog.refusal_by_name(&node.node_type) {
                    Some(refusal) => {
                        let finding = refused(&node.node_type, &refusal)
                            .at_field(node.pointer(), &["nodeType", "type"])
                            .with_node(node.name.as_str());
                        soften(node, finding)
                    }
                    None => not_found(node, &error, is_served),
                });
                None
            }
        };
        let fallback = match (&found, fallback) {
            (Some(found), Some(fallback)) if is_same(found, &fallback) => {
                if node.error_recovery_strategy.is_some() {
                    findings.push(soften(node, falls_back_on_itself(node)));
                }
                // What the workflow says of all nodes does not serve this one.
                rules.strategy = Strategy::Fail;
                None
            }
            (_, fallback) => fallback,
        };
        let is_refused = found.is_none() && (node.disabled || !is_passed_over(rules.strategy));
        let parameters = if is_refused && fallback.is_none() {
            // Nothing is known of them, not even which of them are expressions.
            no_parameters()
        } else {
            self.parameters(node, found.as_ref(), fallback.as_ref(), findings)
        };
        let metadata = found.as_ref().map(|found| Arc::clone(found.metadata()));
        let fallback_metadata = fallback.as_ref().map(|found| Arc::clone(found.metadata()));
        // Whoever knows the ports: the node's own type, or what runs in its place.
        let ports_of = metadata.as_ref().or(fallback_metadata.as_ref());
        let spec = NodeSpec {
            role: metadata
                .as_ref()
                .map(|metadata| metadata.role)
                .unwrap_or_default(),
            disabled: node.disabled,
            always_output: node.always_output_data,
            variables: if node.disabled {
                VariableAccess::None
            } else {
                let types = [metadata.as_ref(), fallback_metadata.as_ref()]
                    .into_iter()
                    .flatten();
                let of_types = types
                    .map(|metadata| metadata.variables)
                    .max()
                    .unwrap_or_default();
                of_types.max(reads(parameters.references().variables))
            },
            recovery: rules,
            on_error: node.on_error,
        };
        Draft {
            node: PlanNode {
                id: node.id.clone(),
                name: node.name.clone(),
                node_type: node.node_type.clone(),
                wanted: node.version.clone(),
                version: metadata.as_ref().map(|metadata| metadata.version.clone()),
                entry: found.map(|found| found.entry),
                fallback: fallback.map(|found| PlanFallback {
                    node_type: found.metadata().node_type.clone(),
                    entry: found.entry,
                }),
                output_count: ports_of
                    .and_then(|metadata| metadata.ports.output_count(parameters.source())),
                parameters,
                timeout: node.timeout,
                execute_once: node.execute_once,
                pinned: node.pinned.clone(),
                disabled: node.disabled,
                on_error: node.on_error,
                has_conditions: false,
                position: node.position,
            },
            spec,
            metadata: ports_of.cloned(),
        }
    }

    /// Looks up what runs in the node's place, and says what is wrong with it.
    fn fallback(
        &mut self,
        node: &Node,
        node_type: &NodeTypeId,
        pointer: &str,
        findings: &mut Findings,
    ) -> Option<Found> {
        match self.look_up(node_type, &VersionSelector::Newest) {
            Ok(found) => {
                if let Some(refusal) = &found.refusal
                    && self.is_to_be_told(node, pointer)
                {
                    let finding = refused(node_type, refusal);
                    let finding = finding.at(format!("{pointer}/fallbackNodeType"));
                    findings.push(match &node.error_recovery_strategy {
                        Some(_) => soften(node, finding.with_node(node.name.as_str())),
                        None => finding,
                    });
                }
                Some(found)
            }
            Err(error) => {
                if self.is_to_be_told(node, pointer) {
                    let (code, hint) = told(&error);
                    let message = format!("{error}, which is to be fallen back on");
                    let finding = Diagnostic::new(code, message)
                        .at(format!("{pointer}/fallbackNodeType"))
                        .with_hint_if(hint);
                    let is_own = node.error_recovery_strategy.is_some();
                    let name = node.name.as_str();
                    findings.push(if is_own {
                        finding.with_node(name)
                    } else {
                        finding
                    });
                }
                None
            }
        }
    }

    /// The workflow's own strategy is shared by many nodes, and reported once.
    fn is_to_be_told(&mut self, node: &Node, pointer: &str) -> bool {
        node.error_recovery_strategy.is_some() || self.reported_fallbacks.insert(pointer.to_owned())
    }

    fn parameters(
        &self,
        node: &Node,
        found: Option<&Found>,
        fallback: Option<&Found>,
        findings: &mut Findings,
    ) -> ParameterTemplate {
        let syntax = self.workflow.dialect.syntax();
        let known = found.or(fallback);
        if !node.parameters.is_object() {
            let message = "the parameters of a node are an object";
            findings.push(
                Diagnostic::new(ErrorCode::INVALID_WORKFLOW, message)
                    .at(node.field("parameters"))
                    .with_node(node.name.as_str()),
            );
            return no_parameters();
        }
        if !has_short_pointers(&node.parameters) {
            let message = format!(
                "a place in the parameters takes more than {LONGEST_POINTER} bytes to name"
            );
            let finding = Diagnostic::new(ErrorCode::LIMIT_EXCEEDED, message)
                .with_hint("use shorter keys, or keep the data in an item");
            findings.push(in_parameters(node, "", finding));
            return no_parameters();
        }
        let places = known.map_or(ExpressionPlaces::none(), |found| found.places.clone());
        let workflows = RefCell::new(BTreeSet::new());
        let compile = |parameters: &Value| {
            ParameterTemplate::compile_keeping(
                parameters,
                syntax,
                &|at| places.contains(at),
                &|at| {
                    let holds_workflow = places.holds_workflow(at);
                    if holds_workflow {
                        workflows.borrow_mut().insert(at.to_owned());
                    }
                    holds_workflow
                },
            )
        };
        let compiled = compile(&node.parameters);
        if !node.disabled {
            for pointer in workflows.take() {
                inline::check(node, &pointer, self.catalog, self.depth, findings);
            }
        }
        let template = match compiled {
            Ok(template) => template,
            Err(errors) => {
                // What is wrong beside the expressions is to be said in the same go.
                let mut rest = node.parameters.clone();
                let mut unknown = Vec::new();
                for (pointer, error) in errors {
                    if let Some(value) = rest.pointer_mut(&pointer) {
                        *value = Value::Null;
                    }
                    findings.push(expression_error(node, &pointer, error));
                    unknown.push(pointer);
                }
                let dynamic = compile(&rest)
                    .ok()
                    .and_then(|template| template.dynamic_pointers(MOST_POINTER_BYTES));
                if let (Some(found), Some(dynamic)) = (found, dynamic) {
                    unknown.extend(dynamic);
                    for issue in found.entry.check(&node.parameters, &unknown) {
                        findings.push(parameter_issue(node, issue));
                    }
                }
                return no_parameters();
            }
        };
        let Some(unknown) = template.dynamic_pointers(MOST_POINTER_BYTES) else {
            let finding = Diagnostic::new(
                ErrorCode::LIMIT_EXCEEDED,
                "there are too many expressions in the parameters of one node",
            )
            .with_hint("make the list in one expression, or spread it over several nodes");
            findings.push(in_parameters(node, "", finding));
            return no_parameters();
        };
        if let Some(found) = found {
            for issue in found.entry.check(&node.parameters, &unknown) {
                findings.push(parameter_issue(node, issue));
            }
        }
        if let Some(fallback) = fallback {
            let issues = fallback.entry.check(&node.parameters, &unknown);
            if let Some(issue) = issues
                .iter()
                .find(|issue| issue.severity == Severity::Error)
            {
                let message = format!(
                    "the parameters do not fit the fallback `{}`: {issue}",
                    fallback.metadata().node_type
                );
                let finding = Diagnostic::warning(ErrorCode::INVALID_PARAMETERS, message);
                findings.push(in_parameters(node, &issue.path, finding));
            }
        }
        if let Some(known) = known {
            mistakes::warn_of_texts(node, self.workflow.dialect, known, &template, findings);
        }
        template
    }
}

fn reads(variables: bool) -> VariableAccess {
    if variables {
        VariableAccess::Reads
    } else {
        VariableAccess::None
    }
}

fn no_parameters() -> ParameterTemplate {
    ParameterTemplate::compile(&Value::Object(Object::new()), Syntax::Native, &|_| false)
        .expect("an object without fields has no expressions")
}

/// Whether the strategy lets a node of an unknown type be, or looks for the type again.
fn is_passed_over(strategy: Strategy) -> bool {
    match strategy {
        Strategy::Skip | Strategy::Retry => true,
        Strategy::Fallback | Strategy::Fail => false,
    }
}

fn is_same(one: &Found, other: &Found) -> bool {
    let (one, other) = (one.metadata(), other.metadata());
    one.node_type == other.node_type && one.version == other.version
}
