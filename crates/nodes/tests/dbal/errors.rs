//! What databases answer with: which errors may pass, and that nothing half-done stays.

use std::num::NonZeroU32;

use jackfield_nodes::{DataSourceConfig, DataSources};
use jackfield_testkit::StaticCall;
use jackfield_testkit::database::{MariaDb, Postgres};
use jackfield_types::{FailureClass, Span};
use serde_json::json;
use sqlx::{Connection, Executor};

use crate::reading::{PRODUCTS, with_products};
use crate::scene::{Kind, Scene, entity, on_each_database};

/// A statement that does not end by itself.
fn endless(kind: Kind) -> &'static str {
    match kind {
        // It ends recursions by itself, and gives a number when `BENCHMARK` is cut short.
        Kind::MariaDb => "SELECT count(DISTINCT MD5(seq)) AS n FROM seq_1_to_9000000000000",
        _ => {
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT 1 - x FROM n) SELECT count(*) AS n FROM n"
        }
    }
}

on_each_database! {
    async fn a_value_that_is_there_is_not_tried_again_and_carries_the_code_of_the_database(kind) {
        let scene = with_products(kind).await;
        let failure = scene.call("dbal-write").fail(json!({"entity": "products", "values": {"sku": "a"}})).await;
        assert_eq!(failure.class, FailureClass::Permanent);
        assert_eq!(failure.code.as_str(), "DATABASE_CONSTRAINT");
        let code = match kind {
            Kind::Sqlite => "2067",
            Kind::Postgres => "23505",
            Kind::MariaDb => "1062",
        };
        assert_eq!(failure.details.unwrap()["databaseCode"], code);
    }

    async fn a_lock_that_is_not_free_in_time_may_be_tried_again(kind) {
        let scene = Scene::with(kind, true, |mut config| {
            config.entities = vec![entity(PRODUCTS)];
            config.statement_timeout = Span::from_millis(1_000);
            config
        });
        scene.call("dbal-write").items(json!([{"sku": "a"}])).run(json!({"entity": "products"})).await;
        let update = json!({
            "entity": "products", "operation": "update", "filter": {"sku": "a"}, "values": {"stock": 1},
        });
        let failure = match kind {
            Kind::Sqlite => {
                let mut other = sqlx::SqliteConnection::connect(&scene.url).await.unwrap();
                other.execute("BEGIN IMMEDIATE").await.unwrap();
                scene.call("dbal-write").fail(update.clone()).await
            }
            Kind::Postgres => {
                let mut other = sqlx::PgConnection::connect(&scene.url).await.unwrap();
                other.execute("BEGIN").await.unwrap();
                other.execute("LOCK TABLE products IN EXCLUSIVE MODE").await.unwrap();
                scene.call("dbal-write").fail(update.clone()).await
            }
            Kind::MariaDb => {
                let mut other = sqlx::MySqlConnection::connect(&scene.url).await.unwrap();
                other.execute("BEGIN").await.unwrap();
                other.execute("SELECT * FROM products FOR UPDATE").await.unwrap();
                scene.call("dbal-write").fail(update.clone()).await
            }
        };
        assert_eq!(failure.class, FailureClass::Retryable, "{failure}");
        assert!(["DATABASE_BUSY", "TIMEOUT"].contains(&failure.code.as_str()), "{failure}");
        // The other one has gone, and with it the lock.
        assert_eq!(scene.node("dbal-write", update).await, json!([{"affected": 1}]));
    }

    async fn a_statement_that_does_not_end_is_ended(kind) {
        let scene = Scene::with(kind, false, |mut config| {
            config.statement_timeout = Span::from_millis(1_000);
            config.max_connections = NonZeroU32::new(1).unwrap();
            config
        });
        let sql = endless(kind);
        let failure = scene.call("dbal-query").fail(json!({"sql": sql})).await;
        assert_eq!(failure.code.as_str(), "TIMEOUT", "{failure}");
        assert_eq!(failure.class, FailureClass::Retryable);
        assert_eq!(scene.node("dbal-query", json!({"sql": "SELECT 1 AS n"})).await, json!([{"n": 1}]));
    }

    async fn a_write_that_is_ended_leaves_its_connection_as_it_was(kind) {
        let scene = Scene::with(kind, false, |mut config| {
            config.statement_timeout = Span::from_millis(1_000);
            config.max_connections = NonZeroU32::new(1).unwrap();
            config
        });
        scene.run("CREATE TABLE t (v INTEGER)").await;
        scene.node("dbal-write", json!({"entity": "t", "values": {"v": 1}})).await;
        let failure = scene.call("dbal-query").fail(json!({"sql": format!("INSERT INTO t (v) {}", endless(kind))})).await;
        assert_eq!(failure.code.as_str(), "TIMEOUT", "{failure}");
        for (node, parameters) in [("dbal-write", json!({"values": {"v": 2}})), ("dbal-read", json!({"output": "count"}))] {
            let mut parameters = parameters;
            parameters["entity"] = json!("t");
            scene.node(node, parameters).await;
        }
        assert_eq!(scene.node("dbal-read", json!({"entity": "t", "output": "count"})).await, json!([{"count": 2}]));
    }

    async fn a_statement_that_nobody_waits_for_frees_its_connection(kind) {
        let scene = Scene::with(kind, false, |mut config| {
            config.max_connections = NonZeroU32::new(1).unwrap();
            config.statement_timeout = Span::from_millis(4_000);
            config
        });
        let sql = endless(kind);
        let endless = scene.call("dbal-query").attempt(json!({"sql": sql}));
        let given_up = tokio::time::timeout(std::time::Duration::from_millis(300), endless).await;
        assert!(given_up.is_err());
        assert_eq!(scene.node("dbal-query", json!({"sql": "SELECT 1 AS n"})).await, json!([{"n": 1}]));
    }

    async fn a_call_that_is_dropped_half_way_leaves_nothing_behind(kind) {
        let scene = with_products(kind).await;
        let rows = json!((0..2_000).map(|n| json!({"sku": format!("n{n}")})).collect::<Vec<_>>());
        for steps in 1..60 {
            let call = scene.call("dbal-write").items(rows.clone()).attempt(json!({"entity": "products"}));
            let mut call = Box::pin(call);
            let mut done = None;
            for _ in 0..steps {
                // Each step ends where the call waits for the database.
                done = futures_util::FutureExt::now_or_never(&mut call);
                if done.is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(call);
            let count = scene.node("dbal-read", json!({"entity": "products", "output": "count"})).await;
            match count[0]["count"].as_i64() {
                Some(4) => assert!(done.is_none(), "{done:?}"),
                // It was dropped when everything had been made permanent, or while it was.
                Some(2_004) => break,
                other => panic!("{other:?} rows after {steps} steps"),
            }
        }
    }

    async fn more_calls_than_connections_wait_for_their_turn(kind) {
        let scene = Scene::with(kind, true, |mut config| {
            config.entities = vec![entity(PRODUCTS)];
            config.max_connections = NonZeroU32::new(2).unwrap();
            config
        });
        let calls = (0..30).map(|n| {
            scene.call("dbal-write").items(json!([{"sku": format!("c{n}")}])).run(json!({"entity": "products"}))
        });
        futures_util::future::join_all(calls).await;
        let count = scene.node("dbal-read", json!({"entity": "products", "output": "count"})).await;
        assert_eq!(count, json!([{"count": 30}]));
    }
}

#[tokio::test]
async fn a_connection_that_was_cut_may_be_tried_again_and_the_next_call_has_another() {
    for kind in [Kind::Postgres, Kind::MariaDb] {
        let scene = with_products(kind).await;
        let database = scene.url.rsplit('/').next().unwrap().to_owned();
        // While a lock holds the call up, its connection is cut.
        let update = json!({
            "entity": "products", "operation": "update", "filter": {"sku": "a"}, "values": {"stock": 77},
        });
        let failure = match kind {
            Kind::Postgres => {
                let mut other = sqlx::PgConnection::connect(&scene.url).await.unwrap();
                other.execute("BEGIN").await.unwrap();
                other
                    .execute("LOCK TABLE products IN EXCLUSIVE MODE")
                    .await
                    .unwrap();
                let cut = async {
                    let waiting = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
                    while Postgres::shared().execute(&database, waiting).trim() == "0" {
                        tokio::task::yield_now().await;
                    }
                };
                let (failure, ()) =
                    tokio::join!(scene.call("dbal-write").fail(update.clone()), cut);
                other.close().await.unwrap();
                failure
            }
            _ => {
                let mut other = sqlx::MySqlConnection::connect(&scene.url).await.unwrap();
                other.execute("BEGIN").await.unwrap();
                other
                    .execute("SELECT * FROM products FOR UPDATE")
                    .await
                    .unwrap();
                let cut = async {
                    let waiting = format!(
                        "SELECT id FROM information_schema.processlist WHERE db = '{database}' AND info LIKE 'UPDATE%'"
                    );
                    loop {
                        let found = MariaDb::shared().execute(&database, &waiting);
                        if let Some(id) = found.lines().next() {
                            MariaDb::shared().execute(&database, &format!("KILL {id}"));
                            return;
                        }
                        tokio::task::yield_now().await;
                    }
                };
                let (failure, ()) =
                    tokio::join!(scene.call("dbal-write").fail(update.clone()), cut);
                other.close().await.unwrap();
                failure
            }
        };
        assert_eq!(
            failure.class,
            FailureClass::Retryable,
            "{kind:?}: {failure}"
        );
        assert_eq!(
            failure.code.as_str(),
            "NETWORK_ERROR",
            "{kind:?}: {failure}"
        );
        assert_eq!(
            scene.node("dbal-write", update).await,
            json!([{"affected": 1}])
        );
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_an_error_without_its_address() {
    for (url, class) in [
        (
            "postgres://jack:hunter2@127.0.0.1:1/x",
            FailureClass::Retryable,
        ),
        (
            "mysql://jack:hunter2@127.0.0.1:1/x",
            FailureClass::Retryable,
        ),
        (
            "sqlite:///nowhere/hunter2/at/all.db",
            FailureClass::Permanent,
        ),
    ] {
        let mut config = DataSourceConfig::new(url);
        config.acquire_timeout = Span::from_millis(300);
        let sources = DataSources::builder()
            .shared("main", config)
            .build()
            .unwrap();
        let scene = Scene::relaxed(Kind::Sqlite).reached_by(sources);
        let failure = scene.call("dbal-read").fail(json!({"entity": "t"})).await;
        assert_eq!(failure.class, class, "{url}: {failure}");
        let shown = format!("{failure:?}");
        assert!(
            !shown.contains("hunter2") && !shown.contains("127.0.0.1"),
            "{shown}"
        );
    }
    let wrong_password = Postgres::shared().url_for("jackfield", "hunter2", "postgres");
    let sources = DataSources::builder()
        .shared("main", DataSourceConfig::new(wrong_password))
        .build();
    let scene = Scene::relaxed(Kind::Sqlite).reached_by(sources.unwrap());
    let failure = scene.call("dbal-read").fail(json!({"entity": "t"})).await;
    assert_eq!(failure.class, FailureClass::Permanent, "{failure}");
    assert!(!format!("{failure:?}").contains("hunter2"));
}

#[tokio::test]
async fn who_is_not_let_in_is_not_told_to_tenants() {
    let (postgres, mariadb) = (Postgres::shared(), MariaDb::shared());
    for url in [
        postgres.url_for("nobody_knows", "hunter2", "postgres"),
        postgres.url_for("jackfield", "pw", "no_such_database"),
        format!(
            "mysql://nobody_knows:hunter2@127.0.0.1:{}/test",
            mariadb.port()
        ),
    ] {
        let config = DataSourceConfig::new(url.clone());
        let sources = DataSources::builder().shared("main", config).build();
        let scene = Scene::strict(Kind::Sqlite).reached_by(sources.unwrap());
        let failure = scene.call("dbal-read").fail(json!({"entity": "t"})).await;
        assert_eq!(failure.class, FailureClass::Permanent, "{failure}");
        let shown = format!("{failure:?}");
        for told in [
            "nobody_knows",
            "hunter2",
            "no_such_database",
            "127.0.0.1",
            "localhost",
        ] {
            assert!(!shown.contains(told), "{shown}");
        }
        assert!(failure.message.contains("its log says why"), "{failure}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    std::fs::write(
        &path,
        "this is no database, and long enough to be seen as none".repeat(100),
    )
    .unwrap();
    let config = DataSourceConfig::new(format!("sqlite://{}", path.display()));
    let sources = DataSources::builder()
        .shared("main", config)
        .build()
        .unwrap();
    let scene = Scene::relaxed(Kind::Sqlite).reached_by(sources);
    let failure = scene.call("dbal-read").fail(json!({"entity": "t"})).await;
    assert_eq!(failure.code.as_str(), "DATABASE_ERROR", "{failure}");
    assert_eq!(failure.class, FailureClass::Permanent);
}

#[tokio::test]
async fn an_execution_without_items_reaches_no_database() {
    let config = DataSourceConfig::new("postgres://jack@127.0.0.1:1/x");
    let sources = DataSources::builder()
        .shared("main", config)
        .build()
        .unwrap();
    let scene = Scene::relaxed(Kind::Sqlite).reached_by(sources);
    for (node, parameters) in [
        ("dbal-read", json!({"entity": "t"})),
        ("dbal-write", json!({"entity": "t"})),
        ("dbal-delete", json!({"entity": "t", "all": true})),
    ] {
        let output = scene
            .call(node)
            .items(json!([]))
            .attempt(parameters)
            .await
            .unwrap();
        assert_eq!(StaticCall::ports(&output), json!([[]]));
    }
}
