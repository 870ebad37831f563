//! What a policy refuses is refused when a workflow is planned, when an execution starts and at each
//! call, and nothing gets round it.

use std::sync::Arc;

use crate::support::{
    items, plan, policy, registry, set, set_policies, tenancy, tenant_id, workflow,
};
use jackfield::plugin_api::NodeError;
use jackfield::{
    Engine, ErrorCode, ExecutionStatus, NodeOutput, NodeRequest, PlanOptions, PreparedPlan, Report,
    StartError, StartOptions, Tenancy, TenantEngine, UserId,
};
use jackfield_testkit::ScriptedExecutor;
use serde_json::{Value, json};

/// Passes its items on, and leaves `policy` in force.
fn changing(tenancy: &Tenancy, policy: Value) -> ScriptedExecutor {
    let tenancy = tenancy.clone();
    ScriptedExecutor::immediate(move |_, call| {
        set_policies(&tenancy, &[("acme", policy.clone())]);
        Ok(NodeOutput::items(call.items().clone()))
    })
}

fn acme(tenancy: &Tenancy, scripted: &[(&str, &ScriptedExecutor)]) -> TenantEngine {
    let engine = Engine::builder(registry(scripted)).tenancy(tenancy.clone());
    engine.build().tenant(&tenant_id("acme"))
}

fn planning_error(engine: &TenantEngine, document: &Value) -> Vec<(ErrorCode, String)> {
    let source = jackfield::SourceText::new("test.json", document.to_string());
    let (workflow, _) = jackfield::read_workflow(&source).expect("it reads");
    let findings = engine.plan(&workflow, &PlanOptions::default());
    let findings = findings.err().expect("it is refused");
    findings
        .iter()
        .map(|finding| (finding.code.clone(), finding.to_string()))
        .collect()
}

fn two(second: &str) -> Value {
    workflow(
        &[("first", "first", json!({})), ("second", second, json!({}))],
        &[("first", 0, "second", 0)],
    )
}

async fn run(engine: &TenantEngine, plan: &Arc<PreparedPlan>) -> Result<Report, StartError> {
    engine.run(plan, StartOptions::default()).await
}

#[test]
fn a_node_type_that_may_not_be_used_is_refused_when_the_workflow_is_planned() {
    let refused = ScriptedExecutor::failing(0, || NodeError::Cancelled);
    let tenancy = tenancy(&[("acme", json!({ "restrictedNodeTypes": ["secret-*"] }))]);
    let engine = acme(&tenancy, &[("secret-a", &refused), ("first", &refused)]);
    let mut document = two("secret-a");
    for (code, text) in planning_error(&engine, &document) {
        assert_eq!(code, ErrorCode::TENANT_FORBIDDEN);
        assert!(text.contains("restrictedNodeTypes[0]"), "{text}");
        assert!(text.contains("acme") && text.contains("secret-a"), "{text}");
    }
    document = two("no-op");
    let fallback = json!({ "strategy": "fallback", "fallbackNodeType": "secret-a" });
    set(&mut document, "second", "errorRecoveryStrategy", fallback);
    let findings = planning_error(&engine, &document);
    assert_eq!(findings[0].0, ErrorCode::TENANT_FORBIDDEN, "{findings:?}");
    assert_eq!(refused.calls(), 0);
    // Somebody else's policy does not matter.
    let other = Engine::builder(registry(&[("secret-a", &refused), ("first", &refused)]))
        .tenancy(tenancy)
        .build()
        .tenant(&tenant_id("other"));
    plan(&other, &two("secret-a"));
}

#[tokio::test]
async fn a_policy_that_came_after_planning_is_asked_when_an_execution_starts() {
    let first = ScriptedExecutor::failing(0, || NodeError::Cancelled);
    let tenancy = tenancy(&[]);
    let engine = acme(&tenancy, &[("first", &first)]);
    let prepared = plan(&engine, &two("no-op"));
    run(&engine, &prepared).await.expect("nothing forbids it");
    set_policies(
        &tenancy,
        &[("acme", json!({ "allowedNodeTypes": ["first"] }))],
    );
    let error = run(&engine, &prepared).await.err().expect("it is refused");
    let StartError::Forbidden {
        node, rule, tenant, ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!((node.as_str(), tenant.as_str()), ("second", "acme"));
    assert_eq!(&**rule, "not in allowedNodeTypes");
    assert_eq!(error.code(), Some(ErrorCode::TENANT_FORBIDDEN));
    tenancy.remove_policy(&tenant_id("acme"));
    run(&engine, &prepared).await.expect("nothing forbids it");
    assert_eq!(first.calls(), 2);
}

#[tokio::test]
async fn a_policy_that_came_after_the_start_is_asked_at_the_call_and_nothing_gets_round_it() {
    let tenancy = tenancy(&[]);
    let forbids = json!({ "restrictedNodeTypes": ["forbidden"] });
    let first = changing(&tenancy, forbids);
    let forbidden = ScriptedExecutor::failing(0, || NodeError::Cancelled);
    let engine = acme(&tenancy, &[("first", &first), ("forbidden", &forbidden)]);
    let ways = [
        (
            "retryPolicy",
            json!({ "maxAttempts": 5, "initialDelay": 1 }),
        ),
        ("errorRecoveryStrategy", json!("retry")),
        ("errorRecoveryStrategy", json!("skip")),
        (
            "errorRecoveryStrategy",
            json!({ "strategy": "skip", "allowPartialOutput": true }),
        ),
        (
            "errorRecoveryStrategy",
            json!({ "strategy": "fallback", "fallbackNodeType": "no-op" }),
        ),
        ("onError", json!("continueRegularOutput")),
        ("onError", json!("continueErrorOutput")),
    ];
    for (field, value) in ways {
        tenancy.remove_policy(&tenant_id("acme"));
        let mut document = two("forbidden");
        set(&mut document, "second", field, value.clone());
        let report = run(&engine, &plan(&engine, &document)).await;
        let report = report.expect("it starts");
        assert_eq!(report.status, ExecutionStatus::Error, "{field} {value}");
        let failure = report.failure.as_ref().expect("it failed");
        assert_eq!(failure.code, ErrorCode::TENANT_FORBIDDEN, "{field} {value}");
        for part in ["acme", "forbidden", "restrictedNodeTypes[0]"] {
            assert!(failure.message.contains(part), "{}", failure.message);
        }
        assert_eq!(report.node("second").map(|node| node.retries), Some(0));
    }
    assert_eq!(forbidden.calls(), 0);
}

#[tokio::test]
async fn a_fallback_that_may_not_be_used_any_more_does_not_run() {
    let tenancy = tenancy(&[]);
    let broken = {
        let tenancy = tenancy.clone();
        ScriptedExecutor::immediate(move |_, _| {
            let forbids = json!({ "restrictedNodeTypes": ["other"] });
            set_policies(&tenancy, &[("acme", forbids)]);
            Err(NodeError::permanent(ErrorCode::EXECUTION_ERROR, "broken"))
        })
    };
    let other = ScriptedExecutor::failing(0, || NodeError::Cancelled);
    let first = ScriptedExecutor::failing(0, || NodeError::Cancelled);
    let scripted = [("first", &first), ("broken", &broken), ("other", &other)];
    let engine = acme(&tenancy, &scripted);
    let mut document = two("broken");
    let fallback = json!({ "strategy": "fallback", "fallbackNodeType": "other" });
    set(&mut document, "second", "errorRecoveryStrategy", fallback);
    set(
        &mut document,
        "second",
        "onError",
        json!("continueRegularOutput"),
    );
    let report = run(&engine, &plan(&engine, &document))
        .await
        .expect("it starts");
    assert_eq!(report.status, ExecutionStatus::Error);
    assert_eq!(
        report.failure.expect("it failed").code,
        ErrorCode::TENANT_FORBIDDEN
    );
    assert_eq!((broken.calls(), other.calls()), (1, 0));
}

#[tokio::test]
async fn workflows_within_workflows_are_refused_as_others_are() {
    let forbidden = ScriptedExecutor::failing(0, || NodeError::Cancelled);
    let tenancy = tenancy(&[("acme", json!({ "restrictedNodeTypes": ["forbidden"] }))]);
    let engine = acme(&tenancy, &[("forbidden", &forbidden)]);
    let inner = workflow(&[("inner", "forbidden", json!({}))], &[]);
    let mut document = workflow(
        &[("call", "execute-workflow", json!({ "workflow": inner }))],
        &[],
    );
    set(
        &mut document,
        "call",
        "onError",
        json!("continueRegularOutput"),
    );
    let source = jackfield::SourceText::new("test.json", document.to_string());
    let (document, _) = jackfield::read_workflow(&source).expect("it reads");
    // Planning may find it out, too; if it does not, the call does.
    if let Ok(prepared) = engine.plan(&document, &PlanOptions::default()) {
        let report = run(&engine, &prepared).await.expect("it starts");
        assert_eq!(report.status, ExecutionStatus::Error);
        assert_eq!(
            report.failure.expect("it failed").code,
            ErrorCode::TENANT_FORBIDDEN
        );
    }
    assert_eq!(forbidden.calls(), 0);
}

#[tokio::test]
async fn a_node_type_that_arrives_late_is_asked_about_when_it_does() {
    let tenancy = tenancy(&[]);
    let late = ScriptedExecutor::failing(0, || NodeError::Cancelled);
    let registry = registry(&[]);
    let first = {
        let (registry, tenancy, late) = (registry.clone(), tenancy.clone(), late.clone());
        ScriptedExecutor::immediate(move |_, call| {
            let forbids = json!({ "restrictedNodeTypes": ["late/*"] });
            set_policies(&tenancy, &[("acme", forbids)]);
            let mut metadata = ScriptedExecutor::metadata("late/comer");
            // Not what the node has: the refusal comes first all the same.
            metadata.schema = Some(json!({ "type": "object", "required": ["name"] }));
            registry
                .register_with_metadata("late/comer", Arc::new(late.clone()), metadata)
                .expect("the name is free");
            Ok(NodeOutput::items(call.items().clone()))
        })
    };
    let metadata = ScriptedExecutor::metadata("first");
    registry
        .register_with_metadata("first", Arc::new(first), metadata)
        .expect("the name is free");
    let engine = Engine::builder(registry).tenancy(tenancy).build();
    let engine = engine.tenant(&tenant_id("acme"));
    let mut document = two("late/comer");
    let retry = json!({ "strategy": "retry", "maxRetries": 2 });
    set(&mut document, "second", "errorRecoveryStrategy", retry);
    let report = run(&engine, &plan(&engine, &document))
        .await
        .expect("it starts");
    assert_eq!(
        report.failure.expect("it failed").code,
        ErrorCode::TENANT_FORBIDDEN
    );
    assert_eq!(late.calls(), 0);
}

#[tokio::test]
async fn without_a_policy_nothing_runs_in_an_engine_that_denies_by_default() {
    let tenancy = Tenancy::builder().deny_by_default().build();
    let engine = acme(&tenancy, &[]);
    let document = workflow(&[("a", "no-op", json!({}))], &[]);
    assert_eq!(
        planning_error(&engine, &document)[0].0,
        ErrorCode::TENANT_FORBIDDEN
    );
    let request = NodeRequest::new("no-op".try_into().expect("a name"), json!({}));
    let failure = engine.execute_node(request).await.expect_err("refused");
    assert_eq!(failure.code, ErrorCode::TENANT_FORBIDDEN);
    set_policies(&tenancy, &[("acme", json!({}))]);
    let report = run(&engine, &plan(&engine, &document)).await;
    assert_eq!(report.expect("it starts").status, ExecutionStatus::Success);
}

#[tokio::test]
async fn users_start_what_their_tenants_policy_lets_them() {
    let document = json!({ "allowedUsers": ["*@acme.example"], "blockedUsers": ["eve@*"] });
    let engine = acme(&tenancy(&[("acme", document)]), &[]);
    let prepared = plan(&engine, &workflow(&[("a", "no-op", json!({}))], &[]));
    let start = |user: Option<&str>| {
        let engine = match user {
            Some(user) => engine.clone().as_user(UserId::parse(user).expect("a user")),
            None => engine.clone(),
        };
        let prepared = Arc::clone(&prepared);
        async move { run(&engine, &prepared).await.err() }
    };
    assert_eq!(start(Some("ada@acme.example")).await, None);
    for user in [None, Some("eve@acme.example"), Some("ada@other.example")] {
        let error = start(user).await.expect("refused");
        assert!(matches!(error, StartError::UserForbidden { .. }), "{error}");
        assert_eq!(error.code(), Some(ErrorCode::TENANT_FORBIDDEN));
    }
    let request = NodeRequest::new("no-op".try_into().expect("a name"), json!({}));
    let failure = engine.execute_node(request).await.expect_err("no user");
    assert_eq!(failure.code, ErrorCode::TENANT_FORBIDDEN);
}

#[tokio::test]
async fn a_node_asks_what_the_tenant_lets_it_reach() {
    let asks = ScriptedExecutor::immediate(|_, call| {
        call.context.grants.check_host("api.example.org", 443)?;
        let filter = call.context.grants.isolate(&json!({ "a": { "eq": 1 } }));
        call.context.grants.check_host("evil.example", 443)?;
        panic!("{filter}");
    });
    let isolates = ScriptedExecutor::immediate(|_, call| {
        let filter = call.context.grants.isolate(&json!({ "a": { "eq": 1 } }));
        let item = [("filter".to_owned(), filter)].into_iter().collect();
        Ok(NodeOutput::items(vec![jackfield::Item::new(item)]))
    });
    let document = json!({ "allowedHosts": ["api.example.org"] });
    let engine = acme(
        &tenancy(&[("acme", document)]),
        &[("asks", &asks), ("isolates", &isolates)],
    );
    let mut document = workflow(&[("a", "asks", json!({}))], &[]);
    set(
        &mut document,
        "a",
        "onError",
        json!("continueRegularOutput"),
    );
    let report = run(&engine, &plan(&engine, &document))
        .await
        .expect("it starts");
    let failure = report.failure.expect("a host is refused");
    assert_eq!(failure.code, ErrorCode::TENANT_FORBIDDEN);
    assert!(
        failure.message.contains("evil.example"),
        "{}",
        failure.message
    );
    let document = workflow(&[("a", "isolates", json!({}))], &[]);
    let report = run(&engine, &plan(&engine, &document))
        .await
        .expect("it starts");
    assert_eq!(
        report.output[0].json()["filter"],
        json!({ "and": [{ "tenantId": { "eq": "acme" } }, { "a": { "eq": 1 } }] })
    );
}

#[tokio::test]
async fn a_node_asks_what_comes_out_of_it_as_it_is() {
    let asks = ScriptedExecutor::immediate(|_, call| {
        let item = |name: &str| [(name.to_owned(), json!("x"))].into_iter().collect();
        let grants = call.context.grants;
        let told = ["name", "password"].map(|name| {
            let whole = [grants.comes_out_whole(&item(name)), {
                grants.to_shared().comes_out_whole(&item(name))
            }];
            json!(whole)
        });
        let item = [("told".to_owned(), json!(told))].into_iter().collect();
        Ok(NodeOutput::items(vec![jackfield::Item::new(item)]))
    });
    let document = json!({ "sensitiveFieldPatterns": ["password"] });
    let engine = acme(&tenancy(&[("acme", document)]), &[("asks", &asks)]);
    let document = workflow(&[("a", "asks", json!({}))], &[]);
    let report = run(&engine, &plan(&engine, &document))
        .await
        .expect("it starts");
    assert_eq!(
        report.output[0].json()["told"],
        json!([[true, true], [false, false]])
    );
}

#[tokio::test]
async fn expressions_read_of_the_environment_what_the_policy_lets_them() {
    let tenancy = tenancy(&[("acme", json!({ "environment": ["PUBLIC_*"] }))]);
    let granted = [("PUBLIC_URL", "https://a"), ("KEY", "k-123456")];
    let engine = Engine::builder(registry(&[]))
        .tenancy(tenancy)
        .environment(granted.map(|(name, value)| (name.to_owned(), value.to_owned())))
        .build();
    let document = workflow(
        &[(
            "a",
            "transform",
            json!({ "set": { "url": "{{ $env.PUBLIC_URL }}", "key": "{{ $env.KEY ?? 'none' }}" } }),
        )],
        &[],
    );
    let mut document = document;
    document["settings"] = json!({ "missingFields": "lenient" });
    for (tenant, key) in [("acme", "none"), ("other", "k-123456")] {
        let engine = engine.tenant(&tenant_id(tenant));
        let options = StartOptions {
            items: items(&json!([{}])),
            ..StartOptions::default()
        };
        let report = engine.run(&plan(&engine, &document), options).await;
        let output = report.expect("it runs").output;
        assert_eq!(output[0].json()["url"], "https://a");
        assert_eq!(output[0].json()["key"], key, "{tenant}");
    }
}

#[test]
fn a_bad_policy_changes_nothing() {
    let tenancy = tenancy(&[("acme", json!({ "restrictedNodeTypes": ["no-op"] }))]);
    let engine = acme(&tenancy, &[]);
    let bad = policy(json!({ "restrictedNodeTypes": ["[a"] }));
    assert!(tenancy.set_policy(&tenant_id("acme"), &bad).is_err());
    let document = workflow(&[("a", "no-op", json!({}))], &[]);
    assert_eq!(
        planning_error(&engine, &document)[0].0,
        ErrorCode::TENANT_FORBIDDEN
    );
}

#[tokio::test]
async fn a_node_type_that_is_not_there_is_refused_by_its_name() {
    let forbids = json!({ "restrictedNodeTypes": ["gone/*"] });
    let strategies = [
        json!("skip"),
        json!("retry"),
        json!({ "strategy": "fallback", "fallbackNodeType": "no-op" }),
    ];
    for strategy in strategies {
        let mut document = two("gone/x");
        set(&mut document, "second", "errorRecoveryStrategy", strategy);

        let tenancy = tenancy(&[("acme", forbids.clone())]);
        let engine = acme(
            &tenancy,
            &[(
                "first",
                &ScriptedExecutor::failing(0, || NodeError::Cancelled),
            )],
        );
        assert_eq!(
            planning_error(&engine, &document)[0].0,
            ErrorCode::TENANT_FORBIDDEN
        );

        // The policy comes between planning and the start.
        tenancy.remove_policy(&tenant_id("acme"));
        let prepared = plan(&engine, &document);
        set_policies(&tenancy, &[("acme", forbids.clone())]);
        let report = run(&engine, &prepared).await;
        assert!(matches!(report, Err(StartError::Forbidden { .. })));

        // And between the start and the call.
        tenancy.remove_policy(&tenant_id("acme"));
        let first = changing(&tenancy, forbids.clone());
        let engine = acme(&tenancy, &[("first", &first)]);
        let report = run(&engine, &plan(&engine, &document)).await;
        let failure = report.expect("it starts").failure.expect("it failed");
        assert_eq!(failure.code, ErrorCode::TENANT_FORBIDDEN);
        assert!(failure.message.contains("restrictedNodeTypes[0]"));
    }
}

#[tokio::test]
async fn a_forbidden_node_that_is_disabled_passes_its_input_on_and_is_not_called() {
    let forbidden = ScriptedExecutor::failing(0, || NodeError::Cancelled);
    let forbids = json!({ "restrictedNodeTypes": ["forbidden", "gone/*"] });
    let tenancy = tenancy(&[("acme", forbids)]);
    let first = ScriptedExecutor::failing(0, || NodeError::Cancelled);
    let engine = acme(&tenancy, &[("first", &first), ("forbidden", &forbidden)]);
    for node_type in ["forbidden", "gone/x"] {
        let mut document = two(node_type);
        set(&mut document, "second", "compensation", json!(node_type));
        let fallback = json!({ "strategy": "fallback", "fallbackNodeType": "forbidden" });
        set(&mut document, "second", "errorRecoveryStrategy", fallback);
        set(&mut document, "second", "disabled", json!(true));
        let report = run(&engine, &plan(&engine, &document)).await;
        let report = report.expect("it starts");
        assert_eq!(report.status, ExecutionStatus::Success);
        assert_eq!(report.output.len(), 1);

        set(&mut document, "second", "disabled", json!(false));
        let code = &planning_error(&engine, &document)[0].0;
        assert_eq!(*code, ErrorCode::TENANT_FORBIDDEN);
    }
    assert_eq!(forbidden.calls(), 0);
}

#[tokio::test]
async fn a_user_who_is_blocked_meanwhile_goes_no_further() {
    let tenancy = tenancy(&[]);
    let first = changing(&tenancy, json!({ "blockedUsers": ["mallory"] }));
    let second = ScriptedExecutor::failing(0, || NodeError::Cancelled);
    let engine = acme(&tenancy, &[("first", &first), ("second", &second)]);
    let mallory = engine.as_user(UserId::parse("mallory").expect("a name"));
    let report = run(&mallory, &plan(&mallory, &two("second"))).await;
    let failure = report.expect("it starts").failure.expect("it fails");
    assert_eq!(failure.code, ErrorCode::TENANT_FORBIDDEN);
    assert!(failure.message.contains("blockedUsers[0]"), "{failure:?}");
    assert_eq!(second.calls(), 0);
}
