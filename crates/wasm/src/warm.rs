//! Instances that wait for their next call, of plugins that want theirs to be used again.
//!
//! One serves the tenant that it was made for and no other. There are so many over all plugins;
//! those that waited longest go first, and none waits for ever.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jackfield_types::TenantId;
use parking_lot::Mutex;

use crate::instance::Instance;

/// All instances of a host that wait.
pub(crate) struct WarmInstances {
    waiting: Mutex<VecDeque<Waiting>>,
    most: usize,
    longest: Duration,
}

struct Waiting {
    plugin: u64,
    tenant: TenantId,
    since: Instant,
    instance: Instance,
}

impl WarmInstances {
    pub(crate) fn new(most: usize, longest: Duration) -> Self {
        Self {
            waiting: Mutex::default(),
            most,
            longest,
        }
    }

    /// The instance of a plugin for a tenant that was used last.
    pub(crate) fn take(&self, plugin: u64, tenant: &TenantId) -> Option<Instance> {
        let (taken, stale) = {
            let mut waiting = self.waiting.lock();
            let stale = stale(&mut waiting, self.longest);
            let at = waiting
                .iter()
                .rposition(|one| one.plugin == plugin && one.tenant == *tenant);
            (at.and_then(|at| waiting.remove(at)), stale)
        };
        drop(stale);
        taken.map(|taken| taken.instance)
    }

    /// Lets an instance wait for its next call.
    pub(crate) fn put(&self, plugin: u64, tenant: TenantId, instance: Instance) {
        let gone = {
            let mut waiting = self.waiting.lock();
            let mut gone = stale(&mut waiting, self.longest);
            waiting.push_back(Waiting {
                plugin,
                tenant,
                since: Instant::now(),
                instance,
            });
            let excess = waiting.len().saturating_sub(self.most);
            gone.extend(waiting.drain(..excess));
            gone
        };
        // Giving memory back takes its time: not under the lock.
        drop(gone);
    }

    /// Lets go of all instances of a plugin.
    pub(crate) fn forget(&self, plugin: u64) {
        let mut waiting = self.waiting.lock();
        let (gone, kept) = std::mem::take(&mut *waiting)
            .into_iter()
            .partition::<VecDeque<_>, _>(|one| one.plugin == plugin);
        *waiting = kept;
        drop(waiting);
        drop(gone);
    }
}

fn stale(waiting: &mut VecDeque<Waiting>, longest: Duration) -> Vec<Waiting> {
    let count = waiting.partition_point(|one| one.since.elapsed() > longest);
    waiting.drain(..count).collect()
}
