//! What the host keeps for one instance of a plugin, and lends to the capabilities.

use std::sync::Arc;
use std::time::Instant;

use jackfield_plugin_api::{CancellationToken, Grants};
use jackfield_registry::discovery::PluginManifest;
use jackfield_types::{ExecutionId, NodeName, NodeTypeId, PluginOrigin, TenantId};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::breach::Breach;
use crate::capabilities::{CallRecord, Clocks, Services, WasiGrant};
use crate::lane::{Place, SHORT};
use crate::limits::{Limits, Meter};
use crate::stderr::Tail;

/// The data of a store.
pub(crate) struct PluginState {
    /// Which plugin it is.
    pub(crate) origin: Arc<PluginOrigin>,
    /// What it asks for.
    pub(crate) manifest: Arc<PluginManifest>,
    /// What the capabilities are made of, shared by all plugins of a host.
    pub(crate) services: Arc<Services>,
    /// The call that is under way; `None` while the plugin starts or describes itself, when
    /// nothing is granted.
    pub(crate) call: Option<CallScope>,
    /// What the call that is under way may use.
    pub(crate) limits: Limits,
    /// When the call that is under way has to have ended.
    pub(crate) deadline: Instant,
    /// What the instance holds.
    pub(crate) meter: Meter,
    /// What the capabilities remember of the call that is under way.
    pub(crate) record: CallRecord,
    pub(crate) wasi_grant: WasiGrant,
    /// Where it stands among those who compute for long.
    pub(crate) place: Place,
    /// How often the call that is under way was looked at while it computed.
    ticks: u32,
    /// Whether others have their turn just now.
    is_away: bool,
    host_calls_left: u32,
    /// Whether it asked the host for something and was not seen to compute since.
    waits: bool,
    stderr: Tail,
    wasi: Option<Box<Wasi>>,
}

/// On whose behalf a call is made, and what it may reach.
pub(crate) struct CallScope {
    pub(crate) tenant: TenantId,
    pub(crate) execution: ExecutionId,
    pub(crate) node: NodeName,
    pub(crate) node_type: NodeTypeId,
    pub(crate) grants: Arc<dyn Grants>,
    pub(crate) cancellation: CancellationToken,
}

/// WASI with nothing in it: no files, no sockets, no environment. Made for those that use it.
struct Wasi {
    context: WasiCtx,
    table: ResourceTable,
}

/// The most WASI resources, such as streams, that an instance may hold.
const MOST_RESOURCES: usize = 1_024;

/// The most random bytes that WASI gives at once.
const MOST_RANDOM: u64 = 1 << 16;

impl PluginState {
    /// The state of an instance that is about to start.
    pub(crate) fn new(
        origin: Arc<PluginOrigin>,
        manifest: Arc<PluginManifest>,
        services: Arc<Services>,
        limits: &Limits,
        place: Place,
    ) -> Self {
        Self {
            origin,
            manifest,
            services,
            call: None,
            limits: *limits,
            deadline: Instant::now(),
            meter: Meter::new(limits),
            record: CallRecord::new(),
            wasi_grant: WasiGrant::default(),
            place,
            ticks: 0,
            is_away: false,
            host_calls_left: limits.host_calls,
            waits: false,
            stderr: Tail::default(),
            wasi: None,
        }
    }

    /// Begins a call, or a description of itself.
    pub(crate) fn begin(&mut self, call: Option<CallScope>, limits: &Limits, deadline: Instant) {
        self.call = call;
        self.limits = *limits;
        self.meter.limit(limits);
        self.deadline = deadline;
        self.host_calls_left = limits.host_calls;
        self.ticks = 0;
        self.is_away = false;
        self.waits = false;
        self.record = CallRecord::new();
        self.grant_wasi();
    }

    /// Ends a call. Nothing of it is kept but what the plugin itself keeps.
    pub(crate) fn end(&mut self) {
        self.call = None;
        self.stderr.clear();
    }

    /// Whether the guest has just had its turn again.
    pub(crate) fn is_back(&mut self) -> bool {
        std::mem::take(&mut self.is_away)
    }

    /// Takes note that the guest computes still, and says whether it belongs among those who do so
    /// for long.
    pub(crate) fn computes_for_long(&mut self) -> bool {
        self.ticks = self.ticks.saturating_add(1);
        self.is_away = true;
        self.waits = false;
        self.ticks > SHORT || self.place.is_taken()
    }

    /// Counts a request to the host. Every function of a capability begins with it.
    ///
    /// # Errors
    /// A trap that ends the call, when it asked too often.
    pub(crate) fn count_host_call(&mut self) -> wasmtime::Result<()> {
        let Some(left) = self.host_calls_left.checked_sub(1) else {
            let limit = self.limits.host_calls;
            return Err(Breach::HostCalls { limit }.into());
        };
        self.host_calls_left = left;
        self.waits = true;
        Ok(())
    }

    /// Whether it waits for what it asked the host for.
    pub(crate) fn waits(&self) -> bool {
        self.waits
    }

    /// The end of what the plugin wrote to its standard error in this call.
    pub(crate) fn stderr(&self) -> Option<String> {
        self.stderr.text()
    }
}

impl WasiView for PluginState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi.get_or_insert_with(|| {
            let mut table = ResourceTable::new();
            table.set_max_capacity(MOST_RESOURCES);
            let context = WasiCtx::builder()
                .allow_tcp(false)
                .allow_udp(false)
                .max_random_size(MOST_RANDOM)
                .stderr(self.stderr.clone())
                .wall_clock(Clocks::new(self.wasi_grant.clone()))
                .monotonic_clock(Clocks::new(self.wasi_grant.clone()))
                .build();
            Box::new(Wasi { context, table })
        });
        WasiCtxView {
            ctx: &mut wasi.context,
            table: &mut wasi.table,
        }
    }
}
