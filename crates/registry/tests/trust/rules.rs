//! Rules as they are written down.

use std::fs;

use jackfield_registry::trust::{Signatures, TrustRules, TrustRulesError};

use crate::scene::{key, publisher};

const KEY: &str = "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

#[test]
fn rules_are_read_as_they_were_written() {
    let mut rules = TrustRules::new(Signatures::Optional);
    let acme = publisher("acme");
    rules.trust(&acme, key().public_key(), &[]).unwrap();
    rules.trust(&acme, key().public_key(), &[]).unwrap();
    let scopes = ["*".parse().unwrap(), "globex/parse".parse().unwrap()];
    rules
        .trust(&publisher("reviewers"), key().public_key(), &scopes)
        .unwrap();
    let written = rules.to_toml();
    assert!(written.contains("plugins = [\"acme/*\"]"), "{written}");
    assert_eq!(TrustRules::parse(&written).unwrap(), rules);
}

#[test]
fn nothing_said_means_that_signatures_are_required() {
    let rules = TrustRules::parse("").unwrap();
    assert_eq!(rules, TrustRules::default());
    assert_eq!(rules.signatures(), Signatures::Required);
}

#[test]
fn every_mistake_has_its_place() {
    let acme = format!("[publishers.acme]\nkeys = [\"{KEY}\"]\n");
    for (text, expected) in [
        ("signatures = \"maybe\"", "line 1, column 14"),
        (
            "signature = \"required\"",
            "line 1, column 1: unknown field",
        ),
        ("signatures = ", "line 1, column 14"),
        (
            "\n[publishers.Acme]\nkeys = []\n",
            "line 2, column 13: `Acme` cannot be",
        ),
        (
            "[publishers.unsigned]\nkeys = []\n",
            "line 1, column 13: `unsigned` cannot",
        ),
        (
            "[publishers.acme]\nkeys = []\n",
            "line 2, column 8: `acme` has no key",
        ),
        (
            "[publishers.acme]\nkeys = [\"x\"]\n",
            "line 2, column 9: a public key is",
        ),
        (
            "[publishers.acme]\n",
            "line 1, column 1: missing field `keys`",
        ),
        (
            &format!("{acme}plugins = [\"a*\"]\n"),
            "line 3, column 12: `a*` names no",
        ),
        (
            &format!("{acme}plugins = []\n"),
            "line 1, column 13: `acme` may sign nothing",
        ),
        (
            &format!("{acme}[publishers.globex]\nkeys = [\"{KEY}\"]\n"),
            "is a key of `acme` and cannot be one of `globex` too",
        ),
    ] {
        let error = TrustRules::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_key_belongs_to_one_publisher() {
    let mut rules = TrustRules::default();
    let acme = key().public_key();
    rules.trust(&publisher("acme"), acme, &[]).unwrap();
    rules.trust(&publisher("acme"), acme, &[]).unwrap();
    let error = rules.trust(&publisher("globex"), acme, &[]).unwrap_err();
    assert!(
        matches!(error, TrustRulesError::SharedKey { .. }),
        "{error}"
    );
    assert_eq!(rules.publishers().count(), 1);
}

#[test]
fn files_that_are_missing_or_too_large_are_named() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("trust.toml");
    let missing = TrustRules::read(&path).unwrap_err();
    assert!(matches!(missing, TrustRulesError::Io { .. }), "{missing}");
    fs::write(&path, "# ".repeat(600 * 1024)).unwrap();
    let large = TrustRules::read(&path).unwrap_err();
    assert!(
        large
            .to_string()
            .ends_with("trust.toml` has more than 1 MiB")
    );
    fs::write(&path, "signatures = \"optional\"\n\nwhat = 1\n").unwrap();
    let wrong = TrustRules::read(&path).unwrap_err().to_string();
    assert!(wrong.contains("trust.toml`, line 3, column 1: "), "{wrong}");
}
