//! What is measured of plugins and their sandbox, and what was asked for.

use super::operations::{
    MICROSECOND, MILLISECOND, Operation, Origin, Unit, fairness, printed, time,
};

const PLUGIN_BUDGET: Option<f64> = Some(20.0 * MICROSECOND);
const DEADLINE_TARGET: Option<f64> = Some(10.0 * MILLISECOND);

/// How a plugin compares with the same component in wasmtime alone.
const fn beside_bare(name: &'static str, ours: &'static str, bare: &'static str) -> Operation {
    Operation {
        name,
        origin: Origin::Ratio(ours, bare),
        unit: Unit::Ratio,
        target: Some(1.5),
        budget: None,
    }
}

/// Everything about plugins that the table shows, in its order.
pub(super) const PLUGINS: &[Operation] = &[
    time(
        "a call of a Rust plugin",
        "wasm/call/rust",
        None,
        PLUGIN_BUDGET,
    ),
    time(
        "… through the registry",
        "wasm/registry call/rust",
        None,
        PLUGIN_BUDGET,
    ),
    time(
        "… in an instance used again",
        "wasm/call reused/rust",
        None,
        PLUGIN_BUDGET,
    ),
    time(
        "floor: wasmtime alone, pooled",
        "wasm/bare pooled/rust",
        None,
        None,
    ),
    time(
        "floor: wasmtime alone, on demand",
        "wasm/bare ondemand/rust",
        None,
        None,
    ),
    beside_bare(
        "… beside wasmtime alone, pooled",
        "wasm/call/rust",
        "wasm/bare pooled/rust",
    ),
    printed(
        "the like with Extism, fresh instance",
        "a call with Extism, fresh instance",
        Unit::Time,
        None,
    ),
    printed(
        "… in an instance used again",
        "a call with Extism, instance used again",
        Unit::Time,
        None,
    ),
    time(
        "a call of a JavaScript plugin",
        "wasm/call/javascript",
        None,
        None,
    ),
    time(
        "… in an instance used again",
        "wasm/call reused/javascript",
        None,
        None,
    ),
    time(
        "floor: wasmtime alone, pooled",
        "wasm/bare pooled/javascript",
        None,
        None,
    ),
    time("a call of a Python plugin", "wasm/call/python", None, None),
    time(
        "… in an instance used again",
        "wasm/call reused/python",
        None,
        None,
    ),
    time(
        "cold start of a Rust plugin",
        "wasm/cold start/rust",
        None,
        None,
    ),
    time(
        "floor: wasmtime alone",
        "wasm/bare cold start/rust",
        None,
        None,
    ),
    beside_bare(
        "… beside it",
        "wasm/cold start/rust",
        "wasm/bare cold start/rust",
    ),
    time(
        "first answer of a Rust plugin",
        "wasm/first answer/rust",
        None,
        None,
    ),
    time(
        "floor: wasmtime alone",
        "wasm/bare first answer/rust",
        None,
        None,
    ),
    beside_bare(
        "… beside it",
        "wasm/first answer/rust",
        "wasm/bare first answer/rust",
    ),
    time(
        "cold start of a JavaScript plugin",
        "wasm/cold start/javascript",
        None,
        None,
    ),
    time(
        "floor: wasmtime alone",
        "wasm/bare cold start/javascript",
        None,
        None,
    ),
    beside_bare(
        "… beside it",
        "wasm/cold start/javascript",
        "wasm/bare cold start/javascript",
    ),
    time(
        "first answer of a JavaScript plugin",
        "wasm/first answer/javascript",
        None,
        None,
    ),
    time(
        "floor: wasmtime alone",
        "wasm/bare first answer/javascript",
        None,
        None,
    ),
    beside_bare(
        "… beside it",
        "wasm/first answer/javascript",
        "wasm/bare first answer/javascript",
    ),
    time(
        "cold start of a Python plugin",
        "wasm/cold start/python",
        None,
        None,
    ),
    time(
        "floor: wasmtime alone",
        "wasm/bare cold start/python",
        None,
        None,
    ),
    beside_bare(
        "… beside it",
        "wasm/cold start/python",
        "wasm/bare cold start/python",
    ),
    time(
        "first answer of a Python plugin",
        "wasm/first answer/python",
        None,
        None,
    ),
    time(
        "floor: wasmtime alone",
        "wasm/bare first answer/python",
        None,
        None,
    ),
    beside_bare(
        "… beside it",
        "wasm/first answer/python",
        "wasm/bare first answer/python",
    ),
    printed(
        "an endless loop after its deadline, mean",
        "endless loop after its deadline, one, mean",
        Unit::Time,
        DEADLINE_TARGET,
    ),
    printed(
        "an endless loop after its deadline, most",
        "endless loop after its deadline, one, most",
        Unit::Time,
        DEADLINE_TARGET,
    ),
    printed(
        "an endless loop after its deadline, most of eight",
        "endless loop after its deadline, eight at once, most",
        Unit::Time,
        DEADLINE_TARGET,
    ),
    time(
        "finding 10,000 plugins, as folders",
        "discovery/folders/10000",
        Some(1_000.0 * MILLISECOND),
        Some(1_000.0 * MILLISECOND),
    ),
    time(
        "finding 10,000 plugins, as archives",
        "discovery/archives/10000",
        Some(1_000.0 * MILLISECOND),
        Some(1_000.0 * MILLISECOND),
    ),
    printed(
        "memory of a plugin that 1,000 tenants share",
        "bytes per tenant and plugin, shared, found",
        Unit::Memory,
        None,
    ),
    printed(
        "… after all of them used it",
        "bytes per tenant and plugin, shared, used by all",
        Unit::Memory,
        None,
    ),
    printed(
        "memory of a plugin of one of 1,000 tenants",
        "bytes per tenant and plugin, each its own, found",
        Unit::Memory,
        None,
    ),
    fairness(
        "p99 beside a plugin that attacks, the worst, computing",
        "p99 beside the worst, computing",
    ),
    fairness(
        "p99 beside nobody, computing",
        "p99 beside nobody, computing",
    ),
    fairness(
        "p99 beside a plugin that attacks, the worst, waiting 5 ms",
        "p99 beside the worst, waiting 5 ms",
    ),
    fairness(
        "p99 beside nobody, waiting 5 ms",
        "p99 beside nobody, waiting 5 ms",
    ),
];
