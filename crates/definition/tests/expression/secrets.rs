//! `$secrets`: who gets one, and what is told of texts that were made of them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jackfield_definition::expression::{
    EvaluateOptions, Expression, ParameterTemplate, Roots, SecretError, StaticRoots, Syntax,
    Template,
};
use jackfield_types::{ErrorCode, Item};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

fn roots() -> StaticRoots {
    let object = json!({ "name": "Ada", "kind": "production" });
    StaticRoots::new(Timestamp::UNIX_EPOCH)
        .with_secret("KEY", "s3cret-Token")
        .with_secret("PIN", "4711")
        .with_secret("USER", "grace")
        .with_secret("MODE", "live")
        .with_secret("CONFIG", r#"{"password":"hunter22"}"#)
        .with_input(vec![Item::new(object.as_object().unwrap().clone())])
}

fn traced(text: &str) -> (Value, BTreeSet<String>) {
    let template = Template::parse(text, Syntax::Native).unwrap();
    let mut learnt = BTreeSet::new();
    let value = template
        .evaluate_tracing(&roots(), &EvaluateOptions::default(), &mut |text| {
            learnt.insert(text.to_owned());
        })
        .unwrap();
    (value, learnt)
}

fn learnt(text: &str) -> Vec<String> {
    traced(text).1.into_iter().collect()
}

#[test]
fn a_secret_is_read_by_its_name() {
    assert_eq!(traced("{{ $secrets.KEY }}").0, json!("s3cret-Token"));
    assert_eq!(traced("{{ $secrets['KEY'] }}").0, json!("s3cret-Token"));
    assert_eq!(
        traced("Bearer {{ $secrets.KEY }}").0,
        json!("Bearer s3cret-Token")
    );
    let template = Template::parse("{{ $secrets.KEY + $secrets.USER }}", Syntax::Native).unwrap();
    let names: Vec<_> = template.references().secrets.iter().cloned().collect();
    assert_eq!(names, ["KEY", "USER"]);
}

#[test]
fn the_name_of_a_secret_is_written_out() {
    for text in [
        "{{ $secrets }}",
        "{{ $secrets[$json.name] }}",
        "{{ $secrets['K' + 'EY'] }}",
        "{{ $secrets() }}",
        "{{ Object.keys($secrets) }}",
        "{{ JSON.stringify($secrets) }}",
        "{{ { ...$secrets } }}",
        "{{ [1].map(x => $secrets[x]) }}",
    ] {
        let error = Template::parse(text, Syntax::Native).unwrap_err();
        assert_eq!(error.code, ErrorCode::EXPRESSION_ERROR, "{text}");
    }
}

#[test]
fn a_secret_that_is_not_there_or_not_granted_is_an_error_though_a_default_is_given() {
    struct Refusing(StaticRoots);
    impl Roots for Refusing {
        fn now(&self) -> Timestamp {
            self.0.now()
        }
        fn secret(&self, name: &str) -> Result<Cow<'_, str>, SecretError> {
            let _ = name;
            let rule = "not in `secrets`".into();
            Err(SecretError::Refused { rule })
        }
    }
    let template = Template::parse("{{ $secrets.NONE ?? 'x' }}", Syntax::Native).unwrap();
    let options = EvaluateOptions::default();
    let error = template.evaluate(&roots(), &options).unwrap_err();
    assert_eq!(error.code, ErrorCode::CREDENTIAL_MISSING);
    let error = template.evaluate(&Refusing(roots()), &options).unwrap_err();
    assert_eq!(error.code, ErrorCode::TENANT_FORBIDDEN);
    assert!(
        error.message.contains("not in `secrets`"),
        "{}",
        error.message
    );
}

#[test]
fn secrets_as_they_are_are_not_told() {
    for text in [
        "{{ $secrets.KEY }}",
        "Bearer {{ $secrets.KEY }} of {{ $json.name }}",
        "{{ 'Bearer ' + $secrets.KEY }}",
        "{{ $json.name + ':' + $secrets.KEY + ':' + $json.kind }}",
        "{{ { kind: 'bearer', name: $json.name, token: $secrets.KEY } }}",
        "{{ [$secrets.KEY, $secrets.KEY + $secrets.KEY] }}",
    ] {
        assert_eq!(learnt(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn what_is_made_of_a_secret_is_told_and_what_stands_beside_it_is_not() {
    assert_eq!(learnt("{{ $secrets.KEY.toUpperCase() }}"), ["S3CRET-TOKEN"]);
    assert_eq!(
        learnt("Basic {{ ($secrets.USER + ':' + $secrets.KEY).base64Encode() }} {{ $json.name }}"),
        ["Z3JhY2U6czNjcmV0LVRva2Vu"]
    );
    assert_eq!(
        learnt("{{ 'Basic ' + ($secrets.USER + ':' + $secrets.KEY).base64Encode() }}"),
        ["Z3JhY2U6czNjcmV0LVRva2Vu"]
    );
    assert_eq!(
        learnt("{{ { user: $json.name, part: $secrets.KEY.slice(0, 6) } }}"),
        ["s3cret"]
    );
    assert_eq!(learnt("{{ $secrets.KEY.split('-') }}"), ["Token", "s3cret"]);
    assert_eq!(learnt("{{ Number($secrets.PIN) + 1 }}"), ["4712"]);
    // A secret too short to be found within other texts makes the whole one.
    assert_eq!(learnt("{{ 'user ' + $secrets.USER }}"), ["user grace"]);
    assert_eq!(
        learnt("{{ { [$secrets.KEY.toLowerCase()]: 1 } }}"),
        ["s3cret-token"]
    );
    // With another secret this fails, so all of it is taken for secret.
    assert_eq!(
        learnt("{{ JSON.parse($secrets.CONFIG).password }}"),
        ["hunter22"]
    );
}

#[test]
fn what_only_depends_on_a_secret_without_holding_it_is_not_told() {
    for text in [
        "{{ $secrets.MODE === 'live' ? 'production' : 'test' }}",
        "{{ $secrets.KEY.length }}",
        "{{ $secrets.KEY.includes('x') }}",
        "{{ $secrets.KEY ? $json.kind : $json.name }}",
        "{{ $json.kind }}",
    ] {
        assert_eq!(learnt(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn parameters_and_deferred_expressions_are_traced() {
    let parameters = json!({
        "headers": { "x-key": "{{ $secrets.KEY.toUpperCase() }}" },
        "list": ["plain", "{{ $json.name }}"],
        "condition": "$secrets.KEY.toLowerCase()",
    });
    let is_deferred = |pointer: &str| pointer == "/condition";
    let template = ParameterTemplate::compile(&parameters, Syntax::Native, &is_deferred).unwrap();
    assert!(template.reads_secrets());
    let options = EvaluateOptions::default();
    let mut learnt = Vec::new();
    let value = template
        .evaluate_tracing(&roots(), &options, &mut |text| learnt.push(text.to_owned()))
        .unwrap();
    assert_eq!(value, template.evaluate(&roots(), &options).unwrap());
    assert_eq!(learnt, ["S3CRET-TOKEN"]);
    learnt.clear();
    let deferred: &Expression = template.deferred("$secrets.KEY.toLowerCase()").unwrap();
    deferred
        .evaluate_tracing(&roots(), &options, &mut |text| learnt.push(text.to_owned()))
        .unwrap();
    assert_eq!(learnt, ["s3cret-token"]);

    let only_deferred = json!({ "condition": "$secrets.KEY" });
    let template =
        ParameterTemplate::compile(&only_deferred, Syntax::Native, &is_deferred).unwrap();
    assert!(!template.reads_secrets() && !template.references().secrets.is_empty());
}

proptest! {
    /// Whatever is done to a secret, each text that comes out holds nothing of it, or is told, or
    /// holds it as it is.
    #[test]
    fn no_text_made_of_a_secret_goes_untold(
        secret in "[a-zA-Z0-9]{12,24}",
        how in prop::sample::select(vec![
            "$secrets.S.toUpperCase()",
            "$secrets.S.toLowerCase() + '!'",
            "$secrets.S.base64Encode()",
            "'k: ' + $secrets.S.slice(3)",
            "$secrets.S.split('').reverse().join('')",
            "{ a: [$secrets.S.slice(0, 9)], b: $json.name }",
            "$json.name + ' ' + $secrets.S.slice(1) + ' ' + $json.kind",
        ]),
    ) {
        let roots = roots().with_secret("S", secret.clone());
        let expression = Expression::parse(how).unwrap();
        let mut told = Vec::new();
        let options = EvaluateOptions::default();
        let value = expression
            .evaluate_tracing(&roots, &options, &mut |text| told.push(text.to_owned()))
            .unwrap();
        let mut text = value.to_string().replace(&secret, "");
        told.sort_by_key(|one| std::cmp::Reverse(one.len()));
        for one in &told {
            text = text.replace(one.as_str(), "");
        }
        for rest in ["{\"a\":[\"\"],\"b\":\"Ada\"}", "\"\"", "\"!\"", "\"k: \"", "\"Ada  production\""] {
            if text == rest {
                return Ok(());
            }
        }
        prop_assert!(false, "{} leaves {}", how, text);
    }
}
