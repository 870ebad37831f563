//! Runs plugins as sandboxed WebAssembly components: the only user of wasmtime.

mod bindings;
mod capabilities;
mod state;
