use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use jackfield_plugin_api::{NodeError, SubWorkflow, WorkflowReference, WorkflowRunner};
use jackfield_types::{ErrorCode, Items};
use serde_json::{Value, json};

type Script = dyn Fn(&SubWorkflow<'_>) -> Result<Items, NodeError> + Send + Sync;

/// A [`WorkflowRunner`] that does what a test says, and remembers what it was asked for.
#[derive(Clone)]
pub struct ScriptedWorkflows {
    script: Arc<Script>,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl ScriptedWorkflows {
    /// A runner that answers with what `script` makes of a call.
    pub fn new(
        script: impl Fn(&SubWorkflow<'_>) -> Result<Items, NodeError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            script: Arc::new(script),
            asked: Arc::default(),
        }
    }

    /// A runner that knows no workflow.
    pub fn none() -> Self {
        Self::new(|_| {
            Err(NodeError::permanent(
                ErrorCode::INVALID_INPUT,
                "there are no other workflows",
            ))
        })
    }

    /// What it was asked for so far: `{workflow, items, variables}` each.
    pub fn asked(&self) -> Vec<Value> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl WorkflowRunner for ScriptedWorkflows {
    fn run<'a>(&'a self, workflow: SubWorkflow<'a>) -> BoxFuture<'a, Result<Items, NodeError>> {
        Box::pin(async move {
            let reference = match workflow.reference {
                WorkflowReference::Named(name) => json!(name),
                WorkflowReference::Inline(document) => document.clone(),
            };
            let items: Vec<_> = workflow
                .items
                .iter()
                .map(|item| item.json().clone())
                .collect();
            let asked =
                json!({ "workflow": reference, "items": items, "variables": workflow.variables });
            self.asked
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(asked);
            // Calls that run at the same time come in turn.
            tokio::task::yield_now().await;
            (self.script)(&workflow)
        })
    }
}
