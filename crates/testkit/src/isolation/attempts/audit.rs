//! The audit trail: to read, count, verify, write into, pass off as one's own.

use std::fs;
use std::path::Path;

use jackfield_tenancy::{
    AuditAction, AuditEntry, AuditLog, AuditReader, VerifyOptions, verify_audit,
};
use jackfield_types::TenantId;
use serde_json::json;

use super::{Attempt, attempt};
use crate::isolation::probes::{ECHO, KEPT};
use crate::isolation::stage::{Outcome, Stage, Trouble, document, node, plan};

pub(super) const ATTEMPTS: &[Attempt] = &[
    attempt!(
        "read the audit trail",
        [
            "TenantEngine::audit_log",
            "Tenant::audit",
            "TenantAudit::read",
            "TenantAudit::tenant",
            "AuditReader::open",
            "AuditLog::tenant"
        ],
        read
    ),
    attempt!(
        "count the owner's records",
        ["TenantEngine::audit_log", "verify_audit"],
        count
    ),
    attempt!(
        "write into the owner's trail",
        ["Tenant::record", "TenantAudit::record"],
        write
    ),
    attempt!(
        "pass the owner's trail off as one's own",
        ["AuditReader::open", "verify_audit"],
        pass_off
    ),
];

fn log(stage: &Stage) -> Result<&AuditLog, Trouble> {
    let log = stage.engine.tenancy().audit();
    log.ok_or_else(|| Trouble("the engine has another audit log, or none".to_owned()))
}

fn folder(log: &AuditLog) -> Result<&Path, Trouble> {
    let folder = log.folder();
    folder.ok_or_else(|| Trouble("the audit trails are in no folder".to_owned()))
}

/// Has the owner leave records of all kinds.
async fn leave_records(stage: &Stage) -> Outcome {
    stage.own(ECHO, json!({})).await?;
    let nodes = [node("leaks-owner-node", KEPT, json!({}))];
    let refused = plan(
        &stage.owner,
        &document("leaks-owner-refused", &nodes, json!({})),
    )?;
    if refused.is_ok() {
        return Err(Trouble("the owner is refused nothing".to_owned()));
    }
    log(stage)?.flush()?;
    Ok(())
}

fn hear_trail(stage: &Stage, from: &str, trail: AuditReader) -> Outcome {
    for record in trail {
        match record {
            Ok(record) => stage.hear(from, &serde_json::to_string(&record)?),
            Err(error) => stage.hear(from, &error.to_string()),
        }
    }
    Ok(())
}

async fn read(stage: &Stage) -> Outcome {
    leave_records(stage).await?;
    let trail = stage.actor.audit_log()?;
    let trail = trail.ok_or_else(|| Trouble("there is no trail".to_owned()))?;
    hear_trail(stage, "audit log", trail)?;
    if let Some(audit) = stage.actor.tenant().audit() {
        stage.leak_if(
            audit.tenant() == stage.owner.id(),
            "the trail is the owner's",
        );
        hear_trail(stage, "trail of the handle", audit.read()?)?;
    }
    let log = log(stage)?;
    let actor = stage.actor.id();
    hear_trail(stage, "trail of the log", log.tenant(actor).read()?)?;
    hear_trail(
        stage,
        "trail in the folder",
        AuditReader::open(folder(log)?, actor)?,
    )
}

fn lines(stage: &Stage, tenant: &TenantId) -> Result<u64, Trouble> {
    let log = log(stage)?;
    log.flush()?;
    Ok(verify_audit(folder(log)?, tenant, &VerifyOptions::default())?.lines)
}

async fn count(stage: &Stage) -> Outcome {
    let before = lines(stage, stage.actor.id())?;
    leave_records(stage).await?;
    let after = lines(stage, stage.actor.id())?;
    stage.leak_if(
        after != before,
        format_args!("{} records are known of", after - before),
    );
    Ok(())
}

async fn write(stage: &Stage) -> Outcome {
    let entry = || AuditEntry::allowed(AuditAction::ExecutionStarted);
    // What was to come before it comes now.
    stage.owner.tenant().record(entry());
    let before = lines(stage, stage.owner.id())?;
    stage.actor.tenant().record(entry());
    if let Some(audit) = stage.actor.tenant().audit() {
        audit.record(entry());
    }
    stage.owner.tenant().record(entry());
    let own = 1;
    stage.leak_if(
        lines(stage, stage.owner.id())? != before + own,
        "the owner's trail has records of somebody else",
    );
    Ok(())
}

/// Copies the owner's files under another name: they are still the owner's.
async fn pass_off(stage: &Stage) -> Outcome {
    leave_records(stage).await?;
    let folder = folder(log(stage)?)?;
    let copies = stage.folder.path().join("copies");
    fs::create_dir(&copies)?;
    let (owner, actor) = (stage.owner.id(), stage.actor.id());
    for file in fs::read_dir(folder)? {
        let name = file?.file_name();
        let name = name.to_string_lossy();
        if let Some(kind) = name.strip_prefix(owner.as_str()) {
            fs::copy(folder.join(&*name), copies.join(format!("{actor}{kind}")))?;
        }
    }
    read_copies(stage, &copies)
}

fn read_copies(stage: &Stage, copies: &Path) -> Outcome {
    let actor = stage.actor.id();
    let records = AuditReader::open(copies, actor)?.filter_map(Result::ok);
    for record in records {
        stage.hear("copied trail", &serde_json::to_string(&record)?);
    }
    let verified = verify_audit(copies, actor, &VerifyOptions::default());
    let is_sound = verified.is_ok_and(|verified| verified.is_sound());
    stage.leak_if(is_sound, "the owner's trail is sound as another one's");
    Ok(())
}
