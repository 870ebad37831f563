//! Pages: every row once, in order, whatever happens in between.

use serde_json::{Value, json};

use crate::reading::PRODUCTS;
use crate::scene::{Scene, on_each_database};

async fn all_pages(scene: &Scene, sort: &Value, limit: usize) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = scene
            .node(
                "dbal-read",
                json!({
                    "entity": "products", "fields": ["sku"], "sort": sort, "limit": limit,
                    "after": after, "output": "page",
                }),
            )
            .await;
        let page = &page[0];
        let of_page = page["rows"].as_array().expect("rows");
        assert!(of_page.len() <= limit);
        rows.extend(of_page.iter().map(|row| row["sku"].clone()));
        after = page["next"].clone();
        if after.is_null() {
            return rows;
        }
        assert_eq!(of_page.len(), limit);
    }
}

async fn with_many(kind: crate::scene::Kind) -> Scene {
    let scene = Scene::declared(kind, &[PRODUCTS]);
    let rows: Value = (0..53)
        .map(|n| {
            let stock = if n % 5 == 0 {
                Value::Null
            } else {
                json!(n % 3)
            };
            let price = format!("{}.{}", n % 7, n % 2);
            let name = if n % 4 == 0 {
                Value::Null
            } else {
                json!(format!("N{}", n % 6))
            };
            json!({"sku": format!("s{n:02}"), "stock": stock, "price": price, "name": name})
        })
        .collect();
    scene
        .call("dbal-write")
        .items(rows)
        .run(json!({"entity": "products"}))
        .await;
    scene
}

on_each_database! {
    async fn pages_have_every_row_once_in_every_order(kind) {
        let scene = with_many(kind).await;
        for sort in [
            json!([]),
            json!([{"field": "stock"}]),
            json!([{"field": "stock", "direction": "desc"}, {"field": "name"}]),
            json!([{"field": "price", "direction": "desc"}]),
            json!([{"field": "name", "direction": "desc"}, {"field": "stock"}, {"field": "sku", "direction": "desc"}]),
        ] {
            let paged = all_pages(&scene, &sort, 7).await;
            let mut ends_told_apart = sort.as_array().unwrap().clone();
            ends_told_apart.push(json!({"field": "id"}));
            let whole = scene.node("dbal-read", json!({
                "entity": "products", "fields": ["sku"], "sort": ends_told_apart,
            })).await;
            let whole: Vec<Value> = whole.as_array().unwrap().iter().map(|row| row["sku"].clone()).collect();
            assert_eq!(paged, whole, "{sort}");
            assert_eq!(paged.len(), 53);
        }
    }

    async fn a_page_goes_on_where_the_one_before_ended_though_rows_were_added(kind) {
        let scene = with_many(kind).await;
        let page = json!({
            "entity": "products", "fields": ["sku"], "sort": [{"field": "sku"}], "limit": 2, "output": "countedPage",
        });
        let first = scene.node("dbal-read", page.clone()).await;
        assert_eq!(first[0]["count"], 53);
        assert_eq!(first[0]["rows"], json!([{"sku": "s00"}, {"sku": "s01"}]));
        scene.node("dbal-write", json!({"entity": "products", "values": {"sku": "s005"}})).await;
        let mut next = page;
        next["after"] = first[0]["next"].clone();
        let second = scene.node("dbal-read", next).await;
        assert_eq!(second[0]["rows"], json!([{"sku": "s02"}, {"sku": "s03"}]));
    }

    async fn a_place_of_another_list_is_refused(kind) {
        let scene = with_many(kind).await;
        let first = scene.node("dbal-read", json!({
            "entity": "products", "sort": [{"field": "sku"}], "limit": 2, "output": "page",
        })).await;
        let after = &first[0]["next"];
        for parameters in [
            json!({"entity": "products", "sort": [{"field": "name"}], "limit": 2, "after": after}),
            json!({"entity": "products", "sort": [{"field": "sku", "direction": "desc"}], "limit": 2, "after": after}),
            json!({"entity": "products", "limit": 2, "after": "nonsense"}),
            json!({"entity": "products", "limit": 2, "after": "x".repeat(100_000)}),
        ] {
            let error = scene.failure("dbal-read", parameters).await;
            assert!(error.contains("`after` is "), "{error}");
        }
    }
}

/// Every row of `t`, by pages of one row.
async fn one_by_one(scene: &Scene, sort: &Value) -> Vec<Value> {
    let mut ids = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = scene
            .node(
                "dbal-read",
                json!({
                    "entity": "t", "fields": ["id"], "sort": sort, "limit": 1, "after": after, "output": "page",
                }),
            )
            .await;
        ids.extend(
            page[0]["rows"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row["id"].clone()),
        );
        after = page[0]["next"].clone();
        if after.is_null() || ids.len() > 100 {
            return ids;
        }
    }
}

on_each_database! {
    async fn pages_go_through_values_of_every_kind(kind) {
        let scene = Scene::relaxed(kind);
        scene.sql(
            // It keeps whatever it is given, in whatever form.
            "CREATE TABLE t (id INTEGER PRIMARY KEY, at DATETIME, stamp TIMESTAMPTZ, f REAL, d DECIMAL(10,2), x, txt TEXT, b BLOB, flag BOOLEAN);\n\
             INSERT INTO t VALUES (1, '2026-01-31 12:00:00.000000', '2026-01-31T12:00:00Z', 0.1, 1.5, 7, 'a', x'00', 1), \
             (2, '2026-01-31T12:00:00', '2026-01-31 12:00:00+00:00', 0.1, '1.50', 'seven', 'A', x'', 0), \
             (3, '2026-01-31 12:00:00', 1769860800, 9e999, 1.25, x'07ff', 'a', 'text', 'yes'), \
             (4, 1769860800, NULL, -9e999, NULL, 7.5, NULL, NULL, NULL), (5, NULL, '', NULL, 1.5, NULL, '', x'00', 1), \
             (6, 'never', '2026-01-31T12:00:00Z', 0.1, 'NaN', 7, 'a', 9, 2), (7, '', NULL, 3, 12345678901234.25, '7', 'b', x'00', 1)",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, at TIMESTAMP, stamp TIMESTAMPTZ, f REAL, d NUMERIC, x INTERVAL, txt TEXT, b BYTEA, flag BOOLEAN);\n\
             INSERT INTO t VALUES (1, '2026-01-31 12:00:00.000001', '2026-01-31 12:00:00Z', 0.1, 1.5, '1 day', 'a', '\\x00', true), \
             (2, '2026-01-31 12:00:00', 'infinity', 0.1, 1.50, '24 hours', 'A', '\\x', false), \
             (3, 'infinity', '-infinity', 'Infinity', 'NaN', '-1 mon', 'a', '\\xff', null), \
             (4, '-infinity', NULL, '-Infinity', NULL, NULL, NULL, NULL, NULL), (5, NULL, NULL, NULL, 'Infinity', '1 day', '', '\\x00', true), \
             (6, '1999-01-01', 'infinity', 'NaN', 0.1, '0', 'a', '\\x0001', true), (7, '1999-01-01', NULL, 16777217, 0.10, '1 day', 'b', '\\x', false)",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, at DATETIME(6), stamp TIMESTAMP NULL, f FLOAT, d DECIMAL(40,20), x TIME, txt VARCHAR(20), b VARBINARY(9), flag BOOLEAN);\n\
             INSERT INTO t VALUES (1, '2026-01-31 12:00:00.000001', '2026-01-31 12:00:00', 0.1, 1.5, '10:00', 'a', x'00', true), \
             (2, '2026-01-31 12:00:00', '2026-01-31 12:00:00', 0.1, 1.50, '-10:00', 'A', x'', false), \
             (3, '2026-01-31 12:00:00', '1999-01-01', 0.2, 0.00000000000000000001, '838:59:59', 'a ', x'ff', null), \
             (4, '1999-01-01', NULL, -0.1, NULL, NULL, NULL, NULL, NULL), (5, NULL, NULL, NULL, 0.00000000000000000002, '10:00', '', x'00', true), \
             (6, '1999-01-01', '1999-01-01', 1e38, 12345678901234567890.00000000000000000001, '00:00', 'a', x'0001', true), \
             (7, '1999-01-01', NULL, 16777217, 12345678901234567890.00000000000000000002, '10:00', 'b', x'', false)",
        ).await;
        for field in ["at", "stamp", "f", "d", "x", "txt", "b", "flag"] {
            for direction in ["asc", "desc"] {
                let sort = json!([{"field": field, "direction": direction}]);
                let whole = scene.node("dbal-read", json!({
                    "entity": "t", "fields": ["id"], "sort": [sort[0], {"field": "id"}],
                })).await;
                let whole: Vec<Value> = whole.as_array().unwrap().iter().map(|row| row["id"].clone()).collect();
                assert_eq!(whole.len(), 7);
                assert_eq!(one_by_one(&scene, &sort).await, whole, "{sort}");
            }
        }
    }
}

on_each_database! {
    async fn what_must_not_come_out_does_not_stand_in_what_says_where_a_page_ends(kind) {
        let scene = with_many(kind).await;
        let page = |sort: Value| json!({
            "entity": "products", "fields": ["sku"], "sort": sort, "limit": 7, "output": "page",
        });
        let sorted = || json!([{"field": "price"}]);
        let failure = scene.call("dbal-read").masked(&["price"]).fail(page(sorted())).await;
        assert_eq!(failure.code.as_str(), "INVALID_PARAMETERS", "{failure}");
        assert!(failure.message.contains("`price`") && failure.message.contains("`offset`"), "{failure}");
        // Nor by the columns that rows are told apart by, which nobody asked for.
        let failure = scene.call("dbal-read").masked(&["id"]).fail(page(json!([]))).await;
        assert!(failure.message.contains("`id`"), "{failure}");
        // Other pages have their place, and rows without pages need none.
        let other = scene.call("dbal-read").masked(&["price"]).run(page(json!([{"field": "stock"}]))).await;
        assert!(other[0]["next"].is_string(), "{other}");
        let rows = scene.call("dbal-read").masked(&["price"]).run(json!({
            "entity": "products", "fields": ["sku"], "sort": sorted(), "limit": 7,
        })).await;
        assert_eq!(rows.as_array().unwrap().len(), 7);
    }

    async fn a_place_that_would_be_too_long_is_not_made(kind) {
        let scene = Scene::relaxed(kind);
        scene.sql(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)",
            "CREATE TABLE t (id BIGINT PRIMARY KEY, body TEXT)",
            "CREATE TABLE t (id BIGINT PRIMARY KEY, body LONGTEXT)",
        ).await;
        let body = "x".repeat(13_000);
        let rows = json!([{"id": 1, "body": body}, {"id": 2, "body": body}]);
        scene.call("dbal-write").items(rows).run(json!({"entity": "t"})).await;
        let page = json!({
            "entity": "t", "fields": ["id"], "sort": [{"field": "body"}], "limit": 1, "output": "page",
        });
        let failure = scene.call("dbal-read").fail(page).await;
        assert_eq!(failure.code.as_str(), "LIMIT_EXCEEDED", "{failure}");
        assert!(failure.message.contains("too long"), "{failure}");
    }
}
