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
