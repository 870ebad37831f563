//! SQL that is written by hand: with parameters, and for those only whose policy says so.

use jackfield_nodes::{DataSourceConfig, DataSources, RowOwnership};
use jackfield_types::Capability;
use serde_json::{Value, json};

use crate::scene::{Kind, Scene, on_each_database, tenant};

async fn with_a_table(kind: Kind, strict: bool) -> Scene {
    let scene = Scene::with(kind, strict, |config| config);
    scene
        .run("CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR(99));\nINSERT INTO t VALUES (1, 'one'), (2, 'two')")
        .await;
    scene
}

fn placeholder(kind: Kind) -> &'static str {
    match kind {
        Kind::Postgres => "$1",
        Kind::Sqlite | Kind::MariaDb => "?",
    }
}

on_each_database! {
    async fn sql_runs_with_parameters(kind) {
        let scene = with_a_table(kind, false).await;
        let p = placeholder(kind);
        let rows = scene.call("dbal-query").items(json!([{"id": 1}, {"id": 2}, {"id": 3}])).run(json!({
            "sql": format!("SELECT v FROM t WHERE id = {p}"), "parameters": ["{{ $json.id }}"],
        })).await;
        assert_eq!(rows, json!([{"v": "one"}, {"v": "two"}]));
        let evil = scene.node("dbal-query", json!({
            "sql": format!("SELECT v FROM t WHERE v = {p}"), "parameters": ["' OR '1'='1"],
        })).await;
        assert_eq!(evil, json!([]));
        let changed = scene.node("dbal-query", json!({
            "sql": format!("UPDATE t SET v = {p}"), "parameters": ["x"], "output": "affected",
        })).await;
        assert_eq!(changed, json!([{"affected": 2}]));
    }

    async fn who_is_not_granted_sql_has_none(kind) {
        let scene = with_a_table(kind, false).await;
        let failure = scene.call("dbal-query").capabilities(&[Capability::Database])
            .fail(json!({"sql": "SELECT v FROM t"})).await;
        assert_eq!(failure.code.as_str(), "TENANT_FORBIDDEN");
        let failure = scene.call("dbal-query").capabilities(&[Capability::Sql])
            .fail(json!({"sql": "SELECT v FROM t"})).await;
        assert_eq!(failure.code.as_str(), "TENANT_FORBIDDEN");
    }

    async fn under_strict_isolation_sql_is_for_databases_of_ones_own(kind) {
        let scene = with_a_table(kind, true).await;
        let failure = scene.call("dbal-query").fail(json!({"sql": "SELECT v FROM t"})).await;
        assert_eq!(failure.code.as_str(), "TENANT_FORBIDDEN");
        assert!(failure.message.contains("exclusive"), "{failure}");
        let mut own = DataSourceConfig::new(scene.url.clone());
        own.rows = RowOwnership::Exclusive;
        let sources = DataSources::builder().of_tenant(&tenant("acme"), "main", own).build().unwrap();
        let scene = scene.reached_by(sources);
        let rows = scene.call("dbal-query").of("acme").run(json!({"sql": "SELECT count(*) AS n FROM t"})).await;
        assert_eq!(rows, json!([{"n": 2}]));
    }

    async fn sql_is_written_out_and_one_statement(kind) {
        let scene = with_a_table(kind, false).await;
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("other.db");
        for sql in [
            "SELECT v FROM t WHERE v = '{{ $json.x }}'".to_owned(),
            "DROP TABLE t".to_owned(),
            "SET app.tenant = 'x'".to_owned(),
            "PRAGMA writable_schema = 1".to_owned(),
            format!("ATTACH DATABASE '{}' AS other", other.display()),
            format!("SELECT 1; ATTACH DATABASE '{}' AS other", other.display()),
            "SELECT 1; DROP TABLE t".to_owned(),
            "/* SELECT */ VACUUM INTO 'x.db'".to_owned(),
            String::new(),
        ] {
            let call = scene.call("dbal-query").items(json!([{"x": "' OR 1=1 --"}]));
            assert!(call.attempt(json!({"sql": sql})).await.is_err(), "{sql}");
        }
        let rows = scene.node("dbal-query", json!({"sql": "SELECT v FROM t ORDER BY id"})).await;
        assert_eq!(rows, json!([{"v": "one"}, {"v": "two"}]));
        assert!(!other.exists());
    }
}

#[tokio::test]
async fn postgres_gives_values_of_all_its_types() {
    let scene = Scene::relaxed(Kind::Postgres);
    let row = scene
        .node(
            "dbal-query",
            json!({
                "sql": "SELECT $1::numeric AS n, $2::timestamptz AS t, $3::jsonb AS j, $4::uuid AS u, $5::int[] AS a, \
                        $6 AS i, $7 AS f, $8 AS b, $9 AS z, 'NaN'::float8 AS nan, 'infinity'::timestamptz AS inf, '{}'::text[] AS e",
                "parameters": [
                    "1.50", "2026-01-31T12:00:00Z", {"a": [1]}, "0190163d-8694-739b-aea5-966c26f8ad91", "{1,2,NULL}",
                    9_007_199_254_740_993_i64, 1.5, true, null,
                ],
            }),
        )
        .await;
    assert_eq!(
        row,
        json!([{
            "n": "1.50", "t": "2026-01-31T12:00:00Z", "j": {"a": [1]}, "u": "0190163d-8694-739b-aea5-966c26f8ad91",
            "a": [1, 2, null], "i": 9_007_199_254_740_993_i64, "f": 1.5, "b": true, "z": Value::Null,
            "nan": "NaN", "inf": "infinity", "e": [],
        }])
    );
    let error = scene
        .failure("dbal-query", json!({"sql": "SELECT point(1, 2) AS p"}))
        .await;
    assert!(
        error.contains("column `p`") && error.contains("cast it to text"),
        "{error}"
    );
}

#[tokio::test]
async fn sql_that_sqlite_would_make_more_of_than_there_is_memory_is_refused() {
    let scene = Scene::relaxed(Kind::Sqlite);
    let mut sql = "WITH a0(x) AS (SELECT 1)".to_owned();
    for place in 1..18 {
        let before = place - 1;
        sql += &format!(", a{place}(x) AS (SELECT 1 FROM a{before} p, a{before} q)");
    }
    let failure = scene
        .call("dbal-query")
        .fail(json!({"sql": format!("{sql} SELECT 1 FROM a17")}))
        .await;
    assert_eq!(failure.code.as_str(), "INVALID_PARAMETERS", "{failure}");
    assert!(failure.to_string().contains("less often"), "{failure}");
    let few = "WITH a(x) AS (SELECT 2), b(x) AS (SELECT p.x * q.x FROM a p, a q) SELECT b.x FROM b";
    let rows = scene.node("dbal-query", json!({"sql": few})).await;
    assert_eq!(rows, json!([{"x": 4}]));
}
