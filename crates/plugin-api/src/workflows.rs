use futures_util::future::BoxFuture;
use jackfield_types::{Items, Object};
use serde_json::Value;

use crate::NodeError;

/// Runs other workflows on behalf of a node. Implemented by hosts, which bound how deep such calls
/// may go, hand on the cancellation, and let the other workflow run for the same tenant.
pub trait WorkflowRunner: Send + Sync {
    /// Runs a workflow to its end and gives the items of its leaf nodes.
    ///
    /// # Errors
    /// [`NodeError::Permanent`] when there is no such workflow, when it cannot be planned, when
    /// calls go too deep, or when it failed; [`NodeError::Cancelled`] when it was cancelled.
    fn run<'a>(&'a self, workflow: SubWorkflow<'a>) -> BoxFuture<'a, Result<Items, NodeError>>;
}

/// A workflow to run, and with what.
#[derive(Debug, Clone)]
pub struct SubWorkflow<'a> {
    /// Which one.
    pub reference: WorkflowReference<'a>,
    /// The items that its triggers give.
    pub items: Items,
    /// Variables that it begins with, over its own.
    pub variables: Object,
}

/// Which workflow is meant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WorkflowReference<'a> {
    /// One that the host knows by this id, name or path.
    Named(&'a str),
    /// This document.
    Inline(&'a Value),
}
