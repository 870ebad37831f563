//! How much a plugin may use, and the meter that counts it.

use std::time::Duration;

use jackfield_registry::discovery::PluginLimits;
use jackfield_types::{ByteSize, PluginQuota, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasmtime::ResourceLimiter;

use crate::breach::Breach;

/// The most elements of all tables of an instance together.
const TABLE_ELEMENTS: usize = 200_000;

/// The most core instances, memories and tables that a component may be made of. A Python guest has
/// about 40 instances.
const MOST_PARTS: usize = 200;

/// How much a plugin may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Limits {
    /// The memory of one instance, all its linear memories together.
    pub memory: ByteSize,
    /// How long one call may take, waiting included.
    pub time: Span,
    /// The most that one call may give, as JSON; also the most that it may hand to the host at
    /// once, such as the body of a request.
    pub output: ByteSize,
    /// How often one call may ask the host for something.
    pub host_calls: u32,
    /// How many calls of one tenant may run at once.
    pub instances: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: ByteSize::mib(64),
            time: Span::from_millis(10_000),
            output: ByteSize::mib(8),
            host_calls: 10_000,
            instances: 16,
        }
    }
}

impl Limits {
    /// The most that a host gives when nobody says otherwise.
    pub fn generous() -> Self {
        Self {
            memory: ByteSize::mib(512),
            time: Span::from_millis(300_000),
            output: ByteSize::mib(64),
            host_calls: 1_000_000,
            instances: 64,
        }
    }

    /// What a plugin asks for where it asks, what the tenant's policy says where it does not, these
    /// limits where neither says anything; never more than the policy or `most`.
    #[must_use]
    pub fn asked(&self, asked: &PluginLimits, quota: &PluginQuota, most: &Self) -> Self {
        Self {
            memory: settled(asked.memory, quota.memory, self.memory, most.memory),
            time: settled(asked.time, quota.time, self.time, most.time),
            output: settled(asked.output, quota.output, self.output, most.output),
            host_calls: settled(
                asked.host_calls,
                quota.host_calls,
                self.host_calls,
                most.host_calls,
            ),
            instances: settled(
                asked.instances,
                quota.instances,
                self.instances,
                most.instances,
            )
            .max(1),
        }
    }

    pub(crate) fn time(&self) -> Duration {
        self.time.into()
    }

    pub(crate) fn output_bytes(&self) -> usize {
        usize::try_from(self.output.as_u64()).unwrap_or(usize::MAX)
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        usize::try_from(self.memory.as_u64()).unwrap_or(usize::MAX)
    }
}

fn settled<T: Ord + Copy>(asked: Option<T>, quota: Option<T>, usual: T, most: T) -> T {
    let wanted = asked.or(quota).unwrap_or(usual).min(most);
    quota.map_or(wanted, |quota| wanted.min(quota))
}

/// Counts the memory of one instance: all of its linear memories together, and all of its tables.
pub(crate) struct Meter {
    limit: usize,
    memory: usize,
    tables: usize,
}

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            limit: limits.memory_bytes(),
            memory: 0,
            tables: 0,
        }
    }

    /// Sets what counts from now on. What there is already stays.
    pub(crate) fn limit(&mut self, limits: &Limits) {
        self.limit = limits.memory_bytes();
    }

    /// How many bytes of linear memory there are.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // A memory that says itself how large it may become is told so the ordinary way.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let more = desired.saturating_sub(current);
        let memory = self.memory.saturating_add(more);
        if memory > self.limit {
            let limit = ByteSize::bytes(u64::try_from(self.limit).unwrap_or(u64::MAX));
            return Err(Breach::Memory { limit }.into());
        }
        self.memory = memory;
        Ok(true)
    }

    /// Ends the call: a guest that is told -1 panics as a rule, and nobody learns why. Nothing is
    /// taken off the count: the runtime reports growth here too that it never asked about.
    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        Err(Breach::Growth.into())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let tables = self.tables.saturating_add(desired.saturating_sub(current));
        if tables > TABLE_ELEMENTS {
            let limit = TABLE_ELEMENTS;
            return Err(Breach::Tables { limit }.into());
        }
        self.tables = tables;
        Ok(true)
    }

    fn instances(&self) -> usize {
        MOST_PARTS
    }

    fn tables(&self) -> usize {
        MOST_PARTS
    }

    fn memories(&self) -> usize {
        MOST_PARTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_gets_what_it_asks_for_but_never_more_than_the_host_gives() {
        let asked = PluginLimits {
            memory: Some(ByteSize::mib(4_096)),
            time: Some(Span::from_millis(20)),
            instances: Some(0),
            ..PluginLimits::default()
        };
        let none = PluginQuota::default();
        let limits = Limits::default().asked(&asked, &none, &Limits::generous());
        assert_eq!(limits.memory, Limits::generous().memory);
        assert_eq!(limits.time, Span::from_millis(20));
        assert_eq!(limits.output, Limits::default().output);
        assert_eq!(limits.instances, 1);
    }

    #[test]
    fn a_policy_says_what_a_plugin_has_that_asks_for_nothing_and_the_most_of_one_that_does() {
        let quota = PluginQuota {
            memory: Some(ByteSize::mib(128)),
            output: Some(ByteSize::mib(4_096)),
            ..PluginQuota::default()
        };
        for (asked, given) in [(None, 128), (Some(32), 32), (Some(256), 128)] {
            let asked = PluginLimits {
                memory: asked.map(ByteSize::mib),
                ..PluginLimits::default()
            };
            let limits = Limits::default().asked(&asked, &quota, &Limits::generous());
            assert_eq!(limits.memory, ByteSize::mib(given));
            assert_eq!(limits.output, Limits::generous().output);
            assert_eq!(limits.time, Limits::default().time);
        }
    }

    #[test]
    fn memories_are_counted_together_and_nothing_is_taken_off() {
        let limits = Limits {
            memory: ByteSize::bytes(100),
            ..Limits::default()
        };
        let mut meter = Meter::new(&limits);
        assert!(meter.memory_growing(0, 60, None).unwrap());
        assert!(!meter.memory_growing(60, 90, Some(80)).unwrap());
        let error = meter
            .memory_grow_failed(wasmtime::Error::msg("no memory"))
            .unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Breach::Growth));
        assert_eq!(meter.memory(), 60);
        assert!(meter.memory_growing(0, 40, None).unwrap());
        let error = meter.memory_growing(0, 1, None).unwrap_err();
        let limit = ByteSize::bytes(100);
        assert_eq!(error.downcast_ref(), Some(&Breach::Memory { limit }));
    }
}
