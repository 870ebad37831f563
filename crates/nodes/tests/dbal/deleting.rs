//! Deleting: what the filter means, and nothing without one.

use serde_json::json;

use crate::reading::with_products;
use crate::scene::on_each_database;

on_each_database! {
    async fn rows_are_deleted_and_come_back_as_they_were(kind) {
        let scene = with_products(kind).await;
        let gone = scene.call("dbal-delete").items(json!([{"sku": "a"}, {"sku": "x"}, {"sku": "b"}])).run(json!({
            "entity": "products", "filter": {"sku": "{{ $json.sku }}"}, "returning": ["sku", "price"],
        })).await;
        assert_eq!(gone, json!([{"sku": "a", "price": "1.10"}, {"sku": "b", "price": "0.50"}]));
        let count = scene.node("dbal-delete", json!({"entity": "products", "filter": {"stock": {"gte": 7}}})).await;
        assert_eq!(count, json!([{"affected": 1}]));
        let left = scene.node("dbal-read", json!({"entity": "products", "fields": ["sku"]})).await;
        assert_eq!(left, json!([{"sku": "c"}]));
    }

    async fn everything_is_deleted_only_when_that_is_said(kind) {
        let scene = with_products(kind).await;
        for everything in [
            json!({}), json!({"filter": {}}), json!({"filter": {"and": []}}), json!({"filter": {"not": {"or": []}}}),
            json!({"filter": {"or": [{"sku": "a"}, {}]}}), json!({"filter": {"sku": {"notIn": []}}}), json!({"filter": null}),
        ] {
            let mut parameters = everything.clone();
            parameters["entity"] = json!("products");
            let error = scene.failure("dbal-delete", parameters.clone()).await;
            assert!(error.contains("\"all\": true"), "{everything}: {error}");
            parameters["operation"] = json!("update");
            parameters["values"] = json!({"stock": 0});
            let error = scene.failure("dbal-write", parameters).await;
            assert!(error.contains("\"all\": true"), "{everything}: {error}");
        }
        let gone = scene.node("dbal-delete", json!({"entity": "products", "all": true})).await;
        assert_eq!(gone, json!([{"affected": 4}]));
    }
}
