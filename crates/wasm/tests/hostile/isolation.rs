//! What others keep.

use std::sync::Arc;

use jackfield_testkit::ScriptedGrants;
use jackfield_types::Capability;
use jackfield_wasm::{KvLimits, KvScope, KvStore, MemoryKv, Services, StaticConfig};

use crate::guest::{Guest, signature};
use crate::harness::Host;

/// Gives the value of `key` as the text of a failure, or nothing when there is none.
fn reader(capability: Capability, key: &str) -> Guest {
    let name = capability.as_str();
    let mut guest = Guest::harmless().importing(name, "get", signature::TEXT);
    let key = guest.text(key);
    let code = guest.text("FOUND");
    guest.then(&format!(
        "(call ${name}.get {key} (i32.const 8192))
         (if (i32.load8_u (i32.const 8192)) (then (return (call $fault (i32.const 8196)))))
         (if (i32.eqz (i32.load8_u (i32.const 8196))) (then (return (i32.const 4096))))
         (call $fail {code} (i32.load (i32.const 8200)) (i32.load (i32.const 8204)))"
    ))
}

#[tokio::test]
async fn nobody_reads_what_another_tenant_or_plugin_keeps() {
    let store = Arc::new(MemoryKv::new());
    let own = KvScope::new("acme".parse().unwrap(), "evil/node".parse().unwrap());
    let limits = KvLimits::default();
    store
        .set(&own, "key", "acme's".into(), &limits)
        .await
        .unwrap();
    let host = Host::with(Services::builder().kv(store));
    let guest = reader(Capability::Kv, "key").asking(Capability::Kv, "");
    let plugin = host.load(&guest).await;
    let grants = ScriptedGrants::open;
    assert_eq!(
        plugin.failure_for("acme", grants()).await,
        "permanent FOUND: acme's"
    );
    assert!(plugin.call_for("globex", grants()).await.is_ok());
    let other = host.load_as("evil/other", &guest).await;
    assert!(other.call_for("acme", grants()).await.is_ok());
}

#[tokio::test]
async fn no_key_leads_out_of_ones_own() {
    let store = Arc::new(MemoryKv::new());
    let limits = KvLimits::default();
    for tenant in ["acme", "globex"] {
        let scope = KvScope::new(tenant.parse().unwrap(), "evil/node".parse().unwrap());
        store
            .set(&scope, "key", tenant.into(), &limits)
            .await
            .unwrap();
    }
    let host = Host::with(Services::builder().kv(store));
    for key in [
        "../acme/evil/node/key",
        "acme\0evil/node\0key",
        "acme/evil/node/key",
        "*",
        "%",
    ] {
        let guest = reader(Capability::Kv, key).asking(Capability::Kv, "");
        let plugin = host.load(&guest).await;
        let found = plugin.call_for("globex", ScriptedGrants::open()).await;
        assert!(found.is_ok(), "{key:?}: {found:?}");
    }
}

#[tokio::test]
async fn all_keys_are_ones_own_keys() {
    let store = Arc::new(MemoryKv::new());
    let limits = KvLimits::default();
    for tenant in ["acme", "globex"] {
        let scope = KvScope::new(tenant.parse().unwrap(), "evil/node".parse().unwrap());
        store
            .set(&scope, tenant, "1".into(), &limits)
            .await
            .unwrap();
    }
    let host = Host::with(Services::builder().kv(store));
    let mut guest = Guest::harmless()
        .importing("kv", "list-keys", signature::LIST_KEYS)
        .asking(Capability::Kv, "");
    let code = guest.text("ONE");
    let guest = guest.then(&format!(
        "(call $kv.list-keys (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                             (i32.const -1) (i32.const 8192))
         (if (i32.load8_u (i32.const 8192)) (then (return (call $fault (i32.const 8196)))))
         (if (i32.ne (i32.load (i32.const 8200)) (i32.const 1)) (then unreachable))
         (call $fail {code}
           (i32.load (i32.load (i32.const 8196)))
           (i32.load offset=4 (i32.load (i32.const 8196))))"
    ));
    let plugin = host.load(&guest).await;
    for tenant in ["acme", "globex"] {
        let failure = plugin.failure_for(tenant, ScriptedGrants::open()).await;
        assert_eq!(failure, format!("permanent ONE: {tenant}"));
    }
}

#[tokio::test]
async fn a_secret_is_the_one_of_the_tenant_on_whose_behalf_it_is_read() {
    let secrets = Guest::harmless().importing("secrets", "get", signature::TEXT);
    let mut guest = secrets.asking(Capability::Secrets, "names = [\"key\"]");
    let key = guest.text("key");
    let code = guest.text("FOUND");
    let guest = guest.then(&format!(
        "(call $secrets.get {key} (i32.const 8192))
         (if (i32.load8_u (i32.const 8192)) (then (return (call $fault (i32.const 8196)))))
         (call $fail {code} (i32.load (i32.const 8196)) (i32.load (i32.const 8200)))"
    ));
    let host = Host::new();
    let plugin = host.load(&guest).await;
    let with = |secret| ScriptedGrants::open().with_secret("key", secret);
    assert_eq!(
        plugin.failure_for("acme", with("a")).await,
        "permanent FOUND: a"
    );
    assert_eq!(
        plugin.failure_for("globex", with("g")).await,
        "permanent FOUND: g"
    );
    let none = plugin.failure_for("acme", ScriptedGrants::open()).await;
    assert_eq!(none, "permanent CREDENTIAL_MISSING: no secret `key`");
}

#[tokio::test]
async fn configuration_of_other_plugins_and_tenants_is_not_there() {
    let config = StaticConfig::default()
        .with("evil/node".parse().unwrap(), "url", "common")
        .with_for(
            "acme".parse().unwrap(),
            "evil/node".parse().unwrap(),
            "url",
            "special",
        );
    let host = Host::with(Services::builder().config(Arc::new(config)));
    let guest = reader(Capability::Config, "url").asking(Capability::Config, "names = [\"url\"]");
    let plugin = host.load(&guest).await;
    let grants = ScriptedGrants::open;
    assert_eq!(
        plugin.failure_for("acme", grants()).await,
        "permanent FOUND: special"
    );
    assert_eq!(
        plugin.failure_for("globex", grants()).await,
        "permanent FOUND: common"
    );
    let other = host.load_as("evil/other", &guest).await;
    assert!(other.call_for("acme", grants()).await.is_ok());
}

#[tokio::test]
async fn a_fresh_instance_remembers_nothing_of_another_tenant() {
    // Breaks off when it was called before.
    let guest = Guest::doing(
        "(if (i32.load (i32.const 60000)) (then unreachable))
         (i32.store (i32.const 60000) (i32.const 1))
         (i32.const 4096)",
    );
    let host = Host::new();
    let plugin = host.load(&guest).await;
    for tenant in ["acme", "globex", "acme"] {
        plugin
            .call_for(tenant, ScriptedGrants::open())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_secret_is_not_kept_where_nobody_masks_it() {
    let mut guest = Guest::harmless()
        .importing("kv", "set", signature::SET)
        .asking(Capability::Kv, "");
    let (key, value) = (guest.text("key"), guest.text("Bearer s3cr3t"));
    let guest = guest.then(&format!(
        "(call $kv.set {key} {value} (i32.const 8192))
         (if (i32.load8_u (i32.const 8192)) (then (return (call $fault (i32.const 8196)))))
         (i32.const 4096)"
    ));
    let plugin = Host::new().load(&guest).await;
    let grants = ScriptedGrants::open;
    assert!(plugin.call_for("acme", grants()).await.is_ok());
    let knowing = grants().with_secret("token", "s3cr3t");
    assert_eq!(
        plugin.failure_for("acme", knowing).await,
        "permanent INVALID_INPUT: secrets are not kept: read them when they are needed"
    );
}
