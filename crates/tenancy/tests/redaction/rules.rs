use std::sync::Arc;

use jackfield_tenancy::{MASK, RedactionRules};
use jackfield_types::{
    ErrorCode, FailureClass, FilterAction, Item, ItemFailure, Items, NodeFailure, Object,
    OutputFilter, Outputs, ValidationIssue, VariableWrite,
};
use semver::Version;
use serde_json::{Value, json};

use crate::scene::{filter, items, node_type, redacted, redactor, values};

fn masked_at(path: &str, value: Value) -> Value {
    redacted(&redactor(&[filter(path, FilterAction::Mask)], &[]), value)
}

#[test]
fn a_path_names_fields_elements_and_any_number_of_steps() {
    assert_eq!(
        masked_at(
            "customer.email",
            json!({"customer": {"email": "a@b", "name": "A"}, "email": "x"})
        ),
        json!({"customer": {"email": MASK, "name": "A"}, "email": "x"})
    );
    assert_eq!(
        masked_at(
            "orders.*.card",
            json!({"orders": [{"card": 1}, {"id": 2}, {"card": {"no": 3}}]})
        ),
        json!({"orders": [{"card": MASK}, {"id": 2}, {"card": MASK}]})
    );
    assert_eq!(
        masked_at("orders.1", json!({"orders": [1, 2], "1": 3})),
        json!({"orders": [1, MASK], "1": 3})
    );
    assert_eq!(
        masked_at(
            "**.card",
            json!({"card": 1, "a": {"card": 2, "b": [{"card": null}]}})
        ),
        json!({"card": MASK, "a": {"card": MASK, "b": [{"card": MASK}]}})
    );
    assert_eq!(
        masked_at("a.**.z", json!({"a": {"z": 1, "b": {"z": 2}}, "z": 3})),
        json!({"a": {"z": MASK, "b": {"z": MASK}}, "z": 3})
    );
    assert_eq!(
        masked_at("**", json!({"a": 1, "b": [2]})),
        json!({"a": MASK, "b": MASK})
    );
    assert_eq!(
        masked_at(r"a\.b.\*", json!({"a.b": {"*": 1, "x": 2}, "a": {"b": 3}})),
        json!({"a.b": {"*": MASK, "x": 2}, "a": {"b": 3}})
    );
}

#[test]
fn an_item_that_would_be_changed_is_known_before_it_comes_out() {
    let version = Version::new(1, 2, 3);
    let redactor = redactor(
        &[filter("rows.*.card", FilterAction::Remove)],
        &["*password*"],
    );
    redactor.learn("s3cr3t-value");
    let lets_out = |value: Value| {
        let item = Item::from_value(value).unwrap();
        redactor.lets_out(&node_type("dbal-read"), &version, item.json())
    };
    assert!(lets_out(json!({"rows": [{"name": "A"}], "card": 1})));
    for held_back in [
        json!({"rows": [{"card": true}]}),
        json!({"rows": [{"Password_Hash": true}]}),
        json!({"rows": [{"name": "my s3cr3t-value"}]}),
    ] {
        assert!(!lets_out(held_back.clone()), "{held_back}");
    }
    assert!(crate::scene::knowing(&[]).lets_out(&node_type("a"), &version, &Object::new()));
}

#[test]
fn what_is_removed_leaves_the_order_and_the_places_of_the_rest() {
    let filters = [
        filter("b", FilterAction::Remove),
        filter("list.0", FilterAction::Remove),
        filter("both", FilterAction::Mask),
        filter("both", FilterAction::Remove),
    ];
    let value = redacted(
        &redactor(&filters, &["both"]),
        json!({"c": 1, "b": 2, "a": 3, "list": [4, 5], "both": 6}),
    );
    assert_eq!(value.to_string(), r#"{"c":1,"a":3,"list":[null,5]}"#);
}

#[test]
fn filters_apply_to_the_node_types_that_they_name() {
    let for_types = |node_types: &[&str]| {
        let filter = OutputFilter {
            node_types: node_types.iter().map(|&name| name.to_owned()).collect(),
            ..filter("a", FilterAction::Mask)
        };
        redacted(&redactor(&[filter], &[]), json!({"a": 1})) == json!({"a": MASK})
    };
    assert!(for_types(&[]) && for_types(&["*"]) && for_types(&["crm-*"]));
    assert!(for_types(&["http-request", "crm-read@^1.2"]));
    assert!(!for_types(&["http-*"]) && !for_types(&["crm-read@^2"]) && !for_types(&["acme/*"]));
}

#[test]
fn sensitive_names_are_masked_wherever_they_are_and_however_written() {
    let value = redacted(
        &redactor(
            &[],
            &[
                "*password*",
                "api_key",
                "*\u{43f}\u{430}\u{440}\u{43e}\u{43b}\u{44c}*",
            ],
        ),
        json!({
            "Password": "x", "userPasswordHash": {"a": 1}, "API_KEY": 7, "api_key_id": 8,
            "list": [{"password": null}], "\u{41f}\u{410}\u{420}\u{41e}\u{41b}\u{42c}": 9,
        }),
    );
    assert_eq!(
        value,
        json!({
            "Password": MASK, "userPasswordHash": MASK, "API_KEY": MASK, "api_key_id": 8,
            "list": [{"password": MASK}], "\u{41f}\u{410}\u{420}\u{41e}\u{41b}\u{42c}": MASK,
        })
    );
}

#[test]
fn everything_that_is_wrong_with_rules_is_reported_with_its_place() {
    let filters = [
        filter("", FilterAction::Mask),
        filter("a..b", FilterAction::Mask),
        filter("a.b*", FilterAction::Mask),
        filter("$json.a", FilterAction::Mask),
        filter("a\\", FilterAction::Mask),
        OutputFilter {
            node_types: vec!["ok".to_owned(), "a@new".to_owned(), "a[".to_owned()],
            ..filter("a", FilterAction::Mask)
        },
        filter(&"a.".repeat(100), FilterAction::Mask),
    ];
    let error = RedactionRules::compile(&filters, &[String::new(), "a[".to_owned()]).unwrap_err();
    let places: Vec<String> = error
        .problems
        .iter()
        .map(|problem| problem.place.to_string())
        .collect();
    assert_eq!(
        places,
        [
            "/outputFilters/0/path",
            "/outputFilters/1/path",
            "/outputFilters/2/path",
            "/outputFilters/3/path",
            "/outputFilters/4/path",
            "/outputFilters/5/nodeTypes/1",
            "/outputFilters/5/nodeTypes/2",
            "/outputFilters/6/path",
            "/sensitiveFieldPatterns/0",
            "/sensitiveFieldPatterns/1",
        ]
    );
    assert!(
        error
            .problems
            .iter()
            .all(|problem| !problem.hint.is_empty())
    );
    let many = vec![filter("a", FilterAction::Mask); 10_000];
    assert!(RedactionRules::compile(&many, &[]).is_err());
}

#[test]
fn what_is_not_changed_is_not_copied() {
    let redactor = redactor(&[filter("hidden", FilterAction::Mask)], &["*token*"]);
    redactor.learn("s3cr3t-value");
    let clean = items(&[json!({"a": 1}), json!({"b": [2, "x"]})]);
    let mixed = items(&[
        json!({"a": 1}),
        json!({"token": 1}),
        json!({"hidden": MASK}),
    ]);
    let outputs = Outputs {
        error: Some(Arc::clone(&clean)),
        ..Outputs::on_port(1, Arc::clone(&mixed))
    };
    let version = Version::new(1, 0, 0);
    let redacted = redactor.redact_outputs(&node_type("crm-read"), &version, outputs);
    assert!(Arc::ptr_eq(redacted.error.as_ref().unwrap(), &clean));
    assert!(!Arc::ptr_eq(&redacted.main[1], &mixed));
    assert!(redacted.main[1][0].is_same(&mixed[0]) && redacted.main[1][2].is_same(&mixed[2]));
    assert_eq!(values(&redacted.main[1])[1], json!({"token": MASK}));
    let sources = |items: &Items| items.iter().map(Item::source).collect::<Vec<_>>();
    assert_eq!(sources(&redacted.main[1]), sources(&mixed));
    // And the caller's own items are as they were.
    assert_eq!(values(&mixed)[1], json!({"token": 1}));
    let again = redactor.redact_outputs(&node_type("crm-read"), &version, redacted.clone());
    assert!(Arc::ptr_eq(&again.main[1], &redacted.main[1]));
}

#[test]
fn a_failure_holds_no_secret_anywhere() {
    let secret = "S3CR3T_VALUE";
    let redactor = redactor(&[filter("mail", FilterAction::Remove)], &["auth*"]);
    redactor.learn(secret);
    let mut failure = NodeFailure {
        details: Some(json!({"body": [secret], "authorization": "x"})),
        issues: vec![ValidationIssue::parameter(secret, secret).with_hint(secret)],
        partial: Some(Outputs::first(items(&[json!({"a": secret, "mail": "m"})]))),
        failed_items: vec![ItemFailure {
            item: 0,
            code: ErrorCode::custom(secret),
            message: secret.to_owned(),
            status: None,
        }],
        ..NodeFailure::new(FailureClass::Permanent, ErrorCode::custom(secret), secret)
    };
    redactor.redact_failure(&node_type("crm-read"), &Version::new(1, 0, 0), &mut failure);
    let text = serde_json::to_string(&failure).unwrap();
    assert!(!text.contains(secret), "{text}");
    assert_eq!(failure.message, MASK);
    assert_eq!(failure.code, ErrorCode::EXECUTION_ERROR);
    assert_eq!(
        failure.details,
        Some(json!({"body": [MASK], "authorization": MASK}))
    );
    assert_eq!(
        values(&failure.partial.unwrap().main[0]),
        [json!({"a": MASK})]
    );
}

#[test]
fn variables_are_masked_by_their_names_and_values() {
    let redactor = redactor(&[filter("plain", FilterAction::Remove)], &["*token"]);
    redactor.learn("s3cr3t-value");
    let set = |name: &str, value: Value| VariableWrite::Set {
        name: name.to_owned(),
        value,
    };
    let mut writes = [
        set("token", json!("x")),
        set("plain", json!(["s3cr3t-value"])),
        set("s3cr3t-value", json!(1)),
        VariableWrite::Delete {
            name: "s3cr3t-value".to_owned(),
        },
        VariableWrite::Clear,
    ];
    redactor.redact_variable_writes(&mut writes);
    assert_eq!(
        writes,
        [
            set("token", json!(MASK)),
            set("plain", json!([MASK])),
            set(MASK, json!(1)),
            VariableWrite::Delete {
                name: MASK.to_owned()
            },
            VariableWrite::Clear,
        ]
    );
    let variables: Arc<Object> = Arc::new(json!({"a": 1}).as_object().unwrap().clone());
    assert!(Arc::ptr_eq(
        &redactor.redact_object(Arc::clone(&variables)),
        &variables
    ));
    let start = redactor.redact_items(items(&[json!({"token": 1, "plain": 2})]));
    assert_eq!(values(&start), [json!({"token": MASK})]);
}

#[test]
fn what_an_execution_starts_with_is_filtered_as_what_nodes_give() {
    let filter = |path: &str, node_types: &[&str]| OutputFilter {
        path: path.to_owned(),
        action: FilterAction::Remove,
        node_types: node_types.iter().map(|&one| one.to_owned()).collect(),
    };
    let filters = [filter("card", &[]), filter("name", &["http-request"])];
    let redactor = redactor(&filters, &[]);
    let start = redactor.redact_items(items(&[json!({"card": 1, "name": "Ada"})]));
    assert_eq!(values(&start), [json!({"name": "Ada"})]);
}

#[test]
fn a_node_type_that_looks_like_a_path_is_filtered_too() {
    let filters = [OutputFilter {
        path: "card".to_owned(),
        action: FilterAction::Remove,
        node_types: vec!["acme/*".to_owned()],
    }];
    let given = Outputs::first(items(&[json!({"card": 1})]));
    let sly = jackfield_types::NodeTypeId::parse("acme/x..").unwrap();
    let outputs = redactor(&filters, &[]).redact_outputs(&sly, &Version::new(1, 0, 0), given);
    assert_eq!(values(&outputs.main[0]), [json!({})]);
}
