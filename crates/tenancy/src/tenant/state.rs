//! What is kept of a tenant as long as somebody has a handle of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use arc_swap::{ArcSwapOption, Guard};
use jackfield_types::TenantId;

use crate::admission::TenantAdmission;
use crate::audit::TenantAudit;
use crate::policy::{Refusal, TenantPolicy};
use crate::policy_source::{Bar, PolicySource};
use crate::tenancy::{Settings, Shared};

pub(crate) struct TenantState {
    pub(super) id: TenantId,
    pub(super) policy: ArcSwapOption<TenantPolicy>,
    pub(super) number: AtomicU64,
    pub(super) admission: TenantAdmission,
    pub(super) audit: Option<TenantAudit>,
    bar: Bar,
    pub(super) settings: Arc<Settings>,
    /// Not kept by it: those with a policy are kept there.
    known: Weak<Shared>,
}

impl TenantState {
    pub(crate) fn new(id: TenantId, settings: &Arc<Settings>, known: &Arc<Shared>) -> Self {
        Self {
            policy: ArcSwapOption::empty(),
            number: AtomicU64::new(0),
            admission: settings.admission(&id),
            audit: settings.audit(&id),
            bar: Bar::new(settings.policies.as_ref()),
            id,
            settings: Arc::clone(settings),
            known: Arc::downgrade(known),
        }
    }

    /// Puts a policy in force, or takes it out of force, and gives the one before.
    pub(crate) fn replace(
        &self,
        policy: Option<Arc<TenantPolicy>>,
        number: u64,
    ) -> Option<Arc<TenantPolicy>> {
        let quotas = match &policy {
            Some(policy) => policy.quotas(),
            None => self.settings.open_quotas(),
        };
        self.admission.set_quotas(quotas);
        let old = self.policy.swap(policy);
        // After the policy: whoever sees the new number sees the new policy.
        self.number.store(number, Ordering::Release);
        old
    }

    pub(crate) fn policy(&self) -> Option<Arc<TenantPolicy>> {
        self.policy.load_full()
    }

    pub(crate) fn audit(&self) -> Option<&TenantAudit> {
        self.audit.as_ref()
    }

    pub(crate) fn bar(&self) -> &Bar {
        &self.bar
    }

    pub(crate) fn policies(&self) -> Option<&Arc<dyn PolicySource>> {
        self.settings.policies.as_ref()
    }

    pub(crate) fn known(&self) -> Option<Arc<Shared>> {
        self.known.upgrade()
    }

    /// Whether there is a policy in force, or it is known that there is none.
    pub(crate) fn is_known(&self) -> bool {
        self.policy.load().is_some() || self.bar.check().is_ok()
    }

    /// The policy that is in force; nothing for a tenant without one.
    ///
    /// # Errors
    /// The [`Refusal`] when its policy is not known.
    pub(super) fn in_force(&self) -> Result<Guard<Option<Arc<TenantPolicy>>>, Refusal> {
        loop {
            let number = self.number.load(Ordering::Acquire);
            let policy = self.policy.load();
            if policy.is_some() {
                return Ok(policy);
            }
            self.bar.check()?;
            // The bar is opened after a policy has come into force and has its number: that it is
            // open says nothing of a policy that was looked for before.
            if self.number.load(Ordering::Acquire) == number {
                return Ok(policy);
            }
        }
    }

    pub(super) fn decide_without_policy(&self) -> Result<&Arc<str>, Refusal> {
        self.settings.decide_without_policy()
    }
}

impl Drop for TenantState {
    fn drop(&mut self) {
        if let Some(known) = self.known.upgrade() {
            known.forget(&self.id);
        }
    }
}
