//! How many steps a second a hundred executions journal at the same time, and how long one takes;
//! beside it the floor: a bare loop that inserts the same bytes in groups of a hundred on the same
//! disk.
//!
//! `cargo bench -p jackfield-store-sqlite --bench append`; the environment variable
//! `JACKFIELD_BENCH_DIR` names another folder than the system's for temporary files.

#![expect(clippy::print_stdout, reason = "the numbers are what it is for")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hdrhistogram::Histogram;
use jackfield_store_api::{
    Append, Durability, ExecutionState, NewExecution, NewWorkflow, Store, TenantStore, WorkerId,
    limits,
};
use jackfield_store_sqlite::{SqliteOptions, SqliteStore};
use jackfield_types::{ExecutionId, TenantId};
use rusqlite::Connection;

const EXECUTIONS: usize = 100;
const RECORD: usize = 256;
const ROUND: Duration = Duration::from_secs(1);
const ROUNDS: usize = 9;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    println!("{EXECUTIONS} executions at the same time, records of {RECORD} bytes");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let (mut floors, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let folder = folder()?;
        let floor = floor(folder.path())?;
        println!("floor     {floor:>9.0} rows/s, groups of {EXECUTIONS}");
        floors.push(floor);
        rates.push(store(&runtime, Durability::Grouped)?);
    }
    for durability in [Durability::Relaxed, Durability::Full] {
        store(&runtime, durability)?;
    }
    let (floor, rate) = (middle(&mut floors), middle(&mut rates));
    println!(
        "middle: {rate:.0} steps/s, floor {floor:.0} rows/s, factor {:.2}",
        floor / rate
    );
    Ok(())
}

/// Steps a second in a new store.
fn store(runtime: &tokio::runtime::Runtime, durability: Durability) -> Result<f64, Failure> {
    let folder = folder()?;
    let options = SqliteOptions::new(folder.path().join("store.db")).durability(durability);
    let store = Arc::new(SqliteStore::open(options)?);
    let (rate, latencies) = runtime.block_on(steps(Arc::clone(&store)))?;
    let milliseconds = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e6;
    println!(
        "{:<9} {rate:>9.0} steps/s, p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, longest {:.2} ms",
        durability.as_str(),
        milliseconds(0.5),
        milliseconds(0.99),
        milliseconds(0.999),
        latencies.max() as f64 / 1e6,
    );
    runtime.block_on(store.close())?;
    Ok(rate)
}

/// Steps a second, and how long each took.
async fn steps(store: Arc<SqliteStore>) -> Result<(f64, Histogram<u64>), Failure> {
    let tenant = store.tenant(&TenantId::parse("bench")?);
    let document = Bytes::from_static(b"{}");
    let workflow = NewWorkflow {
        id: "flow".to_owned(),
        name: "flow".to_owned(),
        digest: limits::digest_of(&document),
        document,
    };
    let workflow = tenant.put_workflow(workflow).await?;
    let begin = Instant::now();
    let mut executions = Vec::new();
    for _ in 0..EXECUTIONS {
        let new = NewExecution {
            id: ExecutionId::generate(),
            workflow: workflow.clone(),
            pinned: Bytes::from_static(b"{}"),
            user: None,
            retry_of: None,
            part_of: None,
            records: Vec::new(),
            payloads: Vec::new(),
            state: ExecutionState::Running,
            claim: Some((WorkerId::generate(), Duration::from_secs(3_600))),
        };
        let tenant = Arc::clone(&tenant);
        executions.push(tokio::spawn(execution(tenant, new, begin)));
    }
    let mut all = Histogram::<u64>::new(3)?;
    for execution in executions {
        all.add(execution.await??)?;
    }
    Ok((all.len() as f64 / begin.elapsed().as_secs_f64(), all))
}

/// One execution, which waits for each step before it makes the next.
async fn execution(
    tenant: Arc<dyn TenantStore>,
    new: NewExecution,
    begin: Instant,
) -> Result<Histogram<u64>, Failure> {
    let made = tenant.create_execution(new).await?;
    let mut latencies = Histogram::new(3)?;
    let mut length = 0;
    let record = Bytes::from(vec![0x5a; RECORD]);
    while begin.elapsed() < ROUND {
        let started = Instant::now();
        let append = Append {
            execution: made.id,
            fence: made.fence,
            after: length,
            records: vec![record.clone()],
            payloads: Vec::new(),
            state: None,
        };
        length = tenant.append(append).await?.length;
        latencies.record(u64::try_from(started.elapsed().as_nanos())?)?;
    }
    Ok(latencies)
}

/// Rows a second of a bare loop.
fn floor(folder: &Path) -> Result<f64, Failure> {
    let connection = Connection::open(folder.join("floor.db"))?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.execute_batch(
        "CREATE TABLE rows (execution INTEGER NOT NULL, sequence INTEGER NOT NULL,
             record BLOB NOT NULL)",
    )?;
    let mut begin_group = connection.prepare("BEGIN")?;
    let mut insert = connection.prepare("INSERT INTO rows VALUES (?1, ?2, ?3)")?;
    let mut commit = connection.prepare("COMMIT")?;
    let record = vec![0x5a; RECORD];
    let begin = Instant::now();
    let mut sequence = 0;
    while begin.elapsed() < ROUND {
        begin_group.execute([])?;
        for execution in 0..EXECUTIONS {
            insert.execute((execution as i64, sequence, &record))?;
        }
        commit.execute([])?;
        sequence += 1;
    }
    Ok(sequence as f64 * EXECUTIONS as f64 / begin.elapsed().as_secs_f64())
}

fn folder() -> Result<tempfile::TempDir, Failure> {
    Ok(match std::env::var_os("JACKFIELD_BENCH_DIR") {
        Some(folder) => tempfile::TempDir::new_in(folder)?,
        None => tempfile::TempDir::new()?,
    })
}

fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
