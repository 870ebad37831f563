//! Instances that serve more than one call.

use jackfield_plugin_api::NodeExecutor;
use jackfield_testkit::StaticCall;
use jackfield_types::{ByteSize, Span};
use jackfield_wasm::{Services, WasmConfig, WasmHost};
use serde_json::{Value, json};

use crate::guest::{Guest, metadata};
use crate::{config, executor, host};

/// A guest that counts its calls, and breaks off when its items take seven bytes.
fn counting(reuse: &str) -> Guest {
    Guest {
        execute: r#"
            (global.set $count (i32.add (global.get $count) (i32.const 1)))
            (if (i32.eq (i32.load (i32.add (i32.load
                    (i32.add (local.get $call) (i32.const 60))) (i32.const 4))) (i32.const 7))
                (then unreachable))
            (i32.store8 (i32.const 40975) (i32.add (i32.const 48) (global.get $count)))
            (call $ok (i32.const 40960) (i32.const 19))"#
            .to_owned(),
        more: r#"(global $count (mut i32) (i32.const 0))
            (data (i32.const 40960) "[{\"json\":{\"n\": 0}}]")"#
            .to_owned(),
        manifest: format!("[limits]\nreuse = \"{reuse}\"\n"),
        ..Guest::default()
    }
}

async fn count(guest: &dyn NodeExecutor, tenant: &str) -> Value {
    let call = StaticCall::new(&metadata(), json!({})).with_tenant(tenant);
    let output = call.execute(guest).await.expect("an output");
    StaticCall::ports(&output)[0][0]["n"].clone()
}

#[tokio::test]
async fn each_call_has_an_instance_of_its_own_unless_the_plugin_wants_otherwise() {
    let host = host();
    let guest = executor(&host, &counting("never")).await;
    for _ in 0..3 {
        assert_eq!(count(&*guest, "a").await, 1);
    }
}

#[tokio::test]
async fn an_instance_is_used_again_by_its_tenant_only_and_not_for_ever() {
    let host = host();
    let guest = executor(&host, &counting("tenant")).await;
    assert_eq!(count(&*guest, "a").await, 1);
    assert_eq!(count(&*guest, "a").await, 2);
    assert_eq!(count(&*guest, "b").await, 1);
    assert_eq!(count(&*guest, "a").await, 3);
    // It has served three calls, which is all that the host of these tests lets one serve.
    assert_eq!(count(&*guest, "a").await, 1);
    assert_eq!(count(&*guest, "b").await, 2);
    // Another load of the same plugin shares nothing with it.
    let again = executor(&host, &counting("tenant")).await;
    assert_eq!(count(&*again, "b").await, 1);
}

#[tokio::test]
async fn an_instance_that_broke_off_is_never_used_again() {
    let host = host();
    let guest = executor(&host, &counting("tenant")).await;
    assert_eq!(count(&*guest, "a").await, 1);
    let call = StaticCall::new(&metadata(), json!({}))
        .with_tenant("a")
        .with_input(json!([{}, {}]));
    // `[{},{}]` has seven bytes.
    call.execute(&*guest).await.unwrap_err();
    assert_eq!(count(&*guest, "a").await, 1);
}

#[tokio::test]
async fn instances_that_wait_have_so_much_memory_together() {
    let config = WasmConfig {
        // Each has 128 KiB.
        warm_memory: ByteSize::kib(300),
        ..config()
    };
    let host = WasmHost::start(config, Services::default()).unwrap();
    let guest = executor(&host, &counting("tenant")).await;
    for tenant in ["a", "b", "c"] {
        assert_eq!(count(&*guest, tenant).await, 1);
    }
    // The one that waited longest had to go.
    assert_eq!(count(&*guest, "b").await, 2);
    assert_eq!(count(&*guest, "c").await, 2);
    assert_eq!(count(&*guest, "a").await, 1);
}

#[tokio::test]
async fn an_instance_that_waits_too_long_goes_though_nobody_calls() {
    let config = WasmConfig {
        warm_for: Span::from_millis(10),
        ..config()
    };
    let host = WasmHost::start(config, Services::default()).unwrap();
    let guest = executor(&host, &counting("tenant")).await;
    count(&*guest, "a").await;
    // Whoever sees to it is the only other task, and ends when nothing waits any more.
    let tasks = tokio::runtime::Handle::current().metrics();
    assert_eq!(tasks.num_alive_tasks(), 1);
    while tasks.num_alive_tasks() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(count(&*guest, "a").await, 1);
}
