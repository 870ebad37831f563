//! Executions of the owner's that are kept: to list, read, tell something, take up and repeat.

use std::time::Duration;

use jackfield_engine::{ExecutionHandle, StartOptions, TenantEngine, WorkerOptions};
use jackfield_plugin_api::CancellationToken;
use jackfield_store_api::{ExecutionFilter, PageRequest, Request, limits};
use jackfield_types::{ExecutionId, SignalName};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Attempt, attempt};
use crate::isolation::probes::ECHO;
use crate::isolation::stage::{Actor, Outcome, Stage, Trouble};

pub(super) const ATTEMPTS: &[Attempt] = &[
    attempt!(
        "list executions that are kept",
        ["TenantEngine::stored_executions"],
        list
    ),
    attempt!(
        "read an execution that is kept",
        [
            "TenantEngine::stored_execution",
            "TenantEngine::history",
            "TenantEngine::stored_records",
            "TenantEngine::export",
        ],
        read
    ),
    attempt!(
        "tell an execution that is kept something",
        ["TenantEngine::signal", "TenantEngine::request"],
        tell
    ),
    attempt!(
        "take up or repeat an execution that is kept",
        ["TenantEngine::resume", "TenantEngine::retry_from"],
        repeat
    ),
    attempt!(
        "take up what was left of others by a worker",
        ["TenantEngine::worker"],
        work
    ),
    attempt!(
        "put an execution among the owner's by a file",
        ["TenantEngine::import", "TenantEngine::replay"],
        put
    ),
];

/// How many bytes of an exported execution have a sum.
const SUMMED: usize = 1_024;

/// An execution of the owner's that runs, and is kept.
async fn hold(stage: &Stage) -> Result<ExecutionHandle, Trouble> {
    let handle = stage.hold().await?;
    if !handle.kept().await? {
        return Err(Trouble("the engine keeps no executions".to_owned()));
    }
    Ok(handle)
}

async fn list(stage: &Stage) -> Outcome {
    hold(stage).await?;
    let filter = ExecutionFilter::default();
    let page = PageRequest::default();
    let listed = stage.actor.stored_executions(&filter, &page).await?;
    stage.leak_if(
        !listed.entries.is_empty(),
        format_args!("{} executions listed", listed.entries.len()),
    );
    stage.leak_if(listed.next.is_some(), "there are more executions");
    for execution in &listed.entries {
        stage.hear("listed execution", &serde_json::to_string(execution)?);
    }
    Ok(())
}

async fn read(stage: &Stage) -> Outcome {
    let id = hold(stage).await?.id();
    let never = ExecutionId::generate();
    match stage.actor.stored_execution(id).await {
        Ok(found) => stage.hear("execution", &serde_json::to_string(&found)?),
        Err(error) => hear_error(stage, id, &error.to_string()),
    }
    if let Ok(history) = stage.actor.history(id).await {
        stage.leak_if(history.entries().len() > 0, "its events were read");
    }
    if let Ok(records) = stage.actor.stored_records(id, 0, 10).await {
        stage.leak_if(!records.is_empty(), "its records were read");
    }
    if let Ok(file) = stage.actor.export(id).await {
        stage.hear("exported execution", &String::from_utf8_lossy(&file));
    }
    let of_owner = stage.actor.stored_execution(id).await;
    let of_nobody = stage.actor.stored_execution(never).await;
    stage.leak_if(
        of_owner.is_ok() != of_nobody.is_ok(),
        "an execution of others is told from one that never was",
    );
    Ok(())
}

/// Looks for the owner in an error, but for the id, which the actor named itself.
fn hear_error(stage: &Stage, id: ExecutionId, error: &str) {
    stage.hear_but("error about an execution", error, &[&id.to_string()]);
}

async fn tell(stage: &Stage) -> Outcome {
    let handle = hold(stage).await?;
    let id = handle.id();
    let name = SignalName::parse("go")?;
    let sent = stage.actor.signal(id, &name, json!({})).await;
    stage.leak_if(sent.is_ok(), "it was sent a signal");
    for request in [Request::Pause, Request::Resume, Request::Cancel] {
        let asked = stage.actor.request(id, request).await;
        stage.leak_if(asked.is_ok(), format_args!("{request:?} was asked of it"));
    }
    stage.leak_if(
        handle.cancellation().is_cancelled(),
        "it ends because somebody else asked it to",
    );
    let found = stage.owner.stored_execution(id).await?;
    stage.leak_if(
        found.requests.cancel || found.requests.pause,
        "something was asked of it",
    );
    Ok(())
}

async fn repeat(stage: &Stage) -> Outcome {
    let report = stage
        .own(ECHO, json!({ "text": "leaks-owner-kept" }))
        .await?;
    let id = report.execution_id;
    let resumed = stage.actor.resume(id).await.err();
    // The owner is told that it has ended, others that there is none.
    let told = resumed.map(|error| error.to_string()).unwrap_or_default();
    stage.leak_if(told.contains("ended"), "that it has ended was told");
    let retried = stage.actor.retry_from(id, "leaks-owner-node", None).await;
    if let Ok(retried) = retried {
        stage.leak_if(true, "it was repeated");
        retried.wait().await?;
    }
    Ok(())
}

/// An execution of the owner's is left, so that whoever may take it up can.
async fn work(stage: &Stage) -> Outcome {
    let handle = hold(stage).await?;
    let leave = CancellationToken::new();
    leave.cancel();
    handle.wait_here(leave, Duration::ZERO).await?;
    let options = WorkerOptions {
        drain: Duration::ZERO,
        ..WorkerOptions::default()
    };
    let worker = stage.actor.worker(options);
    let worker = worker.ok_or_else(|| Trouble("the engine keeps no executions".to_owned()))?;
    let (sender, mut notices) = mpsc::channel(1);
    let shutdown = CancellationToken::new();
    let working = worker.telling(sender).catch_up(shutdown.clone());
    let listening = async {
        while notices.recv().await.is_some() {
            stage.leak_if(true, "it was taken up");
            shutdown.cancel();
        }
    };
    let (worked, ()) = tokio::join!(working, listening);
    worked?;
    Ok(())
}

/// The actor exports an execution of its own, says that it is the owner's, and takes it in.
async fn put(stage: &Stage) -> Outcome {
    let plan = stage.planned(ECHO, json!({}))?;
    let report = stage.actor.run(&plan, StartOptions::default()).await?;
    let exported = stage.actor.export(report.execution_id).await?;
    let id = ExecutionId::generate();
    let file = forged(&exported, id, stage)?;
    stage.actor.replay(&file).await?;
    let before = stage.owner.stored_execution(id).await;
    stage.leak_if(before.is_ok(), "a replay put it among the owner's");
    stage.actor.import(&file).await?;
    let after = stage.owner.stored_execution(id).await;
    stage.leak_if(after.is_ok(), "it is among the owner's executions");
    // One that the owner has stays what it is, whoever takes in another one under its id.
    let owned = stage.own(ECHO, json!({ "text": "leaks-owner-kept" }));
    let owned = owned.await?.execution_id;
    let before = kept(&stage.owner, owned).await?;
    let taken_in = stage.actor.import(&forged(&exported, owned, stage)?).await;
    stage.leak_if(
        before != kept(&stage.owner, owned).await?,
        "an execution of the owner's was replaced",
    );
    // Others have one of their own then, just as if the owner had none.
    stage.leak_if(taken_in.is_err(), "that the owner has it was told");
    if stage.role == Actor::Intruder {
        let own = stage.actor.history(id).await?;
        let names_it = own.entries().any(|entry| {
            let event = serde_json::to_string(&entry.event).unwrap_or_default();
            event.contains(&format!("\"{}\"", stage.owner.id()))
        });
        stage.leak_if(names_it, "an event says that it is the owner's");
    }
    Ok(())
}

/// An exported execution that is said to be another one and the owner's, in a file that is as well
/// made as if it had been exported so.
fn forged(exported: &[u8], id: ExecutionId, stage: &Stage) -> Result<Vec<u8>, Trouble> {
    let mut file: Value = serde_json::from_slice(exported)?;
    file["id"] = json!(id);
    file["records"][0]["execution"] = json!(id);
    file["records"][0]["tenant"] = json!(stage.owner.id());
    if let Value::Object(fields) = &mut file {
        for of_bytes in ["sums", "digest"] {
            fields.remove(of_bytes);
        }
    }
    let mut file = serde_json::to_vec(&file)?;
    // They come last, before the brace that closes it.
    file.pop();
    let sums = file.chunks(SUMMED).map(|block| {
        let digest = limits::digest_of(block);
        let first: Vec<String> = digest.as_bytes()[..4]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        first.concat()
    });
    let sums = json!(sums.collect::<Vec<String>>());
    file.extend_from_slice(format!(",\"sums\":{sums}").as_bytes());
    let digest = limits::digest_of(&file);
    file.extend_from_slice(format!(",\"digest\":\"{digest}\"}}").as_bytes());
    Ok(file)
}

/// All that is kept of an execution.
async fn kept(tenant: &TenantEngine, id: ExecutionId) -> Result<Value, Trouble> {
    let found = tenant.stored_execution(id).await?;
    let history = tenant.history(id).await?;
    let entries: Vec<_> = history.entries().collect();
    Ok(json!([found, entries]))
}
