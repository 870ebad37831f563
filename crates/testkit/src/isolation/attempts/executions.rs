//! Executions of the owner's: to list, find, read, guess and cancel.

use std::str::FromStr;

use jackfield_engine::StartOptions;
use jackfield_types::{ExecutionId, UserId};
use serde_json::json;
use uuid::Uuid;

use super::{Attempt, attempt};
use crate::isolation::probes::{ECHO, HOLDS, SETS};
use crate::isolation::stage::{Actor, OWNED_USER, Outcome, Stage, Trouble, document, node, plan};

pub(super) const ATTEMPTS: &[Attempt] = &[
    attempt!("list executions", ["TenantEngine::executions"], list),
    attempt!(
        "list executions as the owner's user",
        ["TenantEngine::as_user", "TenantEngine::executions"],
        list_as_user
    ),
    attempt!(
        "read an execution by its id",
        [
            "TenantEngine::execution",
            "RunningExecution::id",
            "RunningExecution::workflow",
            "RunningExecution::user",
            "RunningExecution::since",
            "RunningExecution::journal",
            "RunningExecution::events",
        ],
        read
    ),
    attempt!(
        "guess ids of executions",
        ["TenantEngine::execution", "TenantEngine::cancel"],
        guess
    ),
    attempt!(
        "cancel an execution",
        ["TenantEngine::cancel", "RunningExecution::cancel"],
        cancel
    ),
    attempt!(
        "tell an execution of others from none",
        ["TenantEngine::cancel", "TenantEngine::execution"],
        tell_apart
    ),
    attempt!(
        "put an execution among the owner's",
        ["TenantEngine::start"],
        put
    ),
    attempt!("read variables", ["TenantEngine::run"], variables),
    attempt!(
        "read whose execution it is",
        ["TenantEngine::run", "TenantEngine::id"],
        roots
    ),
];

async fn list(stage: &Stage) -> Outcome {
    stage.hold().await?;
    let listed = stage.actor.executions();
    stage.leak_if(
        !listed.is_empty(),
        format_args!("{} executions listed", listed.len()),
    );
    for execution in listed {
        stage.hear("listed execution", execution.workflow());
    }
    Ok(())
}

async fn list_as_user(stage: &Stage) -> Outcome {
    stage.hold().await?;
    let actor = stage.actor.clone().as_user(UserId::parse(OWNED_USER)?);
    stage.leak_if(
        !actor.executions().is_empty(),
        "executions of the user listed",
    );
    Ok(())
}

async fn read(stage: &Stage) -> Outcome {
    let handle = stage.hold().await?;
    let Some(execution) = stage.actor.execution(handle.id()) else {
        return Ok(());
    };
    stage.leak_if(execution.id() == handle.id(), "the execution was found");
    stage.hear("workflow of an execution", execution.workflow());
    stage.hear_debug("user of an execution", &execution.user());
    stage.leak_if(!execution.journal().is_empty(), "its journal was read");
    let first = execution.events().next().await;
    stage.leak_if(
        first.is_some(),
        format_args!("its events since {}", execution.since()),
    );
    Ok(())
}

/// Ids that stand near another one.
fn neighbours(id: ExecutionId) -> Result<Vec<ExecutionId>, Trouble> {
    let text = id.to_string();
    let digits = text.rsplit('_').next().unwrap_or_default();
    let number = Uuid::from_str(digits)?.as_u128();
    // In the counter, in its high part, and in the time.
    let steps = [0, 32, 42, 64, 80].into_iter().flat_map(|shift| {
        (1..=32_u128).flat_map(move |step| {
            let step = step << shift;
            [number.wrapping_add(step), number.wrapping_sub(step)]
        })
    });
    Ok([number]
        .into_iter()
        .chain(steps)
        .map(|number| ExecutionId::from_uuid(Uuid::from_u128(number)))
        .collect())
}

async fn guess(stage: &Stage) -> Outcome {
    let before = stage.errand(ECHO, json!({}), &[]).await?;
    let handle = stage.hold().await?;
    let after = stage.errand(ECHO, json!({}), &[]).await?;
    let mut known = vec![handle.id()];
    known.extend(
        before
            .into_iter()
            .chain(after)
            .map(|report| report.execution_id),
    );
    for id in known {
        for guessed in neighbours(id)? {
            stage.leak_if(
                stage.actor.execution(guessed).is_some(),
                "an execution was guessed",
            );
            stage.leak_if(
                stage.actor.cancel(guessed),
                "a guessed execution was cancelled",
            );
        }
    }
    Ok(())
}

async fn cancel(stage: &Stage) -> Outcome {
    let handle = stage.hold().await?;
    let id = handle.id();
    stage.leak_if(stage.actor.cancel(id), "the execution was cancelled");
    if let Some(execution) = stage.actor.execution(id) {
        execution.cancel();
    }
    for execution in stage.actor.executions() {
        execution.cancel();
    }
    let was_cancelled = handle.cancellation().is_cancelled();
    stage.leak_if(
        was_cancelled,
        "the execution ends because somebody else asked it to",
    );
    Ok(())
}

async fn tell_apart(stage: &Stage) -> Outcome {
    let handle = stage.hold().await?;
    let never = ExecutionId::generate();
    let answers = |id| (stage.actor.execution(id).is_some(), stage.actor.cancel(id));
    stage.leak_if(
        answers(handle.id()) != answers(never),
        "an execution of others is told from one that never was",
    );
    Ok(())
}

async fn put(stage: &Stage) -> Outcome {
    let nodes = [node("step", HOLDS, json!({}))];
    let errand = plan(&stage.actor, &document("errand", &nodes, json!({})))??;
    stage.actor.start(&errand, StartOptions::default())?;
    stage.leak_if(
        !stage.owner.executions().is_empty(),
        "it is among the owner's executions",
    );
    Ok(())
}

/// Variables belong to an execution: the owner finds them in the same one only.
async fn variables(stage: &Stage) -> Outcome {
    stage
        .own(SETS, json!({ "text": "leaks-owner-variable" }))
        .await?;
    let read = node("read", ECHO, json!({ "all": "{{ $vars }}" }));
    let errand = match stage.role {
        Actor::Owner => {
            let set = node("set", SETS, json!({ "text": "leaks-owner-variable" }));
            let connections = json!({ "set": { "main": [[{ "node": "read" }]] } });
            document("errand", &[set, read], connections)
        }
        Actor::Intruder => document("errand", &[read], json!({})),
    };
    stage.errand_of(&errand, &[]).await.map(drop)
}

async fn roots(stage: &Stage) -> Outcome {
    stage.own(ECHO, json!({ "all": "{{ $context }}" })).await?;
    stage.probes.take_seen(stage.owner.id());
    let all = json!({ "all": ["{{ $context }}", "{{ $execution }}", "{{ $workflow }}"] });
    let errand = stage.planned(ECHO, all)?;
    stage.actor.run(&errand, StartOptions::default()).await?;
    for seen in stage.probes.take_seen(stage.actor.id()) {
        let names_it = seen["all"][0]["tenantId"] == stage.owner.id().as_str();
        stage.leak_if(
            names_it,
            format_args!("the execution is the owner's: {seen}"),
        );
    }
    stage.leak_if(
        stage.actor.id() == stage.owner.id(),
        "the handle is the owner's",
    );
    Ok(())
}
