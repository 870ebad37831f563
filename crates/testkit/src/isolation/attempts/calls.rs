//! Calls outside of workflows, errors that are counted, keys that tell requests apart.

use jackfield_engine::{ErrorMetrics, NodeRequest, StartOptions};
use jackfield_types::NodeTypeId;
use serde_json::{Value, json};

use super::{Attempt, attempt};
use crate::isolation::probes::{ECHO, FAILS, KEYS, REMEMBERS};
use crate::isolation::scene::{OWNED_SECRET, SHARED_SECRET};
use crate::isolation::stage::{Actor, Outcome, Stage, Trouble, document, node, plan};

pub(super) const ATTEMPTS: &[Attempt] = &[
    attempt!(
        "call a node with the owner's secret",
        ["TenantEngine::execute_node"],
        secret
    ),
    attempt!(
        "call a node that remembers",
        ["TenantEngine::execute_node"],
        memory
    ),
    attempt!(
        "count the owner's errors",
        ["TenantEngine::error_metrics"],
        count
    ),
    attempt!(
        "be counted among the owner's errors",
        ["TenantEngine::error_metrics"],
        be_counted
    ),
    attempt!(
        "be given the owner's idempotency key",
        ["TenantEngine::run"],
        keys
    ),
];

fn request(node_type: &str, parameters: Value) -> Result<NodeRequest, Trouble> {
    Ok(NodeRequest::new(NodeTypeId::parse(node_type)?, parameters))
}

async fn call(stage: &Stage, node_type: &str, parameters: Value, said: &[&str]) -> Outcome {
    let result = stage
        .actor
        .execute_node(request(node_type, parameters)?)
        .await;
    stage.hear_but("answer of a call", &format!("{result:?}"), said);
    stage.hear_probes("call");
    Ok(())
}

async fn secret(stage: &Stage) -> Outcome {
    for name in [OWNED_SECRET, SHARED_SECRET] {
        let parameters = json!({ "value": format!("{{{{ $secrets.{name} }}}}") });
        call(stage, ECHO, parameters, &[name]).await?;
    }
    Ok(())
}

async fn memory(stage: &Stage) -> Outcome {
    let remember = request(REMEMBERS, json!({ "text": "leaks-owner-memory" }))?;
    if let Err(failure) = stage.owner.execute_node(remember).await {
        return Err(Trouble(failure.message));
    }
    call(stage, REMEMBERS, json!({}), &[]).await
}

fn hear_errors(stage: &Stage, metrics: &ErrorMetrics) -> Outcome {
    stage.leak_if(
        metrics.total > 0,
        format_args!("{} errors counted", metrics.total),
    );
    stage.hear("errors", &serde_json::to_string(metrics)?);
    Ok(())
}

async fn count(stage: &Stage) -> Outcome {
    stage.own(FAILS, json!({})).await?;
    hear_errors(stage, &stage.actor.error_metrics())
}

async fn be_counted(stage: &Stage) -> Outcome {
    stage.errand(FAILS, json!({}), &[]).await?;
    let failed = stage.actor.execute_node(request(FAILS, json!({}))?).await;
    stage.leak_if(
        stage.owner.error_metrics().total > 0,
        "the owner is charged with the error",
    );
    if failed.is_ok() {
        return Err(Trouble("the node does not fail".to_owned()));
    }
    Ok(())
}

/// Two attempts of one call have the same key, and nothing else has.
async fn keys(stage: &Stage) -> Outcome {
    let mut step = node("step", KEYS, json!({}));
    step["retryPolicy"] = json!({ "maxAttempts": 2, "initialDelay": 1 });
    let document = document("errand", &[step], json!({}));
    let of_owner = plan(&stage.owner, &document)??;
    stage.owner.run(&of_owner, StartOptions::default()).await?;
    let mut of_owner = stage.probes.take_seen(stage.owner.id());
    let of_actor = match stage.role {
        Actor::Owner => of_owner.split_off(1),
        Actor::Intruder => {
            let of_actor = plan(&stage.actor, &document)??;
            stage.actor.run(&of_actor, StartOptions::default()).await?;
            stage.probes.take_seen(stage.actor.id())
        }
    };
    if of_owner.is_empty() || of_actor.is_empty() {
        return Err(Trouble("there are no keys".to_owned()));
    }
    let is_same = of_actor.iter().any(|key| of_owner.contains(key));
    stage.leak_if(is_same, "two tenants have the same key");
    Ok(())
}
