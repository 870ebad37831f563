//! How many steps a second two processes journal together, with a hundred executions each at the
//! same time, and how long one takes; beside it the floor: two bare loops that insert the same bytes
//! in groups of a hundred over a connection each. The server is a real one on this machine, which
//! has on the disk what it acknowledges.
//!
//! `cargo bench -p jackfield-store-postgres --bench append`; the environment variable `TMPDIR` names
//! another folder than the system's for the server.

#![expect(clippy::print_stdout, reason = "the numbers are what it is for")]

use std::env;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hdrhistogram::Histogram;
use jackfield_store_api::{
    Append, Durability, ExecutionState, NewExecution, NewWorkflow, Store, TenantStore, WorkerId,
    limits,
};
use jackfield_store_postgres::{PostgresOptions, PostgresStore};
use jackfield_testkit::database::Postgres;
use jackfield_types::{ExecutionId, TenantId};
use sqlx::{Connection, PgConnection};

const PROCESSES: usize = 2;
const EXECUTIONS: usize = 100;
const RECORD: usize = 256;
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;

/// What tells a process that it is one of those that journal: the URL, and the durability.
const ROLE: [&str; 2] = ["JACKFIELD_BENCH_URL", "JACKFIELD_BENCH_DURABILITY"];

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    if let (Ok(url), Ok(durability)) = (env::var(ROLE[0]), env::var(ROLE[1])) {
        return runtime.block_on(journal(&url, durability_of(&durability)));
    }
    println!("{PROCESSES} processes with {EXECUTIONS} executions each, records of {RECORD} bytes");
    let server = Postgres::start_durable()?;
    let (mut floors, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let floor = runtime.block_on(floor(&server.create_database()))?;
        println!("floor     {floor:>9.0} rows/s, groups of {EXECUTIONS}");
        floors.push(floor);
        rates.push(processes(&server, Durability::Grouped)?);
    }
    for durability in [Durability::Relaxed, Durability::Full] {
        processes(&server, durability)?;
    }
    let (floor, rate) = (middle(&mut floors), middle(&mut rates));
    println!(
        "middle: {rate:.0} steps/s, floor {floor:.0} rows/s, factor {:.2}",
        floor / rate
    );
    Ok(())
}

/// Steps a second of all processes together, in a new database.
fn processes(server: &Postgres, durability: Durability) -> Result<f64, Failure> {
    let url = server.create_database();
    let mut children = Vec::new();
    for _ in 0..PROCESSES {
        let child = Command::new(env::current_exe()?)
            .env(ROLE[0], &url)
            .env(ROLE[1], durability.as_str())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        children.push(Process::new(child)?);
    }
    // All have opened the store.
    for process in &mut children {
        process.line()?;
    }
    for process in &mut children {
        process.begin()?;
    }
    let mut rate = 0.0;
    let mut latencies = Vec::new();
    for process in &mut children {
        let line = process.line()?;
        let (steps, rest) = line.split_once(' ').ok_or("no numbers")?;
        rate += steps.parse::<f64>()?;
        latencies.push(rest.trim().to_owned());
        process.child.wait()?;
    }
    println!(
        "{:<9} {rate:>9.0} steps/s; {}",
        durability.as_str(),
        latencies.join("; ")
    );
    Ok(rate)
}

/// A process that journals.
struct Process {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Process {
    fn new(mut child: Child) -> Result<Self, Failure> {
        let output = child.stdout.take().ok_or("it is piped")?;
        Ok(Self {
            child,
            output: BufReader::new(output),
        })
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line)
    }

    fn begin(&mut self) -> Result<(), Failure> {
        let input = self.child.stdin.as_mut().ok_or("it is piped")?;
        Ok(input.write_all(b"begin\n")?)
    }
}

/// Journals for a while, and prints steps a second and how long each took.
async fn journal(url: &str, durability: Durability) -> Result<(), Failure> {
    let options = PostgresOptions::new(url).durability(durability);
    let store: Arc<dyn Store> = Arc::new(PostgresStore::open(options).await?);
    println!("ready");
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    let (rate, latencies) = steps(&store).await?;
    let milliseconds = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e6;
    println!(
        "{rate} p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms",
        milliseconds(0.5),
        milliseconds(0.99),
        latencies.max() as f64 / 1e6,
    );
    store.close().await?;
    Ok(())
}

/// Steps a second, and how long each took.
async fn steps(store: &Arc<dyn Store>) -> Result<(f64, Histogram<u64>), Failure> {
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

/// Rows a second of bare loops, as many as there are processes.
async fn floor(url: &str) -> Result<f64, Failure> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(
        "CREATE TABLE journal (tenant text NOT NULL, execution uuid NOT NULL,
             sequence bigint NOT NULL, record bytea NOT NULL,
             PRIMARY KEY (tenant, execution, sequence))",
    )
    .execute(&mut connection)
    .await?;
    let loops: Vec<_> = (0..PROCESSES)
        .map(|_| tokio::spawn(insert(url.to_owned())))
        .collect();
    let mut rate = 0.0;
    for one in loops {
        rate += one.await??;
    }
    Ok(rate)
}

async fn insert(url: String) -> Result<f64, Failure> {
    let mut connection = PgConnection::connect(&url).await?;
    let tenants = vec!["bench"; EXECUTIONS];
    let executions: Vec<uuid::Uuid> = (0..EXECUTIONS)
        .map(|_| *ExecutionId::generate().as_uuid())
        .collect();
    let record = vec![0x5a; RECORD];
    let records = vec![record.as_slice(); EXECUTIONS];
    let begin = Instant::now();
    let mut sequence = 0_i64;
    while begin.elapsed() < ROUND {
        sequence += 1;
        sqlx::query(
            "INSERT INTO journal
             SELECT * FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::bytea[])",
        )
        .bind(tenants.as_slice())
        .bind(executions.as_slice())
        .bind(vec![sequence; EXECUTIONS])
        .bind(records.as_slice())
        .execute(&mut connection)
        .await?;
    }
    Ok(sequence as f64 * EXECUTIONS as f64 / begin.elapsed().as_secs_f64())
}

fn durability_of(name: &str) -> Durability {
    [Durability::Full, Durability::Grouped, Durability::Relaxed]
        .into_iter()
        .find(|one| one.as_str() == name)
        .unwrap_or_default()
}

fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
