use std::collections::hash_map::Entry;
use std::num::NonZeroU32;
use std::sync::{Arc, Weak};

use jackfield_types::{Quotas, TenantId};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::gate::Gate;
use super::limits::Resource;
use super::state::{AdmissionState, Load};
use super::tenant::{Admitted, TenantAdmission};

/// How much the whole instance runs at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AdmissionLimits {
    /// Executions; nothing: no bound.
    pub executions: Option<NonZeroU32>,
    /// Calls of nodes; nothing: no bound.
    pub calls: Option<NonZeroU32>,
}

/// Who may begin what, over all tenants. Clones are the same.
#[derive(Debug, Clone)]
pub struct Admission(Arc<Instance>);

#[derive(Debug)]
pub(super) struct Instance {
    /// The gates that all tenants share: of what the instance has only so much of.
    executions: Option<Arc<Gate>>,
    calls: Option<Arc<Gate>>,
    tenants: Mutex<FxHashMap<TenantId, Weak<Admitted>>>,
}

impl Admission {
    /// Makes one that nobody has asked yet.
    pub fn new(limits: AdmissionLimits) -> Self {
        let gate = |resource, capacity: Option<NonZeroU32>| {
            capacity.map(|capacity| Arc::new(Gate::new(resource, Some(capacity))))
        };
        Self(Arc::new(Instance {
            executions: gate(Resource::Executions, limits.executions),
            calls: gate(Resource::Calls, limits.calls),
            tenants: Mutex::default(),
        }))
    }

    /// A tenant's part, with these quotas from now on.
    ///
    /// However often it is asked for, a tenant has one part only, which goes away with the last
    /// handle, permit and waiter. Tokens that were used are forgotten with it.
    pub fn tenant(&self, id: &TenantId, quotas: &Quotas) -> TenantAdmission {
        let mut tenants = self.0.tenants.lock();
        let known = tenants.get(id).and_then(Weak::upgrade);
        if let Some(known) = known {
            drop(tenants);
            let known = TenantAdmission::new(known);
            known.set_quotas(quotas);
            return known;
        }
        let new = Arc::new(Admitted::new(&self.0, id, quotas));
        tenants.insert(id.clone(), Arc::downgrade(&new));
        drop(tenants);
        TenantAdmission::new(new)
    }

    /// What all tenants use, of what the instance has only so much of.
    pub fn state(&self) -> AdmissionState {
        let total = |gate: &Option<Arc<Gate>>| gate.as_ref().map_or(Load::default(), |g| g.total());
        AdmissionState {
            executions: total(&self.0.executions),
            calls: total(&self.0.calls),
        }
    }

    /// How many tenants have a part.
    pub fn tenants(&self) -> usize {
        self.0.tenants.lock().len()
    }
}

impl Instance {
    /// The gate for a resource: the instance's, or a new one if it has as much of it as is wanted.
    pub(super) fn gate(&self, resource: Resource) -> Arc<Gate> {
        let shared = match resource {
            Resource::Executions => &self.executions,
            Resource::Calls => &self.calls,
        };
        match shared {
            Some(gate) => Arc::clone(gate),
            None => Arc::new(Gate::new(resource, None)),
        }
    }

    /// Forgets a tenant whom nobody holds any longer.
    pub(super) fn forget(&self, id: &TenantId) {
        if let Entry::Occupied(tenant) = self.tenants.lock().entry(id.clone())
            && tenant.get().strong_count() == 0
        {
            tenant.remove();
        }
    }
}
