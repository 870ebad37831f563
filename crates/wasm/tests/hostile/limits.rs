//! Computing, memory, stack, tables.

use jackfield_plugin_api::NodeError;

use crate::guest::{Guest, NOTHING};
use crate::harness::Host;

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
    let config = jackfield_types::Span::from_millis(50);
    let quick = jackfield_wasm::WasmConfig {
        describe_time: config,
        ..jackfield_wasm::WasmConfig::default()
    };
    let services = jackfield_wasm::Services::default();
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
