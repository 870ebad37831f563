//! Runs plugins as sandboxed WebAssembly components: the only user of wasmtime.
//!
//! [`WasmHost`] is what the registry knows as a plugin host. It compiles components, each of them
//! once and off the threads that answer calls, keeps compiled code on disk where it may, links
//! each once, and runs each call in an instance of its own, within the limits of its plugin. A
//! plugin may ask for its instances to be used again; they then serve one tenant and no other.
//!
//! Nothing that a guest does ends more than its own call: traps, exits, memory, time, stack and
//! output beyond the limits, and what the contract does not know come back as errors that name the
//! plugin, its version and the node. What a guest reaches outside itself is in
//! `capabilities`, one module each; there is no other way out.
//!
//! `wit/` has the contract, and `docs/plugin-contract.md` says what it means.

mod account;
mod bindings;
mod breach;
mod capabilities;
mod compile;
mod config;
mod describe;
mod host;
mod instance;
mod lane;
mod limits;
mod payload;
mod plugin;
mod sandbox;
mod state;
mod stderr;
mod ticker;
mod trap;
mod turns;
mod warm;

pub use capabilities::{
    CallSite, ConfigSource, HttpLimits, KvError, KvLimits, KvRange, KvScope, KvStore, LogLevel,
    MemoryKv, PluginListener, Services, ServicesBuilder, StaticConfig, TracingListener,
};
pub use compile::{CacheError, CacheErrorKind, CompileError, StartError, compile_from_stdin};
pub use config::{CompilerProgram, WasmConfig};
pub use host::WasmHost;
pub use limits::Limits;
