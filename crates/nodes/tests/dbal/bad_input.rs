//! What is wrong is said with its place and the way out.

use std::num::NonZeroU32;

use serde_json::{Value, json};

use crate::reading::{PRODUCTS, with_products};
use crate::scene::{Scene, entity, on_each_database};

on_each_database! {
    async fn names_that_are_not_there_come_with_those_that_are_near(kind) {
        let scene = with_products(kind).await;
        for (node, parameters, text) in [
            ("dbal-read", json!({"entity": "produkts"}), "did you mean `products`?"),
            ("dbal-read", json!({"entity": "jackfield_row_security"}), "no entity"),
            ("dbal-read", json!({"entity": "pg_catalog.pg_authid"}), "no entity"),
            ("dbal-read", json!({"entity": "sqlite_master"}), "no entity"),
            ("dbal-read", json!({"entity": "information_schema.tables"}), "no entity"),
            ("dbal-read", json!({"entity": "mysql.user"}), "no entity"),
            ("dbal-read", json!({"entity": "products", "fields": ["pirce"]}), "did you mean `price`?"),
            ("dbal-read", json!({"entity": "products", "filter": {"stok": 1}}), "did you mean `stock`?"),
            ("dbal-read", json!({"entity": "products", "sort": [{"field": "nam"}]}), "did you mean `name`?"),
            ("dbal-write", json!({"entity": "products", "values": {"skuu": "x"}}), "did you mean `sku`?"),
            ("dbal-write", json!({"entity": "products", "values": {"sku": "x"}, "returning": ["idd"]}), "did you mean `id`?"),
            ("dbal-delete", json!({"entity": "products", "filter": {"skuu": "x"}}), "did you mean `sku`?"),
            ("dbal-read", json!({"dataSource": "man", "entity": "products"}), "did you mean `main`?"),
        ] {
            let error = scene.failure(node, parameters.clone()).await;
            assert!(error.starts_with("UNKNOWN_ENTITY") && error.contains(text), "{parameters}: {error}");
        }
    }

    async fn more_rows_than_one_call_takes_are_an_error_and_none_is_cut_off(kind) {
        let scene = Scene::with(kind, true, |mut config| {
            config.entities = vec![entity(PRODUCTS)];
            config.max_rows = NonZeroU32::new(5).unwrap();
            config
        });
        let rows = |range: std::ops::Range<u32>| -> Value {
            range.map(|n| json!({"sku": format!("s{n}")})).collect()
        };
        let failure = scene.call("dbal-write").items(rows(0..6)).fail(json!({"entity": "products"})).await;
        assert_eq!(failure.code.as_str(), "LIMIT_EXCEEDED", "{failure}");
        scene.call("dbal-write").items(rows(0..4)).run(json!({"entity": "products"})).await;
        scene.call("dbal-write").items(rows(4..6)).run(json!({"entity": "products"})).await;
        for (node, parameters) in [
            ("dbal-read", json!({})),
            ("dbal-aggregate", json!({"groupBy": ["sku"], "aggregates": [{"function": "count"}]})),
            ("dbal-delete", json!({"all": true, "returning": ["sku"]})),
            ("dbal-write", json!({"operation": "update", "all": true, "values": {"stock": 1}, "returning": ["sku"]})),
        ] {
            let mut parameters = parameters;
            parameters["entity"] = json!("products");
            let failure = scene.call(node).fail(parameters).await;
            assert_eq!(failure.code.as_str(), "LIMIT_EXCEEDED", "{node}: {failure}");
            assert!(failure.message.contains("more than 5 rows"), "{node}: {failure}");
        }
        let error = scene.failure("dbal-read", json!({"entity": "products", "limit": 6})).await;
        assert!(error.contains("at most 5 rows"), "{error}");
        let page = scene.node("dbal-read", json!({"entity": "products", "limit": 5})).await;
        assert_eq!(page.as_array().unwrap().len(), 5);
        // Nothing was deleted by what was refused.
        let count = scene.node("dbal-read", json!({"entity": "products", "output": "count"})).await;
        assert_eq!(count, json!([{"count": 6}]));
    }

    async fn filters_are_bounded(kind) {
        let scene = with_products(kind).await;
        let many: Vec<String> = (0..30_001).map(|n| n.to_string()).collect();
        let failure = scene.call("dbal-read").fail(json!({"entity": "products", "filter": {"sku": {"in": many}}})).await;
        assert_eq!(failure.code.as_str(), "LIMIT_EXCEEDED", "{failure}");
        let most: Vec<String> = (0..29_999).map(|n| n.to_string()).collect();
        let none = scene.node("dbal-read", json!({"entity": "products", "filter": {"sku": {"in": most}}})).await;
        assert_eq!(none, json!([]));
        let mut deep = json!({"sku": "a"});
        for _ in 0..31 {
            deep = json!({"not": {"and": [deep]}});
        }
        let error = scene.failure("dbal-read", json!({"entity": "products", "filter": deep})).await;
        assert!(error.contains("nests deeper"), "{error}");
        let wide: Vec<Value> = (0..400).map(|n| json!({"or": [{"sku": n.to_string()}]})).collect();
        let none = scene.node("dbal-read", json!({"entity": "products", "filter": {"and": wide}})).await;
        assert_eq!(none, json!([]));
    }

    async fn values_that_do_not_fit_are_refused_and_not_cut_off(kind) {
        let scene = Scene::relaxed(kind);
        scene.run("CREATE TABLE t (id INTEGER PRIMARY KEY, small SMALLINT, short VARCHAR(3), amount DECIMAL(5,2))").await;
        if kind == Kind::Sqlite {
            // It keeps whatever it is given.
            return;
        }
        for values in [json!({"small": 40_000}), json!({"short": "four"}), json!({"amount": "12345.00"})] {
            let mut row = values.clone();
            row["id"] = json!(1);
            let failure = scene.call("dbal-write").fail(json!({"entity": "t", "values": row})).await;
            assert_eq!(failure.code.as_str(), "INVALID_INPUT", "{values}: {failure}");
        }
        // Larger than the column, and still a question that has an answer.
        let none = scene.node("dbal-read", json!({"entity": "t", "filter": {"small": i64::MAX}})).await;
        assert_eq!(none, json!([]));
    }

    async fn parameters_that_do_not_go_together_are_refused_before_anything_runs(kind) {
        let scene = with_products(kind).await;
        for (node, parameters, text) in [
            ("dbal-read", json!({"limit": 0}), "/limit"),
            ("dbal-read", json!({"after": "x", "offset": 1}), "two ways of paging"),
            ("dbal-write", json!({"operation": "upsert", "values": {"sku": "x"}}), "/conflict"),
            ("dbal-write", json!({"conflict": ["sku"], "values": {"sku": "x"}}), "/conflict"),
            ("dbal-write", json!({"filter": {"sku": "a"}, "values": {"sku": "x"}}), "/filter"),
            ("dbal-write", json!({"values": [1]}), "/values"),
            ("dbal-write", json!({"values": "text"}), "/values"),
            ("dbal-write", json!({"operation": "update", "all": true, "values": {}}), "/values"),
            ("dbal-write", json!({"operation": "update", "all": true, "values": [{"stock": 1}]}), "/values"),
        ] {
            let mut parameters = parameters;
            parameters["entity"] = json!("products");
            let error = scene.failure(node, parameters.clone()).await;
            assert!(error.contains(text), "{parameters}: {error}");
        }
        let failure = scene.call("dbal-write").items(json!([{"e": "products"}, {"e": "others"}])).fail(json!({
            "entity": "{{ $json.e }}", "values": {"sku": "x"},
        })).await;
        assert!(failure.message.contains("the same for all items"), "{failure}");
    }
}
