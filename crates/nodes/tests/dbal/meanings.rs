//! What the codes of databases mean: which may pass and which last, each as the database itself
//! gave it.

use std::pin::pin;
use std::time::Duration;

use jackfield_nodes::{DataSourceConfig, DataSources};
use jackfield_testkit::database::{MariaDb, Postgres};
use jackfield_types::{FailureClass, NodeFailure};
use serde_json::{Value, json};
use sqlx::{ColumnIndex, Connection, Decode, Executor, Row, Type};
use tokio::time::timeout;

use crate::reading::with_products;
use crate::scene::{Kind, Scene, on_each_database};

/// Asserts code, class, and the code of the database.
fn is(failure: &NodeFailure, code: &str, class: FailureClass, of_database: &[&str]) {
    assert_eq!(failure.code.as_str(), code, "{failure}");
    assert_eq!(failure.class, class, "{failure}");
    let details = failure.details.as_ref().expect("details");
    let found = details["databaseCode"].as_str().expect("a code");
    assert!(of_database.contains(&found), "{found}: {failure}");
    assert!(
        failure.message.contains(&format!("code {found}")),
        "{failure}"
    );
}

fn of(kind: Kind, codes: [&'static str; 3]) -> [&'static str; 1] {
    match kind {
        Kind::Sqlite => [codes[0]],
        Kind::Postgres => [codes[1]],
        Kind::MariaDb => [codes[2]],
    }
}

const RULES: &str = "CREATE TABLE owners (id INTEGER PRIMARY KEY);\n\
    INSERT INTO owners VALUES (1);\n\
    CREATE TABLE pets (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL, age INTEGER CHECK (age >= 0), tag VARCHAR(9), \
    CONSTRAINT one_tag UNIQUE (tag), FOREIGN KEY (owner) REFERENCES owners (id));\n\
    INSERT INTO pets VALUES (1, 1, 1, 'rex')";

on_each_database! {
    async fn rules_of_the_database_that_are_broken_stay_broken(kind) {
        let scene = Scene::relaxed(kind);
        scene.run(RULES).await;
        for (values, codes) in [
            (json!({"id": 1, "owner": 1}), ["1555", "23505", "1062"]),
            (json!({"id": 2, "owner": 1, "tag": "rex"}), ["2067", "23505", "1062"]),
            (json!({"id": 2, "owner": null}), ["1299", "23502", "1048"]),
            (json!({"id": 2, "owner": 9}), ["787", "23503", "1452"]),
            (json!({"id": 2, "owner": 1, "age": -1}), ["275", "23514", "4025"]),
        ] {
            let failure = scene.call("dbal-write").fail(json!({"entity": "pets", "values": values})).await;
            is(&failure, "DATABASE_CONSTRAINT", FailureClass::Permanent, &of(kind, codes));
        }
        let failure = scene.call("dbal-delete").fail(json!({"entity": "owners", "filter": {"id": 1}})).await;
        is(&failure, "DATABASE_CONSTRAINT", FailureClass::Permanent, &of(kind, ["787", "23503", "1451"]));
        let missing = scene.call("dbal-write").fail(json!({"entity": "pets", "values": {"id": 2}})).await;
        is(&missing, "DATABASE_CONSTRAINT", FailureClass::Permanent, &of(kind, ["1299", "23502", "1364"]));
        if kind == Kind::Postgres {
            let failure = scene.call("dbal-write").fail(json!({"entity": "pets", "values": {"id": 2, "owner": 1, "tag": "rex"}})).await;
            assert_eq!(failure.details.unwrap()["constraint"], "one_tag");
        }
    }

    async fn what_was_dropped_meanwhile_is_not_there_and_is_looked_for_again(kind) {
        let scene = with_products(kind).await;
        scene.run("ALTER TABLE products DROP COLUMN name").await;
        let read = json!({"entity": "products", "fields": ["name"]});
        let failure = scene.call("dbal-read").fail(read.clone()).await;
        assert!(["UNKNOWN_ENTITY", "DATABASE_ERROR"].contains(&failure.code.as_str()), "{failure}");
        assert_eq!(failure.class, FailureClass::Permanent, "{failure}");
        let again = scene.call("dbal-read").fail(read).await;
        assert!(again.message.contains("has no column `name`"), "{again}");
        scene.run("DROP TABLE products").await;
        let count = json!({"entity": "products", "output": "count"});
        scene.call("dbal-read").fail(count.clone()).await;
        let gone = scene.call("dbal-read").fail(count).await;
        assert!(gone.message.contains("no entity `products`"), "{gone}");
    }

    async fn sql_that_is_wrong_stays_wrong(kind) {
        let scene = Scene::relaxed(kind);
        for sql in ["SELECT FROM WHERE", "SELECT nothing(1) AS n", "SELECT 1 +"] {
            let failure = scene.call("dbal-query").fail(json!({"sql": sql})).await;
            assert_eq!(failure.class, FailureClass::Permanent, "{failure}");
            assert!(failure.details.unwrap()["databaseCode"].is_string());
        }
    }
}

fn update() -> Value {
    json!({"entity": "products", "operation": "update", "filter": {"sku": "a"}, "values": {"stock": 77}})
}

/// How long a server may take for what takes it no time.
const PATIENCE: Duration = Duration::from_secs(60);

/// The first number of a row.
fn number<R: Row>(row: &R) -> i64
where
    usize: ColumnIndex<R>,
    i64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
    row.get(0)
}

/// Lets a call that has to wait for somebody go on, and gives what comes of it.
async fn when_it_waits(
    call: impl Future<Output = NodeFailure>,
    go_on: impl Future<Output = ()>,
) -> NodeFailure {
    let mut call = pin!(call);
    let both = async {
        tokio::select! {
            failure = &mut call => panic!("it did not wait: {failure}"),
            () = go_on => call.await,
        }
    };
    timeout(PATIENCE, both).await.expect("it goes on in time")
}

#[tokio::test]
async fn a_transaction_of_postgres_that_cannot_be_ordered_may_be_tried_again() {
    let first = with_products(Kind::Postgres).await;
    for isolation in ["repeatable%20read", "serializable"] {
        let isolated = format!(
            "{}?options=-c%20default_transaction_isolation%3D'{isolation}'",
            first.url
        );
        let isolated = isolated
            .replace("'repeatable%20read'", "repeatable%5C%20read")
            .replace('\'', "");
        let sources = DataSources::builder()
            .shared("main", DataSourceConfig::new(isolated))
            .build();
        let scene = Scene::strict(Kind::Sqlite).reached_by(sources.unwrap());
        // Its connection is there before the test asks the server over and over again.
        let count = json!({"entity": "products", "output": "count"});
        scene.node("dbal-read", count).await;
        let mut other = sqlx::PgConnection::connect(&first.url).await.unwrap();
        let mut observer = sqlx::PgConnection::connect(&first.url).await.unwrap();
        other.execute("BEGIN").await.unwrap();
        other
            .execute("UPDATE products SET stock = 1 WHERE sku = 'a'")
            .await
            .unwrap();
        let then_commit = async {
            let waiting = "SELECT count(*) FROM pg_stat_activity \
                           WHERE datname = current_database() AND wait_event_type = 'Lock'";
            while number(&observer.fetch_one(waiting).await.unwrap()) == 0 {}
            other.execute("COMMIT").await.unwrap();
        };
        let write = scene.call("dbal-write").fail(update());
        let failure = when_it_waits(write, then_commit).await;
        is(
            &failure,
            "DATABASE_BUSY",
            FailureClass::Retryable,
            &["40001"],
        );
        assert_eq!(
            scene.node("dbal-write", update()).await,
            json!([{"affected": 1}])
        );
    }
}

#[tokio::test]
async fn a_transaction_of_mariadb_that_cannot_be_ordered_may_be_tried_again() {
    // The setting is the server's, and no other test has to do with it.
    let server = MariaDb::start().unwrap();
    server.execute("mysql", "SET GLOBAL innodb_snapshot_isolation = ON");
    let url = server.create_database();
    let database = url.rsplit('/').next().unwrap();
    server.execute(
        database,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER); INSERT INTO t VALUES (1, 0), (2, 0)",
    );
    let sources = DataSources::builder()
        .shared("main", DataSourceConfig::new(url.clone()))
        .build();
    let scene = Scene::relaxed(Kind::Sqlite).reached_by(sources.unwrap());
    let mut other = sqlx::MySqlConnection::connect(&url).await.unwrap();
    other.execute("BEGIN").await.unwrap();
    other
        .execute("UPDATE t SET v = 1 WHERE id = 2")
        .await
        .unwrap();
    // It reads, and then it changes what somebody else changed since.
    let updates = scene
        .call("dbal-write")
        .items(json!([{"id": 1}, {"id": 2}]));
    let parameters = json!({
        "entity": "t", "operation": "update", "filter": {"id": "{{ $json.id }}"}, "values": {"v": 5}, "returning": ["v"],
    });
    let mut observer = sqlx::MySqlConnection::connect(&url).await.unwrap();
    let then_commit = async {
        // What InnoDB says of transactions is as old as the last time that somebody asked.
        let waiting = "SELECT count(*) FROM information_schema.processlist \
                       WHERE db = DATABASE() AND id <> CONNECTION_ID() \
                       AND command = 'Execute' AND time_ms > 300";
        while number(&observer.fetch_one(waiting).await.unwrap()) == 0 {}
        other.execute("COMMIT").await.unwrap();
    };
    let failure = when_it_waits(updates.fail(parameters), then_commit).await;
    is(
        &failure,
        "DATABASE_BUSY",
        FailureClass::Retryable,
        &["1020"],
    );
}

#[tokio::test]
async fn deadlocks_carry_the_code_of_the_database() {
    for (kind, code) in [(Kind::Postgres, "40P01"), (Kind::MariaDb, "1213")] {
        let scene = with_products(kind).await;
        let write = |first: &str, second: &str| {
            let items = json!([{"sku": first}, {"sku": second}]);
            scene.call("dbal-write").items(items).attempt(json!({
                "entity": "products", "operation": "update", "filter": {"sku": "{{ $json.sku }}"}, "values": {"stock": 1},
            }))
        };
        let deadlock = async {
            loop {
                let (one, other) = tokio::join!(write("a", "b"), write("b", "a"));
                if let Some(error) = one.err().or(other.err()) {
                    break error.into_failure();
                }
            }
        };
        let failure = timeout(PATIENCE, deadlock).await.expect("a deadlock");
        is(&failure, "DATABASE_BUSY", FailureClass::Retryable, &[code]);
    }
}

#[tokio::test]
async fn a_server_that_has_no_connection_left_may_have_one_later() {
    let server = Postgres::shared();
    let url = server.create_database();
    let database = url.rsplit('/').next().unwrap();
    server.execute(
        database,
        &format!("CREATE ROLE few_{database} LOGIN PASSWORD 'pw' CONNECTION LIMIT 1"),
    );
    let role_url = server.url_for(&format!("few_{database}"), "pw", database);
    let held = sqlx::PgConnection::connect(&role_url).await.unwrap();
    let mut config = DataSourceConfig::new(role_url);
    config.acquire_timeout = jackfield_types::Span::from_millis(500);
    let sources = DataSources::builder().shared("main", config).build();
    let scene = Scene::relaxed(Kind::Sqlite).reached_by(sources.unwrap());
    let sql = json!({"sql": "SELECT 1 AS n"});
    let failure = scene.call("dbal-query").fail(sql.clone()).await;
    assert_eq!(failure.class, FailureClass::Retryable, "{failure}");
    assert!(
        ["DATABASE_BUSY", "TIMEOUT"].contains(&failure.code.as_str()),
        "{failure}"
    );
    held.close().await.unwrap();
    // The server notices a little later.
    let later = async {
        loop {
            if let Ok(output) = scene.call("dbal-query").attempt(sql.clone()).await {
                break output;
            }
        }
    };
    let output = timeout(PATIENCE, later).await.expect("a connection");
    assert_eq!(
        jackfield_testkit::StaticCall::ports(&output),
        json!([[{"n": 1}]])
    );
}
