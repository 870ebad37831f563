//! What is kept elsewhere than in files: to read the owner's audit trail in a store, to pass it off as
//! one's own, to come under another's policy.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use jackfield_tenancy::{
    AuditAction, AuditEntry, AuditLog, AuditOptions, AuditReader, AuditStore, AuditStoreError,
    PolicySource, PolicySourceError, Tenancy, TenantPolicy, VerifyOptions, has_stored_audit,
    verify_stored_audit,
};
use jackfield_types::{Policy, TenantId};

use super::{Attempt, attempt};
use crate::isolation::stage::{Outcome, Stage, Trouble};

pub(super) const ATTEMPTS: &[Attempt] = &[
    attempt!(
        "read the owner's trail in a store",
        [
            "AuditLog::check",
            "AuditLog::tenant",
            "AuditReader::of_store",
            "AuditStore::append",
            "AuditStore::read",
            "has_stored_audit",
            "verify_stored_audit"
        ],
        trail
    ),
    attempt!(
        "come under the owner's policy",
        [
            "PolicySource::policy",
            "Tenant::refresh_secrets",
            "Tenant::unread_policy"
        ],
        policy
    ),
];

/// What the owner's records say.
const NOTE: &str = "leaks-owner-note";

/// The lines of all tenants, in memory.
#[derive(Default)]
struct Lines(Mutex<HashMap<TenantId, Vec<Vec<u8>>>>);

impl Lines {
    fn of(&self, tenant: &TenantId) -> Vec<Vec<u8>> {
        let trails = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        trails.get(tenant).cloned().unwrap_or_default()
    }
}

impl AuditStore for Lines {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    fn read(
        &self,
        tenant: &TenantId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Vec<u8>>, AuditStoreError> {
        let lines = self.of(tenant).into_iter();
        let after = usize::try_from(after).unwrap_or(usize::MAX);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(lines.skip(after).take(limit).collect())
    }

    fn append(
        &self,
        tenant: &TenantId,
        after: u64,
        lines: Vec<Vec<u8>>,
    ) -> Result<(), AuditStoreError> {
        let mut trails = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let trail = trails.entry(tenant.clone()).or_default();
        if usize::try_from(after).ok() != Some(trail.len()) {
            return Err(AuditStoreError::OutOfTurn);
        }
        trail.extend(lines);
        Ok(())
    }
}

async fn trail(stage: &Stage) -> Outcome {
    let (owner, actor) = (stage.owner.id(), stage.actor.id());
    let lines = Arc::new(Lines::default());
    let store: Arc<dyn AuditStore> = Arc::clone(&lines) as Arc<dyn AuditStore>;
    let options = AuditOptions::default();
    let log = AuditLog::open_in(Arc::clone(&store), None, options.clone())?;
    log.tenant(owner).record(AuditEntry {
        note: Some(NOTE.into()),
        ..AuditEntry::allowed(AuditAction::ExecutionStarted)
    });
    log.flush()?;
    if !has_stored_audit(&*store, owner)? {
        return Err(Trouble("the owner has no trail in the store".to_owned()));
    }
    log.check(actor, &options)?;
    stage.leak_if(
        has_stored_audit(&*store, actor)?,
        "the owner's trail is there for the actor",
    );
    let hear = |from: &str| -> Outcome {
        for record in AuditReader::of_store(Arc::clone(&store), actor) {
            match record {
                Ok(record) => stage.hear(from, &serde_json::to_string(&record)?),
                Err(error) => stage.hear(from, &error.to_string()),
            }
        }
        Ok(())
    };
    hear("trail in the store")?;
    stage.leak_if(
        verify_stored_audit(&store, actor, &VerifyOptions::default()).is_ok(),
        "a trail is verified that is not the actor's",
    );
    if owner == actor {
        return Ok(());
    }
    // Copied under another name, it is still the owner's.
    let copied = store.append(actor, 0, lines.of(owner));
    copied.map_err(|error| Trouble(error.to_string()))?;
    hear("copied trail in the store")?;
    let verified = verify_stored_audit(&store, actor, &VerifyOptions::default())?;
    stage.leak_if(
        verified.is_sound(),
        "a copied trail is taken for the actor's",
    );
    Ok(())
}

/// The policy of the owner; others have none.
struct OwnersPolicy(TenantId);

impl PolicySource for OwnersPolicy {
    fn policy<'a>(
        &'a self,
        tenant: &'a TenantId,
    ) -> BoxFuture<'a, Result<Option<TenantPolicy>, PolicySourceError>> {
        Box::pin(async move {
            if *tenant != self.0 {
                return Ok(None);
            }
            let policy = Policy {
                description: Some(NOTE.to_owned()),
                blocked_users: vec!["*".to_owned()],
                ..Policy::default()
            };
            let compiled = TenantPolicy::compile(&policy);
            compiled
                .map(Some)
                .map_err(|findings| PolicySourceError::Unreadable {
                    reason: findings.to_string(),
                })
        })
    }
}

async fn policy(stage: &Stage) -> Outcome {
    let (owner, actor) = (stage.owner.id(), stage.actor.id());
    let source = OwnersPolicy(owner.clone());
    let tenancy = Tenancy::builder().policies(source).build();
    let (owner, actor) = (tenancy.tenant(owner), tenancy.tenant(actor));
    stage.leak_if(
        actor.authorize_user(None).is_ok(),
        "the actor may act before it is known what it may do",
    );
    if let Some(refresh) = owner.refresh_secrets() {
        refresh.await;
    }
    if owner.policy().is_none() || owner.unread_policy().is_some() {
        return Err(Trouble("the owner has no policy".to_owned()));
    }
    let unread = actor.unread_policy();
    stage.leak_if(
        unread.is_none(),
        "the owner's policy is taken for what is known of the actor",
    );
    if let Some(said) = unread {
        stage.hear("why it may do nothing yet", &said.to_string());
    }
    if let Some(refresh) = actor.refresh_secrets() {
        refresh.await;
    }
    if let Some(policy) = actor.policy() {
        let document = serde_json::to_string(policy.document())?;
        stage.hear("policy", &document);
        stage.leak_if(true, "the actor has the owner's policy");
    }
    stage.leak_if(
        actor.authorize_user(None).is_err(),
        "the owner's policy decides for the actor",
    );
    Ok(())
}
