//! What somebody tries who knows how the nodes work: numbers that all tenants share, tables by
//! other names, places in lists that were tampered with, SQL behind comments.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jackfield_testkit::StaticCall;
use serde_json::{Value, json};

use crate::entities::SECOND;
use crate::isolation::{SECRET, rows_of, try_to_steal, victim, with_a_victim};
use crate::scene::{Kind, Scene, on_each_database};

on_each_database! {
    async fn nobody_takes_the_numbers_that_the_database_counts_up_for_all(kind) {
        let scene = with_a_victim(kind).await;
        for id in [json!(i64::MAX), json!(i64::MAX - 1), json!(4), json!("5"), json!(6.0)] {
            for parameters in [
                json!({"values": {"id": id, "slug": "x"}}),
                json!({"values": [{"slug": "y"}, {"id": id, "slug": "x"}]}),
                json!({"operation": "upsert", "conflict": ["slug"], "values": {"id": id, "slug": "x"}}),
                json!({"operation": "update", "all": true, "values": {"id": id}}),
                json!({"operation": "update", "filter": {"slug": "mine"}, "values": {"id": id}}),
                json!({"operation": "update", "filter": {"or": [{"id": id}, {"slug": "mine"}]}, "values": {"id": id}}),
                json!({"operation": "update", "filter": {"not": {"id": id}}, "values": {"id": id}}),
            ] {
                let mut parameters = parameters;
                parameters["entity"] = json!("notes");
                let failure = scene.call("dbal-write").of("thief").fail(parameters.clone()).await;
                assert_eq!(failure.code.as_str(), "TENANT_FORBIDDEN", "{parameters}: {failure}");
                assert!(failure.message.contains("column `id` is counted up"), "{failure}");
            }
        }
        scene.call("dbal-write").of("victim").run(json!({"entity": "notes", "values": {"slug": "three"}})).await;
        // A row that was read, changed and comes back has its own number.
        let mine = scene.call("dbal-read").of("thief").run(json!({"entity": "notes"})).await;
        let mut changed = mine[0].clone();
        changed["stars"] = json!(5);
        let written = scene.call("dbal-write").of("thief").items(json!([changed])).run(json!({
            "entity": "notes", "operation": "update", "filter": {"id": "{{ $json.id }}"}, "returning": ["*"],
        })).await;
        assert_eq!(written, json!([changed]));
    }

    async fn where_a_database_has_one_tenant_its_numbers_may_be_chosen(kind) {
        let scene = Scene::declared(kind, &[crate::isolation::NOTES]).relax();
        let written = scene.node("dbal-write", json!({
            "entity": "notes", "values": {"id": 77, "slug": "x", "tenant_id": "tenant"}, "returning": ["id"],
        })).await;
        assert_eq!(written, json!([{"id": 77}]));
    }

    async fn what_an_entity_is_declared_with_holds_by_every_name_of_its_table(kind) {
        let scene = Scene::declared(kind, &[SECOND]);
        scene.node("dbal-write", json!({"entity": "invoices", "values": {"number": "R-1"}})).await;
        let mut refused = 0;
        for name in ["billing_invoices", "public.billing_invoices", "BILLING_INVOICES", "main.billing_invoices", "Invoices"] {
            for (operation, parameters) in [
                ("create", json!({"values": {"number": "not a number"}})),
                ("update", json!({"filter": {"number": "R-1"}, "values": {"tags": ["a", "b", "c"]}})),
                ("upsert", json!({"conflict": ["number"], "values": {"number": "R-1", "email": "x"}})),
            ] {
                let mut parameters = parameters;
                parameters["entity"] = json!(name);
                parameters["operation"] = json!(operation);
                let failure = scene.call("dbal-write").fail(parameters).await;
                match failure.code.as_str() {
                    "INVALID_INPUT" => refused += 1,
                    code => assert_eq!(code, "UNKNOWN_ENTITY", "{name}: {failure}"),
                }
            }
        }
        assert!(refused >= 3, "the name of the table itself is known");
        // Nor are values anything else by that name.
        scene.node("dbal-write", json!({
            "entity": "billing_invoices", "values": {"number": "R-2", "tags": ["a"], "total": "1.50", "due": "2026-01-31"},
        })).await;
        let read = |entity: &str| json!({"entity": entity, "filter": {"number": "R-2"}});
        assert_eq!(scene.node("dbal-read", read("billing_invoices")).await, scene.node("dbal-read", read("invoices")).await);
    }

    async fn places_in_lists_that_were_tampered_with_lead_nowhere_else(kind) {
        let scene = with_a_victim(kind).await;
        scene.call("dbal-write").of("thief").items(json!([{"slug": "n1"}, {"slug": "n2"}])).run(json!({"entity": "notes"})).await;
        let page = json!({"entity": "notes", "sort": [{"field": "body"}, {"field": "slug"}], "limit": 1, "output": "page"});
        let first = scene.call("dbal-read").of("thief").run(page.clone()).await;
        let cursor = URL_SAFE_NO_PAD.decode(first[0]["next"].as_str().unwrap()).unwrap();
        let cursor: Value = serde_json::from_slice(&cursor).unwrap();
        for keys in [
            json!([SECRET, "one", 1]), json!([null, null, null]), json!(["", "", 0]), json!([null, "", -1]),
            json!(["' OR 1=1 --", "x' OR '1'='1", i64::MAX]), json!([{"bytes": "AA=="}, {"float": "-Infinity"}, 1.5]),
            json!([true, false, {}]), json!([[], [[]], {"bytes": 7}]), json!([1, 2, "three"]), json!(["a\0b", "\u{10ffff}", u64::MAX]),
            json!([]), json!(["a"]), json!(["a", "b", 1, 2]),
        ] {
            let mut tampered = cursor.clone();
            tampered["k"] = keys.clone();
            let mut parameters = page.clone();
            parameters["limit"] = json!(100);
            parameters["after"] = json!(URL_SAFE_NO_PAD.encode(tampered.to_string()));
            try_to_steal(&scene, "dbal-read", &parameters).await;
        }
        assert_eq!(rows_of(&scene, "victim").await, victim());
    }

    async fn patterns_match_no_row_of_another_tenant(kind) {
        let scene = with_a_victim(kind).await;
        for pattern in ["%", "%%", "_%", "\\%", "%\\", "\\\\%", "\\", "[a-z]%", "%' OR '1'='1", "%\0%", "*", "v_ctim"] {
            for field in ["slug", "body", "tenant_id"] {
                for operator in ["like", "notLike"] {
                    let filter = json!({field: {operator: pattern}});
                    try_to_steal(&scene, "dbal-read", &json!({"entity": "notes", "filter": filter})).await;
                    let not = json!({"entity": "notes", "filter": {"not": filter}, "returning": ["*"]});
                    try_to_steal(&scene, "dbal-delete", &not).await;
                }
            }
        }
        assert_eq!(rows_of(&scene, "victim").await, victim());
    }

    async fn sql_behind_a_comment_is_no_sql(kind) {
        let scene = Scene::relaxed(kind);
        scene.run("CREATE TABLE t (v INTEGER);\nINSERT INTO t VALUES (7)").await;
        for sql in [
            "/* /* */ SELECT */ DROP TABLE t",
            "/*! DROP TABLE t */ -- SELECT",
            "/*!CREATE TABLE made AS*/ SELECT 1 AS v",
            "/*M! CREATE TABLE made AS */ SELECT 1 AS v",
            "-- \rDROP TABLE t --\nSELECT 1",
            "--\rCREATE TABLE made AS\nSELECT 1 AS v",
            "# SELECT\nDROP TABLE t",
            "\u{a0}DROP TABLE t",
            ";DROP TABLE t",
            "(SELECT 1); DROP TABLE t",
            "SELECT 1\0; DROP TABLE t",
            "SELECT 1 /* */; /* ; */ DROP TABLE t",
            "EXPLAIN ANALYZE DELETE FROM t",
            "selectdrop TABLE t",
        ] {
            let failure = scene.call("dbal-query").fail(json!({"sql": sql})).await;
            assert!(!failure.message.is_empty(), "{sql}");
            let rows = scene.node("dbal-query", json!({"sql": "SELECT v FROM t"})).await;
            assert_eq!(rows, json!([{"v": 7}]), "{sql}");
        }
        let failure = scene.call("dbal-read").fail(json!({"entity": "made"})).await;
        assert_eq!(failure.code.as_str(), "UNKNOWN_ENTITY", "{failure}");
        let rows = scene.node("dbal-query", json!({"sql": "SELECT v /* behind */ FROM t -- the first word\n"})).await;
        assert_eq!(rows, json!([{"v": 7}]));
    }

    async fn lists_without_end_are_refused_and_do_not_end_the_process(kind) {
        let scene = with_a_victim(kind).await;
        let many = |value: Value, count: usize| Value::Array(vec![value; count]);
        for (node, parameters) in [
            ("dbal-read", json!({"sort": many(json!({"field": "slug"}), 20_000), "after": "x"})),
            ("dbal-read", json!({"sort": many(json!({"field": "slug"}), 33), "output": "page"})),
            ("dbal-read", json!({"fields": many(json!("slug"), 10_000)})),
            ("dbal-read", json!({"filter": {"or": many(json!({"slug": "x"}), 10_000)}})),
            ("dbal-read", json!({"filter": {"or": many(json!({}), 10_000)}})),
            ("dbal-read", json!({"filter": {"slug": {"in": many(json!("x"), 30_001)}}})),
            ("dbal-write", json!({"values": many(json!({"slug": "x"}), 10_001)})),
            ("dbal-write", json!({"values": {"slug": "x"}, "returning": many(json!("slug"), 10_000)})),
            ("dbal-write", json!({"values": {"slug": "x"}, "operation": "upsert", "conflict": many(json!("slug"), 10_000)})),
            ("dbal-write", json!({"values": {"slug": "x"}, "operation": "upsert", "conflict": ["slug", "slug"]})),
            ("dbal-delete", json!({"all": true, "returning": many(json!("slug"), 10_000)})),
            ("dbal-aggregate", json!({"aggregates": many(json!({"function": "count"}), 10_000)})),
            ("dbal-aggregate", json!({"aggregates": [{"function": "count"}], "sort": many(json!({"field": "count"}), 10_000)})),
            ("dbal-aggregate", json!({"aggregates": [{"function": "count"}], "groupBy": many(json!("slug"), 10_000)})),
        ] {
            let mut parameters = parameters;
            parameters["entity"] = json!("notes");
            let call = scene.call(node).of("thief").attempt(parameters).await;
            let failure = match call {
                Ok(output) => panic!("{node}: {}", StaticCall::ports(&output)),
                Err(error) => error.into_failure(),
            };
            assert!(
                ["INVALID_PARAMETERS", "LIMIT_EXCEEDED"].contains(&failure.code.as_str()),
                "{node}: {failure}"
            );
        }
        // As much as is allowed is.
        let conditions: Vec<Value> = (0..500).map(|n| json!({"slug": n.to_string()})).collect();
        for filter in [
            json!({"or": conditions}),
            json!({"and": [{"or": [{"slug": "x"}, {"and": many(json!({}), 4_900)}]}, {"slug": "x"}]}),
            json!({"or": many(json!({"not": {}}), 2_000)}),
        ] {
            let rows = scene.call("dbal-read").of("thief").run(json!({"entity": "notes", "filter": filter})).await;
            assert_eq!(rows, json!([]));
        }
        let sort: Vec<Value> = (0..32).map(|n| json!({"field": (["slug", "body", "stars"][n % 3])})).collect();
        let first = scene.call("dbal-read").of("victim").run(json!({"entity": "notes", "sort": sort, "limit": 1, "output": "page"})).await;
        let next = scene.call("dbal-read").of("victim").run(json!({
            "entity": "notes", "sort": sort, "limit": 1, "output": "page", "after": first[0]["next"],
        })).await;
        assert_eq!(next[0]["rows"][0]["slug"], "two");
    }
}

#[tokio::test]
async fn what_sql_leaves_behind_in_a_connection_of_mariadb_no_other_tenant_finds() {
    let scene = Scene::with(Kind::MariaDb, false, |mut config| {
        config.max_connections = std::num::NonZeroU32::new(1).unwrap();
        config
    });
    let look = json!({"sql": "SELECT @word AS word, IS_USED_LOCK('a lock') AS held, LAST_INSERT_ID() AS last"});
    let before = scene
        .call("dbal-query")
        .of("victim")
        .run(look.clone())
        .await;
    for left in [
        "SELECT @word := 'for you' AS w",
        "SELECT GET_LOCK('a lock', 0) AS w",
        "SELECT LAST_INSERT_ID(41) AS w",
    ] {
        scene
            .call("dbal-query")
            .of("thief")
            .run(json!({"sql": left}))
            .await;
        assert_eq!(
            scene
                .call("dbal-query")
                .of("victim")
                .run(look.clone())
                .await,
            before,
            "{left}"
        );
    }
}
