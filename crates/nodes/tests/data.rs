//! What items hold, how many there are, and in which order.

mod support;

use jackfield_types::ItemSource;
use serde_json::{Value, json};
use support::{built_in, fail, run, try_run};

#[tokio::test]
async fn transform_keeps_removes_renames_and_sets_in_this_order() {
    let parameters = json!({
        "keep": ["a", "b", "nested.x"],
        "remove": ["b"],
        "rename": {"a": "c.d"},
        "set": {"sum": "{{ $json.a + $json.gone }}", "c.e": "fixed"}
    });
    let items = json!([[{"a": 1, "b": 2, "gone": 5, "nested": {"x": [1], "y": 2}}]]);
    let expected = json!([[{"nested": {"x": [1]}, "c": {"d": 1, "e": "fixed"}, "sum": 6}]]);
    assert_eq!(run("transform", parameters, items).await, expected);
}

#[tokio::test]
async fn transform_evaluates_templates_for_each_item_and_leaves_the_input_alone() {
    let node = built_in("transform");
    let parameters = json!({
        "set": {"n": "{{ $json.n + 1 }}", "list[1].x": true},
        "rename": {"{{ 1 }}": "x"}
    });
    let items = json!([[{"n": 1}, {"n": 9_007_199_254_740_992_u64}]]);
    let call = support::call(&node, parameters, items);
    for _ in 0..2 {
        let output = call.execute(&*node.executor).await.unwrap();
        assert_eq!(
            jackfield_testkit::StaticCall::ports(&output),
            json!([[
                {"n": 2, "list": [null, {"x": true}]},
                {"n": 9_007_199_254_740_993_u64, "list": [null, {"x": true}]}
            ]])
        );
        assert_eq!(
            output.outputs.main[0][1].source(),
            Some(ItemSource { input: 0, item: 1 })
        );
    }
}

#[tokio::test]
async fn transform_whose_paths_are_templates_reads_them_for_each_item() {
    let parameters = json!({"remove": ["{{ $json.drop }}"], "set": {"i": "{{ $itemIndex }}"}});
    let items = json!([[{"drop": "a", "a": 1, "b": 2}, {"drop": "b", "a": 1, "b": 2}]]);
    let expected = json!([[{"drop": "a", "b": 2, "i": 0}, {"drop": "b", "a": 1, "i": 1}]]);
    assert_eq!(run("transform", parameters, items).await, expected);
}

#[tokio::test]
async fn transform_stops_at_what_is_in_the_way_and_at_prototypes() {
    let text = fail(
        "transform",
        json!({"set": {"a.b": 1}}),
        json!([[{"a": "x"}]]),
    )
    .await;
    assert_eq!(
        text,
        "WRONG_TYPE: cannot write to `a.b`: `b` leads into a text"
    );
    let text = fail(
        "transform",
        json!({"set": {"__proto__.admin": true}}),
        json!([[{}]]),
    )
    .await;
    assert!(text.starts_with("INVALID_PARAMETERS"), "{text}");
    let text = fail(
        "transform",
        json!({"rename": {"a": "x.constructor"}}),
        json!([[{"a": 1}]]),
    )
    .await;
    assert!(text.starts_with("INVALID_PARAMETERS"), "{text}");
    let text = fail("transform", json!({"set": {"a..b": 1}}), json!([[{}]])).await;
    assert!(text.contains("`a..b` is no path"), "{text}");
}

#[tokio::test]
async fn items_cannot_be_nested_without_end() {
    let mut item = json!({});
    let mut rounds = 0;
    let text = loop {
        let parameters = json!({"set": {"deeper.and.deeper": "{{ $json }}"}});
        match try_run("transform", parameters, json!([[item]])).await {
            Ok(output) => item = Value::Object(output.outputs.main[0][0].json().clone()),
            Err(error) => break error.into_failure().to_string(),
        }
        rounds += 1;
        assert!(rounds < 200);
    };
    assert!(text.starts_with("LIMIT_EXCEEDED"), "{text}");
}

#[tokio::test]
async fn sort_is_stable_and_puts_what_is_missing_last() {
    let items = json!([[
        {"k": 2, "i": 0}, {"i": 1}, {"k": 10, "i": 2}, {"k": 2.0, "i": 3}, {"k": null, "i": 4}, {"k": "2", "i": 5}
    ]]);
    let order = |ports: Value| -> Vec<u64> {
        ports[0]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["i"].as_u64().unwrap())
            .collect()
    };
    let sorted = |parameters: Value| run("sort", parameters, items.clone());
    assert_eq!(
        order(sorted(json!({"field": "k"})).await),
        [0, 3, 2, 5, 1, 4]
    );
    assert_eq!(
        order(sorted(json!({"field": "k", "order": "desc"})).await),
        [5, 2, 0, 3, 1, 4]
    );
    assert_eq!(
        order(sorted(json!({"field": "k", "type": "number"})).await),
        [0, 3, 5, 2, 1, 4]
    );
    assert_eq!(
        order(sorted(json!({"field": "k", "type": "text"})).await)[..2],
        [2, 0]
    );
    assert!(
        fail("sort", json!({}), items.clone())
            .await
            .contains("`field` or `by`")
    );
}

#[tokio::test]
async fn sort_compares_integers_exactly_and_times_by_their_instant() {
    let big = json!([[{"n": 9_007_199_254_740_993_u64}, {"n": 9_007_199_254_740_992_u64}]]);
    assert_eq!(
        run("sort", json!({"field": "n"}), big).await[0][0]["n"],
        9_007_199_254_740_992_u64
    );
    let times = json!([[
        {"at": "2030-01-01T10:00:00+02:00"}, {"at": "2030-01-01T09:00:00Z"}, {"at": "never"}, {"at": "2030-01-01T00:00:00Z"}
    ]]);
    let sorted = run("sort", json!({"field": "at", "type": "time"}), times).await;
    assert_eq!(sorted[0][0]["at"], "2030-01-01T00:00:00Z");
    assert_eq!(sorted[0][2]["at"], "2030-01-01T09:00:00Z");
    assert_eq!(sorted[0][3]["at"], "never");
}

#[tokio::test]
async fn limit_counts_from_either_end_and_never_overflows() {
    let items = json!([[{"n": 1}, {"n": 2}, {"n": 3}]]);
    for (parameters, expected) in [
        (json!({"count": 0}), json!([[]])),
        (json!({"count": 9}), items.clone()),
        (json!({"count": 1, "offset": 1}), json!([[{"n": 2}]])),
        (
            json!({"count": 2, "from": "end"}),
            json!([[{"n": 2}, {"n": 3}]]),
        ),
        (json!({"count": u64::MAX, "offset": u64::MAX}), json!([[]])),
        (
            json!({"count": u64::MAX, "offset": u64::MAX, "from": "end"}),
            json!([[]]),
        ),
    ] {
        assert_eq!(
            run("limit", parameters.clone(), items.clone()).await,
            expected,
            "{parameters}"
        );
    }
    assert!(
        fail("limit", json!({"count": -1}), items)
            .await
            .starts_with("INVALID_PARAMETERS")
    );
}

#[tokio::test]
async fn aggregate_gathers_items_or_fields() {
    let items = json!([[{"a": 1, "b": {"c": 2}}, {"a": null}, {"b": {"c": 3}}]]);
    let all = run("aggregate", json!({"into": "x.y"}), items.clone()).await;
    assert_eq!(all, json!([[{"x": {"y": items[0]}}]]));
    let fields = json!({"mode": "fields", "fields": ["a", "b.c"], "missing": "null"});
    assert_eq!(
        run("aggregate", fields, items.clone()).await,
        json!([[{"a": [1, null, null], "c": [2, null, 3]}]])
    );
    assert!(
        fail("aggregate", json!({"mode": "fields"}), items)
            .await
            .contains("`fields`")
    );
}

#[tokio::test]
async fn split_out_makes_items_of_elements() {
    let items =
        json!([[{"id": 1, "l": {"x": [{"a": 1}, 2]}}, {"id": 2, "l": {"x": 7}}, {"id": 3}]]);
    let none = json!({"field": "l.x"});
    assert_eq!(
        run("split-out", none, items.clone()).await,
        json!([[{"a": 1}, {"x": 2}, {"x": 7}]])
    );
    let all = json!({"field": "l.x", "include": "all", "into": "e"});
    let output = try_run("split-out", all, items.clone()).await.unwrap();
    assert_eq!(
        jackfield_testkit::StaticCall::ports(&output),
        json!([[{"id": 1, "l": {}, "e": {"a": 1}}, {"id": 1, "l": {}, "e": 2}, {"id": 2, "l": {}, "e": 7}]])
    );
    assert_eq!(
        output.outputs.main[0][2].source(),
        Some(ItemSource { input: 0, item: 1 })
    );
    assert!(
        fail(
            "split-out",
            json!({"field": "l", "include": "selected"}),
            items
        )
        .await
        .contains("`fields`")
    );
}

#[tokio::test]
async fn splitting_out_with_large_companions_is_bounded() {
    let list: Vec<u32> = (0..100_000).collect();
    let items = json!([[{"l": list, "big": "x".repeat(100_000)}]]);
    let text = fail("split-out", json!({"field": "l", "include": "all"}), items).await;
    assert!(text.starts_with("LIMIT_EXCEEDED"), "{text}");
}

#[tokio::test]
async fn summarize_knows_every_operation() {
    let items = json!([[
        {"g": "a", "n": 1, "t": "x"}, {"g": "b", "n": 4}, {"g": "a", "n": 2, "t": "y"}, {"g": "a", "n": null, "t": "x"}
    ]]);
    let operation = |operation: &str, field: &str| json!({"operation": operation, "field": field});
    let parameters = json!({
        "groupBy": ["g"],
        "separator": "+",
        "fields": [
            {"operation": "count"}, operation("count", "n"), operation("countUnique", "t"), operation("sum", "n"),
            operation("average", "n"), operation("min", "n"), operation("max", "n"), operation("first", "t"),
            operation("last", "n"), operation("concat", "t"), {"operation": "append", "field": "t", "as": "all.t"}
        ]
    });
    let expected = json!([[
        {
            "g": "a", "count": 3, "count_n": 2, "countUnique_t": 2, "sum_n": 3, "average_n": 1.5, "min_n": 1, "max_n": 2,
            "first_t": "x", "last_n": 2, "concat_t": "x+y+x", "all": {"t": ["x", "y", "x"]}
        },
        {
            "g": "b", "count": 1, "count_n": 1, "countUnique_t": 0, "sum_n": 4, "average_n": 4, "min_n": 4, "max_n": 4,
            "first_t": null, "last_n": 4, "concat_t": "", "all": {"t": []}
        }
    ]]);
    assert_eq!(run("summarize", parameters, items).await, expected);
}

#[tokio::test]
async fn sums_of_integers_are_exact_and_never_wrap() {
    let sum = json!({"fields": [{"operation": "sum", "field": "n", "as": "s"}]});
    let exact = json!([[{"n": 9_007_199_254_740_993_u64}, {"n": 1}, {"n": -3}]]);
    assert_eq!(
        run("summarize", sum.clone(), exact).await,
        json!([[{"s": 9_007_199_254_740_991_u64}]])
    );
    let over = json!([[{"n": u64::MAX}, {"n": 1}]]);
    assert!(
        fail("summarize", sum.clone(), over)
            .await
            .starts_with("NUMBER_ERROR")
    );
    let back = json!([[{"n": u64::MAX}, {"n": 1}, {"n": -1}]]);
    assert_eq!(
        run("summarize", sum.clone(), back).await,
        json!([[{"s": u64::MAX}]])
    );
    let infinite = json!([[{"n": 1e308}, {"n": 1e308}]]);
    assert!(
        fail("summarize", sum, infinite)
            .await
            .starts_with("NUMBER_ERROR")
    );
}

#[tokio::test]
async fn summarize_names_the_item_with_a_wrong_type_or_skips_it() {
    let items = json!([[{"n": 1}, {"n": "2"}]]);
    let fields = json!([{"operation": "sum", "field": "n", "as": "s"}]);
    let text = fail("summarize", json!({"fields": fields}), items.clone()).await;
    assert!(
        text.starts_with("WRONG_TYPE") && text.contains("item 1 has a text"),
        "{text}"
    );
    let skip = json!({"fields": fields, "wrongTypes": "skip"});
    assert_eq!(
        run("summarize", skip, items.clone()).await,
        json!([[{"s": 1}]])
    );
    let text = fail(
        "summarize",
        json!({"fields": [{"operation": "sum"}]}),
        items,
    )
    .await;
    assert!(text.contains("`sum` needs a `field`"), "{text}");
}

#[tokio::test]
async fn remove_duplicates_tells_types_and_missing_values_apart() {
    let items = json!([[{"a": 1}, {"a": "1"}, {"a": 1.0}, {"a": null}, {}, {"a": {"x": 1, "y": 2}}, {"a": {"y": 2, "x": 1}}]]);
    let by_field = run("remove-duplicates", json!({"fields": ["a"]}), items.clone()).await;
    assert_eq!(
        by_field,
        json!([[{"a": 1}, {"a": "1"}, {"a": null}, {}, {"a": {"x": 1, "y": 2}}]])
    );
    let last = run("remove-duplicates", json!({"keep": "last"}), items).await;
    assert_eq!(last[0].as_array().unwrap().len(), 5);
    assert_eq!(last[0][1], json!({"a": 1.0}));
}

#[test]
fn keys_that_transform_must_not_write_are_found_before_it_runs() {
    let parameters = json!({
        "keep": ["id", "a.__proto__"],
        "rename": {"a/b": "constructor"},
        "set": {"x['prototype']": 1, "y": 2},
        "remove": ["__proto__"]
    });
    let issues = built_in("transform").executor.validate(&parameters);
    let paths: Vec<_> = issues.iter().map(|issue| issue.path.as_str()).collect();
    assert_eq!(paths, ["/keep/1", "/rename/a~1b", "/set/x['prototype']"]);
}
