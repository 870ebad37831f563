//! The trail of what was planned, started, called and refused.

use std::path::Path;

use crate::support::{plan, registry, secrets, set_policies, tenant_id, traces, workflow};
use jackfield::plugin_api::NodeError;
use jackfield::tenancy::{AuditAction, AuditDecision, AuditOutcome, AuditRecord};
use jackfield::{
    AuditLog, AuditOptions, Engine, ErrorCode, PlanOptions, StartOptions, Tenancy, TenantEngine,
    UserId,
};
use jackfield_testkit::ScriptedExecutor;
use serde_json::{Value, json};

struct Audited {
    engine: TenantEngine,
    tenancy: Tenancy,
    log: AuditLog,
}

fn audited(folder: &Path, scripted: &[(&str, &ScriptedExecutor)]) -> Audited {
    let log = AuditLog::open(folder, AuditOptions::default()).expect("it opens");
    let tenancy = Tenancy::builder()
        .secrets(secrets(&[("acme", "KEY", "the-value-of-it")]))
        .audit(log.clone())
        .build();
    let engine = Engine::builder(registry(scripted)).tenancy(tenancy.clone());
    let user = UserId::parse("ada@acme.example").expect("a user");
    Audited {
        engine: engine.build().tenant(&tenant_id("acme")).as_user(user),
        tenancy,
        log,
    }
}

impl Audited {
    async fn run(&self, document: &Value) {
        let prepared = plan(&self.engine, document);
        let report = self.engine.run(&prepared, StartOptions::default()).await;
        report.expect("it starts");
    }

    fn records(&self) -> Vec<AuditRecord> {
        self.log.flush().expect("it is written");
        let trail = self.engine.audit_log().expect("it reads");
        let trail = trail.expect("there is one");
        trail.map(|record| record.expect("it reads")).collect()
    }
}

fn of(records: &[AuditRecord], action: AuditAction) -> Vec<&AuditRecord> {
    let wanted = records.iter().filter(|record| record.action == action);
    wanted.collect()
}

#[tokio::test]
async fn what_is_done_leaves_a_record_with_who_what_by_which_rule_and_how_it_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let fails = ScriptedExecutor::failing(usize::MAX, || {
        NodeError::permanent(ErrorCode::EXECUTION_ERROR, "no")
    });
    let audited = audited(folder.path(), &[("fails", &fails)]);
    set_policies(
        &audited.tenancy,
        &[(
            "acme",
            json!({ "allowedNodeTypes": ["transform", "fails"] }),
        )],
    );
    let set = json!({ "set": { "key": "{{ $secrets.KEY }}", "again": "{{ $secrets.KEY }}" } });
    audited
        .run(&workflow(
            &[("good", "transform", set), ("bad", "fails", json!({}))],
            &[("good", 0, "bad", 0)],
        ))
        .await;
    let records = audited.records();
    let planned = of(&records, AuditAction::WorkflowPlanned);
    assert_eq!(planned[0].note.as_deref(), Some("test"));
    let started = of(&records, AuditAction::ExecutionStarted);
    let ended = of(&records, AuditAction::ExecutionEnded);
    assert_eq!((started.len(), ended.len()), (1, 1));
    assert!(started[0].execution.is_some() && started[0].execution == ended[0].execution);
    assert_eq!(ended[0].outcome, Some(AuditOutcome::Error));
    assert!(ended[0].duration.is_some());
    let calls = of(&records, AuditAction::NodeCalled);
    assert_eq!(calls.len(), 2);
    let (good, bad) = (calls[0], calls[1]);
    assert_eq!(
        good.node.as_ref().map(jackfield::NodeName::as_str),
        Some("good")
    );
    assert_eq!(good.outcome, Some(AuditOutcome::Success));
    assert_eq!(
        good.rule.as_deref(),
        Some("allowedNodeTypes[0] `transform`")
    );
    assert_eq!(good.version.as_ref().map(|version| version.major), Some(1));
    assert_eq!(
        (bad.outcome, &bad.error_code),
        (Some(AuditOutcome::Error), &Some(ErrorCode::EXECUTION_ERROR))
    );
    let of_user = records.iter().filter(|record| {
        record.action != AuditAction::PolicyChanged && record.action != AuditAction::TrailBegun
    });
    for record in of_user {
        assert_eq!(
            record.user.as_ref().map(UserId::as_str),
            Some("ada@acme.example"),
            "{record:?}"
        );
    }
    let read = of(&records, AuditAction::SecretRead);
    assert_eq!(read.len(), 1, "once an execution");
    assert_eq!(read[0].note.as_deref(), Some("KEY"));
    for file in std::fs::read_dir(folder.path()).expect("it lists") {
        let text = std::fs::read(file.expect("a file").path()).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&text).contains("the-value-of-it"));
    }
}

#[tokio::test]
async fn refusals_are_recorded_even_when_nothing_else_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let audited = audited(folder.path(), &[]);
    let quiet = |extra: Value| {
        let mut policy = json!({ "auditLogging": false });
        for (key, value) in extra.as_object().expect("an object") {
            policy[key] = value.clone();
        }
        set_policies(&audited.tenancy, &[("acme", policy)]);
    };
    quiet(json!({}));
    let document = workflow(&[("a", "no-op", json!({}))], &[]);
    let prepared = plan(&audited.engine, &document);
    let run = || audited.engine.run(&prepared, StartOptions::default());
    run().await.expect("it runs");
    quiet(json!({ "restrictedNodeTypes": ["no-op"] }));
    run().await.err().expect("it is refused");
    let source = jackfield::SourceText::new("test.json", document.to_string());
    let (parsed, _) = jackfield::read_workflow(&source).expect("it reads");
    let planned = audited.engine.plan(&parsed, &PlanOptions::default());
    planned.err().expect("it is refused");
    quiet(json!({ "blockedUsers": ["ada@*"] }));
    run().await.err().expect("it is refused");
    quiet(json!({ "quotas": { "executionsPerSecond": 0.001, "whenExceeded": "drop" } }));
    let _ = run().await;
    run().await.err().expect("it is too much");

    let records = audited.records();
    let own: Vec<_> = records
        .iter()
        .filter(|record| {
            matches!(
                record.action,
                AuditAction::WorkflowPlanned
                    | AuditAction::ExecutionStarted
                    | AuditAction::NodeCalled
                    | AuditAction::ExecutionEnded
            )
        })
        .collect();
    assert!(
        own.iter()
            .all(|record| record.decision == AuditDecision::Refused)
    );
    let rules: Vec<_> = own
        .iter()
        .filter_map(|record| record.rule.as_deref())
        .collect();
    assert_eq!(rules.len(), 4, "{rules:?}");
    assert_eq!(rules[0], "restrictedNodeTypes[0] `no-op`");
    assert!(rules[1].contains("restrictedNodeTypes[0]"), "{rules:?}");
    assert!(rules[2].contains("blockedUsers[0]"), "{rules:?}");
    assert_eq!(rules[3], "quotas.executionsPerSecond");
}

#[tokio::test]
async fn a_call_that_is_broken_off_leaves_a_record_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let hangs = ScriptedExecutor::new(|_, _| Box::pin(std::future::pending()));
    let audited = audited(folder.path(), &[("hangs", &hangs)]);
    let prepared = plan(
        &audited.engine,
        &workflow(&[("a", "hangs", json!({}))], &[]),
    );
    let handle = audited.engine.start(&prepared, StartOptions::default());
    let handle = handle.expect("it starts");
    while hangs.calls() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(audited.engine.cancel(handle.id()));
    handle.wait().await.expect("it ends");
    let records = audited.records();
    let call = of(&records, AuditAction::NodeCalled)[0];
    assert_eq!(call.outcome, Some(AuditOutcome::Cancelled));
    assert_eq!(of(&records, AuditAction::ExecutionCancelled).len(), 1);
    let ended = of(&records, AuditAction::ExecutionEnded)[0];
    assert_eq!(ended.outcome, Some(AuditOutcome::Cancelled));
}

#[tokio::test]
async fn a_secret_that_there_is_not_leaves_no_record_of_having_been_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let asks = ScriptedExecutor::immediate(|_, call| {
        call.context.grants.secret("KEY")?;
        call.context.grants.secret("NONE")?;
        Err(NodeError::Cancelled)
    });
    let audited = audited(folder.path(), &[("asks", &asks)]);
    audited
        .run(&workflow(&[("a", "asks", json!({}))], &[]))
        .await;
    let records = audited.records();
    let read: Vec<_> = of(&records, AuditAction::SecretRead)
        .into_iter()
        .map(|record| (record.note.as_deref(), record.outcome))
        .collect();
    assert_eq!(
        read,
        [
            (Some("KEY"), None),
            (Some("NONE"), Some(AuditOutcome::Error))
        ]
    );
}

#[tokio::test]
async fn names_that_an_expression_makes_carry_no_secret_into_the_trail() {
    let folder = tempfile::tempdir().expect("a folder");
    let audited = audited(folder.path(), &[]);
    let made = [
        "({ formatVersion: 1, name: $secrets.KEY, nodes: [{ id: 'a', nodeType: 'no-op' }] })",
        "({ formatVersion: 1, name: 'n', nodes: [{ id: $secrets.KEY, nodeType: 'no-op' }] })",
        "({ formatVersion: 1, name: 'n', nodes: [{ id: 'a', name: $secrets.KEY, nodeType: 'no-op' }] })",
        "({ formatVersion: 1, id: 'x' + $secrets.KEY, nodes: [{ id: 'a', nodeType: 'no-op' }] })",
        "({ formatVersion: 1, nodes: [{ id: 'a', nodeType: $secrets.KEY, errorRecoveryStrategy: 'skip' }] })",
    ];
    for expression in made {
        let parameters = json!({ "workflow": format!("{{{{ {expression} }}}}") });
        let document = workflow(&[("call", "execute-workflow", parameters)], &[]);
        let prepared = plan(&audited.engine, &document);
        let report = audited.engine.run(&prepared, StartOptions::default()).await;
        let report = report.expect("it starts");
        let failure = report.failure.as_ref().expect("it failed");
        assert_eq!(failure.code, ErrorCode::INVALID_WORKFLOW, "{expression}");
        assert!(!traces(&report).contains("the-value-of-it"), "{expression}");
    }
    // The name of a secret that is asked for is written down as well.
    let parameters = json!({
        "url": "http://127.0.0.1:9/",
        "auth": { "type": "bearer", "secret": "{{ $secrets.KEY }}" },
    });
    audited
        .run(&workflow(&[("a", "http-request", parameters)], &[]))
        .await;
    let records = serde_json::to_string(&audited.records()).expect("it is JSON");
    assert!(records.contains("execution.started") || records.contains("executionStarted"));
    assert!(!records.contains("the-value-of-it"), "{records}");
}

#[tokio::test]
async fn a_workflow_that_an_expression_makes_still_reads_secrets_in_its_parameters() {
    let folder = tempfile::tempdir().expect("a folder");
    let audited = audited(folder.path(), &[]);
    let inner = json!({
        "formatVersion": 1,
        "name": "inner",
        "nodes": [
            { "id": "in", "nodeType": "trigger.manual" },
            { "id": "out", "nodeType": "transform", "parameters": { "set": { "k": "{{ $secrets.KEY }}" } } },
        ],
        "connections": { "in": { "main": [[{ "node": "out" }]] } },
    });
    let nodes = [
        (
            "first",
            "transform",
            json!({ "set": { "k": "{{ $secrets.KEY }}" } }),
        ),
        ("call", "execute-workflow", json!({ "workflow": inner })),
    ];
    let prepared = plan(
        &audited.engine,
        &workflow(&nodes, &[("first", 0, "call", 0)]),
    );
    let report = audited.engine.run(&prepared, StartOptions::default()).await;
    assert_eq!(report.expect("it starts").failure, None);
}
