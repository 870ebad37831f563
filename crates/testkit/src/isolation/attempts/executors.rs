//! Executors that remember, and what the registry keeps of them.

use std::borrow::Cow;
use std::sync::Arc;

use jackfield_plugin_api::{
    CancellationToken, Expr, NodeCall, NodeContext, NodeError, NodeExecutor, NodeOutput,
    OpenGrants, Parameters, Prepared,
};
use jackfield_registry::Registration;
use jackfield_types::{
    ErrorCode, ExecutionId, Item, NodeName, NodeTypeId, Object, OnError, TenantId, VersionSelector,
};
use serde_json::{Value, json};

use super::{Attempt, attempt};
use crate::ScriptedWorkflows;
use crate::isolation::probes::REMEMBERS;
use crate::isolation::stage::{Outcome, Stage, Trouble};

pub(super) const ATTEMPTS: &[Attempt] = &[
    attempt!(
        "have a node remember",
        ["TenantEngine::run", "TenantExecutorLoader::load"],
        recall
    ),
    attempt!(
        "be handed the owner's executor",
        ["Registry::try_executor", "Registry::load_executor"],
        executor
    ),
    attempt!("call the owner's executor", ["Registry::invoke"], invoke),
    attempt!(
        "call past the engine",
        ["Registry::execute", "Registry::execute_version"],
        execute
    ),
    attempt!(
        "drop the owner's executor",
        ["Registry::invalidate_tenant"],
        invalidate
    ),
    Attempt {
        name: "have a node of the engine's own remember",
        covers: &["TenantEngine::run"],
        needs_stateful: true,
        run: |stage| Box::pin(recall_own(stage)),
    },
];

const TEXT: &str = "leaks-owner-memory";

async fn remember(stage: &Stage) -> Outcome {
    let report = stage.own(REMEMBERS, json!({ "text": TEXT })).await?;
    match report.failure {
        Some(failure) => Err(Trouble(failure.message)),
        None => Ok(()),
    }
}

async fn recall(stage: &Stage) -> Outcome {
    remember(stage).await?;
    stage.errand(REMEMBERS, json!({}), &[]).await.map(drop)
}

async fn recall_own(stage: &Stage) -> Outcome {
    for stateful in &stage.stateful {
        let remember = stateful.remember.to_string().replace("{{text}}", TEXT);
        let remember = serde_json::from_str(&remember)?;
        let report = stage.own(&stateful.node_type, remember).await?;
        if let Some(failure) = report.failure {
            return Err(Trouble(failure.message));
        }
        stage
            .errand(&stateful.node_type, stateful.recall.clone(), &[])
            .await?;
    }
    Ok(())
}

fn registration(stage: &Stage) -> Result<Arc<Registration>, Trouble> {
    let node_type = NodeTypeId::parse(REMEMBERS)?;
    let registry = stage.engine.registry();
    Ok(registry.resolve(&node_type, &VersionSelector::Newest)?)
}

async fn executor(stage: &Stage) -> Outcome {
    remember(stage).await?;
    let (registry, registration) = (stage.engine.registry(), registration(stage)?);
    let owned = registry
        .load_executor(&registration, stage.owner.id())
        .await?;
    let kept = registry.try_executor(&registration, stage.actor.id());
    stage.leak_if(kept.is_some(), "there is one for whom none was loaded");
    let given = registry
        .load_executor(&registration, stage.actor.id())
        .await?;
    stage.leak_if(is_same(&owned, &given), "the executor is the owner's");
    Ok(())
}

fn is_same(one: &Arc<dyn NodeExecutor>, other: &Arc<dyn NodeExecutor>) -> bool {
    std::ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(other))
}

async fn invoke(stage: &Stage) -> Outcome {
    remember(stage).await?;
    let (registry, registration) = (stage.engine.registry(), registration(stage)?);
    let owned = registry
        .load_executor(&registration, stage.owner.id())
        .await?;
    let result = call_as(stage.actor.id(), async |call| {
        registry.invoke(&registration, &*owned, call).await
    })
    .await?;
    stage.leak_if(result.is_ok(), "the owner's executor serves others");
    stage.hear_debug("answer", &result);
    stage.hear_probes("executor");
    Ok(())
}

async fn execute(stage: &Stage) -> Outcome {
    remember(stage).await?;
    stage.probes.take_seen(stage.owner.id());
    let registry = stage.engine.registry();
    let actor = stage.actor.id();
    let result = call_as(actor, async |call| registry.execute(REMEMBERS, call).await).await?;
    stage.hear_debug("answer", &result);
    let result = call_as(actor, async |call| {
        let newest = VersionSelector::Newest;
        registry.execute_version(REMEMBERS, &newest, call).await
    })
    .await?;
    stage.hear_debug("answer", &result);
    stage.hear_probes("executor");
    Ok(())
}

async fn invalidate(stage: &Stage) -> Outcome {
    remember(stage).await?;
    let (registry, registration) = (stage.engine.registry(), registration(stage)?);
    registry.invalidate_tenant(stage.actor.id());
    let kept = registry.try_executor(&registration, stage.owner.id());
    stage.leak_if(
        kept.is_none(),
        "the owner's executor is gone, and what it remembered",
    );
    Ok(())
}

/// Makes a call on behalf of a tenant, past the engine.
async fn call_as(
    tenant: &TenantId,
    make: impl AsyncFnOnce(NodeCall<'_>) -> Result<NodeOutput, NodeError>,
) -> Result<Result<NodeOutput, NodeError>, Trouble> {
    let (node, node_type) = (NodeName::parse("step")?, NodeTypeId::parse(REMEMBERS)?);
    let context = NodeContext {
        tenant,
        execution: ExecutionId::generate(),
        workflow: "errand",
        node: &node,
        node_type: &node_type,
        attempt: 1,
        run_index: 0,
        on_error: OnError::default(),
        variables: &Arc::new(Object::new()),
        loop_frame: None,
        cancellation: &CancellationToken::new(),
        workflows: &ScriptedWorkflows::none(),
        grants: &OpenGrants,
    };
    let parameters = Nothing(json!({}), Prepared::new());
    let inputs = [Arc::new(vec![Item::default()])];
    let call = NodeCall {
        context: &context,
        inputs: &inputs,
        parameters: &parameters,
    };
    Ok(make(call).await)
}

/// No parameters.
struct Nothing(Value, Prepared);

impl Parameters for Nothing {
    fn source(&self) -> &Value {
        &self.0
    }

    fn is_static(&self) -> bool {
        true
    }

    fn resolve(&self, _: usize) -> Result<Cow<'_, Value>, NodeError> {
        Ok(Cow::Borrowed(&self.0))
    }

    fn evaluate(&self, _: &Expr, _: usize, _: &[(&str, &Value)]) -> Result<Value, NodeError> {
        let message = "there are no expressions";
        Err(NodeError::permanent(ErrorCode::EXPRESSION_ERROR, message))
    }

    fn prepared(&self) -> &Prepared {
        &self.1
    }
}
