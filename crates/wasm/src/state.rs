//! What the host keeps for one instance of a plugin, and lends to the capabilities.

use std::collections::BTreeSet;
use std::sync::Arc;

use jackfield_plugin_api::Grants;
use jackfield_types::{Capability, ExecutionId, NodeName, NodeTypeId, PluginOrigin, TenantId};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::capabilities::Services;

/// The data of a store.
pub(crate) struct PluginState {
    /// Which plugin it is.
    pub(crate) origin: Arc<PluginOrigin>,
    /// What its manifest asks for.
    pub(crate) asked: Arc<BTreeSet<Capability>>,
    /// What the capabilities are made of, shared by all plugins of a host.
    pub(crate) services: Arc<Services>,
    /// The call that is under way; `None` while the plugin starts or describes itself, when
    /// nothing is granted.
    pub(crate) call: Option<CallScope>,
    /// How many more times the call may ask the host for something.
    pub(crate) host_calls_left: u64,
    wasi: Option<Box<Wasi>>,
}

/// On whose behalf a call is made, and what it may reach.
pub(crate) struct CallScope {
    pub(crate) tenant: TenantId,
    pub(crate) execution: ExecutionId,
    pub(crate) node: NodeName,
    pub(crate) node_type: NodeTypeId,
    pub(crate) grants: Arc<dyn Grants>,
}

/// WASI with nothing in it: no files, no sockets, no environment. Made for those that use it.
struct Wasi {
    context: WasiCtx,
    table: ResourceTable,
}

/// The most WASI resources, such as streams, that an instance may hold.
const MOST_RESOURCES: usize = 1_024;

impl PluginState {
    pub(crate) fn new(
        origin: Arc<PluginOrigin>,
        asked: Arc<BTreeSet<Capability>>,
        services: Arc<Services>,
    ) -> Self {
        Self {
            origin,
            asked,
            services,
            call: None,
            host_calls_left: 0,
            wasi: None,
        }
    }

    /// Counts a request to the host. Every function of a capability begins with it.
    ///
    /// # Errors
    /// A trap that ends the call, when it asked too often.
    pub(crate) fn count_host_call(&mut self) -> wasmtime::Result<()> {
        match self.host_calls_left.checked_sub(1) {
            Some(left) => {
                self.host_calls_left = left;
                Ok(())
            }
            None => Err(wasmtime::Error::new(TooManyHostCalls)),
        }
    }
}

/// A call asked the host for more than it may.
#[derive(Debug, thiserror::Error)]
#[error("the plugin asks the host too often")]
pub(crate) struct TooManyHostCalls;

impl WasiView for PluginState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi.get_or_insert_with(|| {
            let mut table = ResourceTable::new();
            table.set_max_capacity(MOST_RESOURCES);
            let context = WasiCtx::builder()
                .allow_tcp(false)
                .allow_udp(false)
                .max_random_size(1 << 16)
                .build();
            Box::new(Wasi { context, table })
        });
        WasiCtxView {
            ctx: &mut wasi.context,
            table: &mut wasi.table,
        }
    }
}
