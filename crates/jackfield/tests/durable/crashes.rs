//! Whatever runs an execution is lost, at any write, in any store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jackfield::store::{Durability, Store};
use jackfield::types::ByteSize;
use jackfield::{
    DurableOptions, ExecutionHandle, ExecutionId, ExecutionStatus, JournalEntry, Report,
    SqliteOptions, SqliteStore, StartError, TenantId,
};
use jackfield_testkit::store::{FragileStore, Interruption, MemoryStore, StoreClock};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::shapes::{self, Shape, node_types};
use super::support::{ByStore, Calls, Process, builder, follow, options, start};

/// Where executions are kept.
#[derive(Clone, Copy)]
enum Kind {
    Memory,
    Sqlite,
}

/// A store that is opened by one process after the other.
struct Ground {
    store: Arc<dyn Store>,
    kept: Kept,
}

enum Kept {
    Memory {
        store: MemoryStore,
        clock: StoreClock,
        following: JoinHandle<()>,
    },
    Sqlite(TempDir),
}

impl Drop for Ground {
    fn drop(&mut self) {
        if let Kept::Memory { following, .. } = &self.kept {
            following.abort();
        }
    }
}

fn open(folder: &TempDir) -> Arc<dyn Store> {
    let path = folder.path().join("store.db");
    // A process is lost, and not the machine.
    let options = SqliteOptions::new(path).durability(Durability::Relaxed);
    Arc::new(SqliteStore::open(options).unwrap())
}

impl Ground {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Memory => {
                let clock = StoreClock::default();
                let store = MemoryStore::with_clock(clock.clone());
                Self {
                    store: Arc::new(store.clone()),
                    kept: Kept::Memory {
                        store,
                        following: follow(&clock),
                        clock,
                    },
                }
            }
            Kind::Sqlite => {
                let folder = TempDir::new().unwrap();
                Self {
                    store: open(&folder),
                    kept: Kept::Sqlite(folder),
                }
            }
        }
    }

    /// The store as the next process has it.
    async fn reopen(&mut self) {
        self.store.close().await.unwrap();
        self.store = match &self.kept {
            Kept::Memory { store, .. } => Arc::new(store.reopen()),
            Kept::Sqlite(folder) => open(folder),
        };
    }

    fn process(&self, store: &FragileStore, calls: &Calls) -> Process {
        // Some lists are kept apart, and others are not.
        let options = DurableOptions {
            inline: ByteSize::bytes(48),
            ..options()
        };
        let builder = builder(store, node_types(calls), options);
        Process::of(match &self.kept {
            Kept::Memory { clock, .. } => builder.clock(ByStore(clock.clone())),
            Kept::Sqlite(_) => builder,
        })
    }

    /// Sends the signal that an execution waits for, if it is there.
    async fn send(&self, id: ExecutionId, shape: &Shape) {
        let Some((name, data)) = &shape.signal else {
            return;
        };
        let tenant = self.store.tenant(&TenantId::default_tenant());
        let data = data.to_string().into();
        // It need not be there.
        let _ = tenant.send_signal(id, name, data).await;
    }
}

/// What became of an execution, but for what differs from one to the next.
fn outcome(report: &Report) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(object) => {
                for name in ["executionId", "durationMs", "duration", "timestamp"] {
                    object.remove(name);
                }
                object.values_mut().for_each(strip);
            }
            Value::Array(list) => list.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut outcome = serde_json::to_value(report).unwrap();
    strip(&mut outcome);
    if report.status == ExecutionStatus::TimedOut {
        // What the deadline broke off depends on when it was taken up.
        outcome["nodes"] = Value::Null;
    }
    outcome
}

/// What was told of an execution while it ran.
fn told(handle: &ExecutionHandle) -> JoinHandle<Vec<JournalEntry>> {
    let mut events = handle.events();
    tokio::spawn(async move {
        let mut told = Vec::new();
        while let Some(entry) = events.next().await {
            told.push(entry);
        }
        told
    })
}

struct Whole {
    outcome: Value,
    counts: BTreeMap<String, (usize, usize)>,
    writes: u64,
}

/// An execution with nothing in its way.
async fn whole(kind: Kind, shape: &Shape) -> Whole {
    let ground = Ground::new(kind);
    let store = FragileStore::new(Arc::clone(&ground.store));
    let calls = Calls::default();
    let process = ground.process(&store, &calls);
    let plan = process.plan(&shape.document);
    let handle = process.tenant.start(&plan, start(&shape.input)).unwrap();
    assert!(handle.kept().await.unwrap());
    ground.send(handle.id(), shape).await;
    let report = handle.wait().await.unwrap();
    let outcome = outcome(&report);
    assert_eq!(report.status, shape.status, "{outcome:#}");
    Whole {
        outcome,
        counts: calls.counts(),
        writes: store.writes(),
    }
}

/// Where processes are lost, one after the other.
type Losses<'a> = &'a [(u64, Interruption)];

/// The same, but processes are lost at their writes.
async fn broken_off(kind: Kind, shape: &Shape, whole: &Whole, losses: Losses<'_>) {
    let what = format!("{losses:?}");
    let [(after, interruption), later @ ..] = losses else {
        return;
    };
    let mut ground = Ground::new(kind);
    let store = FragileStore::new(Arc::clone(&ground.store));
    let calls = Calls::default();
    let doomed = ground.process(&store, &calls);
    let plan = doomed.plan(&shape.document);
    store.interrupt(*after, *interruption);
    let handle = doomed.tenant.start(&plan, start(&shape.input)).unwrap();
    let id = handle.id();
    let told = told(&handle);
    let was_kept = handle.kept().await;
    ground.send(id, shape).await;
    match handle.wait().await {
        // It came to fewer writes this time: more of them were made at once.
        Ok(report) => return assert_eq!(outcome(&report), whole.outcome, "{what}"),
        Err(error) => assert!(
            matches!(error, StartError::NotKept { .. }),
            "{what}: {error:?}"
        ),
    }
    drop(doomed);
    let told = told.await.unwrap();

    for (after, interruption) in later {
        ground.reopen().await;
        let store = FragileStore::new(Arc::clone(&ground.store));
        let mut doomed = ground.process(&store, &calls);
        store.interrupt(*after, *interruption);
        doomed = doomed.working();
        // Where nothing was kept there is nothing to write.
        while let Some(state) = doomed.stands(id).await
            && !store.is_lost()
            && state != "ended"
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    ground.reopen().await;
    let store = FragileStore::new(Arc::clone(&ground.store));
    let process = ground.process(&store, &calls).working();
    let found = process.tenant.stored_execution(id).await;
    if was_kept.is_err() && found.is_err() {
        // It was never said to be there.
        assert!(told.is_empty(), "{what}: {told:?}");
        return;
    }
    ground.send(id, shape).await;
    let report = process.ended(id).await;
    assert_eq!(outcome(&report), whole.outcome, "{what}");
    // Nothing that was told was taken back.
    let history = process.tenant.history(id).await.unwrap();
    let kept: Vec<_> = history.entries().collect();
    assert!(told.len() <= kept.len(), "{what}: {told:?}");
    for (told, kept) in told.iter().zip(&kept) {
        assert_eq!(told.event, kept.event, "{what}");
    }
    check_calls(&calls, whole, losses.len() * shape.most_again, &what);
}

/// Nothing was called that is not called otherwise, and nothing again but what was under way.
fn check_calls(calls: &Calls, whole: &Whole, most_again: usize, what: &str) {
    let counts = calls.counts();
    let mut again = 0;
    for (node, (different, all)) in &whole.counts {
        let found = counts.get(node).copied().unwrap_or_default();
        assert_eq!(found.0, *different, "{what}: keys of {node}");
        again += found.1.checked_sub(*all).unwrap();
    }
    assert_eq!(counts.len(), whole.counts.len(), "{what}: {counts:?}");
    assert!(
        again <= most_again,
        "{what}: {again} calls were made again: {counts:?}"
    );
}

async fn try_all(kind: Kind, mut shape: Shape) {
    if let (Kind::Memory, Some(timeout)) = (kind, shape.document.pointer_mut("/settings/timeout")) {
        // There a lease runs out by the clock before the next process has its turn.
        *timeout = json!("10s");
    }
    let whole = whole(kind, &shape).await;
    assert!(whole.writes > 3, "{} writes", whole.writes);
    let (before, after) = (Interruption::BeforeTheWrite, Interruption::AfterTheWrite);
    for write in 0..whole.writes {
        broken_off(kind, &shape, &whole, &[(write, before)]).await;
        broken_off(kind, &shape, &whole, &[(write, after)]).await;
        // Whoever takes it up is lost, too: at its first writes.
        let twice = [(write, after), (write % 4, before)];
        broken_off(kind, &shape, &whole, &twice).await;
    }
}

/// A store that does not answer for a while is waited for, and what was not answered is not
/// written twice.
#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_for_a_while_is_waited_for() {
    let shape = shapes::recovery();
    let whole = whole(Kind::Memory, &shape).await;
    for interruption in [Interruption::BeforeTheWrite, Interruption::AfterTheWrite] {
        for write in 0..whole.writes {
            let ground = Ground::new(Kind::Memory);
            let store = FragileStore::new(Arc::clone(&ground.store));
            let calls = Calls::default();
            let process = ground.process(&store, &calls);
            let plan = process.plan(&shape.document);
            store.falter(write, interruption, 3);
            let handle = process.tenant.start(&plan, start(&shape.input)).unwrap();
            let id = handle.id();
            let report = handle.wait().await.unwrap();
            let what = format!("{interruption:?} {write}");
            assert_eq!(outcome(&report), whole.outcome, "{what}");
            check_calls(&calls, &whole, 0, &what);
            let history = process.tenant.history(id).await.unwrap();
            assert_eq!(history.entries().len(), report.journal.len(), "{what}");
        }
    }
}

macro_rules! shapes {
    ($($shape:ident,)+) => {
        mod in_memory {
            use super::*;
            $(
                #[tokio::test(start_paused = true)]
                async fn $shape() {
                    try_all(Kind::Memory, shapes::$shape()).await;
                }
            )+
        }

        mod in_sqlite {
            use super::*;
            $(
                #[tokio::test]
                async fn $shape() {
                    try_all(Kind::Sqlite, shapes::$shape()).await;
                }
            )+
        }
    };
}

shapes! {
    branches,
    loops,
    nested,
    compensation,
    recovery,
    waits,
    deadline,
}
