//! The host: what the registry asks for plugins.

use std::collections::BTreeMap;
use std::sync::Arc;

use jackfield_plugin_api::{BoxFuture, NodeExecutor};
use jackfield_registry::discovery::{ComponentSource, LoadedPlugin, PluginHost, PluginLoadError};
use jackfield_types::{ByteSize, NodeTypeId};
use semver::{Comparator, Op, VersionReq};

use crate::capabilities::Services;
use crate::compile::{Compiler, StartError};
use crate::config::WasmConfig;
use crate::describe;
use crate::instance::Kind;
use crate::lane::Lane;
use crate::plugin::{Plugin, PluginExecutor};
use crate::turns::{HostTurns, Turns};
use crate::warm::WarmInstances;

/// Runs plugins as sandboxed WebAssembly components. Cloning is cheap; clones are the same host.
#[derive(Clone)]
pub struct WasmHost {
    shared: Arc<Shared>,
}

struct Shared {
    config: WasmConfig,
    contract: VersionReq,
    services: Arc<Services>,
    compiler: Compiler,
    warm: Arc<WarmInstances>,
    turns: Arc<HostTurns>,
    lane: Lane,
}

impl WasmHost {
    /// Starts a host. It lives until it and all that it loaded is dropped.
    ///
    /// # Errors
    /// [`StartError`] when the machine lacks what the runtime needs, or the folder for compiled
    /// code cannot be used.
    pub fn start(config: WasmConfig, services: Services) -> Result<Self, StartError> {
        let long_calls = usize::try_from(config.long_calls).unwrap_or(usize::MAX);
        let lane = Lane::new(long_calls);
        let turns = HostTurns::new(config.instances, config.tenant_instances, lane.clone());
        Ok(Self {
            shared: Arc::new(Shared {
                contract: contract(),
                services: Arc::new(services),
                warm: Arc::new(WarmInstances::new(&config)),
                turns: Arc::new(turns),
                lane,
                compiler: Compiler::new(config.clone())?,
                config,
            }),
        })
    }

    async fn load_plugin(&self, source: ComponentSource) -> Result<LoadedPlugin, PluginLoadError> {
        let shared = &self.shared;
        let config = &shared.config;
        let compiled = shared.compiler.compiled(&source).await?;
        let size = ByteSize::bytes(u64::try_from(compiled.size).unwrap_or(u64::MAX));
        let kind = Kind {
            origin: Arc::clone(source.origin()),
            manifest: Arc::clone(source.manifest()),
            compiled,
            services: Arc::clone(&shared.services),
            usual: config.limits,
            most: config.most,
            lane: shared.lane.clone(),
        };
        let turns = Turns::new(Arc::clone(&shared.turns));
        let warm = Arc::clone(&shared.warm);
        let plugin = Plugin::new(kind, turns, warm, config.calls_per_instance);
        let described = plugin.describe(config.describe_time.into()).await?;
        let node_types = describe::read(&described, &shared.contract)?;
        let plugin = Arc::new(plugin);
        let share = u64::try_from(node_types.len()).unwrap_or(1).max(1);
        let share = ByteSize::bytes(size.as_u64() / share);
        let executors: BTreeMap<NodeTypeId, Arc<dyn NodeExecutor>> = node_types
            .iter()
            .map(|metadata| {
                let executor = PluginExecutor::new(Arc::clone(&plugin), metadata.clone(), share);
                let executor: Arc<dyn NodeExecutor> = Arc::new(executor);
                (metadata.node_type.clone(), executor)
            })
            .collect();
        Ok(LoadedPlugin::new(node_types, executors, size))
    }
}

impl PluginHost for WasmHost {
    fn contract(&self) -> &VersionReq {
        &self.shared.contract
    }

    fn load(
        &self,
        component: ComponentSource,
    ) -> BoxFuture<'_, Result<LoadedPlugin, PluginLoadError>> {
        Box::pin(self.load_plugin(component))
    }
}

/// The versions of the contract that this host runs: `^0.1`.
fn contract() -> VersionReq {
    VersionReq {
        comparators: vec![Comparator {
            op: Op::Caret,
            major: 0,
            minor: Some(1),
            patch: None,
            pre: semver::Prerelease::EMPTY,
        }],
    }
}
