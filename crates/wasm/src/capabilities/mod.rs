//! What a plugin may be granted: one module a capability.

use wasmtime::component::{HasSelf, Linker};

use crate::bindings::Plugin;
use crate::bindings::jackfield::plugin::types;
use crate::state::PluginState;

/// What the capabilities are made of, shared by all plugins of a host.
#[derive(Debug, Default)]
pub struct Services {}

impl types::Host for PluginState {}
