//! What becomes of a policy that was read from a source.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use jackfield_types::TenantId;

use super::{Entry, Origin, Shared, put, state, take};
use crate::policy::TenantPolicy;
use crate::policy_source::PolicySourceError;

/// Whether a policy is in force that came from elsewhere than the source.
fn is_set_otherwise(entry: &Entry) -> bool {
    entry.kept.is_some() && entry.origin != Origin::Source
}

impl Shared {
    /// Whether the source has no say: the tenant has a policy that came from elsewhere.
    pub(crate) fn is_set_otherwise(&self, id: &TenantId) -> bool {
        self.tenants.lock().get(id).is_some_and(is_set_otherwise)
    }

    /// Puts in force what a source says of a tenant's policy, unless that was set otherwise
    /// meanwhile. `began` is when it was asked.
    pub(crate) fn put_read(
        self: &Arc<Self>,
        id: &TenantId,
        began: Instant,
        read: Result<Option<TenantPolicy>, PolicySourceError>,
    ) {
        let read = read.and_then(|policy| {
            let Some(mut policy) = policy else {
                return Ok(None);
            };
            let completed = self.settings.complete(&mut policy);
            completed.map_err(|findings| PolicySourceError::Unreadable {
                reason: findings.to_string(),
            })?;
            Ok(Some(policy))
        });
        let _changes = self.changes.lock();
        // Dropped after the lock is released.
        let state = state(self, &mut self.tenants.lock(), id);
        let mut tenants = self.tenants.lock();
        if tenants.get(id).is_some_and(is_set_otherwise) || !state.bar().note(began) {
            return;
        }
        let change = match read {
            Ok(Some(policy)) => {
                let in_force = state.policy();
                let is_same = in_force.is_some_and(|old| old.document() == policy.document());
                (!is_same).then(|| put(self, &mut tenants, id, Arc::new(policy), Origin::Source))
            }
            Ok(None) => {
                let is_barred = state.bar().check().is_err();
                state.bar().open();
                let change = take(self, &mut tenants, id);
                if change.is_none() && is_barred {
                    state.replace(None, self.settings.next_number());
                }
                change
            }
            Err(PolicySourceError::Unavailable { .. }) if state.is_known() => None,
            Err(PolicySourceError::Unavailable { .. }) if state.bar().is_of_policy() => {
                state.bar().ask_again();
                None
            }
            Err(error) => {
                tracing::warn!(tenant = %id, error = &error as &dyn Error, "the tenant may do nothing");
                // First of all, so that the tenant is at no moment without both.
                let is_passing = matches!(error, PolicySourceError::Unavailable { .. });
                state.bar().close(error);
                if is_passing {
                    state.bar().ask_again();
                }
                let change = take(self, &mut tenants, id);
                if change.is_none() {
                    state.replace(None, self.settings.next_number());
                }
                change
            }
        };
        drop(tenants);
        if let Some(change) = change {
            change.record_read();
        }
    }
}
