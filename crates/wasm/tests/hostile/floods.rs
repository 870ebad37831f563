//! Too much of something that is granted.

use std::sync::Arc;

use jackfield_testkit::ScriptedGrants;
use jackfield_types::{ByteSize, Capability};
use jackfield_wasm::{KvLimits, MemoryKv, Services};

use crate::guest::{Guest, signature};
use crate::harness::Host;

#[tokio::test]
async fn a_flood_of_host_calls_ends_at_its_limit_granted_or_not() {
    for asking in [false, true] {
        let mut guest =
            Guest::doing("(loop $on (call $clock.now-ms (i32.const 8192)) (br $on)) unreachable")
                .importing("clock", "now-ms", signature::CLOCK);
        if asking {
            guest = guest.asking(Capability::Clock, "");
        }
        let host = Host::new();
        let plugin = host
            .load(&guest.with_limits("hostCalls = 100\ntime = \"20s\""))
            .await;
        let failure = plugin.failure().await;
        assert!(failure.starts_with("permanent LIMIT_EXCEEDED"), "{failure}");
        assert!(
            failure.ends_with("it asks the host for something more than 100 times"),
            "{failure}"
        );
    }
}

#[tokio::test]
async fn a_flood_of_lines_ends_and_each_of_them_is_short() {
    let mut guest = Guest::harmless()
        .importing("log", "log", signature::LOG)
        .asking(Capability::Log, "");
    let long = guest.text(&"x".repeat(20_000));
    let guest = guest
        .then(&format!(
            "(local $n i32)
             (loop $on
               (call $log.log (i32.const 2) {long})
               (br_if $on (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 5000))))
             (i32.const 4096)"
        ))
        .with_limits("time = \"20s\"");
    let host = Host::new();
    host.load(&guest).await.call().await.unwrap();
    let lines = host.heard.lines();
    assert_eq!(lines.len(), 1_001);
    assert!(lines.iter().all(|line| line.len() < 4_200));
    let last = "tenant Warn: 1000 lines in one call: what follows is dropped";
    assert_eq!(lines[1_000], last);
}

#[tokio::test]
async fn progress_that_is_no_fraction_is_bounded_or_dropped() {
    let guest = Guest::harmless()
        .importing("progress", "report", signature::PROGRESS)
        .asking(Capability::Progress, "");
    for (fraction, heard) in [("nan", None), ("inf", Some("1")), ("-1", Some("0"))] {
        let none = "(i32.const 0) (i32.const 0)";
        let guest = guest.clone().then(&format!(
            "(call $progress.report (f64.const {fraction}) {none}) (i32.const 4096)"
        ));
        let host = Host::new();
        host.load(&guest).await.call().await.unwrap();
        let expected = heard.map(|text| format!("tenant {text}: "));
        assert_eq!(host.heard.lines(), Vec::from_iter(expected));
    }
}

#[tokio::test]
async fn random_bytes_come_in_portions() {
    for (count, given) in [(65_536_u32, true), (65_537, false), (u32::MAX, false)] {
        let guest = Guest::harmless()
            .importing("random", "bytes", signature::RANDOM)
            .asking(Capability::Random, "")
            .then(&format!(
                "(call $random.bytes (i32.const {}) (i32.const 8192))
                 (if (result i32) (i32.load8_u (i32.const 8192))
                   (then (call $fault (i32.const 8196))) (else (i32.const 4096)))",
                count.cast_signed()
            ));
        let called = Host::new().load(&guest).await.call().await;
        let text = called.map_err(|error| error.to_string());
        let refused = Err("at most 65536 random bytes at a time".to_owned());
        assert_eq!(text.map(drop), if given { Ok(()) } else { refused });
    }
}

/// Keeps values under ever new keys, until it is told that it may not.
fn hoarder(value: &str) -> Guest {
    let mut guest = Guest::harmless()
        .importing("kv", "set", signature::SET)
        .asking(Capability::Kv, "");
    let value = guest.text(value);
    guest.then(&format!(
        "(local $n i32)
         (loop $on
           (i32.store (i32.const 60000)
             (i32.add (i32.const 0x30303030)
               (i32.or (i32.and (local.get $n) (i32.const 15))
                 (i32.shl (i32.and (local.get $n) (i32.const 240)) (i32.const 4)))))
           (call $kv.set (i32.const 60000) (i32.const 4) {value} (i32.const 8192))
           (if (i32.load8_u (i32.const 8192)) (then (return (call $fault (i32.const 8196)))))
           (br_if $on (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 256))))
         (i32.const 4096)"
    ))
}

#[tokio::test]
async fn a_plugin_keeps_so_much_for_a_tenant_and_no_more() {
    let limits = KvLimits {
        keys: 10,
        total: ByteSize::kib(5),
        value: ByteSize::kib(2),
        ..KvLimits::default()
    };
    let failures = async |value: usize| {
        let host = Host::with(Services::builder().kv_limits(limits));
        let plugin = host.load(&hoarder(&"x".repeat(value))).await;
        // Another tenant has its own room.
        let first = plugin.failure_for("acme", ScriptedGrants::open()).await;
        let second = plugin.failure_for("globex", ScriptedGrants::open()).await;
        assert_eq!(first, second);
        first
    };
    let full = "permanent LIMIT_EXCEEDED: a plugin keeps at most";
    assert_eq!(failures(1).await, format!("{full} 10 keys"));
    assert_eq!(failures(1_000).await, format!("{full} 5 KiB"));
    let long = "permanent LIMIT_EXCEEDED: a value has at most 2 KiB";
    assert_eq!(failures(3_000).await, long);
}

#[tokio::test]
async fn a_tenant_that_hoards_leaves_room_for_the_others() {
    let store = Arc::new(MemoryKv::with_capacity(ByteSize::kib(64)));
    let host = Host::with(Services::builder().kv(store));
    let plugin = host.load(&hoarder(&"x".repeat(1_000))).await;
    let full = "plugins keep at most 8 KiB for one tenant";
    for tenant in ["acme", "globex"] {
        let failure = plugin.failure_for(tenant, ScriptedGrants::open()).await;
        assert!(failure.ends_with(full), "{failure}");
    }
}
