use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use jackfield_tenancy::{MASK, RedactionRules, Redactor};
use jackfield_types::{FilterAction, Object};
use serde_json::{Value, json};

use crate::scene::{filter, knowing, redacted, redactor};

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
fn a_secret_is_masked_as_urls_and_messages_write_it() {
    let secret = "it's/a?k=e y&\"ü\"";
    let redactor = knowing(&[secret]);
    for url in [
        "https://example.org/?q=it%27s/a?k=e%20y&%22%C3%BC%22",
        "https://example.org/it's/a%3Fk=e%20y&%22%C3%BC%22",
        "https://example.org/#it's/a?k=e%20y&%22%C3%BC%22",
        "the text `it\\'s/a?k=e y&\\\"ü\\\"` is no number",
    ] {
        let text = redactor.redact_text(url);
        assert!(
            text.contains(MASK) && !text.contains("e%20y&") && !text.contains("e y&"),
            "{text}"
        );
    }
}

#[test]
fn the_beginning_of_a_secret_that_a_message_cut_off_is_masked() {
    let secret = "Bearer-0123456789".repeat(10);
    let redactor = knowing(&[&secret, "it's another long secret"]);
    let text = |text: &str| redactor.redact_text(text).into_owned();
    let cut = format!(
        "the text `{}…` is no number, `it\\'s anoth…` neither",
        &secret[..40]
    );
    assert_eq!(
        text(&cut),
        "the text `[redacted]…` is no number, `[redacted]…` neither"
    );
    assert_eq!(
        text(&format!("ä{}…", secret[..9].to_lowercase())),
        "ä[redacted]…"
    );
    assert_eq!(text(&format!("{secret}{}…", &secret[..9])), "[redacted]…");
    assert_eq!(text("it's another…thing"), "[redacted]…thing");
    // By itself, or when it is too short to tell anything, it is nobody's secret.
    for other in ["Bearer-01234", "Beare…", "…", "……"] {
        assert_eq!(text(other), other);
    }
    let end = "…".repeat(10_000);
    assert_eq!(
        text(&format!("{}{end}", &secret[..50])),
        format!("[redacted]{end}")
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
fn texts_that_end_alike_are_looked_for_at_once() {
    let redactor = knowing(&["secret"]);
    for length in 6..400 {
        redactor.learn_derived(&"a".repeat(length));
    }
    let text = format!("<{}b{}>", "a".repeat(20_000), "A".repeat(7));
    assert_eq!(redactor.redact_text(&text), "<[redacted]b[redacted]>");
}

#[test]
fn texts_that_would_take_all_memory_let_nothing_out() {
    let redactor = knowing(&["secret"]);
    for length in (6..700).chain([200_000]) {
        redactor.learn_derived(&"a".repeat(length));
    }
    assert_eq!(redactor.redact_text("harmless"), MASK);
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
