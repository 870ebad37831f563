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
            ("dbal-delete", json!({"all": true})),
            ("dbal-write", json!({"operation": "update", "all": true, "values": {"stock": 1}})),
        ] {
            let mut parameters = parameters;
            parameters["entity"] = json!("products");
            let failure = scene.call(node).fail(parameters).await;
            assert_eq!(failure.code.as_str(), "LIMIT_EXCEEDED", "{node}: {failure}");
            assert!(failure.message.contains("more than 5 rows"), "{node}: {failure}");
        }
        // Nor do the items of one call together.
        let halves = scene.call("dbal-delete").items(json!([{"sku": ["s0", "s1", "s2"]}, {"sku": ["s3", "s4", "s5"]}]));
        let failure = halves.fail(json!({"entity": "products", "filter": {"sku": {"in": "{{ $json.sku }}"}}})).await;
        assert_eq!(failure.code.as_str(), "LIMIT_EXCEEDED", "{failure}");
        let error = scene.failure("dbal-read", json!({"entity": "products", "limit": 6})).await;
        assert!(error.contains("at most 5 rows"), "{error}");
        let page = scene.node("dbal-read", json!({"entity": "products", "limit": 5})).await;
        assert_eq!(page.as_array().unwrap().len(), 5);
        // Nothing was deleted or changed by what was refused.
        let count = scene.node("dbal-read", json!({"entity": "products", "output": "count"})).await;
        assert_eq!(count, json!([{"count": 6}]));
        let changed = json!({"entity": "products", "filter": {"stock": 1}, "output": "count"});
        assert_eq!(scene.node("dbal-read", changed).await, json!([{"count": 0}]));
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

    async fn decimals_are_not_rounded_off(kind) {
        let declared = "entity: prices\ncolumns:\n  sku: { type: text, maxLength: 20 }\n  amount: { type: decimal, scale: 2 }\n  all: { type: decimal, scale: 3, list: true }\nprimaryKey: [sku]\n";
        let scene = Scene::declared(kind, &[declared]);
        for values in [
            json!({"amount": "0.125"}),
            json!({"amount": 0.125}),
            json!({"amount": "125e-3"}),
            json!({"all": ["1.5", "0.0001"]}),
        ] {
            let mut row = values.clone();
            row["sku"] = json!("x");
            let failure = scene.call("dbal-write").fail(json!({"entity": "prices", "values": row})).await;
            assert!(failure.message.contains("digits behind the point"), "{values}: {failure}");
        }
        scene.call("dbal-write").run(json!({"entity": "prices", "values": {"sku": "x", "amount": "1.2500", "all": ["0.125"]}})).await;
        // What is compared may have as many digits as it likes.
        let found = scene.node("dbal-read", json!({"entity": "prices", "filter": {"amount": {"lt": "1.25001"}}, "output": "count"})).await;
        assert_eq!(found, json!([{"count": 1}]));
        // A table that nobody declared keeps what its columns say.
        scene.run("CREATE TABLE old (tenant_id VARCHAR(50), id INTEGER PRIMARY KEY, amount DECIMAL(30, 2))").await;
        for (id, amount) in [(3, "0.125"), (4, "0.001")] {
            let written = scene.call("dbal-write").attempt(json!({"entity": "old", "values": {"id": id, "amount": amount}})).await;
            assert_eq!(written.is_err(), kind != Kind::Sqlite, "{amount}");
        }
        let long = json!({"entity": "old", "values": {"id": 2, "amount": "1234567890123456.78"}});
        let long = scene.call("dbal-write").attempt(long).await;
        // SQLite would make a floating-point number of it.
        assert_eq!(long.is_err(), kind == Kind::Sqlite);
    }

    async fn a_column_that_is_there_is_what_was_declared_or_an_error(kind) {
        for (column, text) in [
            ("name: { type: text, maxLength: 40 }", "keeps 20 characters"),
            ("name: { type: text }", "keeps 20 characters"),
            ("amount: { type: decimal, scale: 4 }", "keeps 2 digits"),
            ("name: { type: text, maxLength: 20, required: true }", "declared as `required`"),
            ("must: { type: integer }", "declared without `required`"),
        ] {
            let declared = format!("entity: t\ncolumns:\n  id: {{ type: integer, required: true }}\n  {column}\nprimaryKey: [id]\n");
            let scene = Scene::declared(kind, &[&declared]);
            scene.run("CREATE TABLE t (tenant_id VARCHAR(128) NOT NULL, id BIGINT NOT NULL, name VARCHAR(20), amount DECIMAL(10, 2), must BIGINT NOT NULL, PRIMARY KEY (tenant_id, id))").await;
            let read = scene.call("dbal-read").attempt(json!({"entity": "t"})).await;
            if kind == Kind::Sqlite && text.starts_with("keeps") {
                // It heeds no lengths.
                assert!(read.is_ok(), "{column}");
                continue;
            }
            let error = read.unwrap_err().into_failure();
            assert!(error.message.contains(text), "{column}: {error}");
        }
        // What is there and keeps more is taken as it is.
        let declared = "entity: t\ncolumns:\n  id: { type: integer, required: true }\n  name: { type: text, maxLength: 10 }\n  amount: { type: decimal, scale: 1 }\nprimaryKey: [id]\n";
        let scene = Scene::declared(kind, &[declared]);
        scene.run("CREATE TABLE t (tenant_id VARCHAR(128) NOT NULL, id BIGINT NOT NULL, name VARCHAR(20), amount DECIMAL(10, 2), PRIMARY KEY (tenant_id, id))").await;
        scene.call("dbal-write").run(json!({"entity": "t", "values": {"id": 1, "name": "a", "amount": "1.5"}})).await;
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
