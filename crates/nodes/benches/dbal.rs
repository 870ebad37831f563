//! What `dbal-read` costs beside the driver that is under it: the same rows of the same database,
//! read by the node and by the driver alone, one after the other. Prints how many times as long
//! the node takes.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a bench talks to the person who runs it, and has nobody else to tell"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use jackfield_nodes::{BuiltIn, DataSourceConfig, DataSources, NodeSettings, node_types};
use jackfield_testkit::database::{MariaDb, Postgres};
use jackfield_testkit::{ScriptedGrants, StaticCall};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlPool, PgPool, SqlitePool};

const ROWS: usize = 10_000;

/// The columns of a row, as a program has them that is written for this table.
type Bare = (i64, String, String, Option<i64>, bool, f64);

const SELECT: &str = "SELECT id, sku, name, stock, flag, weight FROM products ORDER BY id";

enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
    MySql(MySqlPool),
}

impl Pool {
    async fn read(&self) -> Vec<Bare> {
        match self {
            Self::Sqlite(pool) => sqlx::query_as(SELECT).fetch_all(pool).await,
            Self::Postgres(pool) => sqlx::query_as(SELECT).fetch_all(pool).await,
            Self::MySql(pool) => sqlx::query_as(SELECT).fetch_all(pool).await,
        }
        .unwrap()
    }
}

struct Scene {
    name: &'static str,
    pool: Pool,
    node: BuiltIn,
}

async fn scene(name: &'static str, url: &str, types: [&str; 4]) -> Scene {
    let [boolean, float, on, off] = types;
    let table = format!(
        "CREATE TABLE products (tenant_id VARCHAR(99) NOT NULL, id BIGINT PRIMARY KEY, sku VARCHAR(40) NOT NULL, \
         name VARCHAR(200) NOT NULL, stock BIGINT, flag {boolean} NOT NULL, weight {float} NOT NULL)"
    );
    let mut statements = vec![table];
    for chunk in (0..ROWS).collect::<Vec<_>>().chunks(500) {
        let rows: Vec<String> = chunk
            .iter()
            .map(|n| {
                let stock = if n % 10 == 0 { "NULL".to_owned() } else { (n * 7).to_string() };
                let flag = if n % 2 == 0 { on } else { off };
                format!("('tenant', {n}, 'sku-{n}', 'a product with a name of some length {n}', {stock}, {flag}, {n}.25)")
            })
            .collect();
        statements.push(format!("INSERT INTO products VALUES {}", rows.join(", ")));
    }
    let pool = match name {
        "sqlite" => {
            let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
            for sql in statements {
                connection
                    .execute(sqlx::raw_sql(AssertSqlSafe(sql)))
                    .await
                    .unwrap();
            }
            Pool::Sqlite(SqlitePool::connect(url).await.unwrap())
        }
        "postgres" => {
            let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
            for sql in statements {
                connection
                    .execute(sqlx::raw_sql(AssertSqlSafe(sql)))
                    .await
                    .unwrap();
            }
            Pool::Postgres(PgPool::connect(url).await.unwrap())
        }
        _ => {
            let mut connection = sqlx::MySqlConnection::connect(url).await.unwrap();
            for sql in statements {
                connection
                    .execute(sqlx::raw_sql(AssertSqlSafe(sql)))
                    .await
                    .unwrap();
            }
            Pool::MySql(MySqlPool::connect(url).await.unwrap())
        }
    };
    let sources = DataSources::builder()
        .shared("main", DataSourceConfig::new(url))
        .build()
        .unwrap();
    let settings = NodeSettings {
        data_sources: sources,
        ..NodeSettings::default()
    };
    let node = node_types(&settings)
        .into_iter()
        .find(|built_in| built_in.metadata.node_type.as_str() == "dbal-read")
        .unwrap();
    Scene { name, pool, node }
}

impl Scene {
    fn call(&self, grants: ScriptedGrants) -> StaticCall {
        let parameters = json!({
            "entity": "products",
            "fields": ["id", "sku", "name", "stock", "flag", "weight"],
            "sort": [{"field": "id"}],
        });
        StaticCall::new(&self.node.metadata, parameters)
            .with_input(Value::Array(vec![json!({})]))
            .with_grants(grants)
    }

    async fn run(&self, call: &StaticCall) -> usize {
        let output = call.execute(&*self.node.executor).await.unwrap();
        black_box(&output).outputs.main[0].len()
    }

    /// The median times of the driver, of the node, and of the node with strict isolation.
    async fn measure(&self, rounds: usize) -> [Duration; 3] {
        let relaxed = self.call(ScriptedGrants::open().relaxed());
        let strict = self.call(ScriptedGrants::open());
        let mut times = [const { Vec::new() }; 3];
        for round in 0..rounds + 3 {
            let began = Instant::now();
            assert_eq!(black_box(self.pool.read().await).len(), ROWS);
            let bare = began.elapsed();
            let began = Instant::now();
            assert_eq!(self.run(&relaxed).await, ROWS);
            let node = began.elapsed();
            let began = Instant::now();
            assert_eq!(self.run(&strict).await, ROWS);
            let bound = began.elapsed();
            // The first rounds warm up.
            if round >= 3 {
                for (times, time) in times.iter_mut().zip([bare, node, bound]) {
                    times.push(time);
                }
            }
        }
        times.map(|mut times| {
            times.sort_unstable();
            times[times.len() / 2]
        })
    }
}

fn main() {
    let rounds = if std::env::args().any(|argument| argument == "--quick") {
        10
    } else {
        60
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let file = format!(
            "sqlite://{}?mode=rwc",
            folder.path().join("bench.db").display()
        );
        let scenes = [
            scene("sqlite", &file, ["BOOLEAN", "REAL", "1", "0"]).await,
            scene(
                "postgres",
                &Postgres::shared().create_database(),
                ["BOOLEAN", "DOUBLE PRECISION", "true", "false"],
            )
            .await,
            scene(
                "mariadb",
                &MariaDb::shared().create_database(),
                ["BOOLEAN", "DOUBLE", "1", "0"],
            )
            .await,
        ];
        for scene in &scenes {
            let [bare, node, strict] = scene.measure(rounds).await;
            let name = scene.name;
            eprintln!("{name}: driver {bare:?}, node {node:?}, with strict isolation {strict:?}");
            let times = |time: Duration| time.as_secs_f64() / bare.as_secs_f64();
            println!(
                "dbal-read of 10000 rows over the driver, {name}: {:.3}",
                times(node)
            );
            println!(
                "dbal-read of 10000 rows over the driver, strict, {name}: {:.3}",
                times(strict)
            );
        }
    });
}
