//! What a host promises about calls: what comes in, what goes out, and what becomes of guests that
//! don't come to an end.

#[path = "../guest/mod.rs"]
mod guest;

mod breaking;
mod loading;
mod passing;
mod reuse;

use std::sync::Arc;

use jackfield_plugin_api::NodeExecutor;
use jackfield_registry::discovery::PluginHost;
use jackfield_wasm::{Services, WasmConfig, WasmHost};

use guest::Guest;

/// A host with few places, and limits that tests run into quickly.
fn host() -> WasmHost {
    WasmHost::start(config(), Services::default()).expect("a host")
}

fn config() -> WasmConfig {
    WasmConfig {
        instances: 8,
        warm_instances: 4,
        calls_per_instance: 3,
        ..WasmConfig::default()
    }
}

/// The executor of a guest's one node type.
async fn executor(host: &WasmHost, guest: &Guest) -> Arc<dyn NodeExecutor> {
    let mut loaded = host.load(guest.source()).await.expect("a plugin");
    loaded
        .executors
        .remove("acme/guest")
        .expect("its node type")
}
