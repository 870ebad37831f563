//! Guests that don't come to an end: what becomes of them, and of the host.

use std::time::{Duration, Instant};

use jackfield_plugin_api::{CancellationToken, NodeError};
use jackfield_testkit::StaticCall;
use jackfield_types::{ErrorCode, NodeFailure};
use serde_json::json;

use crate::guest::{Guest, metadata, ok};
use crate::{executor, host};

const ENDLESS: &str = "(loop $l (br $l)) (unreachable)";

async fn failure(guest: Guest) -> NodeFailure {
    let host = host();
    let broken = executor(&host, &guest).await;
    let call = StaticCall::new(&metadata(), json!({}));
    let error = call.execute(&*broken).await.expect_err("it breaks off");
    assert!(matches!(error, NodeError::Permanent(_)), "{error:?}");
    // The host lives, and so does whoever comes next.
    let whole = executor(&host, &Guest::default()).await;
    let output = call.execute(&*whole).await.expect("an output");
    assert_eq!(StaticCall::ports(&output), json!([[{"a": 1}]]));
    let failure = error.into_failure();
    let named = "plugin `acme/guest 1.2.3` at node `node`: ";
    assert!(failure.message.starts_with(named), "{failure}");
    failure
}

#[tokio::test]
async fn a_trap_fails_the_call_and_names_the_functions() {
    let failure = failure(Guest {
        execute: "(call $deep) (i32.const 0)".to_owned(),
        more: "(func $deep unreachable)".to_owned(),
        ..Guest::default()
    })
    .await;
    assert_eq!(failure.code, ErrorCode::TRAPPED);
    assert!(failure.message.contains("unreachable"), "{failure}");
    assert_eq!(failure.details.unwrap()["stack"][0], "deep");
}

#[tokio::test]
async fn an_endless_loop_ends_soon_after_its_deadline() {
    let guest = Guest {
        execute: ENDLESS.to_owned(),
        manifest: "[limits]\ntime = \"100ms\"\n".to_owned(),
        ..Guest::default()
    };
    let began = Instant::now();
    let failure = failure(guest).await;
    assert_eq!(failure.code, ErrorCode::TIMEOUT);
    assert!(failure.message.contains("100.0 ms"), "{failure}");
    // How soon is measured by the bench; here it only must not be the default of 10 s.
    assert!(began.elapsed() < Duration::from_secs(9));
}

#[tokio::test]
async fn an_endless_loop_lets_others_have_their_turn_and_ends_when_cancelled() {
    let host = host();
    let guest = Guest {
        execute: ENDLESS.to_owned(),
        ..Guest::default()
    };
    let endless = executor(&host, &guest).await;
    let whole = executor(&host, &Guest::default()).await;
    let token = CancellationToken::new();
    let call = StaticCall::new(&metadata(), json!({})).with_cancellation(token.clone());
    let other = StaticCall::new(&metadata(), json!({}));
    // One thread for both.
    let (error, ()) = tokio::join!(call.execute(&*endless), async {
        for _ in 0..10 {
            other.execute(&*whole).await.unwrap();
        }
        token.cancel();
    });
    assert!(matches!(error, Err(NodeError::Cancelled)), "{error:?}");
}

#[tokio::test]
async fn memory_stack_and_tables_have_their_limits() {
    let bomb = |execute: &str, more: &str| Guest {
        execute: execute.to_owned(),
        more: more.to_owned(),
        manifest: "[limits]\nmemory = \"1MiB\"\n".to_owned(),
        ..Guest::default()
    };
    let grow = "(drop (memory.grow (i32.const 1))) (br $l)";
    let memory = failure(bomb(&format!("(loop $l {grow}) (unreachable)"), "")).await;
    assert_eq!(memory.code, ErrorCode::LIMIT_EXCEEDED);
    assert!(memory.message.contains("1 MiB of memory"), "{memory}");

    let deep = "(func $deep (call $deep) (call $deep))";
    let stack = failure(bomb("(call $deep) (i32.const 0)", deep)).await;
    assert_eq!(stack.code, ErrorCode::TRAPPED);
    assert!(stack.message.contains("stack"), "{stack}");

    let grow = "(drop (table.grow $t (ref.null func) (i32.const 1000))) (br $l)";
    let execute = format!("(loop $l {grow}) (unreachable)");
    let mut guest = bomb(&execute, "(table $t 1 funcref)");
    guest.manifest = "[limits]\ntime = \"200ms\"\n".to_owned();
    let tables = failure(guest).await;
    // A table of the pool has an end of its own, where growing gives -1 for ever.
    let codes = [ErrorCode::LIMIT_EXCEEDED, ErrorCode::TIMEOUT];
    assert!(codes.contains(&tables.code), "{tables}");
}

#[tokio::test]
async fn texts_that_lie_about_their_length_are_no_way_out() {
    for length in ["-1", "0x7fffffff", "131072"] {
        let failure = failure(Guest {
            execute: format!("(call $ok (i32.const 0) (i32.const {length}))"),
            ..Guest::default()
        })
        .await;
        assert_eq!(failure.code, ErrorCode::TRAPPED, "{failure}");
    }
    let no_text = failure(Guest {
        execute: "(i32.store (i32.const 40960) (i32.const 0xffffffff)) \
                  (call $ok (i32.const 40960) (i32.const 4))"
            .to_owned(),
        ..Guest::default()
    })
    .await;
    assert_eq!(no_text.code, ErrorCode::TRAPPED, "{no_text}");
    let far_away = failure(Guest {
        execute: "(i32.const 0x7ffffff0)".to_owned(),
        ..Guest::default()
    })
    .await;
    assert_eq!(far_away.code, ErrorCode::TRAPPED, "{far_away}");
}

#[tokio::test]
async fn output_has_a_limit_however_often_one_text_is_given() {
    // A list of 4,096 ports, all of them the same 100 kB.
    let execute = "
        (memory.fill (i32.const 64) (i32.const 0) (i32.const 256))
        (i32.store (i32.const 72) (i32.const 131072))
        (i32.store (i32.const 76) (i32.const 4096))
        (loop $l
            (i32.store (i32.add (i32.const 131072) (local.get $call)) (i32.const 196608))
            (i32.store (i32.add (i32.const 131076) (local.get $call)) (i32.const 100000))
            (local.set $call (i32.add (local.get $call) (i32.const 8)))
            (br_if $l (i32.lt_u (local.get $call) (i32.const 32768))))
        (i32.const 64)";
    let failure = failure(Guest {
        execute: format!("(local.set $call (i32.const 0)) {execute}"),
        pages: 8,
        manifest: "[limits]\noutput = \"1MiB\"\n".to_owned(),
        ..Guest::default()
    })
    .await;
    assert_eq!(failure.code, ErrorCode::OUTPUT_TOO_LARGE);
    assert!(failure.message.contains("1 MiB"), "{failure}");
}

#[tokio::test]
async fn input_that_cannot_fit_is_refused_before_it_is_copied() {
    let guest = Guest {
        execute: ok("[]"),
        manifest: "[limits]\nmemory = \"1MiB\"\n".to_owned(),
        ..Guest::default()
    };
    let host = host();
    let guest = executor(&host, &guest).await;
    let call =
        StaticCall::new(&metadata(), json!({})).with_input(json!([{"text": "x".repeat(2 << 20)}]));
    let error = call.execute(&*guest).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::LIMIT_EXCEEDED);
}

#[tokio::test]
async fn calls_of_one_tenant_wait_for_one_another() {
    let guest = Guest {
        manifest: "[limits]\ninstances = 1\n".to_owned(),
        ..Guest::default()
    };
    let host = host();
    let guest = executor(&host, &guest).await;
    let call = StaticCall::new(&metadata(), json!({}));
    let calls = (0..20).map(|_| call.execute(&*guest));
    for result in futures_util::future::join_all(calls).await {
        assert_eq!(StaticCall::ports(&result.unwrap()), json!([[{"a": 1}]]));
    }
}
