//! Executors that trap again and again are called no more.
//!
//! A run of traps is counted for each tenant by itself: what one tenant's data does to an executor
//! must not take it away from the others. As long as nothing ever trapped, a call pays for one look
//! at a flag.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::atomic::Ordering;

use jackfield_plugin_api::NodeError;
use jackfield_types::{ErrorCode, NodeTypeId, TenantId};
use parking_lot::Mutex;
use semver::Version;
use serde::Serialize;

use crate::{Registration, Registry};

/// How many tenants' runs of traps are told apart, for each registration. The others count
/// together: an executor that traps for so many does so for everybody.
const MOST_TENANTS: usize = 1_000;

/// An executor that is called no more until it is released or registered anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Quarantine {
    /// The node type.
    pub node_type: NodeTypeId,
    /// Its version.
    pub version: Version,
    /// For whom it is not called. `None`: for all tenants that are not named by another entry.
    pub tenant: Option<TenantId>,
    /// How many calls in a row trapped.
    pub traps: u32,
    /// How many calls were refused since.
    pub refused: u64,
}

/// The runs of traps of a registration.
#[derive(Default)]
pub(crate) struct Traps(Mutex<Option<Box<Runs>>>);

#[derive(Default)]
struct Runs {
    by_tenant: BTreeMap<TenantId, Run>,
    others: Run,
}

/// Traps with no success between them.
#[derive(Default)]
struct Run {
    traps: u32,
    /// Whether there were enough of them.
    is_quarantined: bool,
    refused: u64,
}

impl Runs {
    fn of(&mut self, tenant: &TenantId) -> &mut Run {
        if self.by_tenant.contains_key(tenant) || self.by_tenant.len() < MOST_TENANTS {
            self.by_tenant.entry(tenant.clone()).or_default()
        } else {
            &mut self.others
        }
    }

    fn is_empty(&self) -> bool {
        self.by_tenant.is_empty() && self.others.traps == 0
    }

    fn quarantined(&self) -> impl Iterator<Item = (Option<&TenantId>, &Run)> {
        let named = self
            .by_tenant
            .iter()
            .map(|(tenant, run)| (Some(tenant), run));
        named
            .chain([(None, &self.others)])
            .filter(|(_, run)| run.is_quarantined)
    }
}

impl Registration {
    /// Refuses the call of a tenant that the executor is quarantined for.
    pub(crate) fn refuse_quarantined(&self, tenant: &TenantId) -> Result<(), NodeError> {
        if !self.trapped().load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut traps = self.traps().0.lock();
        let Some(runs) = &mut *traps else {
            return Ok(());
        };
        let run = match runs.by_tenant.get_mut(tenant) {
            Some(run) => run,
            None => &mut runs.others,
        };
        if !run.is_quarantined {
            return Ok(());
        }
        run.refused = run.refused.saturating_add(1);
        let message = format!(
            "node type `{}` {} is quarantined: {} calls in a row trapped; it is called again when \
             it is released or registered anew",
            self.node_type(),
            self.version(),
            run.traps
        );
        Err(NodeError::permanent(ErrorCode::QUARANTINED, message))
    }

    /// Notes how a call of a tenant ended. What neither succeeded nor trapped changes nothing.
    pub(crate) fn note_end(
        &self,
        tenant: &TenantId,
        error: Option<&NodeError>,
        enough: Option<NonZeroU32>,
    ) {
        match (error, enough) {
            (None, _) if self.trapped().load(Ordering::Relaxed) => self.note_success(tenant),
            (Some(error), Some(enough)) if error.code() == ErrorCode::TRAPPED => {
                self.note_trap(tenant, enough);
            }
            (None | Some(_), _) => {}
        }
    }

    fn note_success(&self, tenant: &TenantId) {
        let mut traps = self.traps().0.lock();
        let Some(runs) = &mut *traps else { return };
        match runs.by_tenant.get(tenant) {
            // It began before the trap that was one too many; that one stands.
            Some(run) if run.is_quarantined => {}
            Some(_) => {
                runs.by_tenant.remove(tenant);
            }
            None if runs.others.is_quarantined => {}
            None => runs.others = Run::default(),
        }
        if runs.is_empty() {
            *traps = None;
            self.trapped().store(false, Ordering::Relaxed);
        }
    }

    fn note_trap(&self, tenant: &TenantId, enough: NonZeroU32) {
        let mut traps = self.traps().0.lock();
        self.trapped().store(true, Ordering::Relaxed);
        let run = traps.get_or_insert_default().of(tenant);
        run.traps = run.traps.saturating_add(1);
        if run.traps < enough.get() || run.is_quarantined {
            return;
        }
        run.is_quarantined = true;
        let traps_in_a_row = run.traps;
        drop(traps);
        tracing::warn!(
            target: "registry",
            node_type = %self.node_type(),
            version = %self.version(),
            %tenant,
            traps = traps_in_a_row,
            "executor quarantined"
        );
    }

    /// For whom the executor is quarantined.
    pub(crate) fn quarantines(&self) -> Vec<Quarantine> {
        if !self.trapped().load(Ordering::Relaxed) {
            return Vec::new();
        }
        let traps = self.traps().0.lock();
        let runs = traps.iter().flat_map(|runs| runs.quarantined());
        let quarantine = |(tenant, run): (Option<&TenantId>, &Run)| Quarantine {
            node_type: self.node_type().clone(),
            version: self.version().clone(),
            tenant: tenant.cloned(),
            traps: run.traps,
            refused: run.refused,
        };
        runs.map(quarantine).collect()
    }

    /// Forgets all traps; says for how many the executor was quarantined.
    fn release(&self) -> usize {
        let mut traps = self.traps().0.lock();
        let runs = traps.take();
        self.trapped().store(false, Ordering::Relaxed);
        runs.map_or(0, |runs| runs.quarantined().count())
    }
}

impl Registry {
    /// Lets one version of a node type, or all of them, be called again after they were
    /// quarantined, for all tenants; says how many quarantines were lifted.
    pub fn release(&self, node_type: &str, version: Option<&Version>) -> usize {
        let snapshot = self.snapshot();
        let versions = snapshot.versions(node_type).iter();
        let released = versions
            .filter(|one| version.is_none_or(|version| one.version() == version))
            .map(|one| one.release())
            .sum();
        tracing::debug!(target: "registry", node_type, released, "executors released");
        released
    }
}
