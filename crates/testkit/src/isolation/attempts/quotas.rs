//! Quotas: to see what the owner uses, and to use it up.

use jackfield_tenancy::{Load, TryCall, TryExecution};
use jackfield_types::Quotas;
use serde_json::json;

use super::{Attempt, attempt};
use crate::isolation::stage::{Outcome, Stage, Trouble};

pub(super) const ATTEMPTS: &[Attempt] = &[
    attempt!(
        "see what the owner runs and has wait",
        ["Tenant::admission", "TenantAdmission::state"],
        see
    ),
    attempt!(
        "use up the owner's executions",
        [
            "TenantAdmission::try_execution",
            "TenantAdmission::execution"
        ],
        executions
    ),
    attempt!(
        "use up the owner's calls",
        ["TenantAdmission::try_call", "TenantAdmission::call"],
        calls
    ),
    attempt!(
        "stand in the owner's queue",
        ["TenantAdmission::execution"],
        queue
    ),
    attempt!(
        "change the owner's quotas",
        ["TenantAdmission::set_quotas"],
        change
    ),
];

fn limit(stage: &Stage, quotas: &serde_json::Value) -> Outcome {
    stage.set_policy(&stage.owner, json!({ "quotas": quotas }))?;
    stage.set_policy(&stage.actor, json!({ "quotas": quotas }))
}

async fn see(stage: &Stage) -> Outcome {
    limit(
        stage,
        &json!({ "concurrentExecutions": 1, "executionsPerSecond": 0.001, "executionBurst": 9 }),
    )?;
    let _held = stage.owner.tenant().admission().execution().await?;
    let admission = stage.owner.tenant().admission().clone();
    let waiter = tokio::spawn(async move { admission.execution().await.map(drop) });
    while stage.owner.tenant().admission().state().executions.queued == 0 {
        tokio::task::yield_now().await;
    }
    let state = stage.actor.tenant().admission().state().executions;
    let unused = Load {
        running: 0,
        queued: 0,
        tokens: Some(9),
    };
    stage.leak_if(
        state != unused,
        format_args!("what the owner uses is seen: {state:?}"),
    );
    waiter.abort();
    Ok(())
}

async fn executions(stage: &Stage) -> Outcome {
    limit(
        stage,
        &json!({
            "concurrentExecutions": 3, "executionsPerSecond": 0.001, "executionBurst": 3,
            "whenExceeded": "reject"
        }),
    )?;
    let admission = stage.actor.tenant().admission();
    let mut permits = Vec::new();
    permits.push(admission.execution().await?);
    while let TryExecution::Admitted(permit) = admission.try_execution() {
        permits.push(permit);
    }
    if permits.len() != 3 {
        return Err(Trouble(format!(
            "there were {} executions, not 3",
            permits.len()
        )));
    }
    let owned = stage.owner.tenant().admission();
    let state = owned.state().executions;
    stage.leak_if(state.tokens != Some(3), "the owner's tokens are fewer");
    stage.leak_if(state.running > 0, "the owner's places are taken");
    let is_admitted = matches!(owned.try_execution(), TryExecution::Admitted(_));
    stage.leak_if(!is_admitted, "the owner's execution is turned away");
    Ok(())
}

async fn calls(stage: &Stage) -> Outcome {
    limit(
        stage,
        &json!({
            "nodeCallsPerSecond": 0.001, "nodeCallBurst": 3, "whenExceeded": "reject"
        }),
    )?;
    let admission = stage.actor.tenant().admission();
    let _permit = admission.call().await?;
    let mut admitted = 1;
    while let TryCall::Admitted(_) = admission.try_call() {
        admitted += 1;
        if admitted > 3 {
            return Err(Trouble("the quota does not hold".to_owned()));
        }
    }
    let owned = stage.owner.tenant().admission();
    stage.leak_if(
        owned.state().calls.tokens != Some(3),
        "the owner's tokens are fewer",
    );
    let is_admitted = matches!(owned.try_call(), TryCall::Admitted(_));
    stage.leak_if(!is_admitted, "the owner's call is turned away");
    Ok(())
}

async fn queue(stage: &Stage) -> Outcome {
    limit(stage, &json!({ "concurrentExecutions": 1, "maxQueued": 1 }))?;
    let admission = stage.actor.tenant().admission().clone();
    let _held = admission.execution().await?;
    let waiting = admission.clone();
    let waiter = tokio::spawn(async move { waiting.execution().await.map(drop) });
    while admission.state().executions.queued == 0 {
        tokio::task::yield_now().await;
    }
    let answer = stage.owner.tenant().admission().try_execution();
    let is_admitted = matches!(answer, TryExecution::Admitted(_));
    stage.leak_if(
        !is_admitted,
        "the owner has to wait behind others of no bound of its own",
    );
    waiter.abort();
    Ok(())
}

async fn change(stage: &Stage) -> Outcome {
    let tight = Quotas {
        concurrent_executions: Some(1),
        max_queued: 0,
        ..Quotas::default()
    };
    stage.actor.tenant().admission().set_quotas(&tight);
    let owned = stage.owner.tenant().admission();
    let first = owned.try_execution();
    let second = owned.try_execution();
    let are_admitted = [&first, &second]
        .iter()
        .all(|one| matches!(one, TryExecution::Admitted(_)));
    stage.leak_if(!are_admitted, "the owner has a bound that is not its own");
    Ok(())
}
