//! Trying a plugin on its own examples before it replaces anything.
//!
//! A trial reaches nothing: no host, no secret, no kept value. An example that needs one of them is
//! left out, and says nothing against its plugin.

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use jackfield_definition::expression::{EvaluateOptions, ParameterTemplate, StaticRoots, Syntax};
use jackfield_plugin_api::{
    BoxFuture, CancellationToken, Expr, Grants, NodeCall, NodeContext, NodeError, NodeExecutor,
    Parameters, Prepared, SubWorkflow, WorkflowRunner,
};
use jackfield_types::{
    Capability, ErrorCode, Example, ExecutionId, Item, Items, NodeName, NodeTypeMetadata, Object,
    OnError, Secret, Severity, TenantId,
};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use crate::discovery::{PreparedPlugin, RefusalReason};
use crate::loader::panic_text;

/// How long one example may take.
const TIME: Duration = Duration::from_secs(30);
/// How long all examples of a plugin may take: meanwhile nothing else is reloaded.
const WHOLE_TIME: Duration = Duration::from_secs(120);

/// How many examples there were.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Trial {
    pub(super) tried: usize,
    pub(super) untried: usize,
}

/// Why an example did not do.
enum Verdict {
    LeftOut,
    Wrong(String),
}

impl Trial {
    /// Tries all examples of a plugin.
    ///
    /// # Errors
    /// [`RefusalReason::Example`] for the first that does not give what it says, or for which no
    /// time is left.
    pub(super) async fn run(plugin: &PreparedPlugin) -> Result<Self, RefusalReason> {
        let mut trial = Self::default();
        let end = Instant::now() + WHOLE_TIME;
        for metadata in plugin.node_types() {
            let Some(executor) = plugin.executor(&metadata.node_type) else {
                continue;
            };
            for example in &metadata.examples {
                match attempt(metadata, example, &*executor, end).await {
                    Ok(()) => trial.tried += 1,
                    Err(Verdict::LeftOut) => trial.untried += 1,
                    Err(Verdict::Wrong(reason)) => {
                        return Err(RefusalReason::Example {
                            node_type: metadata.node_type.clone(),
                            title: example.title.clone(),
                            reason,
                        });
                    }
                }
            }
        }
        Ok(trial)
    }
}

async fn attempt(
    metadata: &NodeTypeMetadata,
    example: &Example,
    executor: &dyn NodeExecutor,
    end: Instant,
) -> Result<(), Verdict> {
    let inputs = inputs(example);
    let first: Vec<Item> = inputs
        .first()
        .map(|items| items.to_vec())
        .unwrap_or_default();
    let parameters = TrialParameters::new(example, first)?;
    let grants = TrialGrants::default();
    let call = async {
        if parameters.is_static() {
            let mut issues = executor.validate(&example.parameters);
            issues.retain(|issue| issue.severity == Severity::Error);
            if !issues.is_empty() {
                return Err(NodeError::Params(issues));
            }
        }
        let node = NodeName::parse("example");
        let node = node.map_err(|error| {
            NodeError::permanent(ErrorCode::INVALID_PARAMETERS, error.to_string())
        })?;
        let context = NodeContext {
            tenant: &TenantId::default_tenant(),
            execution: ExecutionId::generate(),
            workflow: "example",
            node: &node,
            node_type: &metadata.node_type,
            attempt: 1,
            run_index: 0,
            on_error: OnError::default(),
            variables: &Arc::new(example.variables.clone()),
            loop_frame: None,
            cancellation: &CancellationToken::new(),
            workflows: &NoWorkflows,
            grants: &grants,
        };
        let call = NodeCall {
            context: &context,
            inputs: &inputs,
            parameters: &parameters,
        };
        executor.execute(call).await
    };
    let guarded = within(end, AssertUnwindSafe(call).catch_unwind()).await;
    let Some(ended) = guarded else {
        return Err(Verdict::Wrong(format!(
            "it took longer than {TIME:?}, or all examples longer than {WHOLE_TIME:?}"
        )));
    };
    let result =
        ended.map_err(|panic| Verdict::Wrong(format!("panic: {}", panic_text(&*panic))))?;
    if grants.was_refused() {
        return Err(Verdict::LeftOut);
    }
    let output = match result {
        Ok(output) => output,
        Err(NodeError::Refused(_)) => return Err(Verdict::LeftOut),
        Err(error) => return Err(Verdict::Wrong(error.to_string())),
    };
    let Some(expected) = &example.output else {
        return Ok(());
    };
    let given = &output.outputs.main;
    for port in 0..expected.len().max(given.len()) {
        let wanted = expected.get(port).map_or(&[][..], Vec::as_slice);
        let items = given.get(port).map_or(&[][..], |items| items.as_slice());
        if !wanted.iter().eq(items.iter().map(Item::json)) {
            return Err(Verdict::Wrong(format!("output {port} is not what it says")));
        }
    }
    Ok(())
}

/// Gives up after a while, and at the end of all, where there is a clock to measure it by.
async fn within<F: Future>(end: Instant, future: F) -> Option<F::Output> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Some(future.await);
    }
    let end = end.min(Instant::now() + TIME);
    tokio::time::timeout_at(end, future).await.ok()
}

/// One empty item on the first input when nothing is said.
fn inputs(example: &Example) -> Vec<Items> {
    if example.input.is_empty() {
        return vec![Arc::new(vec![Item::default()])];
    }
    let port = |objects: &Vec<Object>| {
        let items = objects.iter().cloned().enumerate();
        Arc::new(
            items
                .map(|(place, json)| Item::new(json).paired_with(place))
                .collect(),
        )
    };
    example.input.iter().map(port).collect()
}

struct TrialParameters {
    template: ParameterTemplate,
    roots: StaticRoots,
    prepared: Prepared,
}

impl TrialParameters {
    fn new(example: &Example, input: Vec<Item>) -> Result<Self, Verdict> {
        let nothing = |_: &str| false;
        let template = ParameterTemplate::compile_keeping(
            &example.parameters,
            Syntax::Native,
            &nothing,
            &nothing,
        );
        let template = template.map_err(|_| {
            Verdict::Wrong("its parameters have a template that is none".to_owned())
        })?;
        let roots = StaticRoots::new(Timestamp::UNIX_EPOCH)
            .with_input(input)
            .with_variables(example.variables.clone());
        Ok(Self {
            template,
            roots,
            prepared: Prepared::new(),
        })
    }
}

impl Parameters for TrialParameters {
    fn source(&self) -> &Value {
        self.template.source()
    }

    fn is_static(&self) -> bool {
        self.template.is_static()
    }

    fn resolve(&self, item: usize) -> Result<Cow<'_, Value>, NodeError> {
        if let Some(value) = self.template.static_value() {
            return Ok(Cow::Borrowed(value));
        }
        let roots = self.roots.clone().with_item_index(item);
        let evaluated = self.template.evaluate(&roots, &EvaluateOptions::default());
        evaluated
            .map(Cow::Owned)
            .map_err(|error| NodeError::permanent(error.error.code.clone(), error.to_string()))
    }

    fn evaluate(&self, _: &Expr, _: usize, _: &[(&str, &Value)]) -> Result<Value, NodeError> {
        let message = "an example cannot have expressions that its node type evaluates";
        Err(NodeError::permanent(ErrorCode::INVALID_PARAMETERS, message))
    }

    fn prepared(&self) -> &Prepared {
        &self.prepared
    }
}

/// Grants what leaves no trace, and remembers whether more was asked for.
#[derive(Clone, Default)]
struct TrialGrants {
    refused: Arc<AtomicBool>,
}

impl TrialGrants {
    fn was_refused(&self) -> bool {
        self.refused.load(Ordering::Acquire)
    }

    fn refuse(&self, what: &str) -> NodeError {
        self.refused.store(true, Ordering::Release);
        let message = format!("{what} cannot be reached while a plugin is tried");
        NodeError::refused(ErrorCode::TENANT_FORBIDDEN, message)
    }
}

impl Grants for TrialGrants {
    fn check_capability(&self, capability: Capability) -> Result<(), NodeError> {
        match capability {
            Capability::Log | Capability::Clock | Capability::Random | Capability::Progress => {
                Ok(())
            }
            Capability::Http
            | Capability::Kv
            | Capability::Secrets
            | Capability::Config
            | Capability::Database
            | Capability::Sql => Err(self.refuse(&format!("`{}`", capability.as_str()))),
        }
    }

    fn check_host(&self, host: &str, _: u16) -> Result<(), NodeError> {
        Err(self.refuse(&format!("host `{host}`")))
    }

    fn secret(&self, name: &str) -> Result<Secret<String>, NodeError> {
        Err(self.refuse(&format!("secret `{name}`")))
    }

    fn isolate(&self, filter: &Value) -> Value {
        filter.clone()
    }

    fn to_shared(&self) -> Arc<dyn Grants> {
        Arc::new(self.clone())
    }
}

struct NoWorkflows;

impl WorkflowRunner for NoWorkflows {
    fn run<'a>(&'a self, _: SubWorkflow<'a>) -> BoxFuture<'a, Result<Items, NodeError>> {
        let message = "other workflows cannot be run while a plugin is tried";
        let refused = NodeError::refused(ErrorCode::TENANT_FORBIDDEN, message);
        Box::pin(async { Err(refused) })
    }
}
