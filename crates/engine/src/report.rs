use std::time::Duration;

use jackfield_kernel::{Execution, ExecutionStatus, NodeIndex};
use jackfield_types::{ErrorCode, ExecutionId, Item, NodeName, NodeResult};
use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::{Journal, PreparedPlan};

/// What became of an execution.
///
/// Serializes as `{executionId, workflow, status, durationMs, nodes: {<name>: result}, output: […],
/// error?: {…}}`.
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
    /// What became of each node, in the order of the plan.
    pub nodes: Vec<(NodeName, NodeResult)>,
    /// The items of the leaf nodes, in the order of the plan.
    pub output: Vec<Item>,
    /// What stopped it.
    pub failure: Option<ReportFailure>,
    /// All that happened.
    pub journal: Journal,
}

/// What stopped an execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportFailure {
    /// The node that failed; `None` when the execution was cancelled or ran out of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
    /// What it was.
    pub code: ErrorCode,
    /// What it was, for people.
    pub message: String,
}

impl Report {
    /// What became of one node.
    pub fn node(&self, name: &str) -> Option<&NodeResult> {
        self.nodes
            .iter()
            .find(|(node, _)| node.as_str() == name)
            .map(|(_, result)| result)
    }

    pub(crate) fn new(
        execution_id: ExecutionId,
        plan: &PreparedPlan,
        execution: &Execution,
        journal: Journal,
    ) -> Self {
        let started = execution.started().unwrap_or_default();
        let ended = execution.ended().unwrap_or(started);
        let nodes = plan.graph().order().iter().map(|&node| {
            let mut result = execution.result(node);
            let spec = plan.node(node);
            if execution.was_served_by_fallback(node) {
                result.fallback_node_type = spec
                    .fallback
                    .as_ref()
                    .map(|fallback| fallback.node_type.clone());
            }
            (spec.name.clone(), result)
        });
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
            nodes: nodes.collect(),
            output: output.collect(),
            failure: failure(plan, execution),
            journal,
        }
    }
}

fn failure(plan: &PreparedPlan, execution: &Execution) -> Option<ReportFailure> {
    match execution.status() {
        ExecutionStatus::Running | ExecutionStatus::Success => None,
        ExecutionStatus::Cancelled => Some(ReportFailure {
            node: None,
            code: ErrorCode::CANCELLED,
            message: "the execution was cancelled".to_owned(),
        }),
        ExecutionStatus::TimedOut => Some(ReportFailure {
            node: None,
            code: ErrorCode::TIMEOUT,
            message: "the execution ran longer than it may".to_owned(),
        }),
        ExecutionStatus::Error => {
            let node = execution.failed()?;
            let failure = execution.failure(node)?;
            Some(ReportFailure {
                node: Some(plan.node(node).name.clone()),
                code: failure.code.clone(),
                message: failure.message.clone(),
            })
        }
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Nodes<'a>(&'a [(NodeName, NodeResult)]);
        impl Serialize for Nodes<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().map(|(name, result)| (name, result)))
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
        map.serialize_entry("nodes", &Nodes(&self.nodes))?;
        map.serialize_entry("output", &Output(&self.output))?;
        if let Some(failure) = &self.failure {
            map.serialize_entry("error", failure)?;
        }
        map.end()
    }
}
