//! Connections that break: nothing that was acknowledged is lost, nothing is written twice, and the
//! store goes on by itself.

use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use jackfield_store_api::{
    Claim, Collection, ExecutionState, Expected, Request, Retention, Store, StoreError,
    TenantStore, WorkerId, limits,
};
use jackfield_store_postgres::{PostgresOptions, PostgresStore};
use jackfield_testkit::database::Postgres;

use crate::proxy::Proxy;
use crate::support::{self, Held, check_journal, database, hold, one, open, tenant};

/// Journals a step after another, each with a signal, a payload or a renewal now and then.
async fn steps(tenant: &dyn TenantStore, held: Held, steps: u64) {
    let mut signals = 0;
    for after in 1..=steps {
        let mut append = one(&held, after);
        if after % 5 == 0 {
            let content = Bytes::from(format!("payload {}", after % 3));
            append.payloads = vec![(limits::digest_of(&content), content)];
        }
        let appended = tenant.append(append).await.unwrap();
        assert_eq!(appended.length, after + 1);
        assert_eq!(
            appended.standing.signals, signals,
            "each signal counts once"
        );
        if after % 7 == 0 {
            let sent = tenant.send_signal(held.id, "signal", Bytes::new()).await;
            signals += 1;
            assert_eq!(sent.unwrap(), signals);
        }
        if after % 11 == 0 {
            let lease = Duration::from_secs(3_600);
            tenant.renew(held.id, held.fence, lease).await.unwrap();
        }
    }
    check_journal(tenant, held.id, steps + 1).await;
    let found = tenant.signals(held.id, 0).await.unwrap();
    assert_eq!(found.len() as u64, signals);
}

/// Has many executions journal at the same time.
async fn many(store: &Arc<dyn Store>, executions: usize, each: u64) {
    let mut running = Vec::new();
    for number in 0..executions {
        let tenant = tenant(&**store, ["acme", "other"][number % 2]);
        running.push(tokio::spawn(async move {
            let held = hold(&*tenant).await.unwrap();
            steps(&*tenant, held, each).await;
        }));
    }
    for one in running {
        one.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_lost_are_looked_up() {
    let server = Postgres::shared();
    let url = server.create_database();
    let proxy = Proxy::start(server.port()).await;
    let store = open(&proxy.by_this_way(&url)).await;
    // What is made before is not looked up.
    let tenant = tenant(&*store, "acme");
    hold(&*tenant).await.unwrap();
    proxy.lose_some();
    let mut running = Vec::new();
    for _ in 0..12 {
        let tenant = Arc::clone(&tenant);
        running.push(tokio::spawn(async move {
            let made = tenant.create_execution(support::execution()).await.unwrap();
            let held = Held {
                id: made.id,
                fence: made.fence,
            };
            steps(&*tenant, held, 60).await;
        }));
    }
    for one in running {
        one.await.unwrap();
    }
    assert!(proxy.lost() > 20, "{} were lost", proxy.lost());
    proxy.lose_nothing();
    store.close().await.unwrap();
}

/// The answer to each message in turn is lost while an execution is made, written to, parked and
/// taken up again: it always ends up in the same place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_message_may_be_lost() {
    let server = Postgres::shared();
    let url = server.create_database();
    let proxy = Proxy::start(server.port()).await;
    let store = open(&proxy.by_this_way(&url)).await;
    let tenant = tenant(&*store, "acme");
    for loses_answers in [true, false] {
        for messages in 0.. {
            let held = hold(&*tenant).await.unwrap();
            let lost = proxy.lost();
            proxy.lose_one_after(messages, loses_answers);
            let mut append = one(&held, 1);
            let content = Bytes::from(format!("payload {loses_answers} {messages}"));
            append.payloads = vec![(limits::digest_of(&content), content)];
            tenant.append(append).await.unwrap();
            tenant.append(one(&held, 2)).await.unwrap();
            tenant.append(one(&held, 3)).await.unwrap();
            let signal = tenant.send_signal(held.id, "signal", Bytes::new()).await;
            assert_eq!(signal.unwrap(), 1, "after {messages}");
            tenant.release(held.id, held.fence).await.unwrap();
            let record = tenant.request(held.id, Request::Cancel).await.unwrap();
            assert!(record.requests.cancel && record.lease.is_none());
            if proxy.lost() == lost {
                assert!(messages > 10, "only {messages} messages");
                proxy.lose_nothing();
                break;
            }
            check_journal(&*tenant, held.id, 4).await;
            assert_eq!(tenant.signals(held.id, 0).await.unwrap().len(), 1);
        }
    }
}

/// The same for what is no step of an execution.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_step_is_looked_up_too() {
    let server = Postgres::shared();
    let url = server.create_database();
    let proxy = Proxy::start(server.port()).await;
    let store = open(&proxy.by_this_way(&url)).await;
    let tenant = tenant(&*store, "acme");
    let (mut audited, mut unknown) = (0, 0);
    for loses_answers in [true, false] {
        for messages in 0.. {
            let lost = proxy.lost();
            let kept = hold(&*tenant).await.unwrap();
            tenant.release(kept.id, kept.fence).await.unwrap();
            proxy.lose_one_after(messages, loses_answers);

            let mut workflow = support::workflow(&format!("flow {loses_answers} {messages}"));
            workflow.id = "other".to_owned();
            let version = tenant.put_workflow(workflow.clone()).await.unwrap();
            let found = tenant.workflow("other", None).await.unwrap();
            assert_eq!((found.version, found.digest), (version, workflow.digest));

            let records = vec![Bytes::from(format!("{audited}")), Bytes::from("second")];
            audited = tenant.append_audit(audited, records).await.unwrap();

            let claim = Claim {
                worker: WorkerId::generate(),
                lease: Duration::from_secs(3_600),
                most: 10,
            };
            let claimed = store.claim(claim).await.unwrap();
            assert_eq!(claimed.len(), 1, "it was free");
            let held = Held {
                id: claimed[0].execution,
                fence: claimed[0].fence,
            };
            let mut end = one(&held, 1);
            end.state = Some(ExecutionState::Ended {
                status: "completed".to_owned(),
            });
            tenant.append(end).await.unwrap();
            let everything = Retention {
                max_count: Some(0),
                ..Retention::default()
            };
            let gone = tenant.collect(everything).await.unwrap();
            assert_eq!(gone.executions, 1, "after {messages}");

            // Whether a document was written cannot always be known; if it is said, it is true.
            let name = format!("{loses_answers} {messages}");
            let content = Bytes::from(name.clone());
            let put = tenant.put_document(Collection::Variables, &name, content, Expected::Absent);
            match put.await {
                Ok(revision) => {
                    let found = tenant.document(Collection::Variables, &name).await.unwrap();
                    assert_eq!(found.unwrap().revision, revision);
                }
                Err(error) => {
                    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
                    unknown += 1;
                }
            }
            if proxy.lost() == lost {
                assert!(messages > 20, "only {messages} messages");
                proxy.lose_nothing();
                break;
            }
        }
    }
    assert!(unknown <= 1, "{unknown} documents");
    let all = tenant.audit(0, 1_000).await.unwrap();
    assert_eq!(all.len() as u64, audited);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backends_that_are_ended_are_replaced() {
    let server = Postgres::shared();
    let url = server.create_database();
    let store = open(&url).await;
    let done = Arc::new(AtomicBool::new(false));
    let killer = {
        let (url, done) = (url.clone(), Arc::clone(&done));
        tokio::task::spawn_blocking(move || {
            let mut ended = 0;
            // As long as the others run: they may fail.
            while !done.load(Ordering::SeqCst) && Arc::strong_count(&done) > 1 {
                let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                           WHERE datname = current_database() AND pid <> pg_backend_pid()";
                let count = server.execute(database(&url), sql);
                ended += count.trim().parse::<u32>().unwrap();
            }
            ended
        })
    };
    many(&store, 12, 150).await;
    done.store(true, Ordering::SeqCst);
    assert!(killer.await.unwrap() > 3);
}

/// A backend is killed in the middle, on which the server ends all connections, and starts anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_that_crashes_and_starts_again_is_waited_for() {
    // Nobody else is to be interrupted.
    let server = Postgres::start().unwrap();
    let url = server.create_database();
    let store = open(&url).await;
    let journalling = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { many(&store, 8, 400).await })
    };
    let tenant = tenant(&*store, "acme");
    let kept = hold(&*tenant).await.unwrap();
    for after in 1..4 {
        crash(&server);
        tenant.append(one(&kept, after)).await.unwrap();
    }
    journalling.await.unwrap();
    check_journal(&*tenant, kept.id, 4).await;
}

/// Kills a backend of the store as no backend expects it, and waits until the server has started
/// again.
fn crash(server: &Postgres) {
    let ask = |sql: &str| catch_unwind(|| server.execute("postgres", sql));
    let backends = "SELECT pid FROM pg_stat_activity WHERE application_name = 'jackfield'";
    let before = ask(backends).unwrap();
    let victim = before.lines().next().unwrap();
    // The server may end this connection, too, before it has answered.
    let _ = ask(&format!("COPY (SELECT 1) TO PROGRAM 'kill -9 {victim}'"));
    loop {
        if let Ok(after) = ask(backends) {
            let is_left = before
                .lines()
                .any(|one| after.lines().any(|other| one == other));
            assert!(!is_left, "all are new: {before} {after}");
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_that_is_gone_is_told_and_comes_back() {
    let server = Postgres::shared();
    let url = server.create_database();
    let proxy = Proxy::start(server.port()).await;
    let options = PostgresOptions::new(proxy.by_this_way(&url));
    let options = options.patience(Duration::from_millis(300));
    let store = PostgresStore::open(options).await.unwrap();
    let tenant = tenant(&store, "acme");
    let held = hold(&*tenant).await.unwrap();
    proxy.shut(true);
    let put = tenant.put_document(Collection::Variables, "v", Bytes::new(), Expected::Anything);
    let errors = [
        tenant.append(one(&held, 1)).await.unwrap_err(),
        tenant.execution(held.id).await.unwrap_err(),
        put.await.unwrap_err(),
        store.now().await.unwrap_err(),
        store.next_due().await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
        assert!(error.is_transient());
        let text = format!("{error} {error:?}");
        assert!(!text.contains("sesame"), "no password: {text}");
    }
    proxy.shut(false);
    tenant.append(one(&held, 1)).await.unwrap();
    check_journal(&*tenant, held.id, 2).await;
    store.close().await.unwrap();
}
