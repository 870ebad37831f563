//! Several stores in one database, as several processes have them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jackfield_store_api::{
    Claim, ExecutionState, Request, Retention, Store, StoreError, TenantStore, Waiting, WorkerId,
    limits,
};
use jackfield_store_postgres::{PostgresOptions, PostgresStore};
use jackfield_testkit::database::Postgres;
use jackfield_testkit::store::StoreClock;
use jackfield_types::ExecutionId;

use crate::support::{self, Held, check_journal, database, hold, one, open, tenant};

const LEASE: Duration = Duration::from_secs(3_600);

fn claim(most: u32) -> Claim {
    Claim {
        worker: WorkerId::generate(),
        lease: LEASE,
        most,
    }
}

/// An execution that nobody holds.
async fn free(tenant: &dyn TenantStore) -> ExecutionId {
    let held = hold(tenant).await.unwrap();
    tenant.release(held.id, held.fence).await.unwrap();
    held.id
}

/// Two stores in one database, with a clock that is set by hand.
async fn two() -> ([Arc<dyn Store>; 2], StoreClock) {
    let url = Postgres::shared().create_database();
    let clock = StoreClock::default();
    let open = async || {
        let clock = clock.clone();
        let options = PostgresOptions::new(&url).clock(move || clock.now());
        let store: Arc<dyn Store> = Arc::new(PostgresStore::open(options).await.unwrap());
        store
    };
    ([open().await, open().await], clock)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_stores_take_each_execution_up_once() {
    const EXECUTIONS: usize = 300;
    let (stores, _) = two().await;
    let mut all = HashSet::new();
    for number in 0..EXECUTIONS {
        let name = ["acme", "other", "third"][number % 3];
        all.insert(free(&*tenant(&*stores[0], name)).await);
    }
    let workers: Vec<_> = (0..8u32)
        .map(|number| {
            let store = Arc::clone(&stores[number as usize % 2]);
            tokio::spawn(async move {
                let mut got = Vec::new();
                loop {
                    let claimed = store.claim(claim(1 + number)).await.unwrap();
                    if claimed.is_empty() {
                        return got;
                    }
                    for one in claimed {
                        let held = Held {
                            id: one.execution,
                            fence: one.fence,
                        };
                        let tenant = store.tenant(&one.tenant);
                        tenant.append(support::one(&held, 1)).await.unwrap();
                        got.push(one.execution);
                    }
                }
            })
        })
        .collect();
    let mut got = HashSet::new();
    for worker in workers {
        for id in worker.await.unwrap() {
            assert!(got.insert(id), "{id} was taken up twice");
        }
    }
    assert_eq!(got, all);
}

#[tokio::test]
async fn stalled_store_is_fenced_however_much_it_remembers() {
    let ([stalled, other], clock) = two().await;
    let (here, there) = (tenant(&*stalled, "acme"), tenant(&*other, "acme"));
    let held = hold(&*here).await.unwrap();
    // From here on it has the execution at hand.
    for after in 1..4 {
        here.append(one(&held, after)).await.unwrap();
    }
    clock.advance(LEASE * 2);
    let claimed = other.claim(claim(10)).await.unwrap();
    assert_eq!(claimed.len(), 1);
    let taken = Held {
        id: held.id,
        fence: claimed[0].fence,
    };
    let fenced = |error: StoreError| assert!(matches!(error, StoreError::Fenced { .. }), "{error}");
    fenced(here.append(one(&held, 4)).await.unwrap_err());
    there.append(one(&taken, 4)).await.unwrap();
    fenced(here.append(one(&held, 5)).await.unwrap_err());
    fenced(here.append(one(&held, 4)).await.unwrap_err());
    fenced(here.renew(held.id, held.fence, LEASE).await.unwrap_err());
    fenced(here.release(held.id, held.fence).await.unwrap_err());
    there.append(one(&taken, 5)).await.unwrap();
    check_journal(&*here, held.id, 6).await;
}

/// Whoever has it at hand is told with the next step what others have asked of it.
#[tokio::test]
async fn requests_and_signals_reach_the_store_that_holds_it() {
    let ([store, other], _) = two().await;
    let (here, there) = (tenant(&*store, "acme"), tenant(&*other, "acme"));
    let held = hold(&*here).await.unwrap();
    for after in 1..4 {
        here.append(one(&held, after)).await.unwrap();
    }
    there.request(held.id, Request::Pause).await.unwrap();
    let told = here.append(one(&held, 4)).await.unwrap().standing;
    assert!(told.requests.pause && !told.requests.cancel);
    for number in 1..4 {
        let sent = there.send_signal(held.id, "signal", Bytes::new()).await;
        assert_eq!(sent.unwrap(), number);
        let told = here.append(one(&held, 4 + number)).await.unwrap().standing;
        assert_eq!(told.signals, number);
    }
    let mut park = one(&held, 8);
    park.state = Some(ExecutionState::Parked(Waiting {
        until: None,
        signal_after: Some(3),
    }));
    there.request(held.id, Request::Resume).await.unwrap();
    here.append(park).await.unwrap();
    assert_eq!(store.claim(claim(1)).await.unwrap(), []);
    there
        .send_signal(held.id, "signal", Bytes::new())
        .await
        .unwrap();
    assert_eq!(other.claim(claim(1)).await.unwrap().len(), 1);
}

/// Both write to the same executions all the time: nobody's change gets lost, and nothing stands
/// still.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_that_change_the_same_executions_do_not_lose_each_others_changes() {
    const EACH: u64 = 60;
    let (stores, _) = two().await;
    let here = tenant(&*stores[0], "acme");
    let mut all = Vec::new();
    for _ in 0..10 {
        all.push(hold(&*here).await.unwrap());
    }
    let mut running = Vec::new();
    for held in all.clone() {
        let here = Arc::clone(&here);
        running.push(tokio::spawn(async move {
            for after in 1..=EACH {
                here.append(one(&held, after)).await.unwrap();
            }
        }));
    }
    for store in &stores {
        for held in all.clone() {
            let tenant = tenant(&**store, "acme");
            running.push(tokio::spawn(async move {
                for _ in 0..EACH {
                    let sent = tenant.send_signal(held.id, "signal", Bytes::new());
                    sent.await.unwrap();
                }
            }));
        }
    }
    for one in running {
        one.await.unwrap();
    }
    for held in all {
        check_journal(&*here, held.id, EACH + 1).await;
        let signals = here.signals(held.id, 0).await.unwrap();
        let numbers = signals.iter().map(|signal| signal.number);
        assert!(numbers.eq(1..=EACH * 2), "each has a number of its own");
    }
}

/// One store brings contents while the other lets go of executions that brought the same ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contents_may_come_in_one_store_while_they_go_in_another() {
    let (stores, _) = two().await;
    let (here, there) = (tenant(&*stores[0], "acme"), tenant(&*stores[1], "acme"));
    let everything = Retention {
        max_count: Some(0),
        ..Retention::default()
    };
    let collector = tokio::spawn(async move {
        let mut gone = 0;
        while gone < 80 {
            gone += there.collect(everything).await.unwrap().executions;
        }
        gone
    });
    for round in 0..80 {
        let held = hold(&*here).await.unwrap();
        let content = Bytes::from(format!("content {}", round % 2));
        let digest = limits::digest_of(&content);
        let mut append = one(&held, 1);
        append.payloads = vec![(digest, content.clone())];
        here.append(append).await.unwrap();
        assert_eq!(
            here.payload(digest).await.unwrap(),
            content,
            "round {round}"
        );
        let mut end = one(&held, 2);
        end.state = Some(ExecutionState::Ended {
            status: "completed".to_owned(),
        });
        here.append(end).await.unwrap();
    }
    assert_eq!(collector.await.unwrap(), 80);
}

/// Several let go of executions at the same time: no more goes than has to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_that_collect_at_the_same_time_leave_what_is_to_be_left() {
    const LEFT: u64 = 30;
    let (stores, _) = two().await;
    let here = tenant(&*stores[0], "acme");
    for _ in 0..100 {
        let held = hold(&*here).await.unwrap();
        let mut end = one(&held, 1);
        end.state = Some(ExecutionState::Ended {
            status: "completed".to_owned(),
        });
        here.append(end).await.unwrap();
    }
    let retention = Retention {
        max_count: Some(LEFT),
        ..Retention::default()
    };
    let collectors: Vec<_> = (0..6)
        .map(|number| {
            let tenant = tenant(&*stores[number % 2], "acme");
            tokio::spawn(async move { tenant.collect(retention).await.unwrap().executions })
        })
        .collect();
    let mut gone = 0;
    for collector in collectors {
        gone += collector.await.unwrap();
    }
    assert_eq!(gone, 100 - LEFT);
}

/// Without another clock it is the database's: a lease ends by it, whoever asks.
#[tokio::test]
async fn clock_of_the_database_counts() {
    let server = Postgres::shared();
    let url = server.create_database();
    let (store, other) = (open(&url).await, open(&url).await);
    let micros = || {
        let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
        let text = server.execute(database(&url), sql);
        text.trim().parse::<i64>().unwrap()
    };
    let before = micros();
    let now = store.now().await.unwrap().as_microsecond();
    assert!((before..=micros()).contains(&now));
    let id = free(&*tenant(&*store, "acme")).await;
    let mut brief = claim(1);
    brief.lease = Duration::from_millis(200);
    assert_eq!(store.claim(brief).await.unwrap().len(), 1);
    let until = tenant(&*other, "acme").execution(id).await.unwrap();
    let until = until.lease.unwrap().until;
    assert!(until.as_microsecond() >= before + 200_000);
    // Whenever it is got, the lease has ended.
    let claimed = loop {
        let claimed = other.claim(claim(1)).await.unwrap();
        if !claimed.is_empty() {
            break claimed;
        }
    };
    assert_eq!(claimed[0].execution, id);
    assert!(other.now().await.unwrap() >= until);
}

/// Two stores in two schemas of one database know nothing of each other.
#[tokio::test]
async fn schemas_are_apart() {
    let url = Postgres::shared().create_database();
    let (one, two) = (open(&url).await, open(&format!("{url}?schema=other")).await);
    let held = hold(&*tenant(&*one, "acme")).await.unwrap();
    assert!(tenant(&*two, "acme").execution(held.id).await.is_err());
    assert!(two.tenants(None).await.unwrap().is_empty());
    assert_eq!(two.claim(claim(10)).await.unwrap(), []);
    assert_eq!(one.tenants(None).await.unwrap().len(), 1);
}
