//! How what a call asked of a database ends: with the call, on the server, and in bounded time,
//! and nothing of it is left for others to find.

use std::num::NonZeroU32;
use std::process::Command;
use std::time::Duration;

use jackfield_nodes::{DataSourceConfig, DataSources, RowOwnership};
use jackfield_testkit::database::{MariaDb, Postgres};
use jackfield_types::{FailureClass, Span};
use serde_json::{Value, json};
use sqlx::{Connection, Executor};
use tokio::time::{Instant, timeout};

use crate::scene::{Kind, Scene, TENANT, tenant};

/// How long tests wait for what is sure to come.
const PATIENCE: Duration = Duration::from_secs(60);

fn database(scene: &Scene) -> &str {
    scene.url.rsplit('/').next().expect("a name")
}

/// Asks the server itself.
fn ask(scene: &Scene, sql: &str) -> String {
    let said = match scene.kind {
        Kind::Postgres => Postgres::shared().execute(database(scene), sql),
        Kind::MariaDb => MariaDb::shared().execute(database(scene), sql),
        Kind::Sqlite => panic!("there is no server"),
    };
    said.trim().to_owned()
}

/// Asks the server itself until it says this.
async fn until(scene: &Scene, sql: &str, expected: &str) {
    let end = Instant::now() + PATIENCE;
    loop {
        let said = ask(scene, sql);
        if said == expected {
            return;
        }
        assert!(Instant::now() < end, "{sql}: {said}");
        tokio::task::yield_now().await;
    }
}

/// A statement that takes minutes, and what the server works on it by.
fn long(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::MariaDb => (
            "SELECT count(DISTINCT MD5(seq)) AS n FROM seq_1_to_9000000000000",
            "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE 'SELECT count(DISTINCT%'",
        ),
        _ => (
            "SELECT pg_sleep(120)::text AS n",
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%' AND state = 'active'",
        ),
    }
}

/// A database that is one tenant's own.
fn own(kind: Kind, change: impl FnOnce(&mut DataSourceConfig)) -> Scene {
    let scene = Scene::relaxed(kind);
    let mut config = DataSourceConfig::new(scene.url.clone());
    config.rows = RowOwnership::Exclusive;
    config.max_connections = NonZeroU32::MIN;
    change(&mut config);
    let sources = DataSources::builder().of_tenant(&tenant(TENANT), "main", config);
    scene.reached_by(sources.build().unwrap())
}

#[tokio::test]
async fn a_tenant_that_gives_calls_up_takes_no_connections_from_the_others() {
    for kind in [Kind::Postgres, Kind::MariaDb] {
        let scene = Scene::with(kind, false, |mut config| {
            config.max_connections = NonZeroU32::new(2).unwrap();
            config.max_connections_per_tenant = Some(NonZeroU32::MIN);
            config
        });
        let (sql, running) = long(kind);
        let mut before = String::new();
        for _ in 0..4 {
            let call = scene
                .call("dbal-query")
                .of("greedy")
                .attempt(json!({"sql": sql}));
            let mut call = Box::pin(call);
            // It is given up as soon as the server works on it, which it does for one at a time.
            let end = Instant::now() + PATIENCE;
            loop {
                let done = timeout(Duration::from_millis(20), &mut call).await;
                assert!(done.is_err(), "{kind:?}: {done:?}");
                let now = ask(&scene, running);
                assert!(now.lines().count() <= 1, "{kind:?}: {now}");
                if !now.is_empty() && now != before {
                    before = now;
                    break;
                }
                assert!(Instant::now() < end, "{kind:?}: it never ran");
            }
        }
        let rows = scene
            .call("dbal-query")
            .of("modest")
            .run(json!({"sql": "SELECT 1 AS n"}));
        let rows = timeout(PATIENCE, rows).await.unwrap();
        assert_eq!(rows, json!([{"n": 1}]));
        until(&scene, running, "").await;
    }
}

/// Lets a process go on, however the test ends.
struct Stopped(String);

impl Stopped {
    fn new(process: &str) -> Self {
        signal("STOP", process);
        Self(process.to_owned())
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        signal("CONT", &self.0);
    }
}

fn signal(name: &str, process: &str) {
    let sent = Command::new("kill").args(["-s", name, process]).status();
    assert!(sent.unwrap().success());
}

#[tokio::test]
async fn a_server_that_stands_still_holds_no_call_up_for_ever() {
    for kind in [Kind::Postgres, Kind::MariaDb] {
        let scene = Scene::with(kind, false, |mut config| {
            config.max_connections = NonZeroU32::MIN;
            config.statement_timeout = Span::from_millis(3_000);
            config
        });
        scene
            .run("CREATE TABLE t (id INTEGER PRIMARY KEY);\nINSERT INTO t VALUES (1)")
            .await;
        let read = json!({"entity": "t"});
        assert_eq!(
            scene.node("dbal-read", read.clone()).await,
            json!([{"id": 1}])
        );
        // The one process that works for the only connection, where each has one.
        let process = match kind {
            Kind::Postgres => ask(
                &scene,
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'jackfield'",
            ),
            _ => std::fs::read_to_string(ask(&scene, "SELECT @@pid_file"))
                .unwrap()
                .trim()
                .to_owned(),
        };
        // While a lock holds the statement up.
        let update =
            json!({"entity": "t", "operation": "update", "all": true, "values": {"id": 2}});
        let blocker = "UPDATE t SET id = id";
        let call = scene.call("dbal-write").attempt(update.clone());
        let (failure, stopped) = match kind {
            Kind::Postgres => {
                let mut other = sqlx::PgConnection::connect(&scene.url).await.unwrap();
                other.execute("BEGIN").await.unwrap();
                other.execute(blocker).await.unwrap();
                let stopped = async {
                    until(&scene, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'", "1").await;
                    Stopped::new(&process)
                };
                tokio::join!(timeout(PATIENCE, call), stopped)
            }
            _ => {
                let mut other = sqlx::MySqlConnection::connect(&scene.url).await.unwrap();
                other.execute("BEGIN").await.unwrap();
                other.execute(blocker).await.unwrap();
                let stopped = async {
                    until(&scene, "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE 'UPDATE `t`%'", "1").await;
                    Stopped::new(&process)
                };
                tokio::join!(timeout(PATIENCE, call), stopped)
            }
        };
        let failure = failure.expect("it ended").unwrap_err().into_failure();
        assert_eq!(failure.code.as_str(), "TIMEOUT", "{kind:?}: {failure}");
        assert_eq!(failure.class, FailureClass::Retryable);
        assert!(failure.message.contains("gave no answer"), "{failure}");
        // The others go on: the place of the connection is free again, even if what it was for is
        // not.
        let stopped = Some(stopped).filter(|_| kind == Kind::Postgres);
        let end = Instant::now() + PATIENCE;
        while let Err(error) = scene.call("dbal-read").attempt(read.clone()).await {
            assert!(Instant::now() < end, "{kind:?}: {error}");
        }
        assert_eq!(scene.node("dbal-read", read).await, json!([{"id": 1}]));
        drop(stopped);
    }
}

#[tokio::test]
async fn what_sql_sets_locks_or_makes_is_gone_with_the_call() {
    let scene = own(Kind::Postgres, |_| {});
    for sql in [
        "SELECT set_config('statement_timeout', '0', false) AS v",
        "SELECT set_config('search_path', 'pg_temp', false) AS v",
        "SELECT set_config('my.secret', 'left behind', false) AS v",
        "SELECT pg_advisory_lock(7)::text AS v",
    ] {
        scene.node("dbal-query", json!({"sql": sql})).await;
    }
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7";
    until(&scene, locks, "0").await;
    let found = scene
        .node(
            "dbal-query",
            json!({"sql": "SELECT current_setting('statement_timeout') AS t, current_setting('search_path') AS p, \
                           coalesce(current_setting('my.secret', true), '') AS s"}),
        )
        .await;
    assert_eq!(
        found,
        json!([{"t": "1min", "p": "\"$user\", public", "s": ""}])
    );

    let scene = own(Kind::MariaDb, |_| {});
    for sql in [
        "SELECT @left := 'behind' AS v",
        "SELECT GET_LOCK('left', 0) AS v",
    ] {
        scene.node("dbal-query", json!({"sql": sql})).await;
    }
    until(&scene, "SELECT IS_FREE_LOCK('left')", "1").await;
    let found = scene
        .node("dbal-query", json!({"sql": "SELECT @left AS v"}))
        .await;
    assert_eq!(found, json!([{"v": null}]));
}

#[tokio::test]
async fn rows_that_may_be_permanent_are_not_written_again() {
    let scene = Scene::relaxed(Kind::Postgres);
    // The connection breaks in the middle of the end of the transaction.
    scene
        .run(
            "CREATE TABLE t (id INTEGER);\n\
             CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';\n\
             CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW EXECUTE FUNCTION cut()",
        )
        .await;
    let insert = "INSERT INTO t VALUES (1)";
    for (node, parameters) in [
        ("dbal-query", json!({"sql": insert, "output": "affected"})),
        (
            "dbal-query",
            json!({"sql": format!("WITH w AS ({insert} RETURNING id) SELECT * FROM w")}),
        ),
        ("dbal-write", json!({"entity": "t", "values": {"id": 1}})),
    ] {
        let failure = scene.call(node).fail(parameters).await;
        assert_eq!(failure.code.as_str(), "NETWORK_ERROR", "{failure}");
        assert_eq!(failure.class, FailureClass::Permanent, "{failure}");
        assert!(failure.message.contains("nobody knows"), "{failure}");
    }
}

#[tokio::test]
async fn a_table_that_is_changed_meanwhile_is_read_again() {
    let scene = Scene::with(Kind::Postgres, false, |mut config| {
        config.max_connections = NonZeroU32::MIN;
        config
    });
    scene
        .run("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER);\nINSERT INTO t VALUES (1, 7)")
        .await;
    let read = json!({"entity": "t"});
    for _ in 0..3 {
        assert_eq!(
            scene.node("dbal-read", read.clone()).await,
            json!([{"id": 1, "v": 7}])
        );
    }
    scene
        .run("ALTER TABLE t ALTER COLUMN v TYPE NUMERIC(9, 2)")
        .await;
    let failure = scene.call("dbal-read").fail(read.clone()).await;
    assert_eq!(failure.class, FailureClass::Retryable, "{failure}");
    assert_eq!(failure.details.unwrap()["databaseCode"], "0A000");
    assert_eq!(
        scene.node("dbal-read", read).await,
        json!([{"id": 1, "v": "7.00"}])
    );
}

#[tokio::test]
async fn a_migration_that_nobody_waits_for_is_done_and_leaves_no_lock() {
    let scene = Scene::declared(Kind::MariaDb, &[crate::reading::PRODUCTS]);
    let lock = format!("{}.jackfield", database(&scene));
    let mut other = sqlx::MySqlConnection::connect(&scene.url).await.unwrap();
    let locked = sqlx::query("SELECT GET_LOCK(?, 0)").bind(&lock);
    other.execute(locked).await.unwrap();
    let count = json!({"entity": "products", "output": "count"});
    let mut call = Box::pin(scene.call("dbal-read").attempt(count.clone()));
    let waits = "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE 'SELECT GET_LOCK%'";
    let end = Instant::now() + PATIENCE;
    while ask(&scene, waits) == "0" {
        assert!(timeout(Duration::from_millis(20), &mut call).await.is_err());
        assert!(Instant::now() < end, "it never waited for the lock");
    }
    drop(call);
    other.close().await.unwrap();
    until(&scene, "SHOW TABLES", "products").await;
    until(&scene, &format!("SELECT IS_FREE_LOCK('{lock}')"), "1").await;
    assert_eq!(scene.node("dbal-read", count).await, json!([{"count": 0}]));
}

#[tokio::test]
async fn sqlite_itself_says_where_a_statement_ends_and_what_it_may_do() {
    let scene = own(Kind::Sqlite, |_| {});
    scene
        .run("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
        .await;
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.db");
    let attach = format!("ATTACH DATABASE '{}' AS o", other.display());
    for sql in [
        format!("SELECT $1('); {attach}"),
        format!("SELECT $1('); {attach}; --')"),
        format!("SELECT @a::('); {attach}"),
        format!("SELECT #1('); {attach}"),
        format!("SELECT 1; {attach}"),
        "SELECT $1('); DELETE FROM t".to_owned(),
        "SELECT load_extension('x')".to_owned(),
        "WITH x AS (SELECT 1) UPDATE sqlite_master SET sql = ''".to_owned(),
        "SELECT * FROM pragma_database_list".to_owned(),
    ] {
        scene.call("dbal-query").fail(json!({"sql": sql})).await;
    }
    assert!(!other.exists());
    // What is confined is so for that call only.
    let inserted = json!({"sql": "INSERT INTO t (v) VALUES (?) RETURNING id", "parameters": ["a"]});
    assert_eq!(scene.node("dbal-query", inserted).await, json!([{"id": 1}]));
    let tables = json!({"sql": "SELECT name FROM pragma_table_info('t')"});
    assert_eq!(
        scene.node("dbal-query", tables).await,
        json!([{"name": "id"}, {"name": "v"}])
    );
    assert_eq!(
        scene.node("dbal-read", json!({"entity": "t"})).await,
        json!([{"id": 1, "v": "a"}])
    );
}

#[tokio::test]
async fn no_value_takes_more_memory_or_time_than_one_may() {
    let scene = own(Kind::Sqlite, |config| {
        config.statement_timeout = Span::from_millis(20_000);
    });
    let wide: Vec<&str> = std::iter::repeat_n("randomblob(500000)", 1_000).collect();
    for sql in [
        "SELECT zeroblob(900000000) AS v".to_owned(),
        "SELECT length(randomblob(900000000)) AS v".to_owned(),
        "SELECT instr(zeroblob(40000000), zeroblob(20000000) || x'01') AS v".to_owned(),
        "SELECT replace(hex(zeroblob(500000)), '0', '0123456789') AS v".to_owned(),
        format!("SELECT {}", wide.join(", ")),
    ] {
        let failure = scene.call("dbal-query").fail(json!({"sql": sql})).await;
        assert_eq!(failure.code.as_str(), "INVALID_INPUT", "{failure}");
    }
    let fits = json!({"sql": "SELECT length(zeroblob(900000)) AS v"});
    assert_eq!(
        scene.node("dbal-query", fits).await,
        json!([{"v": 900_000}])
    );

    let (most, more) = (16 << 20, (16 << 20) + 1);
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let scene = own(kind, |_| {});
        let value = |length: i32| match kind {
            Kind::Sqlite => format!(
                "replace(hex(zeroblob({length} / 2)), '0', 'x') || substr('x', 1, {length} % 2)"
            ),
            _ => format!("repeat('x', {length})"),
        };
        // As a part of the row the name counts, too.
        let fits = value(most - 100);
        scene
            .run("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
            .await;
        scene
            .run(&format!(
                "INSERT INTO t VALUES (1, {fits}), (2, {})",
                value(more)
            ))
            .await;
        let read = |id: i32| json!({"entity": "t", "fields": ["v"], "filter": {"id": id}});
        let found = scene.node("dbal-read", read(1)).await;
        assert_eq!(
            found[0]["v"].as_str().map(str::len),
            usize::try_from(most - 100).ok()
        );
        let failure = scene.call("dbal-read").fail(read(2)).await;
        let code = match kind {
            Kind::Sqlite => "INVALID_INPUT",
            _ => "LIMIT_EXCEEDED",
        };
        assert_eq!(failure.code.as_str(), code, "{kind:?}: {failure}");
        assert_eq!(failure.class, FailureClass::Permanent);
        let count: Value = scene
            .node("dbal-read", json!({"entity": "t", "output": "count"}))
            .await;
        assert_eq!(count, json!([{"count": 2}]));
    }
}
