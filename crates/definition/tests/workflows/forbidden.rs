//! What a tenant may not use is refused when the workflow is planned, wherever it is named.

use jackfield_types::Severity;

use crate::support::{codes, plan, plan_strictly, rendered_findings};

const FORBIDDEN: &str = r#"{
  "formatVersion": 1,
  "nodes": [
    { "id": "a", "nodeType": "filter", "parameters": { "condition": "$secrets.PIN === $json.pin" } },
    { "id": "b", "nodeType": "transform", "typeVersion": "1.4" },
    { "id": "c", "nodeType": "transform", "parameters": { "field": "x", "value": "{{ $secrets.KEY + $secrets.KEYS }}" } },
    { "id": "d", "nodeType": "no-op", "errorRecoveryStrategy": { "strategy": "fallback", "fallbackNodeType": "filter" } },
    { "id": "e", "nodeType": "no-op", "compensation": { "nodeType": "filter", "parameters": { "condition": "$secrets.ELSE" } } },
    { "id": "f", "nodeType": "gone", "errorRecoveryStrategy": "skip" },
    { "id": "g", "nodeType": "filter", "disabled": true },
    { "id": "h", "nodeType": "execute-workflow", "parameters": { "workflow": { "nodes": [
      { "id": "x", "nodeType": "filter", "errorRecoveryStrategy": "skip" }
    ] } } }
  ],
  "connections": { "b": { "main": [[{ "node": "c", "condition": "$secrets.PIN" }]] } },
  "errorRecovery": { "strategy": "fallback", "fallbackNodeType": "filter" }
}"#;

#[test]
fn refusals_and_missing_secrets_are_errors_where_they_are_named() {
    insta::assert_snapshot!(rendered_findings(plan_strictly(FORBIDDEN)));
}

#[test]
fn a_refused_node_that_is_disabled_is_a_warning() {
    let text = r#"{ "nodes": [{ "id": "a", "nodeType": "filter", "disabled": true }] }"#;
    let planned = plan_strictly(text).unwrap();
    assert_eq!(codes(planned.warnings()), ["TENANT_FORBIDDEN"]);
    let warning = &planned.warnings().as_slice()[0];
    assert_eq!(warning.severity, Severity::Warning);
    let hint = warning.hint.as_deref().unwrap();
    assert!(hint.starts_with("it does not run"), "{hint}");
}

#[test]
fn a_node_type_that_is_not_there_is_refused_by_its_name() {
    for strategy in [
        r#""fail""#,
        r#""skip""#,
        r#""retry""#,
        r#"{ "strategy": "fallback", "fallbackNodeType": "no-op" }"#,
    ] {
        let text = format!(
            r#"{{ "nodes": [{{ "id": "a", "nodeType": "hidden/x", "errorRecoveryStrategy": {strategy} }}] }}"#
        );
        let findings = plan_strictly(&text).unwrap_err();
        assert_eq!(codes(&findings), ["TENANT_FORBIDDEN"], "{strategy}");
        let by_compensation = format!(
            r#"{{ "nodes": [{{ "id": "a", "nodeType": "no-op", "compensation":
                 {{ "nodeType": "hidden/x", "errorRecoveryStrategy": {strategy} }} }}] }}"#
        );
        let findings = plan_strictly(&by_compensation).unwrap_err();
        assert_eq!(codes(&findings), ["TENANT_FORBIDDEN"], "{strategy}");
    }
}

#[test]
fn no_recovery_strategy_lets_a_refused_node_pass() {
    for strategy in [
        r#""skip""#,
        r#""retry""#,
        r#"{ "strategy": "fallback", "fallbackNodeType": "no-op" }"#,
    ] {
        let text = format!(
            r#"{{ "nodes": [{{ "id": "a", "nodeType": "filter", "onError": "continueRegularOutput",
                 "errorRecoveryStrategy": {strategy} }}] }}"#
        );
        assert_eq!(
            codes(&plan_strictly(&text).unwrap_err()),
            ["TENANT_FORBIDDEN"],
            "{strategy}"
        );
        assert!(plan(&text).is_ok(), "{strategy}");
    }
}
