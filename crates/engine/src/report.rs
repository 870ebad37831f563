use std::sync::Arc;
use std::time::Duration;

use jackfield_kernel::{Execution, ExecutionStatus, NodeIndex};
use jackfield_types::{
    ErrorCode, ExecutionId, FailureClass, Item, NodeName, NodeResult, NodeTypeId,
};
use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::{Journal, PreparedPlan};

/// What became of an execution.
///
/// Serializes as `{executionId, workflow, status, durationMs, nodes: {<name>: result}, output: […],
/// error?: {…}, compensations?: [{node, nodeType, status, …}]}`.
#[derive(Clone)]
pub struct Report {
    /// The execution.
    pub execution_id: ExecutionId,
    /// The workflow's name.
    pub workflow: String,
    /// How it ended.
    pub status: ExecutionStatus,
    /// When it started.
    pub started: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// The items of the leaf nodes, in the order of the plan.
    pub output: Vec<Item>,
    /// What stopped it.
    pub failure: Option<ReportFailure>,
    /// All that happened.
    pub journal: Journal,
    plan: Arc<PreparedPlan>,
    execution: Arc<Execution>,
}

/// What stopped an execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportFailure {
    /// The node that failed; `None` when the execution was cancelled or ran out of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
    /// What may be done about it.
    #[serde(skip)]
    pub class: FailureClass,
    /// What it was.
    pub code: ErrorCode,
    /// What it was, for people.
    pub message: String,
}

/// What became of the undoing of one node.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CompensationReport<'a> {
    /// The node that was to be undone.
    pub node: &'a NodeName,
    /// What was to undo it.
    pub node_type: &'a NodeTypeId,
    /// How that went; `blocked` when the execution was cancelled before it came to its turn.
    #[serde(flatten)]
    pub result: NodeResult,
}

impl Report {
    /// What became of each node, in the order of the plan.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = (&NodeName, NodeResult)> {
        let order = self.plan.graph().order().iter();
        order.map(|&node| (&self.plan.node(node).name, self.result(node)))
    }

    /// What became of one node, which is named by its id or its name.
    pub fn node(&self, id_or_name: &str) -> Option<NodeResult> {
        self.plan
            .node_index(id_or_name)
            .map(|node| self.result(node))
    }

    /// What was undone because the execution failed, in the order in which it was.
    pub fn compensations(&self) -> impl Iterator<Item = CompensationReport<'_>> {
        self.execution
            .compensations()
            .map(|compensation| CompensationReport {
                node: &self.plan.node(compensation.node).name,
                node_type: &self.plan.node(compensation.compensation).node_type,
                result: self.result(compensation.compensation),
            })
    }

    fn result(&self, node: NodeIndex) -> NodeResult {
        let mut result = self.execution.result(node);
        if self.execution.was_served_by_fallback(node) {
            let fallback = self.plan.node(node).fallback.as_ref();
            result.fallback_node_type = fallback.map(|fallback| fallback.node_type.clone());
        }
        result
    }

    pub(crate) fn new(
        execution_id: ExecutionId,
        plan: Arc<PreparedPlan>,
        execution: Execution,
        journal: Journal,
    ) -> Self {
        let started = execution.started().unwrap_or_default();
        let ended = execution.ended().unwrap_or(started);
        let is_leaf = |node: &NodeIndex| plan.graph().outgoing(*node).is_empty();
        let leaves = plan.graph().order().iter().copied().filter(is_leaf);
        let output = leaves
            .filter_map(|node| execution.outputs(node))
            .flat_map(|outputs| outputs.main.iter().chain(&outputs.error))
            .flat_map(|items| items.iter().cloned());
        Self {
            execution_id,
            workflow: plan.name().to_owned(),
            status: execution.status(),
            started,
            duration: ended.duration_since(started).unsigned_abs(),
            output: output.collect(),
            failure: failure(&plan, &execution),
            journal,
            plan,
            execution: Arc::new(execution),
        }
    }
}

fn failure(plan: &PreparedPlan, execution: &Execution) -> Option<ReportFailure> {
    match execution.status() {
        ExecutionStatus::Running | ExecutionStatus::Success => None,
        ExecutionStatus::Cancelled => Some(ReportFailure {
            node: None,
            class: FailureClass::Final,
            code: ErrorCode::CANCELLED,
            message: "the execution was cancelled".to_owned(),
        }),
        ExecutionStatus::TimedOut => Some(ReportFailure {
            node: None,
            class: FailureClass::Retryable,
            code: ErrorCode::TIMEOUT,
            message: "the execution ran longer than it may".to_owned(),
        }),
        ExecutionStatus::Error => {
            if let Some(node) = execution.exhausted() {
                let message = "the node ran a million times; look for a cycle without an end";
                return Some(ReportFailure {
                    node: Some(plan.node(node).name.clone()),
                    class: FailureClass::Permanent,
                    code: ErrorCode::LIMIT_EXCEEDED,
                    message: message.to_owned(),
                });
            }
            let node = execution.failed()?;
            let failure = execution.failure(node)?;
            Some(ReportFailure {
                node: Some(plan.node(node).name.clone()),
                class: failure.class,
                code: failure.code.clone(),
                message: failure.message.clone(),
            })
        }
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Nodes<'a>(&'a Report);
        impl Serialize for Nodes<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.nodes())
            }
        }
        struct Output<'a>(&'a [Item]);
        impl Serialize for Output<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.0.iter().map(Item::json))
            }
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("executionId", &self.execution_id)?;
        map.serialize_entry("workflow", &self.workflow)?;
        map.serialize_entry("status", &self.status)?;
        let milliseconds = (self.duration.as_secs_f64() * 1e6).round() / 1e3;
        map.serialize_entry("durationMs", &milliseconds)?;
        map.serialize_entry("nodes", &Nodes(self))?;
        map.serialize_entry("output", &Output(&self.output))?;
        if let Some(failure) = &self.failure {
            map.serialize_entry("error", failure)?;
        }
        let compensations: Vec<_> = self.compensations().collect();
        if !compensations.is_empty() {
            map.serialize_entry("compensations", &compensations)?;
        }
        map.end()
    }
}
