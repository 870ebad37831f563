//! How a host of plugins is set up.

use std::ffi::OsString;
use std::num::NonZero;
use std::path::PathBuf;

use jackfield_types::{ByteSize, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Limits;

/// How a host of plugins is set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct WasmConfig {
    /// The limits of a plugin whose manifest says nothing about them.
    pub limits: Limits,
    /// The most that a manifest may ask for.
    pub most: Limits,
    /// How many calls of plugins run at once, over all plugins and tenants. More wait.
    pub instances: u32,
    /// How many of them one tenant may have, over all plugins.
    pub tenant_instances: u32,
    /// How many of them compute at once when they have done so for more than a few milliseconds:
    /// fewer than there are threads, so that short calls find one.
    pub long_calls: u32,
    /// How many instances wait for their next call, over all plugins that want theirs to be used
    /// again.
    pub warm_instances: u32,
    /// How much memory they have together.
    pub warm_memory: ByteSize,
    /// How many calls an instance serves before it is replaced by a fresh one.
    pub calls_per_instance: u32,
    /// How long an instance waits for its next call, at least; at most twice as long.
    pub warm_for: Span,
    /// How long a plugin may take to say what it provides.
    pub describe_time: Span,
    /// How long a compilation may take. One in a process of its own is ended then. One in the host
    /// cannot be: it is left to itself, and at most three such threads are.
    pub compile_time: Span,
    /// How much memory a compilation may take in a process of its own.
    pub compile_memory: ByteSize,
    /// The folder for compiled code. It belongs to whoever runs the host, and nobody else may write
    /// to it. Nothing said: plugins are compiled anew by each process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<PathBuf>,
    /// What the folder may hold; what was not used for longest goes first.
    pub cache_size: ByteSize,
    /// The program that compiles large components in a process of its own, which gives all of its
    /// memory back. It needs a `cache`. Nothing said: the host compiles everything itself. That
    /// keeps tens to hundreds of MiB for each guest with an interpreter, and nothing but the size of
    /// its package bounds how much memory a component takes to compile: let strangers' components
    /// be compiled elsewhere. A program that cannot be started is done without.
    #[serde(skip)]
    pub compiler: Option<CompilerProgram>,
    /// How large a component has to be for that.
    pub compiler_from: ByteSize,
}

/// A program that does nothing but [`compile_from_stdin`](crate::compile_from_stdin). Of the host's
/// environment it knows `PATH` and `LD_LIBRARY_PATH`, and it ends with the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompilerProgram {
    /// The program: as a rule the host's own.
    pub program: PathBuf,
    /// The arguments that make it do that.
    pub arguments: Vec<OsString>,
}

impl Default for WasmConfig {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            most: Limits::generous(),
            instances: 256,
            tenant_instances: 64,
            long_calls: long_calls(),
            warm_instances: 64,
            warm_memory: ByteSize::mib(1 << 10),
            calls_per_instance: 1_000,
            warm_for: Span::from_millis(60_000),
            describe_time: Span::from_millis(10_000),
            compile_time: Span::from_millis(120_000),
            compile_memory: ByteSize::mib(6 << 10),
            cache: None,
            cache_size: ByteSize::mib(2 << 10),
            compiler: None,
            compiler_from: ByteSize::kib(512),
        }
    }
}

/// One fewer than there are processors.
fn long_calls() -> u32 {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    u32::try_from(processors)
        .unwrap_or(u32::MAX)
        .saturating_sub(1)
        .max(1)
}
