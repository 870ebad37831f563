//! Computing, memory, stack, tables.

use futures_util::future::join_all;
use jackfield_plugin_api::NodeError;
use jackfield_testkit::ScriptedGrants;
use jackfield_types::{ByteSize, PluginQuota, Span};
use jackfield_wasm::Services;

use crate::guest::{Guest, NOTHING};
use crate::harness::{Host, manifest, named};

const WHO: &str = "plugin `evil/node 1.0.0` at node `node`";

/// Calls a guest that is stopped; the host still runs others, and the same one again.
async fn stopped(guest: Guest) -> String {
    let host = Host::new();
    let evil = host.load(&guest).await;
    let failure = evil.failure().await;
    assert_eq!(evil.failure().await, failure);
    let good = host.load_as("evil/good", &Guest::harmless()).await;
    assert!(good.call().await.is_ok());
    failure
}

#[tokio::test]
async fn an_endless_loop_ends_at_its_deadline() {
    let guest = Guest::doing("(loop $on (br $on)) unreachable").with_limits("time = \"50ms\"");
    let expected = format!("permanent TIMEOUT: {WHO}: the call took longer than 50.0 ms");
    assert_eq!(stopped(guest).await, expected);
}

#[tokio::test]
async fn an_endless_loop_leaves_the_thread_to_others() {
    let host = Host::new();
    let endless = Guest::doing("(loop $on (br $on)) unreachable").with_limits("time = \"300ms\"");
    let endless = host.load(&endless).await;
    let good = host.load_as("evil/good", &Guest::harmless()).await;
    let mut evil = Box::pin(endless.failure());
    let mut served = 0;
    // One thread runs both: whatever is served in the meantime got in between.
    loop {
        tokio::select! {
            biased;
            failure = &mut evil => {
                assert!(failure.starts_with("permanent TIMEOUT"), "{failure}");
                break;
            }
            output = good.call() => {
                output.unwrap();
                served += 1;
            }
        }
    }
    assert!(served >= 3, "{served}");
}

#[tokio::test]
async fn an_endless_start_is_no_endless_load() {
    let host = Host::new();
    let guest = Guest::harmless()
        .with("(func $start (loop $on (br $on))) (start $start)")
        .with_limits("time = \"50ms\"");
    let config = Span::from_millis(50);
    let quick = jackfield_wasm::WasmConfig {
        describe_time: config,
        ..jackfield_wasm::WasmConfig::default()
    };
    let services = Services::default();
    let quick = Host {
        host: jackfield_wasm::WasmHost::start(quick, services).unwrap(),
        heard: host.heard.clone(),
    };
    let error = quick.try_load(&guest).await.unwrap_err();
    assert!(
        error.to_string().contains("does not say what it provides"),
        "{error}"
    );
}

#[tokio::test]
async fn a_memory_bomb_bursts_at_its_limit() {
    let guest = Guest::doing("(loop $on (drop (memory.grow (i32.const 16))) (br $on)) unreachable")
        .with_limits("memory = \"2MiB\"\ntime = \"5s\"");
    let expected = format!("permanent LIMIT_EXCEEDED: {WHO}: it wants more than 2 MiB of memory");
    assert_eq!(stopped(guest).await, expected);
}

#[tokio::test]
async fn a_leap_into_more_memory_than_there_is_is_stopped_before_it_lands() {
    // More than there is in the machine, in one step.
    let guest = Guest::doing("(drop (memory.grow (i32.const 65000))) (i32.const 4096)")
        .with_limits("memory = \"64MiB\"");
    let failure = stopped(guest).await;
    assert!(
        failure.contains("it wants more than 64 MiB of memory"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_leap_that_no_memory_can_make_does_not_make_room_for_others() {
    // Grows, then asks for more than 32 bits can address, and so on: what has grown still counts.
    let guest = Guest::doing(
        "(loop $on
           (drop (memory.grow (i32.const 16)))
           (drop (memory.grow (i32.const -1)))
           (if (i32.gt_u (memory.size) (i32.const 64)) (then unreachable))
           (br $on))
         unreachable",
    )
    .with_limits("memory = \"2MiB\"\ntime = \"5s\"");
    let failure = stopped(guest).await;
    assert!(failure.starts_with("permanent LIMIT_EXCEEDED"), "{failure}");
}

#[tokio::test]
async fn deep_recursion_ends_in_the_guest() {
    let guest = Guest::doing("(drop (call $down (i64.const 0))) (i32.const 4096)").with(
        "(func $down (param i64) (result i64)
           (i64.add (i64.const 1) (call $down (i64.add (local.get 0) (i64.const 1)))))",
    );
    let failure = stopped(guest).await;
    assert!(
        failure.starts_with(&format!("permanent TRAPPED: {WHO}: it broke off: ")),
        "{failure}"
    );
    assert!(failure.contains("stack"), "{failure}");
}

#[tokio::test]
async fn deep_recursion_through_the_host_ends_too() {
    // The host calls the guest's allocator, which asks the host again.
    let guest = Guest::doing(NOTHING)
        .importing("random", "bytes", "(param i32 i32)")
        .asking(jackfield_types::Capability::Random, "")
        .reallocating("(call $random.bytes (i32.const 64) (i32.const 8192)) (i32.const 65536)");
    let failure = stopped(guest).await;
    assert!(failure.starts_with("permanent TRAPPED"), "{failure}");
}

#[tokio::test]
async fn tables_do_not_grow_for_ever() {
    // Takes as much as it gets, and breaks off if that is more than all tables may have together.
    let guest = Guest::doing(
        "(loop $on
           (if (i32.gt_u (table.size $wide) (i32.const 200000)) (then unreachable))
           (br_if $on (i32.ne (table.grow $wide (ref.null func) (i32.const 10000)) (i32.const -1))))
         (i32.const 4096)",
    )
    .with("(table $wide 1 funcref)");
    let host = Host::new();
    match host.load(&guest).await.call().await {
        Ok(_) => {}
        Err(error) => assert!(
            error.to_string().contains("elements in its tables"),
            "{error}"
        ),
    }
}

#[tokio::test]
async fn a_trap_says_whose_it_is_and_is_not_tried_again() {
    let failure = stopped(Guest::doing("unreachable")).await;
    let expected = format!("permanent TRAPPED: {WHO}: it broke off: ");
    assert!(failure.starts_with(&expected), "{failure}");
    let division = Guest::doing("(i32.div_u (i32.const 1) (i32.const 0))");
    let failure = stopped(division).await;
    assert!(failure.starts_with(&expected), "{failure}");
    assert!(failure.contains("divide by zero"), "{failure}");
}

#[tokio::test]
async fn a_cancelled_call_ends_though_the_guest_never_does() {
    let host = Host::new();
    let guest = Guest::doing("(loop $on (br $on)) unreachable").with_limits("time = \"60s\"");
    let evil = host.load(&guest).await;
    let cancellation = jackfield_plugin_api::CancellationToken::new();
    cancellation.cancel();
    let call = jackfield_testkit::StaticCall::new(&guest.metadata(), serde_json::json!({}))
        .with_cancellation(cancellation);
    let error = call.execute(evil.executor()).await.unwrap_err();
    assert!(matches!(error, NodeError::Cancelled), "{error:?}");
}

#[tokio::test]
async fn a_policy_bounds_what_plugins_use_for_its_tenant_and_for_no_other() {
    let host = Host::new();
    let quota = PluginQuota {
        time: Some(Span::from_millis(50)),
        memory: Some(ByteSize::mib(1)),
        ..PluginQuota::default()
    };
    let bounded = || ScriptedGrants::open().with_plugin_quota(quota);
    let endless = Guest::doing("(loop $on (br $on)) unreachable").with_limits("time = \"300ms\"");
    let endless = host.load(&endless).await;
    for (grants, time) in [(bounded(), "50.0 ms"), (ScriptedGrants::open(), "300.0 ms")] {
        let failure = endless.failure_for("acme", grants).await;
        let expected = format!("permanent TIMEOUT: {WHO}: the call took longer than {time}");
        assert_eq!(failure, expected);
    }
    let large = Guest::doing("(drop (memory.grow (i32.const 64))) (i32.const 4096)");
    let large = host.load(&large).await;
    let failure = large.failure_for("acme", bounded()).await;
    let expected = format!("permanent LIMIT_EXCEEDED: {WHO}: it wants more than 1 MiB of memory");
    assert_eq!(failure, expected);
    assert!(
        large
            .call_for("globex", ScriptedGrants::open())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_policy_bounds_an_instance_that_is_used_again_too() {
    let host = Host::new();
    let guest = Guest::doing("(drop (memory.grow (i32.const 64))) (i32.const 4096)");
    let plugin = host.load(&guest.with_limits("reuse = \"tenant\"")).await;
    plugin
        .call_for("acme", ScriptedGrants::open())
        .await
        .unwrap();
    let quota = PluginQuota {
        memory: Some(ByteSize::mib(1)),
        ..PluginQuota::default()
    };
    let bounded = ScriptedGrants::open().with_plugin_quota(quota);
    let failure = plugin.failure_for("acme", bounded).await;
    assert!(
        failure.contains("it wants more than 1 MiB of memory"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_plugin_that_may_give_little_may_say_all_that_it_is() {
    let guest = Guest::harmless().with_limits("output = \"16B\"");
    let plugin = Host::new().load(&guest).await;
    assert!(plugin.call().await.is_ok());
}

/// A component with so many more core instances of a module.
fn with_instances(guest: &Guest, count: u8, module: &str) -> Vec<u8> {
    let mut component = guest.component();
    let is_module = |payload: &wasmparser::Payload<'_>| {
        matches!(payload, wasmparser::Payload::ModuleSection { .. })
    };
    let modules = wasmparser::Parser::new(0)
        .parse_all(&component)
        .filter(|payload| payload.as_ref().is_ok_and(is_module))
        .count();
    let module = wat::parse_str(module).unwrap();
    // Both lengths have less than 7 bits.
    component.extend([1, u8::try_from(module.len()).unwrap()]);
    component.extend(module);
    component.extend([2, 1 + 3 * count, count]);
    for _ in 0..count {
        component.extend([0, u8::try_from(modules).unwrap(), 0]);
    }
    component
}

#[tokio::test]
async fn a_guest_of_many_parts_leaves_the_others_their_places() {
    for (count, module) in [
        (40, "(module)"),
        (2, "(module (memory 1))"),
        (5, "(module (table 1 funcref))"),
        // Too much for the pool: it has its places elsewhere.
        (40, "(module (memory 1) (table 1 funcref))"),
    ] {
        let host = Host::with(Services::builder());
        let guest = Guest::doing("(loop $on (br $on)) unreachable");
        let guest = guest.with_limits("time = \"200ms\"");
        let bytes = with_instances(&guest, count, module);
        let large = host.load_bytes(manifest("evil/node", &guest), bytes).await;
        let large = named(&guest, &large.unwrap());
        let good = host.load_as("evil/good", &Guest::harmless()).await;
        // As many as the host has places for, but one.
        let calls = (0..7).map(|_| large.failure_for("globex", ScriptedGrants::open()));
        let (failures, ()) = tokio::join!(join_all(calls), async {
            for _ in 0..10 {
                good.call_for("acme", ScriptedGrants::open()).await.unwrap();
            }
        });
        for failure in failures {
            assert!(
                failure.starts_with("permanent TIMEOUT"),
                "{module}: {failure}"
            );
        }
    }
}
