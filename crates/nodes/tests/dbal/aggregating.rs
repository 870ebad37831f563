//! Figures of rows and of groups of rows.

use serde_json::json;

use crate::reading::PRODUCTS;
use crate::scene::{Scene, on_each_database};

async fn with_stock(kind: crate::scene::Kind) -> Scene {
    let scene = Scene::declared(kind, &[PRODUCTS]);
    scene
        .call("dbal-write")
        .items(json!([
            {"sku": "1", "name": "a", "price": "1.50", "stock": 1},
            {"sku": "2", "name": "a", "price": "2.50", "stock": 2},
            {"sku": "3", "name": "b", "price": "4.25", "stock": 2},
            {"sku": "4", "name": "b", "price": null, "stock": null},
            {"sku": "5", "name": null, "price": "100.00", "stock": 9_007_199_254_740_993_i64},
        ]))
        .run(json!({"entity": "products"}))
        .await;
    scene
}

on_each_database! {
    async fn all_rows_make_figures(kind) {
        let scene = with_stock(kind).await;
        let figures = scene.node("dbal-aggregate", json!({
            "entity": "products",
            "aggregates": [
                {"function": "count"}, {"function": "count", "field": "stock"},
                {"function": "count", "field": "stock", "distinct": true, "as": "kinds"},
                {"function": "sum", "field": "stock"}, {"function": "min", "field": "name"}, {"function": "max", "field": "stock"},
            ],
        })).await;
        assert_eq!(figures, json!([{
            "count": 5, "count_stock": 4, "kinds": 3, "sum_stock": 9_007_199_254_740_998_i64,
            "min_name": "a", "max_stock": 9_007_199_254_740_993_i64,
        }]));
        let means = scene.node("dbal-aggregate", json!({
            "entity": "products", "filter": {"stock": {"lt": 3}}, "aggregates": [{"function": "avg", "field": "stock", "as": "mean"}],
        })).await;
        let mean = means[0]["mean"].as_f64().unwrap();
        assert!((mean - 5.0 / 3.0).abs() < 1e-12, "{mean}");
        let nothing = scene.node("dbal-aggregate", json!({
            "entity": "products", "filter": {"sku": "x"},
            "aggregates": [{"function": "count"}, {"function": "sum", "field": "stock"}, {"function": "max", "field": "price"}],
        })).await;
        assert_eq!(nothing, json!([{"count": 0, "sum_stock": null, "max_price": null}]));
    }

    async fn groups_are_made_filtered_and_sorted(kind) {
        let scene = with_stock(kind).await;
        let groups = scene.node("dbal-aggregate", json!({
            "entity": "products", "groupBy": ["name"],
            "aggregates": [{"function": "count", "as": "n"}, {"function": "sum", "field": "price", "as": "worth"}],
            "sort": [{"field": "name", "direction": "desc"}],
        })).await;
        let exact = |text: &str, float: &str| if kind == Kind::Sqlite { float.to_owned() } else { text.to_owned() };
        assert_eq!(groups, json!([
            {"name": "b", "n": 2, "worth": exact("4.25", "4.25")}, {"name": "a", "n": 2, "worth": exact("4.00", "4")},
            {"name": null, "n": 1, "worth": exact("100.00", "100")},
        ]));
        let few = scene.node("dbal-aggregate", json!({
            "entity": "products", "groupBy": ["name"],
            "aggregates": [{"function": "sum", "field": "price", "as": "worth"}],
            "having": {"or": [{"worth": {"gt": "50"}}, {"name": "a"}]},
            "sort": [{"field": "worth", "direction": "desc"}], "limit": 1,
        })).await;
        assert_eq!(few[0]["name"], json!(null));
        assert_eq!(few.as_array().unwrap().len(), 1);
    }

    async fn figures_that_make_no_sense_are_refused(kind) {
        let scene = with_stock(kind).await;
        for (parameters, text) in [
            (json!({"aggregates": []}), "at least one figure"),
            (json!({"aggregates": [{"function": "sum"}]}), "only `count` goes without a field"),
            (json!({"aggregates": [{"function": "sum", "field": "name"}]}), "`sum` is for numbers"),
            (json!({"aggregates": [{"function": "sum", "field": "stok"}]}), "did you mean `stock`?"),
            (json!({"aggregates": [{"function": "count"}, {"function": "count"}]}), "has this name"),
            (json!({"aggregates": [{"function": "count"}], "having": {"cuont": 1}}), "did you mean `count`?"),
            (json!({"aggregates": [{"function": "count"}], "groupBy": ["nme"]}), "did you mean `name`?"),
        ] {
            let mut parameters = parameters;
            parameters["entity"] = json!("products");
            let error = scene.failure("dbal-aggregate", parameters.clone()).await;
            assert!(error.contains(text), "{parameters}: {error}");
        }
    }
    async fn groups_are_chosen_by_every_operator(kind) {
        let scene = with_stock(kind).await;
        for (having, expected) in [
            (json!({"n": 2}), "ab"),
            (json!({"n": {"ne": 2}}), "-"),
            (json!({"n": {"lt": 2}}), "-"),
            (json!({"n": {"gte": 2}, "most": {"lte": 2}}), "ab"),
            (json!({"n": {"in": [1, 3]}}), "-"),
            (json!({"n": {"notIn": [1]}}), "ab"),
            (json!({"n": {"between": [2, 5]}}), "ab"),
            (json!({"n": {"notBetween": [2, 5]}}), "-"),
            (json!({"most": {"isNull": false}}), "ab-"),
            (json!({"name": {"isNull": true}}), "-"),
            (json!({"name": {"like": "a%"}}), "a"),
            (json!({"name": {"notLike": "a%"}}), "b"),
            (json!({"not": {"name": "a"}, "worth": {"gt": "4"}}), "b"),
            (json!({"or": [{"worth": {"gt": "99.99"}}, {"and": [{"name": "a"}, {"not": {"n": 1}}]}]}), "a-"),
            (json!({"mean": {"gt": 1.9, "lt": 2.1}}), "b"),
            (json!({"kinds": 2}), "a"),
        ] {
            let groups = scene.node("dbal-aggregate", json!({
                "entity": "products", "groupBy": ["name"],
                "aggregates": [
                    {"function": "count", "as": "n"}, {"function": "sum", "field": "price", "as": "worth"},
                    {"function": "max", "field": "stock", "as": "most"}, {"function": "avg", "field": "stock", "as": "mean"},
                    {"function": "count", "field": "stock", "distinct": true, "as": "kinds"},
                ],
                "having": having, "sort": [{"field": "name"}],
            })).await;
            let groups = groups.as_array().unwrap();
            let names: String = groups.iter().map(|group| group["name"].as_str().unwrap_or("-")).collect();
            assert_eq!(names, expected, "{having}");
        }
    }

    async fn sums_beyond_64_bits_are_texts_or_an_error(kind) {
        let scene = Scene::declared(kind, &[PRODUCTS]);
        scene.call("dbal-write").items(json!([{"sku": "a", "stock": i64::MAX}, {"sku": "b", "stock": i64::MAX}]))
            .run(json!({"entity": "products"})).await;
        let sum = json!({"entity": "products", "aggregates": [{"function": "sum", "field": "stock", "as": "sum"}]});
        if kind == Kind::Sqlite {
            let failure = scene.call("dbal-aggregate").fail(sum).await;
            assert!(failure.message.contains("integer overflow"), "{failure}");
        } else {
            let figures = scene.node("dbal-aggregate", sum).await;
            // As far as a number of JSON is exact it is one.
            assert_eq!(figures, json!([{"sum": 18_446_744_073_709_551_614_u64}]));
            scene.node("dbal-write", json!({"entity": "products", "values": {"sku": "c", "stock": 2}})).await;
            let sum = json!({"entity": "products", "aggregates": [{"function": "sum", "field": "stock", "as": "sum"}]});
            assert_eq!(scene.node("dbal-aggregate", sum).await, json!([{"sum": "18446744073709551616"}]));
        }
    }
}
