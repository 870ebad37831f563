//! Secrets and sensitive fields never come out: not in results, errors, events, reports or logs.

use std::sync::Arc;

use crate::support::{
    items, plan, registry, secrets, set, set_policies, tenancy, tenant_id, traces, workflow,
};
use jackfield::plugin_api::NodeError;
use jackfield::types::{Outputs, VariableWrite};
use jackfield::{
    Engine, ErrorCode, ExecutionStatus, Item, NodeOutput, NodeRequest, PlanOptions, Report,
    StartOptions, Tenancy, TenantEngine,
};
use jackfield_testkit::ScriptedExecutor;
use serde_json::{Value, json};

const KEY: &str = "s3cr3t-Va/ue+1";

fn tenancy_with_secrets() -> Tenancy {
    Tenancy::builder()
        .secrets(secrets(&[
            ("acme", "KEY", KEY),
            ("acme", "OTHER", "another-one"),
        ]))
        .build()
}

fn acme(tenancy: Tenancy, scripted: &[(&str, &ScriptedExecutor)]) -> TenantEngine {
    let engine = Engine::builder(registry(scripted)).tenancy(tenancy);
    engine.build().tenant(&tenant_id("acme"))
}

async fn run(engine: &TenantEngine, document: &Value, input: &Value) -> Report {
    let options = StartOptions {
        items: items(input),
        ..StartOptions::default()
    };
    let report = engine.run(&plan(engine, document), options).await;
    report.expect("it starts")
}

/// No form of the secret is anywhere in what an execution left behind.
fn assert_hidden(report: &Report) {
    let text = traces(report);
    let lower = text.to_lowercase();
    for form in [
        KEY.to_lowercase(),
        "czNjcjN0LVZhL3VlKzE".to_lowercase(),
        "s3cr3t-va%2fue%2b1".to_owned(),
        "7333637233742d56612f75652b31".to_owned(),
    ] {
        assert!(!lower.contains(&form), "`{form}` came out: {text}");
    }
}

fn says(parameters: Value) -> Value {
    workflow(
        &[("a", "transform", parameters), ("next", "no-op", json!({}))],
        &[("a", 0, "next", 0)],
    )
}

#[tokio::test]
async fn a_secret_reaches_its_node_and_is_masked_in_what_the_node_gives() {
    let seen = Arc::new(parking::Slot::default());
    let slot = Arc::clone(&seen);
    let executor = ScriptedExecutor::immediate(move |_, call| {
        let parameters = call.parameters.resolve(0)?;
        slot.set(parameters["key"].clone());
        let item = parameters.as_object().cloned().unwrap_or_default();
        Ok(NodeOutput::items(vec![Item::new(item)]))
    });
    let engine = acme(tenancy_with_secrets(), &[("sees", &executor)]);
    let document = workflow(
        &[
            (
                "a",
                "sees",
                json!({ "key": "{{ $secrets.KEY }}", "header": "Bearer {{ $secrets.KEY }}" }),
            ),
            ("next", "no-op", json!({})),
        ],
        &[("a", 0, "next", 0)],
    );
    let report = run(&engine, &document, &json!([{}])).await;
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_eq!(seen.get(), json!(KEY));
    assert_eq!(report.output[0].json()["key"], "[redacted]");
    assert_eq!(report.output[0].json()["header"], "Bearer [redacted]");
    assert_hidden(&report);
}

#[tokio::test]
async fn what_expressions_make_of_a_secret_is_masked_too() {
    let engine = acme(tenancy_with_secrets(), &[]);
    let document = says(json!({ "set": {
        "plain": "{{ $secrets.KEY }}",
        "upper": "{{ $secrets.KEY.toUpperCase() }}",
        "half": "{{ $secrets.KEY.slice(0, 9) }}",
        "list": "{{ [$secrets.KEY, 1] }}",
        "as_key": "{{ { [$secrets.KEY]: 1 } }}",
        "json": "{{ JSON.stringify({ key: $secrets.KEY }) }}",
        "fine": "nothing secret"
    } }));
    let report = run(&engine, &document, &json!([{}])).await;
    assert_hidden(&report);
    let output = report.output[0].json();
    assert_eq!(output["fine"], "nothing secret");
    assert_eq!(output["list"], json!(["[redacted]", 1]));
    assert!(
        !traces(&report).contains("s3cr3t-Va"),
        "{}",
        traces(&report)
    );
}

#[tokio::test]
async fn errors_variables_and_what_comes_back_hold_no_secret() {
    let leaks = ScriptedExecutor::immediate(|number, call| {
        let secret = call.context.grants.secret("KEY")?;
        let secret = secret.expose();
        let hidden = json!({ "nested": [{ "deep": format!("x{secret}y") }] });
        let item = [("all".to_owned(), hidden.clone())].into_iter().collect();
        let output = NodeOutput::items(vec![Item::new(item)]);
        if number == 0 {
            return Ok(output.with_variables([VariableWrite::Set {
                name: "kept".to_owned(),
                value: json!(format!("hello {secret}")),
            }]));
        }
        Err(
            NodeError::permanent(ErrorCode::EXECUTION_ERROR, format!("refused `{secret}`")).with(
                |failure| {
                    failure.details = Some(hidden);
                    failure.partial = Some(output);
                    failure.source = Some(format!("it was {secret}").into());
                },
            ),
        )
    });
    let engine = acme(tenancy_with_secrets(), &[("leaks", &leaks)]);
    let mut document = workflow(
        &[
            ("first", "leaks", json!({})),
            ("second", "leaks", json!({})),
            (
                "third",
                "transform",
                json!({ "set": { "kept": "{{ $vars.kept }}" } }),
            ),
        ],
        &[("first", 0, "second", 0), ("second", 0, "third", 0)],
    );
    set(
        &mut document,
        "second",
        "onError",
        json!("continueRegularOutput"),
    );
    let report = run(&engine, &document, &json!([{}])).await;
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_hidden(&report);
    let text = traces(&report);
    assert!(text.contains("refused `[redacted]`"), "{text}");
    assert_eq!(report.output[0].json()["kept"], "hello [redacted]");

    set(&mut document, "second", "onError", json!("stopWorkflow"));
    let report = run(&engine, &document, &json!([{}])).await;
    assert_hidden(&report);
    assert_eq!(report.status, ExecutionStatus::Error);
}

#[tokio::test]
async fn a_secret_that_a_plan_names_is_masked_wherever_else_it_turns_up() {
    // It does not depend on which of two independent nodes ends first.
    let engine = acme(tenancy_with_secrets(), &[]);
    let document = workflow(
        &[
            ("start", "trigger.manual", json!({})),
            (
                "reads",
                "transform",
                json!({ "set": { "k": "{{ $secrets.KEY }}" } }),
            ),
            ("other", "no-op", json!({})),
        ],
        &[("start", 0, "reads", 0), ("start", 0, "other", 0)],
    );
    let report = run(&engine, &document, &json!([{ "given": KEY }])).await;
    assert_hidden(&report);
}

#[tokio::test]
async fn a_secret_that_parameters_name_is_masked_in_what_an_execution_begins_with() {
    let engine = acme(tenancy_with_secrets(), &[]);
    let auth = json!({ "type": "bearer", "secret": "KEY" });
    let request = json!({ "url": "https://example.org/", "auth": auth });
    let mut document = workflow(
        &[("a", "no-op", json!({})), ("b", "http-request", request)],
        &[("a", 0, "b", 0)],
    );
    set(&mut document, "b", "disabled", json!(true));
    let report = run(&engine, &document, &json!([{ "seen": KEY }])).await;
    assert_eq!(report.status, ExecutionStatus::Success);
    assert_hidden(&report);
}

#[tokio::test]
async fn nested_workflows_and_compensations_share_what_is_known() {
    let inner = workflow(
        &[
            ("in", "trigger.manual", json!({})),
            ("out", "no-op", json!({})),
        ],
        &[("in", 0, "out", 0)],
    );
    let engine = acme(tenancy_with_secrets(), &[]);
    let document = workflow(
        &[
            (
                "first",
                "transform",
                json!({ "set": { "k": "{{ $secrets.KEY }}" } }),
            ),
            (
                "call",
                "execute-workflow",
                json!({ "workflow": inner, "inputs": { "key": "{{ $secrets.KEY }}" } }),
            ),
        ],
        &[("first", 0, "call", 0)],
    );
    let source = jackfield::SourceText::new("test.json", document.to_string());
    let (parsed, _) = jackfield::read_workflow(&source).expect("it reads");
    let document = match engine.plan(&parsed, &PlanOptions::default()) {
        Ok(_) => document,
        // The parameter is not one that it takes: without it the test is the same.
        Err(_) => {
            let mut document = document;
            set(
                &mut document,
                "call",
                "parameters",
                json!({ "workflow": inner }),
            );
            document
        }
    };
    let report = run(&engine, &document, &json!([{}])).await;
    assert_eq!(
        report.status,
        ExecutionStatus::Success,
        "{:?}",
        report.failure
    );
    assert_hidden(&report);
}

#[tokio::test]
async fn a_secret_that_is_missing_or_not_granted_is_found_when_the_workflow_is_planned() {
    let tenancy = tenancy_with_secrets();
    set_policies(&tenancy, &[("acme", json!({ "secrets": ["KEY"] }))]);
    let engine = acme(tenancy.clone(), &[]);
    let code = |name: &str| {
        let document = says(json!({ "set": { "k": format!("{{{{ $secrets.{name} }}}}") } }));
        let source = jackfield::SourceText::new("test.json", document.to_string());
        let (workflow, _) = jackfield::read_workflow(&source).expect("it reads");
        let findings = engine.plan(&workflow, &PlanOptions::default()).err();
        findings.map(|findings| findings.as_slice()[0].code.clone())
    };
    assert_eq!(code("KEY"), None);
    assert_eq!(code("OTHER"), Some(ErrorCode::TENANT_FORBIDDEN));
    let globex = Engine::builder(registry(&[])).tenancy(tenancy).build();
    let globex = globex.tenant(&tenant_id("globex"));
    let source = says(json!({ "set": { "k": "{{ $secrets.KEY }}" } })).to_string();
    let source = jackfield::SourceText::new("test.json", source);
    let (workflow, _) = jackfield::read_workflow(&source).expect("it reads");
    let findings = globex.plan(&workflow, &PlanOptions::default()).err();
    assert_eq!(
        findings.expect("it has none").as_slice()[0].code,
        ErrorCode::CREDENTIAL_MISSING
    );
}

#[tokio::test]
async fn a_grant_that_is_taken_back_holds_at_the_next_call_and_nothing_gets_round_it() {
    let tenancy = tenancy_with_secrets();
    let engine = acme(tenancy.clone(), &[]);
    let mut document = says(json!({ "set": { "k": "{{ $secrets.KEY }}" } }));
    set(
        &mut document,
        "a",
        "onError",
        json!("continueRegularOutput"),
    );
    let fallback = json!({ "strategy": "fallback", "fallbackNodeType": "no-op" });
    set(&mut document, "a", "errorRecoveryStrategy", fallback);
    let prepared = plan(&engine, &document);
    set_policies(&tenancy, &[("acme", json!({ "secrets": [] }))]);
    let report = engine.run(&prepared, StartOptions::default()).await;
    let failure = report.expect("it starts").failure.expect("it is refused");
    assert_eq!(failure.code, ErrorCode::TENANT_FORBIDDEN);
}

#[tokio::test]
async fn sensitive_fields_and_filtered_places_are_masked_before_anything_is_written() {
    let document = json!({
        "sensitiveFieldPatterns": ["*password*", "ssn"],
        "outputFilters": [
            { "path": "card.number", "action": "mask" },
            { "path": "internal", "action": "remove", "nodeTypes": ["makes"] }
        ]
    });
    let seen = Arc::new(parking::Slot::default());
    let slot = Arc::clone(&seen);
    let makes = ScriptedExecutor::immediate(move |_, call| {
        slot.set(Value::Object(call.items()[0].json().clone()));
        let made = json!({
            "userPassword": "hunter2hunter2", "card": { "number": "4111-1111", "name": "A" },
            "internal": { "cost": 1 }, "list": [{ "SSN": "078-05-1120" }], "fine": 1
        });
        let item = Item::from_value(made).expect("an object").paired_with(0);
        let write = VariableWrite::Set {
            name: "adminPassword".to_owned(),
            value: json!("hunter3hunter3"),
        };
        Ok(NodeOutput::items(vec![item]).with_variables([write]))
    });
    let engine = acme(tenancy(&[("acme", document)]), &[("makes", &makes)]);
    let mut document = workflow(
        &[("a", "makes", json!({})), ("b", "no-op", json!({}))],
        &[("a", 0, "b", 0)],
    );
    document["variables"] = json!({ "dbPassword": "hunter4hunter4", "plain": 1 });
    let input = json!([{ "password": "hunter1hunter1", "name": "Ada" }]);
    let report = run(&engine, &document, &input).await;
    let text = traces(&report);
    for value in ["hunter", "4111", "078-05", "cost"] {
        assert!(!text.contains(value), "`{value}` came out: {text}");
    }
    assert_eq!(
        report.output[0].json(),
        json!({
            "userPassword": "[redacted]", "card": { "number": "[redacted]", "name": "A" },
            "list": [{ "SSN": "[redacted]" }], "fine": 1
        })
        .as_object()
        .expect("an object")
    );
    // What a node is given was written down, so it never held it either.
    assert_eq!(
        seen.get(),
        json!({ "password": "[redacted]", "name": "Ada" })
    );
    assert!(report.output[0].source().is_some(), "pairing is kept");
}

#[tokio::test]
async fn a_single_call_masks_what_it_gives() {
    let engine = acme(tenancy_with_secrets(), &[]);
    let parameters = json!({ "set": { "k": "{{ $secrets.KEY }}" } });
    let request = NodeRequest::new("transform".try_into().expect("a name"), parameters);
    let output = engine.execute_node(request).await.expect("it runs");
    assert_eq!(output.outputs.main[0][0].json()["k"], "[redacted]");
    let parameters = json!({ "message": "it is {{ $secrets.KEY }}" });
    let request = NodeRequest::new("stop-and-error".try_into().expect("a name"), parameters);
    let failure = engine.execute_node(request).await.expect_err("it stops");
    assert_eq!(failure.message, "it is [redacted]");
}

#[tokio::test]
async fn conditions_that_read_secrets_decide_and_tell_nothing() {
    let engine = acme(tenancy_with_secrets(), &[]);
    let mut document = workflow(&[("a", "no-op", json!({})), ("b", "no-op", json!({}))], &[]);
    document["connections"] = json!({ "a": { "main": [[
        { "node": "b", "condition": format!("$secrets.KEY === '{KEY}'") }
    ]] } });
    let report = run(&engine, &document, &json!([{ "n": 1 }])).await;
    assert_eq!(report.output.len(), 1);
    document["connections"]["a"]["main"][0][0]["condition"] = json!("$secrets.KEY.nope.nope.nope");
    let report = run(&engine, &document, &json!([{ "n": 1 }])).await;
    assert_hidden(&report);
}

#[tokio::test]
async fn an_expression_that_fails_shows_no_part_of_the_secret_that_it_reads() {
    let engine = acme(tenancy_with_secrets(), &[]);
    for expression in [
        "DateTime.fromISO($secrets.KEY.slice(2, 8)).toISO()",
        "new Date($\\u0073ecrets.KEY.slice(2, 8)).toISOString()",
        "JSON.parse($secrets.KEY.slice(2, 8))",
    ] {
        let document = says(json!({ "set": { "a": format!("{{{{ {expression} }}}}") } }));
        let source = jackfield::SourceText::new("test.json", document.to_string());
        let (parsed, _) = jackfield::read_workflow(&source).expect("it reads");
        // One that cannot be planned shows nothing either.
        let Ok(prepared) = engine.plan(&parsed, &PlanOptions::default()) else {
            continue;
        };
        let report = engine.run(&prepared, StartOptions::default()).await;
        let report = report.expect("it starts");
        assert!(report.failure.is_some(), "{expression}");
        assert!(!traces(&report).contains("cr3t"), "{}", traces(&report));
    }
}

#[tokio::test]
async fn what_a_node_gives_has_a_largest_size_and_parts_of_failures_too() {
    let large = ScriptedExecutor::immediate(|number, _| {
        let item = [("text".to_owned(), json!("x".repeat(2_000)))];
        let outputs = Outputs::first(vec![Item::new(item.into_iter().collect())].into());
        if number == 0 {
            return Ok(outputs.into());
        }
        let error = NodeError::retryable(ErrorCode::NETWORK_ERROR, "broke off");
        Err(error.with(|failure| failure.partial = Some(outputs.into())))
    });
    let tenancy = tenancy(&[("acme", json!({ "maxOutputSize": "1KiB" }))]);
    let engine = acme(tenancy, &[("large", &large)]);
    let mut document = workflow(&[("a", "large", json!({}))], &[]);
    let skip = json!({ "strategy": "skip", "allowPartialOutput": true });
    set(&mut document, "a", "errorRecoveryStrategy", json!("fail"));
    let report = run(&engine, &document, &json!([{}])).await;
    let failure = report.failure.expect("it is too large");
    assert_eq!(failure.code, ErrorCode::OUTPUT_TOO_LARGE);
    set(&mut document, "a", "errorRecoveryStrategy", skip);
    let report = run(&engine, &document, &json!([{}])).await;
    assert_eq!(
        report.node("a").map(|node| node.output.item_count()),
        Some(1)
    );
    assert!(!traces(&report).contains("xxxx"));
}

/// A place for one value that an executor saw.
mod parking {
    use serde_json::Value;
    use std::sync::Mutex;

    #[derive(Default)]
    pub(super) struct Slot(Mutex<Value>);

    impl Slot {
        pub(super) fn set(&self, value: Value) {
            *self.0.lock().expect("nobody panics") = value;
        }

        pub(super) fn get(&self) -> Value {
            self.0.lock().expect("nobody panics").clone()
        }
    }
}
