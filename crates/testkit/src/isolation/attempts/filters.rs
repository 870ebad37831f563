//! Data filters that try to talk about somebody else's rows.

use jackfield_tenancy::{IsolationContext, enforce_data_isolation};
use jackfield_types::{DataIsolation, TenantId};
use serde_json::{Value, json};

use super::{Attempt, attempt};
use crate::isolation::probes::ISOLATES;
use crate::isolation::stage::{Outcome, Stage};

pub(super) const ATTEMPTS: &[Attempt] = &[
    attempt!(
        "filter the owner's rows",
        ["Tenant::enforce_data_isolation"],
        handle
    ),
    attempt!(
        "filter the owner's rows in a node",
        ["TenantEngine::run"],
        in_node
    ),
    attempt!(
        "filter the owner's rows by hand",
        ["enforce_data_isolation"],
        by_hand
    ),
];

/// Filters that let the owner's rows through if they are taken at their word.
fn hostile(owner: &TenantId, actor: &TenantId) -> Vec<Value> {
    let is = |tenant: &TenantId| json!({ "tenantId": { "eq": tenant } });
    let one_of_both = json!({ "or": [is(actor), is(owner)] });
    let anybody = json!({ "or": [is(owner), { "not": is(owner) }] });
    let mut deep = is(owner);
    for _ in 0..20 {
        deep = json!({ "not": { "not": { "or": [{ "and": [deep] }] } } });
    }
    vec![
        Value::Null,
        json!({}),
        json!({ "and": [] }),
        json!({ "not": { "or": [] } }),
        json!({ "tenantId": owner }),
        json!({ "tenantId": { "in": [owner, actor] } }),
        json!({ "tenantId": { "ne": "nobody" } }),
        json!({ "not": { "tenantId": { "eq": "nobody" } } }),
        json!({ "not": { "and": [is(actor), is(owner)] } }),
        json!({ "and": [one_of_both, anybody] }),
        json!({ "or": [{ "and": [anybody, is(owner)] }, { "row": { "eq": 1 } }] }),
        json!({ "and": [{}], "or": [is(owner)], "row": { "ne": 0 } }),
        is(owner),
        one_of_both,
        anybody,
        deep,
    ]
}

/// Looks whether a filter lets a row of the owner's through.
fn look(stage: &Stage, filter: &Value, asked: &Value) {
    for number in 1..=2 {
        let row = json!({ "tenantId": stage.owner.id(), "row": number });
        let passes = passes(filter, &row);
        stage.leak_if(
            passes,
            format_args!("a row passes through what was made of {asked}"),
        );
    }
}

/// A naive evaluator: what it does not know, it lets through.
fn passes(filter: &Value, row: &Value) -> bool {
    let Value::Object(filter) = filter else {
        return true;
    };
    filter.iter().all(|(key, says)| {
        let parts = says.as_array().map(Vec::as_slice).unwrap_or_default();
        match key.as_str() {
            "and" => parts.iter().all(|part| passes(part, row)),
            "or" => parts.iter().any(|part| passes(part, row)),
            "not" => !passes(says, row),
            field => holds(says, &row[field]),
        }
    })
}

fn holds(condition: &Value, value: &Value) -> bool {
    let Value::Object(condition) = condition else {
        return condition == value;
    };
    condition
        .iter()
        .all(|(operator, with)| match operator.as_str() {
            "eq" => with == value,
            "ne" => with != value,
            "in" => with.as_array().is_some_and(|list| list.contains(value)),
            _ => true,
        })
}

async fn handle(stage: &Stage) -> Outcome {
    for filter in hostile(stage.owner.id(), stage.actor.id()) {
        let made = stage.actor.tenant().enforce_data_isolation(&filter);
        look(stage, &made, &filter);
    }
    Ok(())
}

async fn in_node(stage: &Stage) -> Outcome {
    let actor = stage.actor.id();
    for filter in hostile(stage.owner.id(), actor) {
        // The actor named the owner itself: only the rows are looked at.
        let owner = format!("\"{}\"", stage.owner.id());
        let parameters = json!({ "filter": filter });
        stage.probes.take_seen(actor);
        let plan = stage.planned(ISOLATES, parameters)?;
        let report = stage.actor.run(&plan, Default::default()).await?;
        let text = serde_json::to_string(&report)?;
        stage.hear_but("report of a run", &text, &[&owner]);
        for seen in stage.probes.take_seen(actor) {
            look(stage, &seen["filter"], &filter);
        }
    }
    Ok(())
}

async fn by_hand(stage: &Stage) -> Outcome {
    let context = IsolationContext {
        tenant: stage.actor.id(),
        isolation: DataIsolation::Strict,
    };
    for filter in hostile(stage.owner.id(), stage.actor.id()) {
        look(stage, &enforce_data_isolation(&context, &filter), &filter);
    }
    Ok(())
}
