use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use jackfield_plugin_api::{NodeCall, NodeError, NodeExecutor, NodeOutput, Scheduling};
use jackfield_types::{NodeTypeId, NodeTypeMetadata, Ports};

type Script = dyn for<'a> Fn(usize, NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>>
    + Send
    + Sync;

/// An executor that does what a test says, and counts how often it was called.
///
/// Clones share script and count.
#[derive(Clone)]
pub struct ScriptedExecutor {
    script: Arc<Script>,
    calls: Arc<AtomicUsize>,
    scheduling: Scheduling,
}

impl ScriptedExecutor {
    /// An executor that calls `script` with the number of the call, from 0.
    pub fn new(
        script: impl for<'a> Fn(usize, NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self {
            script: Arc::new(script),
            calls: Arc::default(),
            scheduling: Scheduling::Inline,
        }
    }

    /// An executor that answers at once.
    pub fn immediate(
        script: impl Fn(usize, NodeCall<'_>) -> Result<NodeOutput, NodeError> + Send + Sync + 'static,
    ) -> Self {
        Self::new(move |number, call| {
            let result = script(number, call);
            Box::pin(async move { result })
        })
    }

    /// An executor that passes its items on after it failed so many times.
    pub fn failing(times: usize, error: impl Fn() -> NodeError + Send + Sync + 'static) -> Self {
        Self::immediate(move |number, call| {
            if number < times {
                Err(error())
            } else {
                Ok(NodeOutput::items(call.items().clone()))
            }
        })
    }

    /// Sets how its calls are scheduled.
    #[must_use]
    pub fn scheduled(mut self, scheduling: Scheduling) -> Self {
        self.scheduling = scheduling;
        self
    }

    /// How often it was called.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Metadata to register it under, version 1.0.0.
    ///
    /// # Panics
    /// When `node_type` is no name of a node type.
    pub fn metadata(node_type: &str) -> NodeTypeMetadata {
        let name = NodeTypeId::parse(node_type).expect("a name of a node type");
        let mut metadata =
            NodeTypeMetadata::new(name, jackfield_plugin_api::Version::new(1, 0, 0), "test");
        metadata.ports = Ports {
            inputs: 16,
            ..Ports::default()
        };
        metadata
    }
}

impl NodeExecutor for ScriptedExecutor {
    fn execute<'a>(&'a self, call: NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        (self.script)(number, call)
    }

    fn scheduling(&self) -> Scheduling {
        self.scheduling
    }
}
