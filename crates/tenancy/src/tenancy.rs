//! The policies in force, and the handles of tenants.

mod read;

use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use jackfield_definition::{Diagnostic, Diagnostics};
use jackfield_types::{DataIsolation, ErrorCode, OutputFilter, Policy, Quotas, TenantId};
use parking_lot::Mutex;

use crate::admission::{Admission, TenantAdmission};
use crate::audit::{AuditAction, AuditEntry, AuditLog, TenantAudit};
use crate::policy::{LoadedPolicies, PolicyFolderError, PolicyReader, Refusal, TenantPolicy};
use crate::policy_source::PolicySource;
use crate::redaction::RedactionRules;
use crate::secrets::SecretSource;
use crate::tenancy_builder::TenancyBuilder;
use crate::tenant::{Tenant, TenantState};

/// Knows the policies in force and gives the handles of tenants. It is cheap to clone; all clones
/// are the same.
#[derive(Clone)]
pub struct Tenancy(Arc<Shared>);

/// What all tenants share, and no tenant: handles keep it, so it must not keep them.
pub(crate) struct Settings {
    /// What holds for tenants without a policy.
    pub(crate) without_policy: Result<Arc<str>, Refusal>,
    pub(crate) open_quotas: Arc<Quotas>,
    pub(crate) open_isolation: DataIsolation,
    pub(crate) secrets: Option<Arc<dyn SecretSource>>,
    pub(crate) policies: Option<Arc<dyn PolicySource>>,
    pub(crate) redaction: InstanceRedaction,
    pub(crate) admission: Admission,
    pub(crate) audit: Option<AuditLog>,
    pub(crate) last_number: AtomicU64,
}

/// What is taken out for every tenant, policy or not.
#[derive(Default)]
pub(crate) struct InstanceRedaction {
    pub(crate) filters: Vec<OutputFilter>,
    pub(crate) patterns: Vec<String>,
    /// Compiled, if there is something to take out.
    pub(crate) rules: Option<Arc<RedactionRules>>,
}

/// The tenants that are known.
pub(crate) struct Shared {
    settings: Arc<Settings>,
    /// Held while policies change, so that the audit trail has the changes in their order.
    changes: Mutex<()>,
    /// Never locked while a handle is dropped: the last one of a tenant takes the lock itself.
    tenants: Mutex<HashMap<TenantId, Entry>>,
}

/// A tenant that somebody has a handle of, or that has a policy.
struct Entry {
    state: Weak<TenantState>,
    /// Kept as long as it has a policy.
    kept: Option<Arc<TenantState>>,
    /// Where the policy came from.
    origin: Origin,
}

/// Where a policy came from. Only there it is removed or replaced by what is read.
#[derive(PartialEq, Eq)]
enum Origin {
    Caller,
    Folder(PathBuf),
    /// The [`PolicySource`].
    Source,
}

impl Settings {
    pub(crate) fn decide_without_policy(&self) -> Result<&Arc<str>, Refusal> {
        self.without_policy.as_ref().map_err(Clone::clone)
    }

    pub(crate) fn open_quotas(&self) -> &Arc<Quotas> {
        &self.open_quotas
    }

    pub(crate) fn open_isolation(&self) -> DataIsolation {
        self.open_isolation
    }

    /// What is taken out for tenants without a policy; nothing when there is nothing to do.
    pub(crate) fn open_redaction(&self) -> Option<&Arc<RedactionRules>> {
        self.redaction.rules.as_ref()
    }

    /// Gives a policy what the instance adds to every one.
    fn complete(&self, policy: &mut TenantPolicy) -> Result<(), Diagnostics> {
        let InstanceRedaction {
            filters,
            patterns,
            rules,
        } = &self.redaction;
        if rules.is_none() {
            return Ok(());
        }
        policy.add_redaction(filters, patterns).map_err(|error| {
            let findings = error.problems.into_iter().map(|problem| {
                let message = format!("{} (with those of the instance)", problem.message);
                Diagnostic::new(ErrorCode::INVALID_POLICY, message)
                    .at(problem.place.to_string())
                    .with_hint(problem.hint)
            });
            Diagnostics::collect(findings, None)
        })
    }

    pub(crate) fn secrets(&self) -> Option<&Arc<dyn SecretSource>> {
        self.secrets.as_ref()
    }

    pub(crate) fn admission(&self, id: &TenantId) -> TenantAdmission {
        self.admission.tenant(id, &self.open_quotas)
    }

    pub(crate) fn audit(&self, id: &TenantId) -> Option<TenantAudit> {
        self.audit.as_ref().map(|log| log.tenant(id))
    }

    fn next_number(&self) -> u64 {
        self.last_number.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Shared {
    /// Takes a tenant out that nobody has a handle of any more.
    pub(crate) fn forget(&self, id: &TenantId) {
        let mut tenants = self.tenants.lock();
        if let Some(entry) = tenants.get(id)
            && entry.state.strong_count() == 0
        {
            tenants.remove(id);
        }
    }
}

/// The state of a tenant, made anew when nobody has it.
fn state(
    shared: &Arc<Shared>,
    tenants: &mut HashMap<TenantId, Entry>,
    id: &TenantId,
) -> Arc<TenantState> {
    let fresh = || Arc::new(TenantState::new(id.clone(), &shared.settings, shared));
    match tenants.entry(id.clone()) {
        MapEntry::Occupied(mut entry) => entry.get().state.upgrade().unwrap_or_else(|| {
            let state = fresh();
            entry.get_mut().state = Arc::downgrade(&state);
            state
        }),
        MapEntry::Vacant(entry) => {
            let state = fresh();
            entry.insert(Entry {
                state: Arc::downgrade(&state),
                kept: None,
                origin: Origin::Caller,
            });
            state
        }
    }
}

/// What changed for one tenant. It is to be recorded after the lock is released.
struct Change {
    state: Arc<TenantState>,
    old: Option<Arc<TenantPolicy>>,
    new: Option<Arc<TenantPolicy>>,
}

impl Change {
    /// Records the change, whatever the policies say about recording.
    fn record(self) -> Option<Arc<TenantPolicy>> {
        if let Some(audit) = self.state.audit() {
            let (action, policy) = match (&self.new, &self.old) {
                (Some(new), _) => (AuditAction::PolicyChanged, Some(new)),
                (None, old) => (AuditAction::PolicyRemoved, old.as_ref()),
            };
            audit.record(with_digest(action, policy));
        }
        self.old
    }

    /// Records a change that was read from a folder: a first policy only when something is done
    /// under it, so that reading a folder does not write into the trail of every tenant.
    fn record_read(self) {
        match (self.state.audit(), &self.old, &self.new) {
            (Some(audit), None, Some(first)) => {
                audit.precede(with_digest(AuditAction::PolicyInForce, Some(first)));
            }
            _ => drop(self.record()),
        }
    }
}

fn with_digest(action: AuditAction, policy: Option<&Arc<TenantPolicy>>) -> AuditEntry {
    AuditEntry {
        note: policy.map(|policy| Arc::clone(policy.digest())),
        ..AuditEntry::allowed(action)
    }
}

/// Puts a policy in force.
fn put(
    shared: &Arc<Shared>,
    tenants: &mut HashMap<TenantId, Entry>,
    id: &TenantId,
    policy: Arc<TenantPolicy>,
    origin: Origin,
) -> Change {
    let state = state(shared, tenants, id);
    let old = state.replace(Some(Arc::clone(&policy)), shared.settings.next_number());
    state.bar().open();
    if let Some(entry) = tenants.get_mut(id) {
        entry.kept = Some(Arc::clone(&state));
        entry.origin = origin;
    }
    Change {
        state,
        old,
        new: Some(policy),
    }
}

/// Takes a policy out of force. The state is the caller's to drop, after the lock is released.
fn take(shared: &Shared, tenants: &mut HashMap<TenantId, Entry>, id: &TenantId) -> Option<Change> {
    let entry = tenants.get_mut(id)?;
    let state = entry.kept.take()?;
    entry.origin = Origin::Caller;
    let old = state.replace(None, shared.settings.next_number());
    Some(Change {
        state,
        old,
        new: None,
    })
}

/// Takes a policy out of force that the source is not asked about. If there is a source, what it
/// says of the tenant is not known, and has to be read before the tenant may do anything.
fn remove(
    shared: &Shared,
    tenants: &mut HashMap<TenantId, Entry>,
    id: &TenantId,
) -> Option<Change> {
    let kept = tenants.get(id).and_then(|entry| entry.kept.as_ref());
    if let (Some(state), Some(_)) = (kept, &shared.settings.policies) {
        // First of all, so that the tenant is at no moment without both.
        state.bar().close_unread();
    }
    take(shared, tenants, id)
}

impl Tenancy {
    pub(crate) fn new(settings: Settings) -> Self {
        Self(Arc::new(Shared {
            settings: Arc::new(settings),
            changes: Mutex::new(()),
            tenants: Mutex::new(HashMap::new()),
        }))
    }

    /// Begins a tenancy.
    pub fn builder() -> TenancyBuilder {
        TenancyBuilder::default()
    }

    /// A tenancy without policies, in which everybody may do everything.
    pub fn open() -> Self {
        Self::builder().build()
    }

    /// The handle of a tenant, whether it has a policy or not.
    pub fn tenant(&self, id: &TenantId) -> Tenant {
        Tenant(state(&self.0, &mut self.0.tenants.lock(), id))
    }

    /// Puts a policy in force, at once and for all handles, and gives the one before. Where policies
    /// are read from a source, too, the source is not asked about the tenant as long as this one
    /// stands.
    ///
    /// # Errors
    /// All findings about the policy, when one of them is an error. Nothing has changed then.
    pub fn set_policy(
        &self,
        id: &TenantId,
        policy: &Policy,
    ) -> Result<Option<Arc<TenantPolicy>>, Diagnostics> {
        if let Some(named) = policy.tenant.as_ref().filter(|named| *named != id) {
            let message = format!("the policy is of tenant `{named}`, not of `{id}`");
            let finding = Diagnostic::new(ErrorCode::INVALID_POLICY, message)
                .at("/tenant")
                .with_hint("leave `tenant` out, or name the tenant whose policy it is");
            return Err(Diagnostics::collect([finding], None));
        }
        let mut compiled = TenantPolicy::compile(policy)?;
        self.0.settings.complete(&mut compiled)?;
        let compiled = Arc::new(compiled);
        let _changes = self.0.changes.lock();
        let change = put(
            &self.0,
            &mut self.0.tenants.lock(),
            id,
            compiled,
            Origin::Caller,
        );
        Ok(change.record())
    }

    /// Takes a policy out of force and gives it. From then on the tenant is one without a policy, or,
    /// where policies are read from a source, one whose policy has not been read yet.
    pub fn remove_policy(&self, id: &TenantId) -> Option<Arc<TenantPolicy>> {
        let _changes = self.0.changes.lock();
        let change = remove(&self.0, &mut self.0.tenants.lock(), id);
        change.and_then(Change::record)
    }

    /// Puts the policies of a folder in force: a document for each tenant, `NAME.json` or
    /// `NAME.toml`. Policies that came from the same folder before and are not there any more are
    /// taken out of force; those that were set otherwise stay, unless the folder has another one
    /// for the tenant. What is said of sources at [`set_policy`](Self::set_policy) and
    /// [`remove_policy`](Self::remove_policy) holds here, too.
    ///
    /// # Errors
    /// A [`PolicyFolderError`], with all findings about all documents when they can be read; also
    /// when all policies of the folder are gone at once. Nothing has changed then.
    pub fn load_folder(&self, folder: &Path) -> Result<LoadedPolicies, PolicyFolderError> {
        self.load_folder_with(folder, &PolicyReader::new())
    }

    /// Does what [`Tenancy::load_folder`] does, with a reader that knows more.
    ///
    /// # Errors
    /// A [`PolicyFolderError`] with all findings about all documents. Nothing has changed then.
    pub fn load_folder_with(
        &self,
        folder: &Path,
        reader: &PolicyReader,
    ) -> Result<LoadedPolicies, PolicyFolderError> {
        // From before anything is read, so that of two loads the later one has the last word.
        let _changes = self.0.changes.lock();
        let mut read = reader.read_folder(folder)?;
        // As it was named, so that a link may lead to another folder the next time.
        let folder = &std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let policies = read.policies.values_mut();
        let wrong: Vec<Diagnostics> = policies
            .filter_map(|policy| self.0.settings.complete(policy).err())
            .collect();
        if !wrong.is_empty() {
            return Err(PolicyFolderError::Invalid {
                path: folder.clone(),
                documents: wrong,
            });
        }
        let mut loaded = LoadedPolicies {
            warnings: read.warnings,
            ..LoadedPolicies::default()
        };
        let mut changes = Vec::new();
        let mut tenants = self.0.tenants.lock();
        let gone: Vec<TenantId> = tenants
            .iter()
            .filter(|(id, entry)| {
                matches!(&entry.origin, Origin::Folder(of) if of == folder)
                    && !read.policies.contains_key(*id)
            })
            .map(|(id, _)| id.clone())
            .collect();
        if read.policies.is_empty() && !gone.is_empty() {
            return Err(PolicyFolderError::Emptied {
                path: folder.clone(),
                in_force: gone.len(),
            });
        }
        for id in gone {
            changes.extend(remove(&self.0, &mut tenants, &id));
            loaded.removed.push(id);
        }
        for (id, policy) in read.policies {
            let in_force = tenants.get(&id).and_then(|entry| entry.kept.as_ref());
            let is_same = in_force
                .and_then(|state| state.policy())
                .is_some_and(|old| old.document() == policy.document());
            if is_same {
                if let Some(entry) = tenants.get_mut(&id) {
                    entry.origin = Origin::Folder(folder.clone());
                }
                loaded.unchanged.push(id);
            } else {
                let origin = Origin::Folder(folder.clone());
                changes.push(put(&self.0, &mut tenants, &id, Arc::new(policy), origin));
                loaded.set.push(id);
            }
        }
        drop(tenants);
        for change in changes {
            change.record_read();
        }
        loaded.removed.sort();
        Ok(loaded)
    }

    /// What all tenants together run and wait for, of what the instance bounds.
    pub fn admission(&self) -> &Admission {
        &self.0.settings.admission
    }

    /// The audit trails, if they are kept.
    pub fn audit(&self) -> Option<&AuditLog> {
        self.0.settings.audit.as_ref()
    }

    /// The policies in force, in the order of their tenants.
    pub fn policies(&self) -> Vec<(TenantId, Arc<TenantPolicy>)> {
        let tenants = self.0.tenants.lock();
        let in_force = tenants.iter().filter_map(|(id, entry)| {
            let policy = entry.kept.as_ref()?.policy()?;
            Some((id.clone(), policy))
        });
        let mut policies: Vec<_> = in_force.collect();
        drop(tenants);
        policies.sort_by(|(one, _), (other, _)| one.cmp(other));
        policies
    }

    /// How many tenants are kept in memory: those with a policy, and those that somebody has a
    /// handle of.
    pub fn tenant_count(&self) -> usize {
        self.0.tenants.lock().len()
    }
}

impl Default for Tenancy {
    fn default() -> Self {
        Self::open()
    }
}

impl fmt::Debug for Tenancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenancy")
            .field("tenants", &self.tenant_count())
            .finish_non_exhaustive()
    }
}
