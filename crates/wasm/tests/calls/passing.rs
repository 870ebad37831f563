//! What crosses the border.

use jackfield_plugin_api::NodeError;
use jackfield_testkit::StaticCall;
use jackfield_types::{ErrorCode, ItemSource, OnError, VariableAccess};
use serde_json::json;

use crate::guest::{Guest, describe, failed, metadata, ok};
use crate::{executor, host};

/// What comes before the text that a guest gives back.
const PREFIX: &str = r#"[{"json":{"got":"#;

/// The body of an `execute` that gives back the text at an offset of the call, made one item.
fn echo(offset: u32) -> String {
    let (free, prefix) = (Guest::FREE, PREFIX.len());
    let copied = free + prefix;
    let text = format!("(i32.load offset={offset} (local.get $call))");
    let length = format!("(i32.load offset={} (local.get $call))", offset + 4);
    format!(
        "(memory.copy (i32.const {free}) (i32.const 40900) (i32.const {prefix}))
        (memory.copy (i32.const {copied}) {text} {length})
        (i32.store16 offset={copied} {length} (i32.const 0x7d7d))
        (i32.store8 offset={} {length} (i32.const 0x5d))
        (call $ok (i32.const {free}) (i32.add (i32.const {}) {length}))",
        copied + 2,
        prefix + 3,
    )
}

/// What guests that give something back have in their memory.
fn prefix() -> String {
    format!("(data (i32.const 40900) {PREFIX:?})")
}

/// A guest that gives back the first text of a list at an offset of the call.
fn echoing(offset: u32) -> Guest {
    Guest {
        execute: format!(
            "(local.set $call (i32.load offset={offset} (local.get $call))) {}",
            echo(0)
        ),
        more: prefix(),
        ..Guest::default()
    }
}

#[tokio::test]
async fn items_and_parameters_reach_the_guest() {
    let host = host();
    let inputs = executor(&host, &echoing(60)).await;
    let call = StaticCall::new(&metadata(), json!({"n": 1}))
        .with_input(json!([{"a": "ä"}, {"b": [1, null]}]));
    let output = call.execute(&*inputs).await.unwrap();
    let ports = json!([[{"got": [{"a": "ä"}, {"b": [1, null]}]}]]);
    assert_eq!(StaticCall::ports(&output), ports);

    let parameters = executor(&host, &echoing(68)).await;
    // Twice: the second call has them at hand.
    for _ in 0..2 {
        let output = call.execute(&*parameters).await.unwrap();
        assert_eq!(StaticCall::ports(&output), json!([[{"got": {"n": 1}}]]));
    }
    let call = StaticCall::new(&metadata(), json!({"n": "{{ $json.a }}"}))
        .with_input(json!([{"a": 7}, {"a": 8}]));
    let output = call.execute(&*parameters).await.unwrap();
    assert_eq!(StaticCall::ports(&output), json!([[{"got": {"n": 7}}]]));
}

#[tokio::test]
async fn items_keep_what_they_were_made_from() {
    let execute = ok(r#"[{"json":{}},{"json":{"b":2},"item":1}]"#);
    let guest = Guest {
        execute,
        ..Guest::default()
    };
    let guest = executor(&host(), &guest).await;
    let call = StaticCall::new(&metadata(), json!({})).with_input(json!([{}, {}]));
    let output = call.execute(&*guest).await.unwrap();
    let sources: Vec<_> = output.outputs.main[0]
        .iter()
        .map(jackfield_types::Item::source)
        .collect();
    assert_eq!(sources, [None, Some(ItemSource { input: 0, item: 1 })]);

    let call = StaticCall::new(&metadata(), json!({})).with_input(json!([{}]));
    let error = call.execute(&*guest).await.unwrap_err();
    assert!(error.to_string().contains("item 1 of input 0"), "{error}");
    assert_eq!(error.code(), ErrorCode::EXECUTION_ERROR);
}

#[tokio::test]
async fn what_the_contract_does_not_know_is_refused_by_name() {
    let host = host();
    for (given, said) in [
        ("nonsense", "port 0"),
        (r#"[{"json":[]}]"#, "port 0"),
        (r#"[{"json":{},"more":1}]"#, "more"),
        (r#"{"json":{}}"#, "port 0"),
        (r#"[{"json":{},"item":-1}]"#, "port 0"),
        (r#"[{"json":{},"item":0,"input":3}]"#, "input 3"),
    ] {
        let guest = Guest {
            execute: ok(given),
            ..Guest::default()
        };
        let guest = executor(&host, &guest).await;
        let call = StaticCall::new(&metadata(), json!({})).with_input(json!([{}]));
        let failure = call.execute(&*guest).await.unwrap_err().into_failure();
        assert_eq!(failure.code, ErrorCode::EXECUTION_ERROR, "{given}");
        assert!(failure.message.contains(said), "{failure}");
        let named = "plugin `acme/guest 1.2.3` at node `node`: ";
        assert!(failure.message.starts_with(named), "{failure}");
    }
}

#[tokio::test]
async fn deep_json_does_not_bring_the_host_down() {
    let nested = format!(
        "[{{\"json\":{{\"a\":{}1{}}}}}]",
        "[".repeat(2_000),
        "]".repeat(2_000)
    );
    let guest = Guest {
        execute: ok(&nested),
        ..Guest::default()
    };
    let guest = executor(&host(), &guest).await;
    let call = StaticCall::new(&metadata(), json!({}));
    let error = call.execute(&*guest).await.unwrap_err();
    assert!(error.to_string().contains("recursion"), "{error}");
}

#[tokio::test]
async fn a_failure_of_the_guest_is_what_the_guest_says_it_is() {
    let host = host();
    let fail = async |code: &str, retryable| {
        let guest = Guest {
            execute: failed(code, "out of paper", retryable),
            ..Guest::default()
        };
        let guest = executor(&host, &guest).await;
        let call = StaticCall::new(&metadata(), json!({}));
        call.execute(&*guest).await.unwrap_err()
    };
    let error = fail("no paper", true).await;
    assert!(matches!(error, NodeError::Retryable(_)), "{error:?}");
    assert_eq!(error.into_failure().to_string(), "NO_PAPER: out of paper");
    let error = fail("NO_PAPER", false).await;
    assert!(matches!(error, NodeError::Permanent(_)), "{error:?}");
    let error = fail("INVALID_PARAMETERS", true).await;
    assert!(matches!(error, NodeError::Params(_)), "{error:?}");
    let error = fail("TENANT_FORBIDDEN", true).await;
    assert!(matches!(error, NodeError::Refused(_)), "{error:?}");
}

#[tokio::test]
async fn an_item_without_parameters_fails_alone_and_the_others_keep_their_places() {
    let guest = Guest {
        execute: ok(r#"[{"json":{},"item":1}]"#),
        ..Guest::default()
    };
    let guest = executor(&host(), &guest).await;
    let call = StaticCall::new(&metadata(), json!({"n": "{{ $json.n.toFixed(1) }}"}))
        .with_input(json!([{"n": 1}, {"n": "x"}, {"n": 3}]));
    let error = call.execute(&*guest).await.unwrap_err();
    assert!(error.to_string().contains("item 1"), "{error}");

    let call = call.with_on_error(OnError::ContinueErrorOutput);
    let failure = call.execute(&*guest).await.unwrap_err().into_failure();
    let failed: Vec<u32> = failure.failed_items.iter().map(|one| one.item).collect();
    assert_eq!(failed, [1]);
    let source = failure.partial.unwrap().main[0][0].source();
    assert_eq!(source, Some(ItemSource { input: 0, item: 2 }));
}

#[tokio::test]
async fn variables_are_for_node_types_that_say_so() {
    let mut described = metadata();
    described.variables = VariableAccess::Reads;
    let guest = Guest {
        described: describe(std::slice::from_ref(&described)),
        execute: echo(80),
        more: prefix(),
        ..Guest::default()
    };
    let guest = executor(&host(), &guest).await;
    let call = StaticCall::new(&described, json!({})).with_variables(json!({"v": 1}));
    let output = call.execute(&*guest).await.unwrap();
    assert_eq!(StaticCall::ports(&output), json!([[{"got": {"v": 1}}]]));
}
