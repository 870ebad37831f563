//! What becomes of a node that works item by item when some of its items fail.

use futures_util::FutureExt;
use jackfield_nodes::{Access, BuiltIn, HttpSettings, NodeSettings, node_types};
use jackfield_plugin_api::{CancellationToken, NodeError};
use jackfield_testkit::{ScriptedWorkflows, StaticCall};
use jackfield_types::{ErrorCode, FailureClass, NodeFailure, OnError};
use proptest::prelude::*;
use serde_json::{Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// The built-in node type of this name, which may reach private networks.
fn built_in(name: &str) -> BuiltIn {
    let http = HttpSettings {
        private_networks: Access::Allowed,
        ..HttpSettings::default()
    };
    node_types(&NodeSettings {
        http,
        ..NodeSettings::default()
    })
    .into_iter()
    .find(|built_in| built_in.metadata.node_type.as_str() == name)
    .expect("it is built in")
}

fn call(built_in: &BuiltIn, parameters: Value, items: Value) -> StaticCall {
    StaticCall::new(&built_in.metadata, parameters).with_input(items)
}

/// The failure of a call whose workflow goes on.
async fn failure(name: &str, parameters: Value, items: Value) -> NodeFailure {
    failure_of(name, parameters, items, OnError::ContinueErrorOutput).await
}

async fn failure_of(name: &str, parameters: Value, items: Value, on_error: OnError) -> NodeFailure {
    let built_in = built_in(name);
    call(&built_in, parameters, items)
        .with_on_error(on_error)
        .execute(&*built_in.executor)
        .await
        .expect_err("an item fails")
        .into_failure()
}

fn failed(failure: &NodeFailure) -> Vec<u32> {
    failure
        .failed_items
        .iter()
        .map(|failed| failed.item)
        .collect()
}

/// What goes on: from which item, and its fields, by port.
fn partial(failure: &NodeFailure) -> Vec<Vec<(u32, Value)>> {
    let partial = failure.partial.as_ref().expect("something was made");
    assert_eq!(partial.error, None, "the kernel fills the error port");
    let pairs = |items: &jackfield_types::Items| {
        items
            .iter()
            .map(|item| {
                let source = item.source().expect("items are paired");
                assert_eq!(source.input, 0);
                (source.item, Value::Object(item.json().clone()))
            })
            .collect()
    };
    partial.main.iter().map(pairs).collect()
}

/// Three items of which the second one has no text at `name`.
fn names() -> Value {
    json!([{"name": "ada"}, {"name": 5}, {"name": "bob"}])
}

#[tokio::test]
async fn condition_and_filter_part_the_items_that_can_be_decided() {
    let parameters = json!({"condition": "$json.name.toUpperCase() === 'ADA'"});
    let failure_of_condition = failure("condition", parameters.clone(), names()).await;
    assert_eq!(failed(&failure_of_condition), [1]);
    assert_eq!(
        partial(&failure_of_condition),
        [
            vec![(0, json!({"name": "ada"}))],
            vec![(2, json!({"name": "bob"}))]
        ]
    );
    assert!(
        failure_of_condition
            .message
            .starts_with("1 of 3 items failed; item 1: "),
        "{failure_of_condition}"
    );

    let failure_of_filter = failure("filter", parameters, names()).await;
    assert_eq!(failed(&failure_of_filter), [1]);
    assert_eq!(
        partial(&failure_of_filter),
        [vec![(0, json!({"name": "ada"}))]]
    );
}

#[tokio::test]
async fn an_item_that_fails_half_way_leaves_a_switch_by_no_output() {
    let parameters = json!({
        "mode": "all",
        "rules": ["$json.name !== ''", "$json.name.toUpperCase() === 'ADA'"]
    });
    let failure = failure("switch", parameters, names()).await;
    assert_eq!(failed(&failure), [1]);
    assert_eq!(
        partial(&failure),
        [
            vec![(0, json!({"name": "ada"})), (2, json!({"name": "bob"}))],
            vec![(0, json!({"name": "ada"}))],
            vec![],
        ]
    );
}

#[tokio::test]
async fn transform_goes_on_even_when_its_first_item_fails() {
    let parameters = json!({"set": {"upper": "{{ $json.name.toUpperCase() }}"}});
    let items = json!([{"name": 5}, {"name": "ada"}, {"name": 6}, {"name": "bob"}]);
    let failure = failure("transform", parameters, items).await;
    assert_eq!(failed(&failure), [0, 2]);
    assert_eq!(
        partial(&failure),
        [vec![
            (1, json!({"name": "ada", "upper": "ADA"})),
            (3, json!({"name": "bob", "upper": "BOB"}))
        ]]
    );
}

#[tokio::test]
async fn fixed_parameters_may_fail_for_some_items_too() {
    let parameters = json!({"set": {"a.b": 1}});
    let failure = failure(
        "transform",
        parameters,
        json!([{}, {"a": "text"}, {"a": {}}]),
    )
    .await;
    assert_eq!(failure.code, ErrorCode::WRONG_TYPE);
    assert_eq!(failure.failed_items[0].code, ErrorCode::WRONG_TYPE);
    assert_eq!(failed(&failure), [1]);
    assert_eq!(partial(&failure)[0].len(), 2);
}

#[tokio::test]
async fn split_out_gives_nothing_of_an_item_that_fails_half_way() {
    let parameters = json!({"field": "{{ $json.list }}", "into": "part.value", "include": "all"});
    let items = json!([
        {"list": "tags", "tags": [1]},
        {"list": "tags", "tags": [1, 2], "part": "in the way"},
        {"list": "tags", "tags": [3]},
    ]);
    let failure = failure("split-out", parameters, items).await;
    assert_eq!(failed(&failure), [1]);
    let made: Vec<u32> = partial(&failure)[0].iter().map(|(item, _)| *item).collect();
    assert_eq!(made, [0, 2]);
}

#[tokio::test]
async fn functions_go_through_all_items() {
    let parameters = json!({"a": 8, "b": "{{ $json.b }}"});
    let items = json!([{"b": 2}, {"b": 0}, {"b": "x"}, {"b": 4}]);
    let failure = failure("math.divide", parameters, items).await;
    assert_eq!(failure.class, FailureClass::Permanent);
    assert_eq!(
        failure.to_string(),
        "NUMBER_ERROR: 2 of 4 items failed; item 1: division by zero"
    );
    let codes: Vec<_> = failure
        .failed_items
        .iter()
        .map(|failed| (failed.item, failed.code.as_str()))
        .collect();
    assert_eq!(codes, [(1, "NUMBER_ERROR"), (2, "INVALID_PARAMETERS")]);
    assert_eq!(
        partial(&failure),
        [vec![(0, json!({"result": 4})), (3, json!({"result": 2}))]]
    );
}

#[tokio::test]
async fn nodes_that_write_variables_fail_as_a_whole() {
    let parameters = json!({"name": "{{ $json.name }}", "value": 1});
    let failure = failure("var.set", parameters, names()).await;
    assert_eq!(failed(&failure), [0_u32; 0]);
    assert!(failure.message.contains("item 1: "), "{failure}");

    let parameters = json!({"name": "{{ $json.name.toUpperCase() }}", "value": 1});
    let failure = failure_of(
        "set-variable",
        parameters,
        names(),
        OnError::ContinueRegularOutput,
    )
    .await;
    assert_eq!(failed(&failure), [0_u32; 0]);
    assert!(failure.message.starts_with("item 1: "), "{failure}");
}

#[tokio::test]
async fn without_going_on_every_node_names_the_item_at_which_it_ended() {
    let bad = "$json.name.toUpperCase() === 'ADA'";
    let template = "{{ $json.name.toUpperCase() }}";
    for (name, parameters) in [
        ("condition", json!({"condition": bad})),
        ("filter", json!({"condition": bad})),
        ("switch", json!({"rules": [bad]})),
        ("transform", json!({"set": {"upper": template}})),
        ("split-out", json!({"field": template})),
        ("string.lower", json!({"value": template})),
        ("set-variable", json!({"name": "a", "value": template})),
        (
            "execute-workflow",
            json!({"workflow": "w", "mode": "each", "variables": {"a": template}}),
        ),
        (
            "http-request",
            json!({"url": "http://127.0.0.1:9/", "headers": {"x-name": template}}),
        ),
    ] {
        // The first items would do, were they asked for: those nodes go elsewhere.
        let items = match name {
            "execute-workflow" | "http-request" => json!([{"name": 5}, {"name": 5}]),
            _ => names(),
        };
        let place = usize::from(items.as_array().unwrap().len() == 3);
        let failure = failure_of(name, parameters, items, OnError::StopWorkflow).await;
        let expected = format!("item {place}: ");
        assert!(failure.message.contains(&expected), "{name}: {failure}");
        assert_eq!(failed(&failure), [0_u32; 0], "{name}");
    }
}

fn workflows(second: fn() -> NodeError) -> ScriptedWorkflows {
    ScriptedWorkflows::new(move |asked| {
        if asked.items[0].json()["name"] == 5 {
            Err(second())
        } else {
            Ok(asked.items.clone())
        }
    })
}

async fn run_each(second: fn() -> NodeError) -> NodeFailure {
    let built_in = built_in("execute-workflow");
    let parameters = json!({"workflow": "w", "mode": "each", "concurrency": 2});
    call(&built_in, parameters, names())
        .with_workflows(workflows(second))
        .with_on_error(OnError::ContinueErrorOutput)
        .execute(&*built_in.executor)
        .await
        .expect_err("an item fails")
        .into_failure()
}

#[tokio::test]
async fn workflows_of_the_other_items_run_when_one_fails() {
    let broken = run_each(|| NodeError::permanent(ErrorCode::STOPPED, "broken")).await;
    assert_eq!(
        broken.to_string(),
        "STOPPED: 1 of 3 items failed; item 1: broken"
    );
    assert_eq!(failed(&broken), [1]);
    let made: Vec<u32> = partial(&broken)[0].iter().map(|(item, _)| *item).collect();
    assert_eq!(made, [0, 2]);

    let refused = run_each(|| NodeError::refused(ErrorCode::TENANT_FORBIDDEN, "no")).await;
    assert_eq!(refused.class, FailureClass::Final);
    assert_eq!(refused.code, ErrorCode::TENANT_FORBIDDEN);
    assert_eq!(failed(&refused), [0_u32; 0]);
}

#[tokio::test]
async fn requests_of_the_other_items_are_sent_when_some_fail() {
    let server = MockServer::start().await;
    for (place, answer) in [
        (
            "/0",
            ResponseTemplate::new(200).set_body_json(json!({"n": 0})),
        ),
        ("/1", ResponseTemplate::new(404)),
        (
            "/2",
            ResponseTemplate::new(503).insert_header("retry-after", "7"),
        ),
        (
            "/3",
            ResponseTemplate::new(200).set_body_json(json!({"n": 3})),
        ),
    ] {
        Mock::given(path(place))
            .respond_with(answer)
            .mount(&server)
            .await;
    }
    let built_in = built_in("http-request");
    let url = format!("{}/{{{{ $json.n }}}}", server.uri());
    let parameters = json!({"url": url, "concurrency": 4});
    let items = json!([{"n": 0}, {"n": 1}, {"n": 2}, {"n": 3}]);
    let failure = call(&built_in, parameters, items)
        .with_on_error(OnError::ContinueErrorOutput)
        .execute(&*built_in.executor)
        .await
        .expect_err("an item fails")
        .into_failure();
    assert_eq!(failure.class, FailureClass::Retryable);
    assert_eq!(failure.status, Some(503));
    assert_eq!(failure.retry_after.unwrap().as_secs(), 7);
    let statuses: Vec<_> = failure
        .failed_items
        .iter()
        .map(|failed| (failed.item, failed.status))
        .collect();
    assert_eq!(statuses, [(1, Some(404)), (2, Some(503))]);
    assert_eq!(
        partial(&failure),
        [vec![(0, json!({"n": 0})), (3, json!({"n": 3}))]]
    );
}

#[tokio::test]
async fn a_cancelled_call_does_not_go_through_its_items() {
    let cancellation = CancellationToken::new();
    cancellation.cancel();
    let built_in = built_in("filter");
    let parameters = json!({"condition": "$json.name.toUpperCase()"});
    let result = call(&built_in, parameters, names())
        .with_on_error(OnError::ContinueErrorOutput)
        .with_cancellation(cancellation)
        .execute(&*built_in.executor)
        .await;
    assert!(matches!(result, Err(NodeError::Cancelled)));
}

#[tokio::test]
async fn what_is_taken_once_is_taken_from_the_first_item_that_has_it() {
    let built_in = built_in("execute-workflow");
    let parameters = json!({
        "workflow": "w",
        "mode": "each",
        "variables": {"upper": "{{ $json.name.toUpperCase() }}"}
    });
    let items = json!([{"name": 1}, {"name": "ada"}, {"name": 2}]);
    let workflows = ScriptedWorkflows::new(|asked| Ok(asked.items.clone()));
    let failure = call(&built_in, parameters, items)
        .with_workflows(workflows.clone())
        .with_on_error(OnError::ContinueErrorOutput)
        .execute(&*built_in.executor)
        .await
        .expect_err("an item fails")
        .into_failure();
    assert_eq!(failed(&failure), [0, 2]);
    assert_eq!(workflows.asked().len(), 1);
    assert_eq!(workflows.asked()[0]["variables"], json!({"upper": "ADA"}));
}

#[tokio::test]
async fn a_bound_on_the_whole_call_is_no_fault_of_one_item() {
    let parameters = json!({"values": ["{{ $json.n }}", "x".repeat(15 << 20)]});
    let items: Value = (0..18).map(|n| json!({"n": n.to_string()})).collect();
    let failure = failure("string.concat", parameters, items).await;
    assert_eq!(failure.code, ErrorCode::LIMIT_EXCEEDED);
    assert_eq!(failed(&failure), [0_u32; 0]);
    assert_eq!(partial(&failure)[0].len(), 17);
}

proptest! {
    #[test]
    fn every_item_goes_on_or_fails_and_none_does_both(
        divisors in prop::collection::vec(-1_i64..=1, 2..20)
    ) {
        let items: Value = divisors.iter().map(|b| json!({"b": b})).collect();
        let parameters = json!({"a": 6, "b": "{{ $json.b }}"});
        let built_in = built_in("math.divide");
        let result = call(&built_in, parameters, items)
            .with_on_error(OnError::ContinueErrorOutput)
            .execute(&*built_in.executor)
            .now_or_never()
            .expect("functions wait for nothing");
        let places = |is_zero: bool| -> Vec<u32> {
            (0..).zip(&divisors).filter(|(_, b)| (**b == 0) == is_zero).map(|(place, _)| place).collect()
        };
        let (outputs, failed) = match result {
            Ok(output) => (Some(output.outputs), Vec::new()),
            Err(error) => {
                let failure = error.into_failure();
                let failed = failed(&failure);
                (failure.partial, failed)
            }
        };
        let made: Vec<u32> = outputs
            .iter()
            .flat_map(|outputs| outputs.main[0].iter())
            .map(|item| item.source().unwrap().item)
            .collect();
        prop_assert_eq!(made, places(false));
        prop_assert_eq!(failed, places(true));
    }
}
