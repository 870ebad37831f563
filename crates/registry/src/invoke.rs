//! One attempt of one node: guarded against panics, and recorded.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use jackfield_definition::CatalogError;
use jackfield_plugin_api::{NodeCall, NodeError, NodeExecutor, NodeOutput};
use jackfield_types::{ErrorCode, NameError, NodeTypeId, Severity, VersionSelector};

use crate::loader::panic_text;
use crate::statistics::Recorder;
use crate::{Registration, Registry, parameters};

impl Registry {
    /// Runs one attempt and records what came of it and how long it took. A panic of the executor
    /// fails the attempt and nothing else; an attempt whose future is dropped counts as cancelled.
    ///
    /// # Errors
    /// What the executor reports; [`NodeError::Permanent`] with the code
    /// [`TRAPPED`](ErrorCode::TRAPPED) when it panicked, and with the code
    /// [`QUARANTINED`](ErrorCode::QUARANTINED), without a call, after it did so too often in a row.
    pub async fn invoke(
        &self,
        registration: &Registration,
        executor: &dyn NodeExecutor,
        call: NodeCall<'_>,
    ) -> Result<NodeOutput, NodeError> {
        let tenant = call.context.tenant;
        registration.refuse_quarantined(tenant)?;
        let recorder = Recorder::start(registration.statistics());
        let guarded = AssertUnwindSafe(async { executor.execute(call).await });
        let result = guarded.catch_unwind().await.unwrap_or_else(|panic| {
            let message = format!(
                "the executor of node type `{}` {} panicked: {}",
                registration.node_type(),
                registration.version(),
                panic_text(&*panic),
            );
            Err(NodeError::permanent(ErrorCode::TRAPPED, message))
        });
        let error = result.as_ref().err();
        recorder.finish(error.map(NodeError::code));
        registration.note_end(tenant, error, self.quarantine_after());
        result
    }

    /// Records that an attempt of a node type is made again.
    pub fn record_retry(&self, registration: &Registration) {
        registration.statistics().record_retry();
    }

    /// Runs a node type, in its newest version, outside of a workflow: resolves, loads, checks the
    /// parameters and invokes, as an engine does.
    ///
    /// # Errors
    /// [`NodeError::Permanent`] with the code [`UNKNOWN_NODE_TYPE`](ErrorCode::UNKNOWN_NODE_TYPE);
    /// [`NodeError::Retryable`] with the code [`LOAD_FAILED`](ErrorCode::LOAD_FAILED);
    /// [`NodeError::Params`]; those of [`invoke`](Self::invoke).
    pub async fn execute(
        &self,
        node_type: &str,
        call: NodeCall<'_>,
    ) -> Result<NodeOutput, NodeError> {
        self.execute_version(node_type, &VersionSelector::Newest, call)
            .await
    }

    /// Runs a node type in a wanted version outside of a workflow.
    ///
    /// # Errors
    /// Those of [`execute`](Self::execute), and [`NodeError::Permanent`] with the code
    /// [`UNKNOWN_VERSION`](ErrorCode::UNKNOWN_VERSION).
    pub async fn execute_version(
        &self,
        node_type: &str,
        version: &VersionSelector,
        call: NodeCall<'_>,
    ) -> Result<NodeOutput, NodeError> {
        let node_type = NodeTypeId::parse(node_type).map_err(|error| no_name(&error))?;
        // What is found stays until the call has ended, whatever is reloaded meanwhile.
        let edition = self.edition();
        let resolve = || self.resolve_in(&edition, &node_type, version);
        let mut registration = resolve().map_err(|error| not_found(&error))?;
        let mut loaded = self.load_executor(&registration, call.context.tenant).await;
        if let Err(error) = &loaded
            && self.catch_up(&registration, error).await
        {
            registration = resolve().map_err(|error| not_found(&error))?;
            loaded = self.load_executor(&registration, call.context.tenant).await;
        }
        let executor = loaded?;
        if call.parameters.is_static() {
            let source = call.parameters.source();
            let issues = parameters::check(&registration, source, &[], Some(&*executor));
            if issues.iter().any(|issue| issue.severity == Severity::Error) {
                return Err(NodeError::Params(issues));
            }
        }
        self.invoke(&registration, &*executor, call).await
    }
}

fn no_name(error: &NameError) -> NodeError {
    NodeError::permanent(ErrorCode::UNKNOWN_NODE_TYPE, error.to_string())
}

fn not_found(error: &CatalogError) -> NodeError {
    let (code, hint) = match error {
        CatalogError::UnknownNodeType { nearest, .. } => (
            ErrorCode::UNKNOWN_NODE_TYPE,
            nearest
                .first()
                .map(|name| format!("; did you mean `{name}`?")),
        ),
        CatalogError::UnknownVersion { available, .. } => {
            let shown: Vec<_> = available.iter().take(5).map(ToString::to_string).collect();
            (
                ErrorCode::UNKNOWN_VERSION,
                Some(format!("; there is {}", shown.join(", "))),
            )
        }
    };
    NodeError::permanent(code, format!("{error}{}", hint.unwrap_or_default()))
}
