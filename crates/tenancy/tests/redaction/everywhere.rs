//! Whatever the values and the secrets are.

#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use jackfield_tenancy::{MASK, RedactionRules, Redactor};
use jackfield_types::FilterAction;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::scene::{filter, redacted};

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
