//! What was acknowledged is kept.

use std::sync::Arc;

use futures_util::future::join_all;
use jackfield_store_api::{
    Collection, Document, ExecutionRecord, ExecutionState, Expected, JournalRecord, PageRequest,
    Request, Retention, Signal, Store, StoreError, TenantStore, Waiting, WorkflowRecord,
};
use jackfield_types::TenantId;

use super::ground::{Ground, Held, bytes, execution, payload, workflow};

/// All that can be seen of a tenant. Leases are left out: they may end with the process.
#[derive(Debug, PartialEq)]
struct Seen {
    executions: Vec<(ExecutionRecord, Vec<JournalRecord>, Vec<Signal>)>,
    documents: Vec<Document>,
    workflows: Vec<WorkflowRecord>,
    audit: Vec<JournalRecord>,
    payloads: Vec<bool>,
}

const PAYLOADS: [&str; 3] = ["first", "second", "third"];

async fn look(store: &dyn Store) -> Seen {
    let tenant = store.tenant(&TenantId::parse("acme").unwrap());
    let request = PageRequest::first(1_000);
    let mut executions = Vec::new();
    let listed = tenant
        .list_executions(&Default::default(), &request)
        .await
        .unwrap();
    for mut record in listed.entries {
        let journal = tenant.journal(record.id, 0, 1_000).await.unwrap();
        assert_eq!(journal.len() as u64, record.length, "a journal is whole");
        let signals = tenant.signals(record.id, 0).await.unwrap();
        record.lease = None;
        executions.push((record, journal, signals));
    }
    let mut payloads = Vec::new();
    for content in PAYLOADS {
        payloads.push(tenant.payload(payload(content).0).await.is_ok());
    }
    let documents = tenant
        .list_documents(Collection::Variables, "", &request)
        .await
        .unwrap();
    Seen {
        executions,
        documents: documents.entries,
        workflows: tenant.list_workflows(&request).await.unwrap().entries,
        audit: tenant.audit(0, 1_000).await.unwrap(),
        payloads,
    }
}

/// After every single change, another process finds just what was acknowledged.
pub(super) async fn crash_between_any_two_writes_loses_nothing(ground: Ground) {
    let mut tape = Tape::new(&ground).await;
    for step in 0..Tape::STEPS {
        let before = look(&*ground.store).await;
        tape.play(step).await;
        let live = look(&*ground.store).await;
        assert_ne!(live, before, "step {step} changes something");
        let other = ground.subject.after_crash().await.unwrap();
        assert_eq!(look(&*other).await, live, "after step {step}");
        other.close().await.unwrap();
    }
}

/// Closing and opening again changes nothing, and whoever held something can be told from others.
pub(super) async fn what_was_written_is_there_when_it_is_opened_again(mut ground: Ground) {
    let mut held = Vec::new();
    {
        let mut tape = Tape::new(&ground).await;
        for step in 0..Tape::STEPS {
            tape.play(step).await;
        }
        for _ in 0..20 {
            held.push(ground.held(&*tape.tenant).await);
        }
    }
    let before = look(&*ground.store).await;
    for _ in 0..3 {
        ground.reopen().await;
        assert_eq!(look(&*ground.store).await, before);
    }
    let tenant = ground.stranger("acme");
    for one in &mut held {
        // It may hold it still, or may not: but nobody else has written.
        match tenant.append(one.append(&["after"])).await {
            Ok(appended) => one.length = appended.length,
            lost => super::ground::fenced(lost),
        }
        let fence = tenant.execution(one.id).await.unwrap().fence;
        assert_eq!(fence, one.fence, "fences are kept");
    }
}

pub(super) async fn calls_after_closing_fail(mut ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let held = ground.held(&*tenant).await;
    ground.store.close().await.unwrap();
    assert!(tenant.append(held.append(&["late"])).await.is_err());
    assert!(tenant.execution(held.id).await.is_err());
    assert!(
        ground
            .store
            .claim(ground.claim_for(ground.lease()))
            .await
            .is_err()
    );
    assert!(ground.store.now().await.is_err());
    ground.store.close().await.unwrap();
    ground.store = ground.subject.open().await.unwrap();
    let tenant = ground.stranger("acme");
    assert_eq!(tenant.execution(held.id).await.unwrap().length, 1);
}

/// What is called before closing is done, and what comes after is not.
pub(super) async fn closing_waits_for_what_was_called(mut ground: Ground) {
    let tenant = ground.tenant("acme").await;
    let mut held = ground.held(&*tenant).await;
    let mut calls = Vec::new();
    let mut closing = None;
    for number in 0..200 {
        calls.push(tenant.append(held.append(&["x"])));
        held.length += 1;
        if number == 100 {
            let store = Arc::clone(&ground.store);
            closing = Some(tokio::spawn(async move { store.close().await }));
        }
    }
    let mut acknowledged = 1;
    for appended in join_all(calls).await.into_iter().flatten() {
        acknowledged = acknowledged.max(appended.length);
    }
    closing.unwrap().await.unwrap().unwrap();
    ground.store = ground.subject.open().await.unwrap();
    let length = ground
        .stranger("acme")
        .execution(held.id)
        .await
        .unwrap()
        .length;
    assert!(
        length >= acknowledged,
        "{acknowledged} were acknowledged, {length} are there"
    );
}

/// Makes changes of every kind, one after another.
struct Tape {
    tenant: Arc<dyn TenantStore>,
    held: Held,
    other: Option<Held>,
    worker: jackfield_store_api::WorkerId,
}

impl Tape {
    const STEPS: u32 = 18;

    async fn new(ground: &Ground) -> Self {
        let tenant = ground.tenant("acme").await;
        let held = ground.held(&*tenant).await;
        Self {
            tenant,
            held,
            other: None,
            worker: ground.worker,
        }
    }

    async fn play(&mut self, step: u32) {
        self.change(step)
            .await
            .unwrap_or_else(|error| panic!("step {step}: {error}"));
    }

    async fn change(&mut self, step: u32) -> Result<(), StoreError> {
        let tenant = Arc::clone(&self.tenant);
        let lease = std::time::Duration::from_secs(3_600);
        match step {
            0 => drop(tenant.put_workflow(workflow("flow", "second")).await?),
            1 => drop(
                tenant
                    .append(self.next(&["two", "three"], &["first"]))
                    .await?,
            ),
            2 => drop(
                tenant
                    .append_audit(0, vec![bytes("one"), bytes("two")])
                    .await?,
            ),
            3 => drop(
                tenant
                    .send_signal(self.held.id, "signal", bytes("data"))
                    .await?,
            ),
            4 => drop(tenant.request(self.held.id, Request::Pause).await?),
            5 => drop(tenant.append(self.next(&[], &["second"])).await?),
            6 | 7 => {
                let mut new = execution();
                new.records = vec![bytes("a"); 70];
                new.payloads = vec![payload("third"), payload("first")];
                new.claim = Some((self.worker, lease));
                let made = tenant.create_execution(new).await?;
                self.other = Some(Held {
                    id: made.id,
                    fence: made.fence,
                    length: made.length,
                });
            }
            8 | 9 => {
                let content = bytes(&step.to_string());
                let put =
                    tenant.put_document(Collection::Variables, "v", content, Expected::Anything);
                put.await?;
            }
            10 => drop(
                tenant
                    .delete_document(Collection::Variables, "v", Expected::Anything)
                    .await?,
            ),
            11 => {
                let mut append = self.next(&["paused"], &[]);
                append.state = Some(ExecutionState::Paused);
                tenant.append(append).await?;
            }
            12 => drop(tenant.request(self.held.id, Request::Resume).await?),
            13 => {
                let claim = jackfield_store_api::Claim {
                    worker: self.worker,
                    lease,
                    most: 1,
                };
                let claimed = tenant.claim_execution(self.held.id, claim).await?;
                self.held.fence = claimed.expect("nobody holds it").fence;
            }
            14 => {
                let mut append = self.next(&["parked"], &[]);
                let waiting = Waiting {
                    signal_after: Some(7),
                    ..Waiting::default()
                };
                append.state = Some(ExecutionState::Parked(waiting));
                tenant.append(append).await?;
            }
            15 => {
                let other = self.other.expect("it was made");
                let mut append = other.append(&["end"]);
                append.state = Some(ExecutionState::Ended {
                    status: "completed".to_owned(),
                });
                tenant.append(append).await?;
            }
            16 => {
                let retention = Retention {
                    max_count: Some(0),
                    ..Retention::default()
                };
                assert_eq!(tenant.collect(retention).await?.executions, 1);
            }
            _ => drop(tenant.append_audit(2, vec![bytes("three")]).await?),
        }
        Ok(())
    }

    fn next(&mut self, records: &[&str], payloads: &[&str]) -> jackfield_store_api::Append {
        let mut append = self.held.append(records);
        append.payloads = payloads.iter().map(|content| payload(content)).collect();
        self.held.length += records.len() as u64;
        append
    }
}
