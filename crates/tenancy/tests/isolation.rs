//! Isolation: whatever a filter says, no row of another tenant passes, and every own row that
//! passed still does. Shown against a naive evaluator of filters.

#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]

use jackfield_tenancy::{IsolationContext, Tenancy, enforce_data_isolation};
use jackfield_types::{DataIsolation, Policy, TenantId};
use proptest::prelude::{
    Just, ProptestConfig, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use serde_json::{Map, Value, json};

const TENANTS: [&str; 3] = ["acme", "globex", "initech"];

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

/// Whether a row passes a filter. Fields of one object hold together.
fn passes(filter: &Value, row: &Map<String, Value>) -> bool {
    match filter {
        Value::Null => true,
        Value::Object(conditions) => conditions
            .iter()
            .all(|(key, condition)| match key.as_str() {
                "and" => list(condition).iter().all(|inner| passes(inner, row)),
                "or" => list(condition).iter().any(|inner| passes(inner, row)),
                "not" => !passes(condition, row),
                field => {
                    let value = row.get(field).unwrap_or(&Value::Null);
                    let Value::Object(operators) = condition else {
                        return value == condition;
                    };
                    operators
                        .iter()
                        .all(|(operator, operand)| match operator.as_str() {
                            "eq" => value == operand,
                            "ne" => value != operand,
                            "in" => list(operand).contains(value),
                            "exists" => value.is_null() != (*operand == json!(true)),
                            _ => false,
                        })
                }
            }),
        _ => false,
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn rows() -> Vec<Map<String, Value>> {
    let mut rows = Vec::new();
    for owner in TENANTS.iter().map(|name| json!(name)).chain([Value::Null]) {
        for amount in 0..3 {
            let mut row = Map::new();
            if !owner.is_null() {
                row.insert("tenantId".to_owned(), owner.clone());
            }
            row.insert("amount".to_owned(), json!(amount));
            rows.push(row);
        }
    }
    rows
}

/// Filters that try to name other tenants, nested.
fn filter() -> impl Strategy<Value = Value> {
    let name = prop_oneof![Just("acme"), Just("globex"), Just("initech"), Just("")];
    let leaf = prop_oneof![
        name.clone()
            .prop_map(|name| json!({ "tenantId": { "eq": name } })),
        name.clone()
            .prop_map(|name| json!({ "tenantId": { "ne": name } })),
        name.prop_map(|name| json!({ "tenantId": name })),
        Just(json!({ "tenantId": { "in": TENANTS } })),
        Just(json!({ "tenantId": { "exists": true } })),
        Just(json!({ "tenantId": { "exists": false } })),
        (0..3).prop_map(|amount| json!({ "amount": { "eq": amount } })),
        (0..3).prop_map(|amount| json!({ "amount": amount, "tenantId": { "eq": "globex" } })),
        Just(json!({})),
        Just(Value::Null),
        Just(json!("tenantId = 'globex'")),
        Just(json!([])),
        Just(json!({ "or": [] })),
        Just(json!({ "not": null })),
    ];
    leaf.prop_recursive(5, 32, 4, |inner| {
        let several = proptest::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            several.clone().prop_map(|list| json!({ "and": list })),
            several.clone().prop_map(|list| json!({ "or": list })),
            inner.clone().prop_map(|one| json!({ "not": one })),
            (inner, several)
                .prop_map(|(one, list)| json!({ "not": one, "or": list, "amount": { "ne": 7 } })),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_048))]

    #[test]
    fn no_row_of_another_tenant_passes_and_every_own_one_still_does(
        filter in filter(),
        own in 0_usize..3,
    ) {
        let owner = tenant(TENANTS[own]);
        let context = IsolationContext { tenant: &owner, isolation: DataIsolation::Strict };
        let before = filter.clone();
        let isolated = enforce_data_isolation(&context, &filter);
        prop_assert_eq!(&filter, &before);
        for row in rows() {
            let is_own = row.get("tenantId") == Some(&json!(owner.as_str()));
            prop_assert_eq!(passes(&isolated, &row), is_own && passes(&filter, &row));
        }
        // Twice is as good as once, and another tenant's filter lets nothing through at all.
        let twice = enforce_data_isolation(&context, &isolated);
        let other = tenant(TENANTS[(own + 1) % 3]);
        let context = IsolationContext { tenant: &other, isolation: DataIsolation::Strict };
        let foreign = enforce_data_isolation(&context, &isolated);
        for row in rows() {
            prop_assert_eq!(passes(&twice, &row), passes(&isolated, &row));
            prop_assert!(!passes(&foreign, &row));
        }
    }

    #[test]
    fn relaxed_isolation_leaves_a_filter_as_it_is(filter in filter()) {
        let owner = tenant("acme");
        let context = IsolationContext { tenant: &owner, isolation: DataIsolation::Relaxed };
        prop_assert_eq!(enforce_data_isolation(&context, &filter), filter);
    }
}

#[test]
fn a_handle_isolates_as_its_policy_says_and_strictly_without_one() {
    let tenancy = Tenancy::open();
    let acme = tenancy.tenant(&tenant("acme"));
    let filter = json!({ "tenantId": { "eq": "globex" } });
    let strict = json!({ "and": [{ "tenantId": { "eq": "acme" } }, filter] });
    assert_eq!(acme.enforce_data_isolation(&filter), strict);
    let relaxed = Policy {
        data_isolation: DataIsolation::Relaxed,
        ..Policy::default()
    };
    tenancy.set_policy(&tenant("acme"), &relaxed).unwrap();
    assert_eq!(acme.enforce_data_isolation(&filter), filter);
    tenancy.remove_policy(&tenant("acme"));
    assert_eq!(
        acme.enforce_data_isolation(&Value::Null),
        json!({ "and": [{ "tenantId": { "eq": "acme" } }] })
    );
}
