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
}
