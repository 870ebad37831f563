//! What a plugin may be granted: one module a capability, each the one place that enforces it.
//!
//! A capability is there when the manifest asks for it and the tenant's policy grants it, which is
//! asked at each use. An import that is not granted is linked all the same and answers with a
//! refusal: a plugin can tell what it may not do from what is broken. While a plugin starts or
//! describes itself nothing is granted.
//!
//! Whatever a guest hands over is bounded before anything is made of it, and no refusal names the
//! tenant.

mod call_site;
mod clock;
mod config;
mod fault;
mod granted;
mod http;
mod kv;
mod line_budget;
mod listener;
mod log;
mod progress;
mod random;
mod record;
mod secrets;
mod services;
mod text;
mod wasi;

use wasmtime::component::{HasSelf, Linker};

use crate::bindings::jackfield::plugin as imports;
use crate::state::PluginState;

pub use call_site::CallSite;
pub use config::{ConfigSource, StaticConfig};
pub use http::HttpLimits;
pub use kv::{KvError, KvLimits, KvRange, KvScope, KvStore, MemoryKv};
pub use listener::{LogLevel, PluginListener, TracingListener};
pub(crate) use record::CallRecord;
pub use services::{Services, ServicesBuilder};
pub(crate) use wasi::{Clocks, WasiGrant};

/// Links every capability. Whether one is granted is asked at each call.
pub(crate) fn add_to_linker(linker: &mut Linker<PluginState>) -> wasmtime::Result<()> {
    type Own = HasSelf<PluginState>;
    imports::types::add_to_linker::<_, Own>(linker, |state| state)?;
    imports::log::add_to_linker::<_, Own>(linker, |state| state)?;
    imports::http::add_to_linker::<_, Own>(linker, |state| state)?;
    imports::kv::add_to_linker::<_, Own>(linker, |state| state)?;
    imports::secrets::add_to_linker::<_, Own>(linker, |state| state)?;
    imports::config::add_to_linker::<_, Own>(linker, |state| state)?;
    imports::clock::add_to_linker::<_, Own>(linker, |state| state)?;
    imports::random::add_to_linker::<_, Own>(linker, |state| state)?;
    imports::progress::add_to_linker::<_, Own>(linker, |state| state)
}

impl imports::types::Host for PluginState {}
