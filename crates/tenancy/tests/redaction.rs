//! What redaction promises: what may not come out does not, in no form, and the rest stays as it
//! is and where it is.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use jackfield_tenancy::{MASK, RedactionRules, Redactor};
use jackfield_types::{
    ErrorCode, FailureClass, FilterAction, Item, ItemFailure, Items, NodeFailure, NodeTypeId,
    Object, OutputFilter, Outputs, ValidationIssue, VariableWrite,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use semver::Version;
use serde_json::{Value, json};

fn node_type(name: &str) -> NodeTypeId {
    NodeTypeId::parse(name).unwrap()
}

fn items(values: &[Value]) -> Items {
    let items = values
        .iter()
        .enumerate()
        .map(|(place, value)| Item::from_value(value.clone()).unwrap().paired_with(place));
    Arc::new(items.collect())
}

fn values(items: &Items) -> Vec<Value> {
    items
        .iter()
        .map(|item| Value::Object(item.json().clone()))
        .collect()
}

fn filter(path: &str, action: FilterAction) -> OutputFilter {
    OutputFilter {
        path: path.to_owned(),
        action,
        node_types: Vec::new(),
    }
}

fn redactor(filters: &[OutputFilter], patterns: &[&str]) -> Redactor {
    let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
    Redactor::new(Some(Arc::new(
        RedactionRules::compile(filters, &patterns).unwrap(),
    )))
}

fn knowing(secrets: &[&str]) -> Redactor {
    let redactor = Redactor::new(None);
    for secret in secrets {
        redactor.learn(secret);
    }
    redactor
}

/// What becomes of one item that a `crm-read` gives.
fn redacted(redactor: &Redactor, value: Value) -> Value {
    let outputs = Outputs::first(items(&[value]));
    let version = Version::new(1, 2, 3);
    let outputs = redactor.redact_outputs(&node_type("crm-read"), &version, outputs);
    values(&outputs.main[0]).remove(0)
}

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
fn a_secret_is_masked_in_texts_names_and_numbers() {
    let value = redacted(
        &knowing(&["s3cr3t-value", "4711471147", "pw1"]),
        json!({
            "text": "a s3cr3t-value b S3CR3T-VALUE", "list": ["s3cr3t-value"],
            "s3cr3t-value": 1, "x s3cr3t-value": {"s3cr3t-valueS3CR3T-value": 2},
            "number": 4_711_471_147_u64, "inside": 94_711_471_147_u64, "other": 47_114,
            "short": "pw1", "not": "pw10",
        }),
    );
    assert_eq!(
        value,
        json!({
            "text": "a [redacted] b [redacted]", "list": [MASK],
            "[redacted]": 1, "x [redacted] 2": {"[redacted]": 2},
            "number": MASK, "inside": MASK, "other": 47_114,
            "short": MASK, "not": "pw10",
        })
    );
}

#[test]
fn names_that_become_the_same_stay_apart() {
    let value = redacted(
        &knowing(&["s3cr3t-value"]),
        json!({"s3cr3t-value": 1, "S3CR3T-value": 2, "[redacted]": 3, "[redacted] 2": 4}),
    );
    assert_eq!(
        value,
        json!({"[redacted] 3": 1, "[redacted] 4": 2, "[redacted]": 3, "[redacted] 2": 4})
    );
}

#[test]
fn a_secret_is_masked_in_the_midst_of_encoded_text() {
    let secret = "p\u{e4}ss/w\"rd+1";
    let redactor = knowing(&[secret]);
    for before in ["", "a", "ab", "abc", "user:"] {
        for behind in ["", "z", "zz"] {
            let text = format!("{before}{secret}{behind}");
            for engine in [&STANDARD, &URL_SAFE, &STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                let encoded = engine.encode(&text);
                let hidden = redactor.redact_text(&encoded);
                assert!(hidden.contains(MASK), "{text}: {hidden}");
                // What is left over says nothing beyond the bytes that stand next to it.
                let left = hidden.replace(MASK, "").trim_end_matches('=').len();
                let around = before.len() + behind.len();
                assert!(left <= 2 * around + 2, "{text}: {hidden}");
            }
        }
    }
    assert_eq!(
        redactor.redact_text(&format!("Basic {}", STANDARD.encode(secret))),
        "Basic [redacted]"
    );
}

#[test]
fn secrets_that_overlap_are_masked_together() {
    let redactor = knowing(&["abcdefgh", "efghijkl", "xx-short-xx", "short-"]);
    assert_eq!(redactor.redact_text("1 abcdefghijkl 2"), "1 [redacted] 2");
    assert_eq!(redactor.redact_text("1 xx-short-xx 2"), "1 [redacted] 2");
    assert_eq!(redactor.redact_text("abcdefghabcdefgh"), MASK);
}

#[test]
fn a_text_made_with_a_secret_is_masked_by_its_own_unless_it_holds_one() {
    let redactor = knowing(&["s3cr3t-value"]);
    redactor.learn_derived("eulav-3rc3s");
    redactor.learn_derived("Bearer s3cr3t-value");
    redactor.learn_derived("");
    assert_eq!(redactor.redact_text("eulav-3rc3s"), MASK);
    assert_eq!(
        redactor.redact_text("Bearer s3cr3t-value"),
        "Bearer [redacted]"
    );
    assert_eq!(redactor.redact_text("Bearer other"), "Bearer other");
}

#[test]
fn a_secret_that_holds_another_one_is_masked_as_a_whole() {
    for secrets in [["s3cr3t", "s3cr3t-and-more"], ["s3cr3t-and-more", "s3cr3t"]] {
        let redactor = knowing(&secrets);
        assert_eq!(
            redactor.redact_text("a s3cr3t-and-more b"),
            "a [redacted] b"
        );
        assert_eq!(redactor.redact_text("a s3cr3t b"), "a [redacted] b");
    }
}

#[test]
fn thousands_of_texts_made_with_secrets_are_masked_one_by_one() {
    let redactor = knowing(&["s3cr3t-value"]);
    for number in 0..5_000 {
        redactor.learn_derived(&format!("Bearer s3cr3t-value {number}"));
        redactor.learn_derived(&format!("{number:032x}"));
    }
    assert_eq!(
        redactor.redact_text("Bearer s3cr3t-value 4999"),
        "Bearer [redacted] 4999"
    );
    assert_eq!(
        redactor.redact_text(&format!("x {:032x}", 4_999)),
        "x [redacted]"
    );
    assert_eq!(redactor.redact_text("anything else"), "anything else");
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
fn a_redactor_with_nothing_to_do_is_idle_until_it_learns() {
    let empty = RedactionRules::compile(&[], &[]).unwrap();
    let redactor = Redactor::new(Some(Arc::new(empty)));
    assert!(redactor.is_idle() && Redactor::new(None).is_idle());
    redactor.learn("");
    assert!(redactor.is_idle());
    redactor.learn("s3cr3t-value");
    assert!(!redactor.is_idle());
    assert!(!format!("{redactor:?}").contains("s3cr3t"));
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
    assert_eq!(values(&start), [json!({"token": MASK, "plain": 2})]);
}

#[test]
fn more_secrets_than_can_be_looked_for_let_nothing_out() {
    let redactor = Redactor::new(None);
    for number in 0..5_000 {
        redactor.learn(&format!("secret number {number:>40}"));
    }
    assert_eq!(
        redacted(
            &redactor,
            json!({"a": "anything", "b": 1, "c": true, "d": "0123456789"})
        ),
        json!({"[redacted]": MASK, "[redacted] 2": MASK, "[redacted] 3": true, "[redacted] 4": MASK})
    );
    assert_eq!(redactor.redact_text("0123456789"), MASK);
}

#[test]
fn values_that_nobody_writes_do_no_harm() {
    let mut deep = json!("s3cr3t-value");
    for _ in 0..500 {
        deep = Value::Array(vec![deep]);
    }
    let redactor = redactor(&[filter("**.**.**.x", FilterAction::Mask)], &["x*"]);
    redactor.learn("s3cr3t-value");
    let text = redacted(&redactor, json!({"deep": deep})).to_string();
    assert!(text.contains(MASK) && !text.contains("s3cr3t"));

    let many: Object = (0..20_000)
        .map(|n| (format!("s3cr3t-value{n}"), json!(n)))
        .collect();
    let renamed = redacted(&redactor, Value::Object(many));
    assert_eq!(renamed.as_object().unwrap().len(), 20_000);
}

#[test]
fn a_secret_learnt_by_one_thread_is_masked_by_all() {
    let redactor = Redactor::new(None);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let redactor = &redactor;
            scope.spawn(move || {
                for number in 0..8 {
                    let secret = format!("secret-{thread}-{number}-end");
                    redactor.learn(&secret);
                    assert_eq!(redactor.redact_text(&secret), MASK);
                }
            });
        }
    });
}

/// The forms of a secret, made in another way than by what is tested.
fn forms(secret: &str) -> Vec<String> {
    let quoted = serde_json::to_string(secret).unwrap();
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    vec![
        secret.to_owned(),
        STANDARD.encode(secret),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC)
            .to_string()
            .to_lowercase(),
        quoted[1..quoted.len() - 1].to_owned(),
        hex.to_uppercase(),
        hex,
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
        // Stands for a secret in one of its forms, with something around it.
        (0..3_usize, 0..10_usize, "[a-z ]{0,4}", "[a-z ]{0,4}").prop_map(|(secret, form, a, b)| {
            json!({"secret": secret, "form": form, "before": a, "behind": b})
        }),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any::<u8>(), inner), 0..4).prop_map(|fields| {
                let fields = fields
                    .into_iter()
                    .map(|(name, value)| (format!("f{name}"), value));
                Value::Object(fields.collect())
            }),
        ]
    })
}

/// Puts the secrets where something stands for them: as a text, and as a name.
fn filled(value: Value, secrets: &[String]) -> Value {
    match value {
        Value::Array(list) => list
            .into_iter()
            .map(|value| filled(value, secrets))
            .collect(),
        Value::Object(object) if object.contains_key("secret") => {
            let place = |name: &str| usize::try_from(object[name].as_u64().unwrap()).unwrap();
            let secret = &secrets[place("secret") % secrets.len()];
            let form = &forms(secret)[place("form")];
            let (before, behind) = (&object["before"], &object["behind"]);
            let text = format!(
                "{}{form}{}",
                before.as_str().unwrap(),
                behind.as_str().unwrap()
            );
            json!([text, {text.clone(): 1}])
        }
        Value::Object(object) => {
            let fields = object
                .into_iter()
                .map(|(name, value)| (name, filled(value, secrets)));
            Value::Object(fields.collect())
        }
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever the secrets are, and wherever they stand in whatever form, none comes out.
    #[test]
    fn no_form_of_a_secret_comes_out(
        secrets in prop::collection::vec("[!-Zac-ce-z^-~\u{e4}\u{4e2d}]{8,40}", 1..3),
        value in value(),
    ) {
        let redactor = Redactor::new(None);
        for secret in &secrets {
            redactor.learn(secret);
        }
        let filled = filled(json!({"value": value}), &secrets);
        let redacted = redacted(&redactor, filled).to_string();
        for secret in &secrets {
            for form in forms(secret) {
                prop_assert!(!redacted.contains(&form), "`{form}` in {redacted}");
            }
        }
    }

    /// Filters never panic, never add anything, and leave nothing of what they mean.
    #[test]
    fn a_filtered_field_does_not_come_out(path in "[a-c*.\\\\]{0,9}", value in value()) {
        let filters = [filter(&path, FilterAction::Remove), filter("**.f7", FilterAction::Mask)];
        if let Ok(rules) = RedactionRules::compile(&filters, &["f8".to_owned()]) {
            let redactor = Redactor::new(Some(Arc::new(rules)));
            let once = redacted(&redactor, json!({"value": value}));
            prop_assert_eq!(&redacted(&redactor, once.clone()), &once);
            let mut open = vec![&once];
            while let Some(next) = open.pop() {
                if let Value::Object(object) = next {
                    for name in ["f7", "f8"] {
                        prop_assert!(object.get(name).is_none_or(|value| value == MASK));
                    }
                    open.extend(object.values());
                } else if let Value::Array(list) = next {
                    open.extend(list);
                }
            }
        }
    }
}
