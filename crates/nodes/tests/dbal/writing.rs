//! Writing: creating, changing, and whichever is needed; all of it or nothing.

use serde_json::{Value, json};

use crate::reading::{PRODUCTS, with_products};
use crate::scene::{Scene, on_each_database};

async fn all(scene: &Scene) -> Value {
    scene
        .node(
            "dbal-read",
            json!({"entity": "products", "fields": ["sku", "name", "stock"], "sort": [{"field": "sku"}]}),
        )
        .await
}

on_each_database! {
    async fn many_rows_are_created_at_once_and_come_back_as_they_are(kind) {
        let scene = Scene::declared(kind, &[PRODUCTS]);
        let items: Value = (0..1_234).map(|n| json!({"n": n})).collect();
        let made = scene.call("dbal-write").items(items).run(json!({
            "entity": "products", "values": {"sku": "s{{ $json.n }}", "stock": "{{ $json.n }}"},
            "returning": ["id", "sku"],
        })).await;
        let made = made.as_array().unwrap();
        assert_eq!(made.len(), 1_234);
        for (n, row) in made.iter().enumerate() {
            assert_eq!(row["sku"], format!("s{n}"));
            assert!(row["id"].is_i64());
        }
        let count = scene.node("dbal-read", json!({"entity": "products", "output": "count"})).await;
        assert_eq!(count, json!([{"count": 1_234}]));
    }

    async fn rows_of_different_columns_go_together(kind) {
        let scene = Scene::declared(kind, &[PRODUCTS]);
        let made = scene.node("dbal-write", json!({
            "entity": "products",
            "values": [{"sku": "a"}, {"sku": "b", "stock": 1}, {"stock": 2, "sku": "c"}, {"sku": "d"}],
        })).await;
        assert_eq!(made, json!([{"affected": 4}]));
        assert_eq!(all(&scene).await, json!([
            {"sku": "a", "name": null, "stock": null}, {"sku": "b", "name": null, "stock": 1},
            {"sku": "c", "name": null, "stock": 2}, {"sku": "d", "name": null, "stock": null},
        ]));
    }

    async fn when_one_row_is_refused_none_is_written(kind) {
        let scene = with_products(kind).await;
        let before = all(&scene).await;
        let failure = scene.call("dbal-write").items(json!([{"sku": "x"}, {"sku": "y", "stock": 1}, {"sku": "a"}]))
            .fail(json!({"entity": "products"})).await;
        assert_eq!(failure.code.as_str(), "DATABASE_CONSTRAINT");
        assert_eq!(all(&scene).await, before);
        let failure = scene.call("dbal-write").items(json!([{"to": 1}, {"to": "many"}])).fail(json!({
            "entity": "products", "operation": "update", "filter": {"sku": "a"}, "values": {"stock": "{{ $json.to }}"},
        })).await;
        assert!(failure.message.contains("item 1"), "{failure}");
        assert_eq!(all(&scene).await, before);
    }

    async fn rows_are_changed_and_come_back(kind) {
        let scene = with_products(kind).await;
        let changed = scene.node("dbal-write", json!({
            "entity": "products", "operation": "update", "filter": {"stock": {"gt": 0}},
            "values": {"stock": 1, "name": "less"}, "returning": ["sku", "stock"],
        })).await;
        let mut changed = changed.as_array().unwrap().clone();
        changed.sort_by_key(|row| row["sku"].to_string());
        assert_eq!(changed, [json!({"sku": "a", "stock": 1}), json!({"sku": "d", "stock": 1})]);
        // A row that is what it should be already is changed all the same.
        let again = scene.node("dbal-write", json!({
            "entity": "products", "operation": "update", "filter": {"stock": 1}, "values": {"stock": 1},
        })).await;
        assert_eq!(again, json!([{"affected": 2}]));
        let each = scene.call("dbal-write").items(json!([{"sku": "a", "to": 10}, {"sku": "b", "to": 20}])).run(json!({
            "entity": "products", "operation": "update", "filter": {"sku": "{{ $json.sku }}"},
            "values": {"stock": "{{ $json.to }}"}, "returning": ["stock"],
        })).await;
        assert_eq!(each, json!([{"stock": 10}, {"stock": 20}]));
        let none = scene.node("dbal-write", json!({
            "entity": "products", "operation": "update", "filter": {"sku": "x"}, "values": {"stock": 1},
        })).await;
        assert_eq!(none, json!([{"affected": 0}]));
    }

    async fn rows_that_are_there_are_changed_and_the_others_created(kind) {
        let scene = with_products(kind).await;
        let written = scene.node("dbal-write", json!({
            "entity": "products", "operation": "upsert", "conflict": ["sku"],
            "values": [{"sku": "a", "stock": 50}, {"sku": "e", "stock": 1}, {"sku": "e", "stock": 2}, {"sku": "a", "stock": 51}],
            "returning": ["sku", "name", "stock"],
        })).await;
        assert_eq!(written, json!([
            {"sku": "a", "name": "Apple", "stock": 50}, {"sku": "e", "name": null, "stock": 1},
            {"sku": "e", "name": null, "stock": 2}, {"sku": "a", "name": "Apple", "stock": 51},
        ]));
        let kept = scene.node("dbal-write", json!({
            "entity": "products", "operation": "upsert", "conflict": ["sku"], "onConflict": "nothing",
            "values": [{"sku": "a", "stock": 0}, {"sku": "f", "stock": 9}], "returning": ["sku", "stock"],
        })).await;
        assert_eq!(kept, json!([{"sku": "f", "stock": 9}]));
        let all = all(&scene).await;
        assert_eq!(all[0]["stock"], 51);
        assert_eq!(all.as_array().unwrap().len(), 6);
        let only_known = scene.node("dbal-write", json!({
            "entity": "products", "operation": "upsert", "conflict": ["sku"], "values": {"sku": "a"},
            "returning": ["stock"],
        })).await;
        assert_eq!(only_known, json!([{"stock": 51}]));
    }

    async fn an_upsert_needs_a_unique_index(kind) {
        let scene = with_products(kind).await;
        let error = scene.failure("dbal-write", json!({
            "entity": "products", "operation": "upsert", "conflict": ["name"], "values": {"sku": "a", "name": "x"},
        })).await;
        assert!(error.contains("no unique index of `name`"), "{error}");
    }
    async fn rows_that_are_left_as_they_are_do_not_mix_up_whose_item_the_others_are_of(kind) {
        let scene = with_products(kind).await;
        let output = scene.call("dbal-write").items(json!([{"sku": "a"}, {"sku": "x"}, {"sku": "b"}, {"sku": "y"}])).attempt(json!({
            "entity": "products", "operation": "upsert", "conflict": ["sku"], "onConflict": "nothing", "returning": ["sku"],
        })).await.unwrap();
        let of_items: Vec<(String, usize)> = output.outputs.main[0]
            .iter()
            .map(|item| (item.json()["sku"].to_string(), usize::try_from(item.source().unwrap().item).unwrap()))
            .collect();
        assert_eq!(of_items, [("\"x\"".to_owned(), 1), ("\"y\"".to_owned(), 3)]);
    }

    async fn rows_of_keys_that_are_written_otherwise_and_are_the_same_are_one(kind) {
        let scene = Scene::relaxed(kind);
        scene.sql(
            "CREATE TABLE t (price DECIMAL_TEXT, at TIMESTAMPTZ, n INTEGER, v INTEGER, UNIQUE (price, at), UNIQUE (n))",
            "CREATE TABLE t (price NUMERIC, at TIMESTAMPTZ, n BIGINT, v INTEGER, UNIQUE (price, at), UNIQUE (n))",
            "CREATE TABLE t (price DECIMAL(60,20), at DATETIME(6), n BIGINT, v INTEGER, UNIQUE (price, at), UNIQUE (n))",
        ).await;
        let at = |kind: Kind, hour: u8, zone: &str| {
            let zone = if kind == Kind::MariaDb { "" } else { zone };
            format!("2026-01-31T{hour}:00:00{zone}")
        };
        let other_zone = if kind == Kind::MariaDb { 12 } else { 14 };
        scene.node("dbal-write", json!({
            "entity": "t", "operation": "upsert", "conflict": ["price", "at"],
            "values": [
                {"price": "123456789012345678.01", "at": at(kind, 12, "Z"), "v": 1},
                {"price": "123456789012345678.02", "at": at(kind, 12, "Z"), "v": 2},
                {"price": "123456789012345678.01", "at": at(kind, other_zone, "+02:00"), "v": 3},
            ],
        })).await;
        let rows = scene.node("dbal-read", json!({"entity": "t", "fields": ["v"], "sort": [{"field": "v"}]})).await;
        assert_eq!(rows, json!([{"v": 2}, {"v": 3}]));
        scene.node("dbal-write", json!({
            "entity": "t", "operation": "upsert", "conflict": ["n"],
            "values": [{"n": 7, "v": 7}, {"n": "7", "v": 8}, {"n": 7.0, "v": 9}],
        })).await;
        let rows = scene.node("dbal-read", json!({"entity": "t", "fields": ["v"], "filter": {"n": 7}})).await;
        assert_eq!(rows, json!([{"v": 9}]));
    }

    async fn rows_that_many_create_or_change_at_once_are_there_once(kind) {
        let scene = Scene::declared(kind, &[PRODUCTS]);
        for round in 0..5 {
            let writers = (0..6).map(|n| {
                let scene = &scene;
                async move {
                    // Who is told that it may pass tries again.
                    loop {
                        let written = scene.call("dbal-write").attempt(json!({
                            "entity": "products", "operation": "upsert", "conflict": ["sku"],
                            "values": {"sku": format!("s{round}"), "stock": n}, "returning": ["stock"],
                        })).await;
                        match written {
                            Ok(output) => return jackfield_testkit::StaticCall::ports(&output),
                            Err(jackfield_plugin_api::NodeError::Retryable(_)) => {}
                            Err(error) => panic!("{:?}", error.into_failure()),
                        }
                    }
                }
            });
            let written = futures_util::future::join_all(writers).await;
            for (n, output) in written.into_iter().enumerate() {
                assert_eq!(output, json!([[{"stock": n}]]));
            }
            let count = scene.node("dbal-read", json!({"entity": "products", "output": "count"})).await;
            assert_eq!(count, json!([{"count": round + 1}]));
        }
    }
}
