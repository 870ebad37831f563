//! Reading: filters, order, fields, counts.

use serde_json::{Value, json};

use crate::scene::{Scene, on_each_database};

pub(crate) const PRODUCTS: &str = r#"{
  "entity": "products",
  "columns": {
    "id": {"type": "integer", "generated": true},
    "sku": {"type": "text", "required": true, "maxLength": 40},
    "name": {"type": "text"},
    "price": {"type": "decimal", "scale": 2},
    "stock": {"type": "integer"}
  },
  "primaryKey": ["id"],
  "unique": [["sku"]]
}"#;

pub(crate) async fn with_products(kind: crate::scene::Kind) -> Scene {
    let scene = Scene::declared(kind, &[PRODUCTS]);
    scene
        .call("dbal-write")
        .items(json!([
            {"sku": "a", "name": "Apple", "price": "1.10", "stock": 5},
            {"sku": "b", "name": "Banana", "price": "0.50", "stock": null},
            {"sku": "c", "name": "50% cherry", "price": "10.00", "stock": 0},
            {"sku": "d", "name": null, "price": "9.00", "stock": 7},
        ]))
        .run(json!({"entity": "products"}))
        .await;
    scene
}

async fn skus(scene: &Scene, filter: Value) -> String {
    let rows = scene
        .node(
            "dbal-read",
            json!({"entity": "products", "fields": ["sku"], "filter": filter, "sort": [{"field": "sku"}]}),
        )
        .await;
    let rows = rows.as_array().expect("rows");
    rows.iter().filter_map(|row| row["sku"].as_str()).collect()
}

on_each_database! {
    async fn filters_mean_what_they_say(kind) {
        let scene = with_products(kind).await;
        for (filter, expected) in [
            (json!({}), "abcd"),
            (json!({"sku": "a"}), "a"),
            (json!({"sku": {"ne": "a"}}), "bcd"),
            (json!({"stock": {"lt": 5}}), "c"),
            (json!({"stock": {"lte": 5}}), "ac"),
            (json!({"stock": {"gt": 0, "lt": 7}}), "a"),
            (json!({"price": {"gte": "9"}}), "cd"),
            (json!({"price": {"gt": 9}}), "c"),
            (json!({"price": "1.1"}), "a"),
            (json!({"sku": {"in": ["a", "d", "x"]}}), "ad"),
            (json!({"sku": {"in": []}}), ""),
            (json!({"sku": {"notIn": ["a"]}}), "bcd"),
            (json!({"sku": {"notIn": []}}), "abcd"),
            (json!({"name": {"like": "%an%"}}), "b"),
            (json!({"name": {"like": "50\\%%"}}), "c"),
            (json!({"name": {"like": "_pple"}}), "a"),
            (json!({"name": {"notLike": "A%"}}), "bc"),
            (json!({"stock": {"between": [0, 5]}}), "ac"),
            (json!({"stock": {"notBetween": [0, 5]}}), "d"),
            (json!({"stock": {"isNull": true}}), "b"),
            (json!({"name": {"isNull": false}}), "abc"),
            (json!({"or": [{"sku": "a"}, {"and": [{"stock": 0}, {"price": {"gt": "1"}}]}]}), "ac"),
            (json!({"not": {"or": [{"sku": "a"}, {"sku": "b"}]}}), "cd"),
            (json!({"or": [{"sku": "a"}, {"sku": "b"}], "stock": {"isNull": true}}), "b"),
            (json!({"or": []}), ""),
            (json!({"and": []}), "abcd"),
        ] {
            assert_eq!(skus(&scene, filter.clone()).await, expected, "{filter}");
        }
    }

    async fn rows_come_in_the_order_that_was_asked_for_and_null_comes_last(kind) {
        let scene = with_products(kind).await;
        for (sort, expected) in [
            (json!([{"field": "stock"}]), "cadb"),
            (json!([{"field": "stock", "direction": "desc"}]), "dacb"),
            (json!([{"field": "price", "direction": "desc"}]), "cdab"),
        ] {
            let rows = scene.node("dbal-read", json!({"entity": "products", "sort": sort})).await;
            let skus: String = rows.as_array().unwrap().iter().filter_map(|row| row["sku"].as_str()).collect();
            assert_eq!(skus, expected, "{sort}");
        }
        let rows = scene.node("dbal-read", json!({
            "entity": "products", "fields": ["name", "sku"], "sort": [{"field": "sku"}], "offset": 1, "limit": 2,
        })).await;
        // As text, because the order of the fields counts.
        assert_eq!(rows.to_string(), r#"[{"name":"Banana","sku":"b"},{"name":"50% cherry","sku":"c"}]"#);
    }

    async fn rows_are_counted(kind) {
        let scene = with_products(kind).await;
        let count = scene.node("dbal-read", json!({
            "entity": "products", "filter": {"stock": {"isNull": false}}, "output": "count",
        })).await;
        assert_eq!(count, json!([{"count": 3}]));
    }

    async fn each_item_reads_with_parameters_of_its_own(kind) {
        let scene = with_products(kind).await;
        let rows = scene.call("dbal-read").items(json!([{"want": "a"}, {"want": "x"}, {"want": "c"}])).run(json!({
            "entity": "products", "fields": ["sku", "price"], "filter": {"sku": "{{ $json.want }}"},
        })).await;
        assert_eq!(rows, json!([{"sku": "a", "price": "1.10"}, {"sku": "c", "price": "10.00"}]));
    }
}
