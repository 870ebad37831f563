//! Policies: to read, to be under, to change.

use jackfield_tenancy::AuditDecision;
use jackfield_types::{
    Capability, DataIsolation, Digest, NodeTypeId, PluginId, PluginOrigin, Policy, UserId,
};
use semver::Version;
use serde_json::json;

use super::{Attempt, attempt};
use crate::isolation::probes::{ECHO, KEPT};
use crate::isolation::stage::{OWNED_USER, Outcome, Stage, owner_policy};

pub(super) const ATTEMPTS: &[Attempt] = &[
    attempt!(
        "read the policy",
        [
            "Tenant::policy",
            "Tenancy::tenant",
            "Engine::tenant",
            "Tenant::id"
        ],
        read
    ),
    attempt!(
        "be under the owner's rules",
        ["Tenant::authorize", "Tenant::explain"],
        rules
    ),
    attempt!(
        "be one of the owner's users",
        ["Tenant::authorize_user"],
        user
    ),
    attempt!("reach the owner's hosts", ["Tenant::check_host"], host),
    attempt!(
        "have the owner's capabilities",
        ["Tenant::check_capability"],
        capability
    ),
    attempt!(
        "trust the owner's publishers",
        ["Tenant::authorize_plugin"],
        publisher
    ),
    attempt!("have the owner's quotas", ["Tenant::quotas"], quotas),
    attempt!(
        "have the owner's circuit breaker",
        ["Tenant::circuit_breaker"],
        breaker
    ),
    attempt!(
        "be masked by the owner's rules",
        ["Tenant::redaction", "TenantEngine::run"],
        redaction
    ),
    attempt!(
        "be isolated as the owner is",
        ["Tenant::data_isolation"],
        isolation
    ),
    attempt!(
        "be recorded as the owner is",
        ["Tenant::is_recorded"],
        recorded
    ),
    attempt!(
        "see that the policy changes",
        ["Tenant::policy_number"],
        number
    ),
    attempt!("change the policy", ["Tenancy::set_policy"], change),
    attempt!("remove the policy", ["Tenancy::remove_policy"], remove),
    attempt!(
        "set a policy in the owner's name",
        ["Tenancy::set_policy"],
        in_its_name
    ),
];

async fn read(stage: &Stage) -> Outcome {
    let tenant = stage.engine.tenancy().tenant(stage.actor.id());
    stage.leak_if(&tenant == stage.owner.tenant(), "the handle is the owner's");
    stage.leak_if(
        tenant.id() == stage.owner.id(),
        "the handle names the owner",
    );
    for handle in [&tenant, stage.actor.tenant()] {
        let policy = handle.policy();
        let text = policy.map(|policy| serde_json::to_string(policy.document()));
        stage.hear("policy", &text.transpose()?.unwrap_or_default());
    }
    Ok(())
}

async fn rules(stage: &Stage) -> Outcome {
    let (node_type, version) = (NodeTypeId::parse(KEPT)?, semver(stage)?);
    let tenant = stage.actor.tenant();
    let refused = tenant.authorize(&node_type, &version, &[Capability::Http]);
    stage.leak_if(refused.is_err(), "the owner's rule refuses");
    let explained = tenant.explain(&node_type, Some(&version), &[]);
    stage.leak_if(
        format!("{explained:?}").contains("leaks.kept*"),
        "the owner's rule is explained",
    );
    Ok(())
}

/// The version of the suite's node types.
fn semver(stage: &Stage) -> Result<Version, crate::isolation::stage::Trouble> {
    let found = stage.engine.registry().plugin_info(KEPT);
    found
        .map(|metadata| metadata.version.clone())
        .ok_or_else(|| crate::isolation::stage::Trouble("the node type is gone".to_owned()))
}

async fn user(stage: &Stage) -> Outcome {
    let owned = UserId::parse(OWNED_USER)?;
    let answer = stage.actor.tenant().authorize_user(Some(&owned));
    stage.leak_if(answer.is_ok(), "the owner's user may start something");
    Ok(())
}

async fn host(stage: &Stage) -> Outcome {
    let answer = stage.actor.tenant().check_host("leaks-owner.example", 443);
    stage.leak_if(answer.is_ok(), "the owner's host may be reached");
    if let Err(refusal) = answer {
        let said = &["leaks-owner.example"];
        stage.hear_but("refusal", &refusal.to_string(), said);
    }
    Ok(())
}

async fn capability(stage: &Stage) -> Outcome {
    let answer = stage.actor.tenant().check_capability(Capability::Progress);
    stage.leak_if(answer.is_ok(), "the owner's capability may be used");
    if let Err(refusal) = answer {
        stage.hear("refusal", &refusal.to_string());
    }
    Ok(())
}

async fn publisher(stage: &Stage) -> Outcome {
    let origin = PluginOrigin {
        plugin: PluginId::parse("leaks-owner/plugin")?,
        version: Version::new(1, 0, 0),
        digest: Digest::from_bytes([0; 32]),
        signer: Some("leaks-owner".to_owned()),
    };
    let answer = stage.actor.tenant().authorize_plugin(Some(&origin));
    stage.leak_if(answer.is_ok(), "the owner's publisher is trusted");
    if let Err(refusal) = answer {
        let said = &["leaks-owner/plugin", "`leaks-owner`"];
        stage.hear_but("refusal", &refusal.to_string(), said);
    }
    Ok(())
}

async fn quotas(stage: &Stage) -> Outcome {
    let quotas = stage.actor.tenant().quotas();
    stage.leak_if(
        quotas.items_per_execution == Some(77_777),
        "the quotas are the owner's",
    );
    Ok(())
}

async fn breaker(stage: &Stage) -> Outcome {
    let breaker = stage.actor.tenant().circuit_breaker();
    let is_owned = breaker.is_some_and(|breaker| breaker.minimum_calls == 2);
    stage.leak_if(is_owned, "the circuit breaker is the owner's");
    Ok(())
}

async fn redaction(stage: &Stage) -> Outcome {
    let rules = stage.actor.tenant().redaction();
    stage.leak_if(
        rules.is_some(),
        "there are rules, and only the owner has some",
    );
    let report = stage
        .errand(ECHO, json!({ "leaks-sensitive": "plain-text" }), &[])
        .await?;
    let shown = report
        .map(|report| serde_json::to_string(&report))
        .transpose()?;
    let is_shown = shown.is_some_and(|shown| shown.contains("plain-text"));
    stage.leak_if(!is_shown, "the owner's pattern masks");
    Ok(())
}

async fn isolation(stage: &Stage) -> Outcome {
    stage.set_policy(&stage.owner, json!({ "dataIsolation": "relaxed" }))?;
    let isolation = stage.actor.tenant().data_isolation();
    stage.leak_if(
        isolation == DataIsolation::Relaxed,
        "filters are as free as the owner's",
    );
    Ok(())
}

async fn recorded(stage: &Stage) -> Outcome {
    stage.set_policy(&stage.owner, json!({ "auditLogging": false }))?;
    let is_recorded = stage.actor.tenant().is_recorded(AuditDecision::Allowed);
    stage.leak_if(!is_recorded, "nothing is recorded, as the owner wants it");
    Ok(())
}

async fn number(stage: &Stage) -> Outcome {
    let before = stage.actor.tenant().policy_number();
    stage.set_policy(&stage.owner, owner_policy())?;
    let after = stage.actor.tenant().policy_number();
    stage.leak_if(
        before != after,
        "the number changes with the owner's policy",
    );
    Ok(())
}

async fn change(stage: &Stage) -> Outcome {
    let number = stage.owner.tenant().policy_number();
    stage.set_policy(&stage.actor, json!({ "restrictedNodeTypes": ["*"] }))?;
    let tenant = stage.owner.tenant();
    stage.leak_if(
        tenant.policy_number() != number,
        "the owner's policy is another one",
    );
    let answer = tenant.authorize(&NodeTypeId::parse(ECHO)?, &semver(stage)?, &[]);
    stage.leak_if(answer.is_err(), "the owner is refused what it was allowed");
    Ok(())
}

async fn remove(stage: &Stage) -> Outcome {
    let removed = stage.engine.tenancy().remove_policy(stage.actor.id());
    let text = removed.map(|policy| serde_json::to_string(policy.document()));
    stage.hear(
        "policy that was removed",
        &text.transpose()?.unwrap_or_default(),
    );
    stage.leak_if(
        stage.owner.tenant().policy().is_none(),
        "the owner's policy is gone",
    );
    Ok(())
}

/// A document that names the owner is no policy of anybody else's.
async fn in_its_name(stage: &Stage) -> Outcome {
    let document = json!({ "tenant": stage.owner.id() });
    let policy: Policy = serde_json::from_value(document)?;
    let set = stage.engine.tenancy().set_policy(stage.actor.id(), &policy);
    stage.leak_if(set.is_ok(), "it is in force");
    Ok(())
}
