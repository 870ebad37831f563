//! From a component to code that can be called: compiled once, linked once, kept on disk.

mod process;
mod slot;
mod store;
mod unfolded;

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, OnceLock, Weak};
use std::thread;
use std::time::{Duration, Instant};

use jackfield_registry::discovery::{ComponentSource, PluginLoadError};
use jackfield_types::Digest;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::timeout;
use wasmtime::component::Component;

pub use process::{CompileError, compile_from_stdin};
use slot::{Slot, Slots};
pub(crate) use store::CodeStore;
use store::Standing;
pub use store::{CacheError, CacheErrorKind};

use crate::bindings::PluginPre;
use crate::config::WasmConfig;
use crate::sandbox::{Places, Sandbox};
use crate::state::PluginState;

/// The stack of a thread that compiles: what is nested in a component is nested on it.
const STACK: usize = 8 << 20;
/// How much longer than a compilation in a process of its own is waited for it: it is to end by
/// itself, with the right reason.
const GRACE: Duration = Duration::from_secs(5);

/// A component that is compiled and linked.
pub(crate) struct Compiled {
    pub(crate) pre: PluginPre<PluginState>,
    pub(crate) sandbox: Arc<Sandbox>,
    /// How many bytes its code has.
    pub(crate) size: usize,
}

/// Compiles components, each of them once.
pub(crate) struct Compiler {
    shared: Arc<Shared>,
    /// What is in use, by digest of the component.
    compiled: Mutex<HashMap<Digest, Weak<Compiled>>>,
    /// Whoever compiles has one, and looks again before.
    slots: Arc<Slots>,
}

/// What a thread that compiles is going to give.
type Making = oneshot::Receiver<Result<Compiled, PluginLoadError>>;

/// What threads that compile share.
struct Shared {
    config: WasmConfig,
    pooled: Option<Arc<Sandbox>>,
    /// Made when the first component comes that does not fit into the pool.
    on_demand: OnceLock<Arc<Sandbox>>,
    store: Option<CodeStore>,
}

impl Compiler {
    /// Makes the engines.
    ///
    /// # Errors
    /// [`StartError`].
    pub(crate) fn new(config: WasmConfig) -> Result<Self, StartError> {
        let pooled = match Sandbox::new(&config, Places::Pooled) {
            Ok(sandbox) => Some(Arc::new(sandbox)),
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(target: "wasm", error, "no pool of instances; they are made on demand");
                None
            }
        };
        let on_demand = OnceLock::new();
        let sandbox = match &pooled {
            Some(sandbox) => sandbox,
            None => {
                let sandbox = Sandbox::new(&config, Places::OnDemand);
                let sandbox = sandbox.map_err(|error| StartError::Engine {
                    reason: format!("{error:#}"),
                })?;
                on_demand.get_or_init(|| Arc::new(sandbox))
            }
        };
        let folder = config.cache.as_deref();
        let store = folder
            .map(|folder| CodeStore::open(folder, config.cache_size, sandbox.engine()))
            .transpose()?;
        let slots = Slots::new(config.compile_time.into());
        Ok(Self {
            shared: Arc::new(Shared {
                config,
                pooled,
                on_demand,
                store,
            }),
            compiled: Mutex::default(),
            slots,
        })
    }

    /// The code of a component: in use already, on disk, or compiled now.
    ///
    /// # Errors
    /// [`PluginLoadError`] when it cannot be read, compiled or linked.
    pub(crate) async fn compiled(
        &self,
        source: &ComponentSource,
    ) -> Result<Arc<Compiled>, PluginLoadError> {
        if let Some(found) = self.at_hand(source.digest())? {
            return Ok(found);
        }
        let slot = self.slots.take(source.digest()).await?;
        if let Some(found) = self.at_hand(source.digest())? {
            return Ok(found);
        }
        let digest = *source.digest();
        let made = self.make(source.clone(), slot)?;
        // Whoever waits no longer leaves the thread to itself: it keeps its place until it ends.
        let limit = self.slots.longest();
        let grace = self.shared.config.compiler.as_ref().map(|_| GRACE);
        let made = timeout(limit + grace.unwrap_or_default(), made).await;
        let made = made.map_err(|_| PluginLoadError::TooSlow { limit })?;
        let broke_off = |error| PluginLoadError::host("the compiler broke off").caused_by(error);
        let made = made.map_err(broke_off)??;
        Ok(self.remember(digest, made))
    }

    /// Makes it on a thread of its own, for as long as that takes.
    fn make(&self, source: ComponentSource, slot: Slot) -> Result<Making, PluginLoadError> {
        let shared = Arc::clone(&self.shared);
        let (sender, receiver) = oneshot::channel();
        thread::Builder::new()
            .name("jackfield-compiler".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                let made = shared.make(&source);
                drop(slot);
                // Nobody may be there any more who wants it.
                let _ = sender.send(made);
            })
            .map_err(|error| PluginLoadError::host("there is no thread").caused_by(error))?;
        Ok(receiver)
    }

    /// What is in use, or on disk and known to be what it was.
    fn at_hand(&self, digest: &Digest) -> Result<Option<Arc<Compiled>>, PluginLoadError> {
        let found = self.compiled.lock().get(digest).and_then(Weak::upgrade);
        if found.is_some() {
            return Ok(found);
        }
        let is_checked = |store: &CodeStore| store.standing(digest) == Standing::Checked;
        if !self.shared.store.as_ref().is_some_and(is_checked) {
            return Ok(None);
        }
        let mapped = self.shared.map(digest)?;
        Ok(mapped.map(|mapped| self.remember(*digest, mapped)))
    }

    /// Lends to others what was made, unless somebody else was faster.
    fn remember(&self, digest: Digest, made: Compiled) -> Arc<Compiled> {
        let mut compiled = self.compiled.lock();
        if let Some(found) = compiled.get(&digest).and_then(Weak::upgrade) {
            return found;
        }
        compiled.retain(|_, held| held.strong_count() > 0);
        let made = Arc::new(made);
        compiled.insert(digest, Arc::downgrade(&made));
        made
    }
}

impl Shared {
    /// Maps, or compiles and links, a component. Blocks, and may take long.
    fn make(&self, source: &ComponentSource) -> Result<Compiled, PluginLoadError> {
        let digest = source.digest();
        let began = Instant::now();
        if let Some(store) = &self.store
            && store.standing(digest) == Standing::Doubtful
            && store.check(digest) == Standing::Checked
            && let Some(mapped) = self.map(digest)?
        {
            return Ok(mapped);
        }
        let bytes = source.read()?;
        unfolded::check(&bytes).map_err(|error| PluginLoadError::component(error.to_string()))?;
        if let Some(store) = &self.store {
            match self.compile_to(store, digest, &bytes) {
                Ok(()) => {
                    if let Some(mapped) = self.map(digest)? {
                        let took = began.elapsed();
                        tracing::debug!(target: "wasm", plugin = %source.origin(), ?took, "compiled");
                        return Ok(mapped);
                    }
                }
                Err(CompileError::Component { reason }) => {
                    return Err(PluginLoadError::component(reason));
                }
                Err(CompileError::TooSlow { limit }) => {
                    return Err(PluginLoadError::TooSlow { limit });
                }
                // The host would fare no better with it than the program did.
                Err(error @ CompileError::BrokeOff { .. }) => {
                    return Err(PluginLoadError::host("the compiler broke off").caused_by(error));
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(target: "wasm", error, "compiled code is not kept");
                }
            }
        }
        let placed = self.place(|sandbox| Component::from_binary(sandbox.engine(), &bytes));
        let (sandbox, component) = placed.map_err(|error| wrong(&error))?;
        link(sandbox, &component)
    }

    /// Compiles a component into the store.
    fn compile_to(
        &self,
        store: &CodeStore,
        digest: &Digest,
        bytes: &[u8],
    ) -> Result<(), CompileError> {
        let io = |source| CompileError::Io {
            what: "write the code",
            source,
        };
        let mut draft = store.draft().map_err(io)?;
        let is_large = u64::try_from(bytes.len())
            .is_ok_and(|length| length >= self.config.compiler_from.as_u64());
        match &self.config.compiler {
            Some(program) if is_large => {
                let bounds = (self.config.compile_memory, self.config.compile_time.into());
                process::compile(program, bytes, &draft.path, bounds)?;
            }
            Some(_) | None => {
                let sandbox = self.pooled.as_ref().or_else(|| self.on_demand.get());
                let code = sandbox.map(|sandbox| sandbox.engine().precompile_component(bytes));
                let code = code.unwrap_or_else(|| Err(wasmtime::Error::msg("there is no engine")));
                let code = code.map_err(|error| CompileError::Component {
                    reason: format!("{error:#}"),
                })?;
                draft.file.write_all(&code).map_err(io)?;
            }
        }
        store.keep(digest, &draft).map_err(io)
    }

    /// Maps code out of the store. `None` when it is of no use; it is removed then.
    fn map(&self, digest: &Digest) -> Result<Option<Compiled>, PluginLoadError> {
        let Some(store) = &self.store else {
            return Ok(None);
        };
        match self.place(|sandbox| store.map(digest, sandbox.engine())) {
            Ok((sandbox, component)) => link(sandbox, &component).map(Some),
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(target: "wasm", %digest, error, "compiled code is of no use");
                store.remove(digest);
                Ok(None)
            }
        }
    }

    /// Makes a component in the sandbox that has room for it.
    fn place(
        &self,
        make: impl Fn(&Sandbox) -> wasmtime::Result<Component>,
    ) -> wasmtime::Result<(Arc<Sandbox>, Component)> {
        if let Some(sandbox) = &self.pooled {
            match make(sandbox) {
                Ok(component) => return Ok((Arc::clone(sandbox), component)),
                // The reason that counts is that of the engine that has room for everything.
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::debug!(target: "wasm", error, "the pool has no room for a component");
                }
            }
        }
        let sandbox = self.on_demand()?;
        let component = make(&sandbox)?;
        Ok((sandbox, component))
    }

    fn on_demand(&self) -> wasmtime::Result<Arc<Sandbox>> {
        if let Some(sandbox) = self.on_demand.get() {
            return Ok(Arc::clone(sandbox));
        }
        let made = Sandbox::new(&self.config, Places::OnDemand)?;
        Ok(Arc::clone(self.on_demand.get_or_init(|| Arc::new(made))))
    }
}

fn link(sandbox: Arc<Sandbox>, component: &Component) -> Result<Compiled, PluginLoadError> {
    let pre = sandbox.link(component).map_err(|error| wrong(&error))?;
    let code = component.image_range();
    Ok(Compiled {
        pre,
        sandbox,
        size: (code.end as usize).saturating_sub(code.start as usize),
    })
}

fn wrong(error: &wasmtime::Error) -> PluginLoadError {
    PluginLoadError::component(format!("{error:#}"))
}

/// Why a host of plugins could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The machine lacks what the runtime needs.
    #[error("the runtime cannot be started: {reason}")]
    Engine {
        /// What the runtime said.
        reason: String,
    },
    /// The folder for compiled code cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
}
