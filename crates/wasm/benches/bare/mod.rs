//! The same component, run by wasmtime alone: no limits, no deadline, no grants, no checks.

use std::path::Path;

use jackfield_plugin_api::NodeCall;
use jackfield_types::Item;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result, Store,
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "plugin",
        exports: { default: async },
    });
}

use bindings::PluginPre;
use bindings::exports::jackfield::plugin::node;

/// How instances are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    OnDemand,
    /// In a pool whose places keep the memory that was touched, where the kernel can tell.
    Pooled,
}

pub(crate) struct State {
    context: WasiCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.context,
            table: &mut self.table,
        }
    }
}

/// A component that is linked.
pub(crate) struct Bare {
    engine: Engine,
    linker: Linker<State>,
    pre: PluginPre<State>,
}

impl Bare {
    pub(crate) fn new(component: &[u8], kind: Kind) -> Result<Self> {
        let mut config = Config::new();
        config.concurrency_support(false);
        if kind == Kind::Pooled {
            let mut pool = PoolingAllocationConfig::new();
            pool.max_core_instances_per_component(64);
            if PoolingAllocationConfig::is_pagemap_scan_available() {
                pool.pagemap_scan(Enabled::Yes)
                    .linear_memory_keep_resident(2 << 20)
                    .table_keep_resident(64 << 10);
            }
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        }
        let engine = Engine::new(&config)?;
        let mut linker = Linker::new(&engine);
        let component = Component::from_binary(&engine, component)?;
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        refuse_capabilities(&mut linker, &component)?;
        let pre = PluginPre::new(linker.instantiate_pre(&component)?)?;
        Ok(Self {
            engine,
            linker,
            pre,
        })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Instantiates, calls, drops.
    pub(crate) async fn execute(&self, call: &node::Call) -> Result<node::Output> {
        execute(&self.engine, &self.pre, call).await
    }

    /// Maps code that was compiled earlier, links it, and has it describe itself: a cold start.
    pub(crate) async fn cold(&self, code: &Path) -> Result<String> {
        let pre = self.map(code)?;
        let mut store = store(&self.engine);
        let bindings = pre.instantiate_async(&mut store).await?;
        let node = bindings.jackfield_plugin_node();
        node.call_describe(&mut store).await
    }

    /// Maps code that was compiled earlier, links it, and calls it. What the guest answers is its
    /// own: some of them want what is granted nowhere here, and fail.
    pub(crate) async fn cold_call(&self, code: &Path, call: &node::Call) -> Result<node::Output> {
        let pre = self.map(code)?;
        execute(&self.engine, &pre, call).await
    }

    #[expect(unsafe_code, reason = "a bench that wrote the file a moment ago")]
    fn map(&self, code: &Path) -> Result<PluginPre<State>> {
        // SAFETY: the file was written by this process, from what this engine compiled.
        let component = unsafe { Component::deserialize_file(&self.engine, code) }?;
        PluginPre::new(self.linker.instantiate_pre(&component)?)
    }
}

/// Links what the contract has, and gives none of it.
fn refuse_capabilities(linker: &mut Linker<State>, component: &Component) -> Result<()> {
    let engine = linker.engine().clone();
    for (name, import) in component.component_type().imports(&engine) {
        if let ComponentItem::ComponentInstance(interface) = import.ty
            && name.starts_with("jackfield:plugin/")
        {
            let mut linked = linker.instance(name)?;
            for (function, export) in interface.exports(&engine) {
                if let ComponentItem::ComponentFunc(_) = export.ty {
                    linked.func_new(function, |_, _, _, _| {
                        Err(wasmtime::Error::msg("not in this bench"))
                    })?;
                }
            }
        }
    }
    Ok(())
}

fn store(engine: &Engine) -> Store<State> {
    let state = State {
        context: WasiCtx::builder().build(),
        table: ResourceTable::new(),
    };
    Store::new(engine, state)
}

async fn execute(
    engine: &Engine,
    pre: &PluginPre<State>,
    call: &node::Call,
) -> Result<node::Output> {
    let mut store = store(engine);
    let bindings = pre.instantiate_async(&mut store).await?;
    let node = bindings.jackfield_plugin_node();
    let result = node.call_execute(&mut store, call).await?;
    result.map_err(|failure| wasmtime::Error::msg(failure.message))
}

/// A call as a guest gets it, written down once and for all.
pub(crate) fn written(call: &NodeCall<'_>, version: &str) -> node::Call {
    let context = call.context;
    let items: Vec<_> = call.items().iter().map(Item::json).collect();
    node::Call {
        node_type: context.node_type.as_str().to_owned(),
        version: version.to_owned(),
        context: node::Context {
            execution: context.execution.to_string(),
            workflow: context.workflow.to_owned(),
            node: context.node.as_str().to_owned(),
            attempt: context.attempt,
            run_index: context.run_index,
            idempotency_key: context.idempotency_key(),
            on_error_continues: context.on_error.continues(),
        },
        inputs: vec![serde_json::to_string(&items).expect("items are JSON")],
        parameters: vec![call.parameters.source().to_string()],
        variables: None,
    }
}
