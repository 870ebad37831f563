use std::borrow::Cow;
use std::sync::Arc;

use jackfield_definition::expression::{EvaluateOptions, NodeView, Roots, SecretError};
use jackfield_kernel::{Execution, NodeIndex};
use jackfield_types::{Item, Items, NodeStatus, Object, Outputs};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::PreparedPlan;
use crate::execution::Running;
use crate::lineage::paired_item;

/// How many nodes are gone back through in all, to pair the items of one call.
const MAX_LINEAGE_STEPS: usize = 1_000_000;

/// What the expressions of one call can see, as it stood when the call began.
pub(crate) struct Scope {
    pub(crate) running: Arc<Running>,
    pub(crate) input: Items,
    pub(crate) variables: Arc<Object>,
    pub(crate) run_index: u32,
    pub(crate) now: Timestamp,
    nodes: Vec<Referenced>,
}

/// A node that an expression refers to.
struct Referenced {
    node: NodeIndex,
    outputs: Outputs,
    status: NodeStatus,
    /// For each item of the input, the item of this node that it was made from.
    paired: Vec<Option<Item>>,
}

impl Scope {
    pub(crate) fn new(
        running: &Arc<Running>,
        execution: &Execution,
        node: NodeIndex,
        input: Items,
        now: Timestamp,
    ) -> Self {
        let prepared = running.plan.prepared(node);
        let mut budget = MAX_LINEAGE_STEPS;
        let nodes = prepared.referenced.iter().map(|&referenced| {
            let outputs = execution.outputs(referenced).cloned().unwrap_or_default();
            let count = if prepared.needs_lineage {
                input.len()
            } else {
                0
            };
            let only = match outputs.main.first().map(|items| items.as_slice()) {
                Some([only]) => Some(only.clone()),
                _ => None,
            };
            let paired = (0..count)
                .map(|item| {
                    paired_item(execution, node, item, referenced, &mut budget)
                        .or_else(|| only.clone())
                })
                .collect();
            let status = execution.node_status(referenced);
            Referenced {
                node: referenced,
                outputs,
                status,
                paired,
            }
        });
        Self {
            running: Arc::clone(running),
            variables: Arc::clone(execution.variables()),
            run_index: 0,
            nodes: nodes.collect(),
            input,
            now,
        }
    }

    pub(crate) fn plan(&self) -> &PreparedPlan {
        &self.running.plan
    }

    pub(crate) fn options(&self) -> EvaluateOptions {
        EvaluateOptions {
            missing: self.running.plan.missing_fields(),
            limits: self.running.engine().limits,
        }
    }

    /// What an expression sees for one item.
    pub(crate) fn at<'a>(&'a self, item: usize, bindings: &'a [(&'a str, &'a Value)]) -> At<'a> {
        At {
            scope: self,
            list: &self.input,
            item,
            made_from: Some(item),
            bindings,
        }
    }

    /// What a condition sees for one item of what its node gives.
    pub(crate) fn at_output<'a>(&'a self, list: &'a Items, item: usize) -> At<'a> {
        let source = list.get(item).and_then(Item::source);
        let made_from = if Arc::ptr_eq(list, &self.input) {
            Some(item)
        } else {
            source
                .filter(|source| source.input == 0)
                .map(|source| source.item as usize)
        };
        At {
            scope: self,
            list,
            item,
            made_from,
            bindings: &[],
        }
    }
}

/// A [`Scope`] with one current item.
pub(crate) struct At<'a> {
    scope: &'a Scope,
    list: &'a [Item],
    item: usize,
    /// The item of the scope's input that the current one is, or was made from.
    made_from: Option<usize>,
    bindings: &'a [(&'a str, &'a Value)],
}

impl At<'_> {
    fn view(&self, node: Option<NodeIndex>) -> Option<NodeView<'_>> {
        let node = node?;
        let found = self
            .scope
            .nodes
            .iter()
            .find(|referenced| referenced.node == node)?;
        Some(NodeView {
            items: found
                .outputs
                .main
                .first()
                .map_or(&[], |items| items.as_slice()),
            outputs: &found.outputs.main,
            status: found.status,
            paired: self
                .made_from
                .and_then(|item| found.paired.get(item)?.as_ref()),
        })
    }
}

impl Roots for At<'_> {
    fn now(&self) -> Timestamp {
        self.scope.now
    }

    fn time_zone(&self) -> &TimeZone {
        self.scope.running.plan.time_zone()
    }

    fn item(&self) -> Option<&Item> {
        self.list.get(self.item)
    }

    fn input(&self) -> &[Item] {
        self.list
    }

    fn item_index(&self) -> usize {
        self.item
    }

    fn run_index(&self) -> usize {
        self.scope.run_index as usize
    }

    fn node(&self, name: &str) -> Option<NodeView<'_>> {
        self.view(self.scope.running.plan.node_index(name))
    }

    fn step(&self, id: &str) -> Option<NodeView<'_>> {
        self.view(self.scope.running.plan.node_index(id))
    }

    fn variables(&self) -> Option<&Object> {
        Some(&self.scope.variables)
    }

    fn context(&self) -> Option<&Value> {
        Some(&self.scope.running.roots.context)
    }

    fn workflow(&self) -> Option<&Value> {
        Some(&self.scope.running.roots.workflow)
    }

    fn execution(&self) -> Option<&Value> {
        Some(&self.scope.running.roots.execution)
    }

    fn environment(&self, name: &str) -> Option<&str> {
        let running = &self.scope.running;
        let value = running.engine().environment.get(name)?;
        let may_read = running.tenant().may_read_environment(name);
        may_read.then_some(value.as_str())
    }

    fn secret(&self, name: &str) -> Result<Cow<'_, str>, SecretError> {
        match self.scope.running.secret(name) {
            Ok(secret) => Ok(Cow::Owned(secret.expose().clone())),
            Err(jackfield_tenancy::SecretError::Refused(refusal)) => {
                Err(SecretError::Refused { rule: refusal.rule })
            }
            Err(
                error @ (jackfield_tenancy::SecretError::Unreadable { .. }
                | jackfield_tenancy::SecretError::NotReady { .. }),
            ) => Err(SecretError::Unreadable {
                reason: error.to_string(),
            }),
            Err(_) => Err(SecretError::Missing),
        }
    }

    fn binding(&self, name: &str) -> Option<&Value> {
        self.bindings
            .iter()
            .find(|(bound, _)| *bound == name)
            .map(|(_, value)| *value)
    }
}
