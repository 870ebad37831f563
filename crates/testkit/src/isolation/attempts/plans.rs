//! Plans of the owner's, and what planning tells.

use std::sync::Arc;

use jackfield_definition::{PlanOptions, workflow_from_value};
use jackfield_engine::{StartOptions, TenantEngine};
use jackfield_registry::CatalogView;
use jackfield_types::TenantId;
use serde_json::{Value, json};

use super::{Attempt, attempt};
use crate::isolation::probes::{ECHO, KEPT};
use crate::isolation::scene::OWNED_SECRET;
use crate::isolation::stage::{Outcome, Stage, answer, document, node, plan};

pub(super) const ATTEMPTS: &[Attempt] = &[
    attempt!("start a plan", ["TenantEngine::start"], start),
    attempt!("run a plan", ["TenantEngine::run"], run),
    attempt!(
        "tell a plan of others from none",
        ["TenantEngine::run", "TenantEngine::start"],
        tell_apart
    ),
    attempt!(
        "be given what was checked for the owner",
        ["Registry::validate_for", "TenantEngine::validate"],
        validated
    ),
    attempt!(
        "be refused what the owner is",
        ["TenantEngine::plan", "TenantCatalog::refusal"],
        refused
    ),
    attempt!(
        "be refused by name what the owner is",
        ["TenantEngine::plan", "TenantCatalog::refusal_by_name"],
        refused_by_name
    ),
];

fn echo() -> Value {
    json!({ "text": "leaks-owner-text" })
}

async fn start(stage: &Stage) -> Outcome {
    let owned = stage.owned_plan(ECHO, echo())?;
    let started = stage.actor.start(&owned, StartOptions::default());
    stage.hear("error of a start", &answer(&started));
    if let Ok(handle) = started {
        stage.leak_if(true, "the plan was started");
        let report = handle.wait().await?;
        stage.hear("report of a plan", &serde_json::to_string(&report)?);
    }
    stage.hear_probes("node of a plan");
    Ok(())
}

async fn run(stage: &Stage) -> Outcome {
    let owned = stage.owned_plan(ECHO, echo())?;
    let run = stage.actor.run(&owned, StartOptions::default()).await;
    stage.hear("error of a run", &answer(&run));
    stage.leak_if(run.is_ok(), "the plan was run");
    stage.hear_probes("node of a plan");
    Ok(())
}

async fn tell_apart(stage: &Stage) -> Outcome {
    let third = stage.engine.tenant(&TenantId::parse("leaks-third")?);
    stage.set_policy(&third, json!({}))?;
    let nodes = [node("step", ECHO, json!({}))];
    let of_third = plan(&third, &document("third", &nodes, json!({})))??;
    let owned = stage.owned_plan(ECHO, echo())?;
    let mut answers = Vec::new();
    for plan in [&owned, &of_third] {
        let start = answer(&stage.actor.start(plan, StartOptions::default()));
        let run = answer(&stage.actor.run(plan, StartOptions::default()).await);
        answers.push((start, run));
    }
    stage.leak_if(
        answers[0] != answers[1],
        "the owner's plan is told from another one's",
    );
    Ok(())
}

/// What the owner may do was checked before; the same document is another question of another one.
async fn validated(stage: &Stage) -> Outcome {
    let nodes = [node(
        "step",
        ECHO,
        json!({ "value": format!("{{{{ $secrets.{OWNED_SECRET} }}}}") }),
    )];
    let workflow = workflow_from_value(&document("errand", &nodes, json!({})))?;
    let validate = |tenant: &TenantEngine| {
        let catalog = tenant.catalog();
        let view = CatalogView {
            catalog: &catalog,
            tenant: tenant.id(),
            policy_number: tenant.tenant().policy_number(),
        };
        let registry = stage.engine.registry();
        registry.validate_for(view, &workflow, &PlanOptions::default())
    };
    let engine = |tenant: &TenantEngine| tenant.validate(&workflow, &PlanOptions::default());
    let pairs = [
        (validate(&stage.owner), validate(&stage.actor)),
        (engine(&stage.owner), engine(&stage.actor)),
    ];
    for (of_owner, of_actor) in pairs {
        let is_valid = of_actor.is_valid();
        stage.leak_if(is_valid, "what the owner may do was found valid");
        let is_same = Arc::ptr_eq(&of_owner, &of_actor);
        stage.leak_if(is_same, "the owner's result was given");
        let findings = of_actor.findings.to_string();
        stage.hear_but("findings", &findings, &[OWNED_SECRET]);
    }
    Ok(())
}

async fn refused(stage: &Stage) -> Outcome {
    let nodes = [node("step", KEPT, json!({}))];
    let planned = plan(&stage.actor, &document("errand", &nodes, json!({})))?;
    stage.leak_if(
        planned.is_err(),
        "a rule of the owner's policy refuses others",
    );
    Ok(())
}

async fn refused_by_name(stage: &Stage) -> Outcome {
    let mut step = node("step", &format!("{KEPT}.and-gone"), json!({}));
    step["errorRecoveryStrategy"] = json!("skip");
    let errand = document("errand", &[step], json!({}));
    if plan(&stage.owner, &errand)?.is_ok() {
        return Err("the owner's policy does not refuse what it is to".into());
    }
    let planned = plan(&stage.actor, &errand)?;
    stage.leak_if(
        planned.is_err(),
        "a rule of the owner's policy refuses others",
    );
    Ok(())
}
