//! Circuits and quarantine: to see that the owner's calls fail, and to have them left out.

use jackfield_engine::CircuitState;
use jackfield_types::ErrorCode;
use serde_json::json;

use super::{Attempt, attempt};
use crate::isolation::probes::{FAILS, TRAPS};
use crate::isolation::stage::{Outcome, Stage};

pub(super) const ATTEMPTS: &[Attempt] = &[
    attempt!("see the owner's circuits", ["TenantEngine::circuits"], see),
    attempt!(
        "be left out by the owner's circuit",
        ["TenantEngine::run"],
        be_left_out
    ),
    attempt!(
        "open the owner's circuit",
        ["TenantEngine::circuits", "TenantEngine::run"],
        open
    ),
    attempt!(
        "have the owner's calls quarantined",
        ["TenantEngine::run", "Registry::invoke"],
        quarantine
    ),
];

async fn see(stage: &Stage) -> Outcome {
    for _ in 0..3 {
        stage.own(FAILS, json!({})).await?;
    }
    let circuits = stage.actor.circuits();
    stage.leak_if(
        !circuits.is_empty(),
        format_args!("{} circuits seen", circuits.len()),
    );
    Ok(())
}

async fn be_left_out(stage: &Stage) -> Outcome {
    for _ in 0..3 {
        stage.own(FAILS, json!({})).await?;
    }
    let report = stage.errand(FAILS, json!({}), &[]).await?;
    let failure = report.and_then(|report| report.failure);
    let is_left_out = failure.is_some_and(|failure| failure.code == ErrorCode::CIRCUIT_OPEN);
    stage.leak_if(is_left_out, "the owner's circuit is open for others");
    Ok(())
}

async fn open(stage: &Stage) -> Outcome {
    for _ in 0..4 {
        stage.errand(FAILS, json!({}), &[]).await?;
    }
    let circuits = stage.owner.circuits();
    let is_open = circuits.iter().any(|one| one.state != CircuitState::Closed);
    stage.leak_if(is_open, "the owner's circuit was opened");
    let report = stage.own(FAILS, json!({})).await?;
    let code = report.failure.map(|failure| failure.code);
    stage.leak_if(
        code == Some(ErrorCode::CIRCUIT_OPEN),
        "the owner's call is left out",
    );
    Ok(())
}

/// More traps than any engine lets pass, with a breaker that does not step in before.
async fn quarantine(stage: &Stage) -> Outcome {
    let patient = json!({ "circuitBreaker": { "minimumCalls": 1_000_000 } });
    stage.set_policy(&stage.actor, patient.clone())?;
    stage.set_policy(&stage.owner, patient)?;
    for _ in 0..100 {
        stage.errand(TRAPS, json!({ "panics": true }), &[]).await?;
    }
    let report = stage.own(TRAPS, json!({ "panics": false })).await?;
    stage.leak_if(
        report.failure.is_some(),
        format_args!("the owner's call fails: {:?}", report.failure),
    );
    Ok(())
}
