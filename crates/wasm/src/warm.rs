//! Instances that wait for their next call, of plugins that want theirs to be used again.
//!
//! One serves the tenant that it was made for and no other. There are so many over all plugins, with
//! so much memory; those that waited longest go first, and none waits for ever.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jackfield_types::TenantId;
use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::config::WasmConfig;
use crate::instance::Instance;

/// All instances of a host that wait.
pub(crate) struct WarmInstances {
    queue: Mutex<Queue>,
    most: usize,
    most_memory: usize,
    longest: Duration,
}

#[derive(Default)]
struct Queue {
    /// Those that wait for longest are first.
    waiting: VecDeque<Waiting>,
    /// Lets go of those that wait too long, as long as there are any.
    sweeper: Option<AbortHandle>,
}

struct Waiting {
    plugin: u64,
    tenant: TenantId,
    since: Instant,
    memory: usize,
    instance: Instance,
}

impl WarmInstances {
    pub(crate) fn new(config: &WasmConfig) -> Self {
        let size = config.warm_memory.as_u64();
        Self {
            queue: Mutex::default(),
            most: usize::try_from(config.warm_instances).unwrap_or(usize::MAX),
            most_memory: usize::try_from(size).unwrap_or(usize::MAX),
            longest: config.warm_for.into(),
        }
    }

    /// The instance of a plugin for a tenant that was used last.
    pub(crate) fn take(&self, plugin: u64, tenant: &TenantId) -> Option<Instance> {
        let (taken, stale) = {
            let waiting = &mut self.queue.lock().waiting;
            let stale = stale(waiting, self.longest);
            let at = waiting
                .iter()
                .rposition(|one| one.plugin == plugin && one.tenant == *tenant);
            (at.and_then(|at| waiting.remove(at)), stale)
        };
        drop(stale);
        taken.map(|taken| taken.instance)
    }

    /// Lets an instance wait for its next call.
    pub(crate) fn put(self: &Arc<Self>, plugin: u64, tenant: TenantId, instance: Instance) {
        let gone = {
            let mut queue = self.queue.lock();
            let mut gone = stale(&mut queue.waiting, self.longest);
            queue.waiting.push_back(Waiting {
                plugin,
                tenant,
                since: Instant::now(),
                memory: instance.memory(),
                instance,
            });
            gone.extend(self.excess(&mut queue.waiting));
            self.see_to_it(&mut queue);
            gone
        };
        // Giving memory back takes its time: not under the lock.
        drop(gone);
    }

    /// Lets go of all instances of a plugin.
    pub(crate) fn forget(&self, plugin: u64) {
        let mut queue = self.queue.lock();
        let (gone, kept) = std::mem::take(&mut queue.waiting)
            .into_iter()
            .partition::<VecDeque<_>, _>(|one| one.plugin == plugin);
        queue.waiting = kept;
        drop(queue);
        drop(gone);
    }

    /// What is too much: the oldest, until the rest is not.
    fn excess(&self, waiting: &mut VecDeque<Waiting>) -> Vec<Waiting> {
        let mut count = waiting.len();
        let mut memory: usize = waiting.iter().map(|one| one.memory).sum();
        let is_excess = |one: &&Waiting| {
            let is_too_much = count > self.most || memory > self.most_memory;
            count -= 1;
            memory -= one.memory;
            is_too_much
        };
        let excess = waiting.iter().take_while(is_excess).count();
        waiting.drain(..excess).collect()
    }

    /// Has somebody let go of those that wait too long, also when no call comes any more.
    fn see_to_it(self: &Arc<Self>, queue: &mut Queue) {
        let sweeper = queue.sweeper.as_ref();
        if queue.waiting.is_empty() || sweeper.is_some_and(|sweeper| !sweeper.is_finished()) {
            return;
        }
        let (instances, longest) = (Arc::downgrade(self), self.longest);
        let sweeping = tokio::spawn(async move {
            loop {
                sleep(longest).await;
                match instances.upgrade() {
                    Some(instances) if instances.sweep() => {}
                    Some(_) | None => return,
                }
            }
        });
        queue.sweeper = Some(sweeping.abort_handle());
    }

    /// Lets go of those that wait too long, and says whether there are others.
    fn sweep(&self) -> bool {
        let mut queue = self.queue.lock();
        let gone = stale(&mut queue.waiting, self.longest);
        let are_others = !queue.waiting.is_empty();
        if !are_others {
            // Whoever comes next has another one see to it.
            queue.sweeper = None;
        }
        drop(queue);
        drop(gone);
        are_others
    }
}

impl Drop for WarmInstances {
    fn drop(&mut self) {
        if let Some(sweeper) = &self.queue.get_mut().sweeper {
            sweeper.abort();
        }
    }
}

fn stale(waiting: &mut VecDeque<Waiting>, longest: Duration) -> Vec<Waiting> {
    let count = waiting.partition_point(|one| one.since.elapsed() > longest);
    waiting.drain(..count).collect()
}
