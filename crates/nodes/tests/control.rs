//! Branches, joins, loops and waits.

mod support;

use std::sync::Arc;
use std::time::Duration;

use jackfield_nodes::BuiltIn;
use jackfield_plugin_api::{NodeError, NodeOutput};
use jackfield_testkit::{ScriptedWorkflows, StaticCall};
use jackfield_types::{ErrorCode, Item, ItemSource, VariableWrite};
use serde_json::{Value, json};
use support::{built_in, call, fail, run, try_run};

fn sources(output: &NodeOutput, port: usize) -> Vec<Option<ItemSource>> {
    output.outputs.main[port].iter().map(Item::source).collect()
}

#[tokio::test]
async fn condition_sends_each_item_its_way_and_keeps_pairing() {
    let items = json!([[{"n": 1}, {"n": 0}, {"n": 5}, {}]]);
    let output = try_run(
        "condition",
        json!({"condition": "{{ $json.n > 0 }}"}),
        items,
    )
    .await
    .unwrap();
    assert_eq!(
        StaticCall::ports(&output),
        json!([[{"n": 1}, {"n": 5}], [{"n": 0}, {}]])
    );
    assert_eq!(
        sources(&output, 1),
        [1, 3].map(|item| Some(ItemSource { input: 0, item }))
    );
}

#[tokio::test]
async fn condition_without_a_condition_or_with_two_is_refused() {
    assert!(
        fail("condition", json!({}), json!([[{}]]))
            .await
            .contains("a condition is missing")
    );
    let both = json!({"condition": "true", "conditions": [{"operator": "exists"}]});
    assert!(
        fail("condition", both, json!([[{}]]))
            .await
            .contains("cannot be given both")
    );
    assert!(
        fail(
            "condition",
            json!({"condition": "true", "x": 1}),
            json!([[{}]])
        )
        .await
        .contains("`x`")
    );
}

#[tokio::test]
async fn comparisons_never_mix_kinds() {
    for (left, operator, right, expected) in [
        (json!(1), "equals", json!(1.0), true),
        (json!("1"), "equals", json!(1), false),
        (json!("10"), "gt", json!(9), false),
        (json!(10), "gt", json!(9), true),
        (
            json!(9_007_199_254_740_993_u64),
            "gt",
            json!(9_007_199_254_740_992_u64),
            true,
        ),
        (json!(null), "lte", json!(5), false),
        (json!("b"), "gte", json!("a"), true),
        (json!("Grüße"), "contains", json!("üß"), true),
        (json!([1, 2]), "contains", json!(2.0), true),
        (json!({"k": null}), "contains", json!("k"), true),
        (json!(5), "contains", json!(5), false),
        (json!("abc"), "startsWith", json!("ab"), true),
        (json!("abc"), "endsWith", json!(3), false),
        (json!(2), "in", json!([1, 2]), true),
        (json!(2), "notIn", json!("12"), true),
        (json!(null), "notExists", json!(null), true),
        (json!(0), "exists", json!(null), true),
        (json!([]), "isEmpty", json!(null), true),
        (json!(0), "isEmpty", json!(null), false),
        (json!(0), "isFalse", json!(null), true),
        (json!("x"), "isTrue", json!(null), true),
    ] {
        let parameters =
            json!({"conditions": [{"left": left, "operator": operator, "right": right}]});
        let ports = run("condition", parameters.clone(), json!([[{}]])).await;
        assert_eq!(ports[0] == json!([{}]), expected, "{parameters}");
    }
}

#[tokio::test]
async fn filter_keeps_what_meets_all_conditions_and_nothing_else() {
    let parameters = json!({
        "conditions": [
            {"left": "{{ $json.a }}", "operator": "gte", "right": 2},
            {"left": "{{ $json.a }}", "operator": "lt", "right": 4}
        ]
    });
    let items = json!([[{"a": 1}, {"a": 2}, {"a": 3}, {"a": "3"}]]);
    let ports = run("filter", parameters, items).await;
    assert_eq!(ports, json!([[{"a": 2}, {"a": 3}]]));
}

#[tokio::test]
async fn a_condition_that_cannot_be_evaluated_fails_with_its_expression() {
    let text = fail(
        "filter",
        json!({"condition": "$json.a.toUpperCase()"}),
        json!([[{"a": 1}]]),
    )
    .await;
    assert!(text.contains("$json.a.toUpperCase()"), "{text}");
}

#[tokio::test]
async fn switch_takes_the_first_rule_or_all() {
    let rules = json!([{"when": "$json.n > 1"}, {"equals": 3, "name": "three"}, "$json.n > 100"]);
    let items = json!([[{"n": 3}, {"n": 0}, {"n": 2}]]);
    let first = json!({"rules": rules, "value": "{{ $json.n }}"});
    assert_eq!(
        run("switch", first, items.clone()).await,
        json!([[{"n": 3}, {"n": 2}], [], [], [{"n": 0}]])
    );
    let all = json!({"rules": rules, "value": "{{ $json.n }}", "mode": "all"});
    assert_eq!(
        run("switch", all, items).await,
        json!([[{"n": 3}, {"n": 2}], [{"n": 3}], [], [{"n": 0}]])
    );
}

#[tokio::test]
async fn a_rule_of_switch_may_ask_for_null_and_needs_one_question() {
    let parameters = json!({"value": "{{ $json.a }}", "rules": [{"equals": null}]});
    assert_eq!(
        run("switch", parameters, json!([[{}, {"a": 0}]])).await,
        json!([[{}], [{"a": 0}]])
    );
    for rule in [json!({}), json!({"when": "1", "equals": 1})] {
        let text = fail("switch", json!({"rules": [rule]}), json!([[{}]])).await;
        assert!(text.contains("/rules/0"), "{text}");
    }
}

#[tokio::test]
async fn merge_joins_by_key_in_each_way() {
    let inputs = json!([
        [{"id": 1, "a": "x"}, {"id": 2, "a": "y"}, {"a": "no id"}],
        [{"id": 1.0, "b": 1}, {"id": 1, "b": 2}, {"id": "2", "b": 3}]
    ]);
    let merged = |join: &'static str| {
        let parameters =
            json!({"mode": "byKey", "key": "id", "join": join, "collisions": "earlier"});
        run("merge", parameters, inputs.clone())
    };
    let pairs = [
        json!({"id": 1, "a": "x", "b": 1}),
        json!({"id": 1, "a": "x", "b": 2}),
    ];
    let left = [json!({"id": 2, "a": "y"}), json!({"a": "no id"})];
    let right = [json!({"id": "2", "b": 3})];
    assert_eq!(merged("inner").await, json!([pairs]));
    let with_left = [pairs.as_slice(), &left].concat();
    assert_eq!(merged("left").await, json!([with_left]));
    let with_all = [pairs.as_slice(), &left, &right].concat();
    assert_eq!(merged("outer").await, json!([with_all]));
}

#[tokio::test]
async fn merge_of_three_inputs_pairs_items_with_the_first() {
    let inputs = json!([[{"k": 1}], [{"k": 1, "b": 1}], [{"k": 1, "c": 1}]]);
    let output = try_run("merge", json!({"mode": "byKey", "key": "k"}), inputs)
        .await
        .unwrap();
    assert_eq!(
        StaticCall::ports(&output),
        json!([[{"k": 1, "b": 1, "c": 1}]])
    );
    assert_eq!(
        sources(&output, 0),
        [Some(ItemSource { input: 0, item: 0 })]
    );
    let appended = try_run("merge", json!({}), json!([[{"a": 1}], [{"b": 1}]]))
        .await
        .unwrap();
    assert_eq!(
        sources(&appended, 0)[1],
        Some(ItemSource { input: 1, item: 0 })
    );
}

#[tokio::test]
async fn merge_by_position_ends_with_the_shortest_or_the_longest() {
    let inputs = json!([[{"a": 1}], [{"b": 1}, {"b": 2}]]);
    for (join, expected) in [
        ("inner", json!([[{"a": 1, "b": 1}]])),
        ("left", json!([[{"a": 1, "b": 1}]])),
        ("outer", json!([[{"a": 1, "b": 1}, {"b": 2}]])),
    ] {
        let parameters = json!({"mode": "byPosition", "join": join});
        assert_eq!(
            run("merge", parameters, inputs.clone()).await,
            expected,
            "{join}"
        );
    }
}

#[tokio::test]
async fn merge_chooses_a_branch_by_number_or_by_what_it_holds() {
    let inputs = json!([[], [{"b": 1}], [{"c": 1}]]);
    assert_eq!(
        run("merge", json!({"mode": "chooseBranch"}), inputs.clone()).await,
        json!([[{"b": 1}]])
    );
    let second = json!({"mode": "chooseBranch", "input": 2});
    assert_eq!(
        run("merge", second, inputs.clone()).await,
        json!([[{"c": 1}]])
    );
    let missing = json!({"mode": "chooseBranch", "input": 65_535});
    assert_eq!(run("merge", missing, inputs).await, json!([[]]));
}

#[tokio::test]
async fn a_join_that_would_make_too_many_items_is_stopped() {
    let text = "x".repeat(20_000);
    let side: Vec<Value> = (0..150).map(|_| json!({"k": 1, "t": text})).collect();
    let text = fail(
        "merge",
        json!({"mode": "byKey", "key": "k"}),
        json!([side, side]),
    )
    .await;
    assert!(text.starts_with("LIMIT_EXCEEDED"), "{text}");
}

#[tokio::test]
async fn merge_by_key_needs_a_key_for_each_input() {
    let inputs = json!([[{"a": 1}], [{"a": 1}], [{"a": 1}]]);
    assert!(
        fail("merge", json!({"mode": "byKey"}), inputs.clone())
            .await
            .contains("`key` or `keys`")
    );
    let text = fail(
        "merge",
        json!({"mode": "byKey", "keys": ["a", "a"]}),
        inputs,
    )
    .await;
    assert!(text.contains("no key for input 2"), "{text}");
}

#[tokio::test]
async fn split_parts_every_item_to_one_output() {
    let items = |count: u32| json!([(0..count).map(|n| json!({"n": n})).collect::<Vec<_>>()]);
    for count in 0..12 {
        for mode in ["alternate", "chunks", "first"] {
            let parameters = json!({"mode": mode, "outputs": 5, "count": 2});
            let ports = run("split", parameters, items(count)).await;
            let ports: Vec<Vec<Value>> = serde_json::from_value(ports).unwrap();
            let mut all: Vec<u64> = ports
                .iter()
                .flatten()
                .map(|item| item["n"].as_u64().unwrap())
                .collect();
            all.sort_unstable();
            assert_eq!(
                all,
                (0..u64::from(count)).collect::<Vec<_>>(),
                "{mode} of {count}"
            );
            let lengths: Vec<usize> = ports.iter().map(Vec::len).collect();
            if mode != "first" {
                assert!(
                    lengths.iter().max().unwrap() - lengths.iter().min().unwrap() <= 1,
                    "{lengths:?}"
                );
            }
        }
    }
    let first = run(
        "split",
        json!({"mode": "first", "outputs": 3, "count": 2}),
        items(7),
    )
    .await;
    assert_eq!(first[2].as_array().unwrap().len(), 3);
    assert!(
        fail("split", json!({"outputs": 0}), items(1))
            .await
            .starts_with("INVALID_PARAMETERS")
    );
    assert!(
        fail("split", json!({"outputs": 2_000}), items(1))
            .await
            .starts_with("INVALID_PARAMETERS")
    );
}

#[tokio::test]
async fn parallel_shares_its_items_with_all_branches() {
    let output = try_run("parallel", json!({}), json!([[{"a": 1}]]))
        .await
        .unwrap();
    assert_eq!(output.outputs.main.len(), 2);
    assert!(Arc::ptr_eq(
        &output.outputs.main[0],
        &output.outputs.main[1]
    ));
    assert!(
        fail("parallel", json!({"branches": 60_000}), json!([[]]))
            .await
            .contains("at most")
    );
}

#[tokio::test]
async fn wait_holds_its_items_back() {
    let output = try_run(
        "wait",
        json!({"for": "{{ $json.seconds + 's' }}"}),
        json!([[{"seconds": 3}]]),
    );
    let output = output.await.unwrap();
    assert_eq!(output.wait, Some(Duration::from_secs(3)));
    assert_eq!(StaticCall::ports(&output), json!([[{"seconds": 3}], []]));
    let past = try_run(
        "wait",
        json!({"until": "2001-01-01T00:00:00Z"}),
        json!([[{}]]),
    )
    .await
    .unwrap();
    assert_eq!(past.wait, None);
    assert!(
        fail("wait", json!({"until": "soon"}), json!([[{}]]))
            .await
            .contains("/until")
    );
}

#[tokio::test]
async fn stop_and_error_fails_with_what_the_author_says() {
    let parameters = json!({"message": "no lines in {{ $json.id }}", "code": "empty order", "details": {"a": 1}});
    let error = try_run("stop-and-error", parameters, json!([[{"id": 7}]]))
        .await
        .unwrap_err();
    assert!(matches!(error, NodeError::Permanent(_)));
    let failure = error.into_failure();
    assert_eq!(failure.to_string(), "EMPTY_ORDER: no lines in 7");
    assert_eq!(failure.details, Some(json!({"a": 1})));
    assert_eq!(
        fail("stop-and-error", json!({"message": "x"}), json!([[{}]])).await,
        "STOPPED: x"
    );
}

#[tokio::test]
async fn set_variable_writes_the_last_value_of_each_name() {
    let parameters = json!({"name": "a", "value": "{{ $json.n }}", "values": {"b": [1]}});
    let output = try_run("set-variable", parameters, json!([[{"n": 1}, {"n": 2}]]))
        .await
        .unwrap();
    let set = |name: &str, value: Value| VariableWrite::Set {
        name: name.to_owned(),
        value,
    };
    assert_eq!(output.variables, [set("a", json!(2)), set("b", json!([1]))]);
    assert_eq!(StaticCall::ports(&output), json!([[{"n": 1}, {"n": 2}]]));
    for wrong in [
        json!({}),
        json!({"name": "__proto__"}),
        json!({"name": ""}),
        json!({"values": {"prototype": 1}}),
    ] {
        assert!(
            fail("set-variable", wrong, json!([[{}]]))
                .await
                .starts_with("INVALID_PARAMETERS")
        );
    }
}

async fn round(
    node: &BuiltIn,
    parameters: Value,
    entered: Value,
    rounds: Vec<Value>,
) -> Result<Value, NodeError> {
    let call = StaticCall::new(&node.metadata, parameters).in_loop(entered, rounds);
    call.execute(&*node.executor)
        .await
        .map(|output| StaticCall::ports(&output))
}

#[tokio::test]
async fn a_loop_over_items_gives_batches_and_then_everything_that_came_back() {
    let node = built_in("loop");
    let entered = json!([{"n": 1}, {"n": 2}, {"n": 3}]);
    let two = json!({"batchSize": 2});
    let at = |rounds: Vec<Value>| round(&node, two.clone(), entered.clone(), rounds);
    assert_eq!(at(vec![]).await.unwrap(), json!([[], [{"n": 1}, {"n": 2}]]));
    assert_eq!(at(vec![json!([])]).await.unwrap(), json!([[], [{"n": 3}]]));
    let back = vec![json!([{"a": 1}]), json!([{"a": 2}, {"a": 3}])];
    assert_eq!(
        at(back).await.unwrap(),
        json!([[{"a": 1}, {"a": 2}, {"a": 3}]])
    );
}

#[tokio::test]
async fn a_loop_that_counts_hands_on_what_came_back() {
    let node = built_in("loop");
    let twice = json!({"mode": "times", "count": 2});
    let at = |rounds: Vec<Value>| round(&node, twice.clone(), json!([{"n": 0}]), rounds);
    assert_eq!(at(vec![]).await.unwrap(), json!([[], [{"n": 0}]]));
    assert_eq!(
        at(vec![json!([{"n": 1}])]).await.unwrap(),
        json!([[], [{"n": 1}]])
    );
    assert_eq!(
        at(vec![json!([{"n": 1}]), json!([{"n": 2}])])
            .await
            .unwrap(),
        json!([[{"n": 2}]])
    );
    assert_eq!(at(vec![json!([])]).await.unwrap(), json!([[]]));
    let text = round(&node, json!({"mode": "times"}), json!([{}]), vec![])
        .await
        .unwrap_err()
        .to_string();
    assert!(text.contains("count"), "{text}");
}

#[tokio::test]
async fn a_loop_with_a_condition_ends_when_it_does_not_hold_or_fails_at_its_bound() {
    let node = built_in("loop");
    let parameters =
        json!({"mode": "while", "condition": "$json.n < 2 && $round < 9", "maxRounds": 1});
    let at = |rounds: Vec<Value>| round(&node, parameters.clone(), json!([{"n": 0}]), rounds);
    assert_eq!(at(vec![]).await.unwrap(), json!([[], [{"n": 0}]]));
    assert_eq!(
        at(vec![json!([{"n": 2}])]).await.unwrap(),
        json!([[{"n": 2}]])
    );
    let error = at(vec![json!([{"n": 1}])]).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::LIMIT_EXCEEDED);
    let too_many = json!({"mode": "while", "condition": "true", "maxRounds": 1_000_000});
    assert!(matches!(
        round(&node, too_many, json!([{}]), vec![]).await,
        Err(NodeError::Params(_))
    ));
}

#[tokio::test]
async fn a_loop_outside_of_a_workflow_says_so() {
    assert!(
        fail("loop", json!({}), json!([[{}]]))
            .await
            .starts_with("LOOP_INVALID")
    );
}

fn echo() -> ScriptedWorkflows {
    ScriptedWorkflows::new(|workflow| {
        let mark = workflow.variables.get("mark").cloned().unwrap_or_default();
        let made = workflow.items.iter().map(|item| {
            let mut object = item.json().clone();
            object.insert("mark".to_owned(), mark.clone());
            Item::new(object)
        });
        Ok(Arc::new(made.collect()))
    })
}

#[tokio::test]
async fn execute_workflow_runs_once_or_for_each_item_in_order() {
    let node = built_in("execute-workflow");
    let items = json!([[{"n": 1}, {"n": 2}, {"n": 3}]]);
    let workflows = echo();
    let once = call(
        &node,
        json!({"workflow": "other", "variables": {"mark": true}}),
        items.clone(),
    );
    let output = once
        .with_workflows(workflows.clone())
        .execute(&*node.executor)
        .await
        .unwrap();
    assert_eq!(workflows.asked().len(), 1);
    assert_eq!(workflows.asked()[0]["workflow"], "other");
    assert_eq!(
        StaticCall::ports(&output)[0][2],
        json!({"n": 3, "mark": true})
    );

    let workflows = echo();
    let parameters = json!({
        "workflow": "other", "mode": "each", "concurrency": 2, "variables": {"mark": "{{ $json.n * 10 }}"}
    });
    let each = call(&node, parameters, items).with_workflows(workflows.clone());
    let output = each.execute(&*node.executor).await.unwrap();
    assert_eq!(workflows.asked().len(), 3);
    assert_eq!(
        StaticCall::ports(&output),
        json!([[{"n": 1, "mark": 10}, {"n": 2, "mark": 20}, {"n": 3, "mark": 30}]])
    );
    assert_eq!(
        sources(&output, 0)[2],
        Some(ItemSource { input: 0, item: 2 })
    );
}

#[tokio::test]
async fn execute_workflow_hands_a_document_on_and_failures_back() {
    let node = built_in("execute-workflow");
    let workflows = echo();
    let document =
        json!({"nodes": [{"parameters": {"set": {"a": "{{ $('theirs').item.json.a }}"}}}]});
    let inline = call(&node, json!({"workflow": document}), json!([[{}]]));
    inline
        .with_workflows(workflows.clone())
        .execute(&*node.executor)
        .await
        .unwrap();
    assert_eq!(workflows.asked()[0]["workflow"], document);
    let text = fail(
        "execute-workflow",
        json!({"workflow": "nobody"}),
        json!([[{}]]),
    )
    .await;
    assert!(text.contains("there are no other workflows"), "{text}");
    assert!(
        fail("execute-workflow", json!({"workflow": 7}), json!([[{}]]))
            .await
            .starts_with("INVALID_PARAMETERS")
    );
}

#[tokio::test]
async fn triggers_pass_on_what_the_execution_was_started_with() {
    for (name, parameters) in [
        ("trigger.manual", json!({})),
        (
            "trigger.schedule",
            json!({"cron": "*/5 * * * *", "timezone": "Europe/Vienna"}),
        ),
        (
            "trigger.webhook",
            json!({"path": "/orders/:id", "method": "PUT"}),
        ),
        ("trigger.event", json!({"event": "order.created"})),
    ] {
        assert_eq!(
            run(name, parameters, json!([[{"a": 1}]])).await,
            json!([[{"a": 1}]]),
            "{name}"
        );
    }
    for (name, parameters, place) in [
        ("trigger.schedule", json!({"cron": "every day"}), "/cron"),
        ("trigger.schedule", json!({"cron": "61 * * * *"}), "/cron"),
        (
            "trigger.schedule",
            json!({"cron": "* * * * *", "timezone": "Europe/Nowhere"}),
            "/timezone",
        ),
        ("trigger.webhook", json!({"path": "a/../b"}), "/path"),
        ("trigger.webhook", json!({"path": ""}), "/path"),
        ("trigger.event", json!({"event": " "}), "/event"),
    ] {
        let text = fail(name, parameters, json!([[{}]])).await;
        assert!(text.contains(place), "{text}");
    }
}
