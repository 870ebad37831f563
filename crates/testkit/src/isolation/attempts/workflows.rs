//! Workflows that others are called by name.

use serde_json::json;

use super::{Attempt, attempt};
use crate::isolation::probes::CALLS;
use crate::isolation::scene::{OWNED_WORKFLOW, SHARED_WORKFLOW};
use crate::isolation::stage::{Outcome, Stage, journal_text};

pub(super) const ATTEMPTS: &[Attempt] = &[
    attempt!(
        "call the owner's workflow",
        ["WorkflowSource::load", "TenantEngine::run"],
        call
    ),
    attempt!(
        "call a workflow of the same name",
        ["WorkflowSource::load"],
        call_shared
    ),
    attempt!(
        "tell a workflow of others from none",
        ["WorkflowSource::load"],
        tell_apart
    ),
];

async fn call(stage: &Stage) -> Outcome {
    let parameters = json!({ "name": OWNED_WORKFLOW });
    let report = stage.errand(CALLS, parameters, &[OWNED_WORKFLOW]).await?;
    let ran = report.is_some_and(|report| report.failure.is_none());
    stage.leak_if(ran, "the owner's workflow was run");
    Ok(())
}

async fn call_shared(stage: &Stage) -> Outcome {
    // Once the owner has called its own, so that whatever is kept of it is there.
    stage.own(CALLS, json!({ "name": SHARED_WORKFLOW })).await?;
    stage
        .errand(CALLS, json!({ "name": SHARED_WORKFLOW }), &[])
        .await
        .map(drop)
}

async fn tell_apart(stage: &Stage) -> Outcome {
    let mut answers = Vec::new();
    for name in [OWNED_WORKFLOW, "leaks-nobodys-workflow"] {
        let plan = stage.planned(CALLS, json!({ "name": name }))?;
        let report = stage.actor.run(&plan, Default::default()).await?;
        let failure = format!("{:?}", report.failure).replace(name, "…");
        let events = journal_text(&report)?;
        answers.push((failure, events.matches("attemptFailed").count()));
    }
    stage.leak_if(
        answers[0] != answers[1],
        "a workflow of others is told from none",
    );
    Ok(())
}
