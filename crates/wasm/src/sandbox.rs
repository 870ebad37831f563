//! The engines: how guests are compiled, where their instances live, and what they may import.

use std::num::NonZeroUsize;

use wasmtime::component::{Component, Linker};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
};

use crate::bindings::PluginPre;
use crate::capabilities;
use crate::config::WasmConfig;
use crate::state::PluginState;
use crate::ticker::Ticker;
use crate::turns::DESCRIBING;

/// The stack of a guest. Deeper recursion is a trap.
const GUEST_STACK: usize = 512 << 10;
/// The stack of a call: the guest's, and what the host needs when the guest asks it for something.
const CALL_STACK: usize = 2 << 20;
/// Bytes of a memory that stay mapped when its instance goes, where the kernel can tell which of
/// them were written to. Without that it costs more than it gives.
const KEPT_RESIDENT: usize = 2 << 20;
/// Places whose memory stays mapped after use.
const KEPT_WARM: u32 = 32;
/// Core instances, memories and tables that the largest guest is made of that the pool has room for.
/// There are so many for every place: no guest takes what others need, however it is made.
const INSTANCES: u32 = 64;
const MEMORIES: u32 = 4;
const TABLES: u32 = 8;
/// Elements of a table in the pool.
const TABLE_ELEMENTS: usize = 32_768;
/// The most functions of the guest that a trap names.
const FRAMES: NonZeroUsize = NonZeroUsize::new(16).expect("not zero");

/// An engine, what its guests may import, and its clock.
pub(crate) struct Sandbox {
    engine: Engine,
    linker: Linker<PluginState>,
    ticker: Ticker,
}

/// Where the instances of a sandbox live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Places {
    /// In a pool of places that are used again: what most guests fit into.
    Pooled,
    /// Wherever there is room: for what does not fit into the pool.
    OnDemand,
}

/// How many threads a compilation may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// One, so that the others are left to those who wait for an answer.
    One,
    /// All of them.
    All,
}

impl Sandbox {
    /// Makes an engine.
    ///
    /// # Errors
    /// Those of the runtime, when the machine lacks what it needs: address space, a thread.
    pub(crate) fn new(config: &WasmConfig, places: Places) -> wasmtime::Result<Self> {
        let mut engine = codegen(Threads::One);
        if places == Places::Pooled {
            engine.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(config)));
        }
        let engine = Engine::new(&engine)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        capabilities::add_to_linker(&mut linker)?;
        let ticker = Ticker::start(&engine).map_err(wasmtime::Error::from)?;
        Ok(Self {
            engine,
            linker,
            ticker,
        })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn ticker(&self) -> &Ticker {
        &self.ticker
    }

    /// Links a component to what it imports, once for all of its instances.
    ///
    /// # Errors
    /// Those of the runtime: what it imports and nobody has, what it should export and does not.
    pub(crate) fn link(&self, component: &Component) -> wasmtime::Result<PluginPre<PluginState>> {
        PluginPre::new(self.linker.instantiate_pre(component)?)
    }
}

/// How guests are compiled. Code that was compiled by one of these settings runs under all others:
/// where instances live and how many threads compile makes no difference to it.
pub(crate) fn codegen(threads: Threads) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .epoch_interruption(true)
        .concurrency_support(false)
        .max_wasm_stack(GUEST_STACK)
        .async_stack_size(CALL_STACK)
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_backtrace_max_frames(Some(FRAMES))
        .generate_address_map(false)
        .native_unwind_info(false)
        .parallel_compilation(threads == Threads::All);
    config
}

fn pool(config: &WasmConfig) -> PoolingAllocationConfig {
    let places = config
        .instances
        .saturating_add(config.warm_instances)
        .saturating_add(DESCRIBING)
        .max(1);
    let most = usize::try_from(config.most.memory.as_u64()).unwrap_or(usize::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(places)
        .total_stacks(places)
        .total_core_instances(places.saturating_mul(INSTANCES))
        .total_memories(places.saturating_mul(MEMORIES))
        .total_tables(places.saturating_mul(TABLES))
        .max_core_instances_per_component(INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_tables_per_module(TABLES)
        .max_memories_per_module(MEMORIES)
        .max_core_instance_size(4 << 20)
        .max_component_instance_size(4 << 20)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(most.min(4 << 30))
        .max_unused_warm_slots(KEPT_WARM);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(KEPT_RESIDENT)
            .table_keep_resident(64 << 10);
    }
    pool
}
