//! What the rules of an instance say about packages.

use jackfield_registry::trust::{PackageSignatures, SecretKey, Signatures, TrustError, TrustRules};
use jackfield_types::ErrorCode;

use crate::scene::{key, package, publisher, slugify};

/// Rules that trust `acme` with its own plugins.
fn rules(signatures: Signatures, acme: &SecretKey) -> TrustRules {
    let mut rules = TrustRules::new(signatures);
    rules
        .trust(&publisher("acme"), acme.public_key(), &[])
        .unwrap();
    rules
}

#[test]
fn what_a_trusted_publisher_signed_is_taken_in_its_name() {
    let (acme, package) = (key(), slugify());
    let signatures = package.signatures(&[&acme]);
    for mode in [Signatures::Required, Signatures::Optional] {
        let signer = rules(mode, &acme).judge(&package.signed(), Some(&signatures));
        assert_eq!(signer, Ok(Some(publisher("acme"))));
    }
}

#[test]
fn nobody_is_trusted_who_is_not_named() {
    let (acme, package) = (key(), slugify());
    let signatures = package.signatures(&[&acme]);
    let rules = TrustRules::default();
    let error = rules
        .judge(&package.signed(), Some(&signatures))
        .unwrap_err();
    let expected = TrustError::UnknownKey {
        plugin: package.plugin.clone(),
        key: acme.public_key(),
    };
    assert_eq!(error, expected);
    assert_eq!(error.code(), ErrorCode::UNTRUSTED_PLUGIN);
    assert!(error.hint().contains("jackfield plugin key trust"));
    let unsigned = rules.judge(&package.signed(), None).unwrap_err();
    assert_eq!(unsigned.to_string(), "`acme/slugify` is not signed");
}

#[test]
fn a_signature_holds_for_one_package_and_for_no_other() {
    let (acme, signed) = (key(), slugify());
    let signatures = signed.signatures(&[&acme]);
    for altered in [
        package("acme/slugify", "1.2.0", "manifest, changed"),
        package("acme/slugify", "1.2.1", "manifest"),
        package("acme/other", "1.2.0", "manifest"),
    ] {
        for mode in [Signatures::Required, Signatures::Optional] {
            let error = rules(mode, &acme)
                .judge(&altered.signed(), Some(&signatures))
                .unwrap_err();
            let expected = TrustError::Altered {
                plugin: altered.plugin.clone(),
                key: acme.public_key(),
            };
            assert_eq!(error, expected);
        }
        let unlooked = rules(Signatures::Ignored, &acme);
        assert_eq!(
            unlooked.judge(&altered.signed(), Some(&signatures)),
            Ok(None)
        );
    }
}

#[test]
fn a_signature_that_is_wrong_spoils_the_right_ones_beside_it() {
    let (acme, other, package) = (key(), key(), slugify());
    let elsewhere = crate::scene::package("acme/slugify", "1.0.0", "older");
    let right = String::from_utf8(package.signatures(&[&acme])).unwrap();
    let wrong = String::from_utf8(elsewhere.signatures(&[&other])).unwrap();
    let wrong = &wrong[wrong.find("[[signatures]]").unwrap()..];
    let both = format!("{right}{wrong}");
    let error = rules(Signatures::Required, &acme)
        .judge(&package.signed(), Some(both.as_bytes()))
        .unwrap_err();
    assert!(matches!(error, TrustError::Altered { key, .. } if key == other.public_key()));
}

#[test]
fn a_publisher_signs_its_own_plugins_and_those_that_it_is_trusted_with() {
    let (acme, reviewers) = (key(), key());
    let foreign = package("globex/parse", "1.0.0", "manifest");
    let mut rules = rules(Signatures::Required, &acme);
    let by_acme = foreign.signatures(&[&acme]);
    let error = rules.judge(&foreign.signed(), Some(&by_acme)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`globex/parse` is signed by `acme`, who is not trusted to sign it"
    );
    rules
        .trust(
            &publisher("reviewers"),
            reviewers.public_key(),
            &["*".parse().unwrap()],
        )
        .unwrap();
    let by_both = foreign.signatures(&[&acme, &reviewers]);
    let signer = rules.judge(&foreign.signed(), Some(&by_both));
    assert_eq!(signer, Ok(Some(publisher("reviewers"))));
}

#[test]
fn of_several_signers_the_one_that_the_plugin_is_named_after_counts() {
    let (acme, reviewers, package) = (key(), key(), slugify());
    let mut rules = rules(Signatures::Required, &acme);
    rules
        .trust(
            &publisher("reviewers"),
            reviewers.public_key(),
            &["*".parse().unwrap()],
        )
        .unwrap();
    for keys in [[&acme, &reviewers], [&reviewers, &acme]] {
        let signatures = package.signatures(&keys);
        let signer = rules.judge(&package.signed(), Some(&signatures));
        assert_eq!(signer, Ok(Some(publisher("acme"))));
    }
}

#[test]
fn where_signing_is_optional_nobody_takes_the_name_of_who_is_trusted() {
    let (acme, stranger, package) = (key(), key(), slugify());
    let rules = rules(Signatures::Optional, &acme);
    let unknown = crate::scene::package("globex/parse", "1.0.0", "manifest");
    assert_eq!(rules.judge(&unknown.signed(), None), Ok(None));
    let by_stranger = unknown.signatures(&[&stranger]);
    assert_eq!(rules.judge(&unknown.signed(), Some(&by_stranger)), Ok(None));
    let unsigned = rules.judge(&package.signed(), None).unwrap_err();
    assert_eq!(
        unsigned.to_string(),
        "`acme/slugify` is not signed, and is for `acme` to sign"
    );
    // It would be no way out: it is so already.
    assert!(!unsigned.hint().contains("optional"), "{}", unsigned.hint());
    let by_stranger = package.signatures(&[&stranger]);
    let error = rules
        .judge(&package.signed(), Some(&by_stranger))
        .unwrap_err();
    assert!(matches!(error, TrustError::UnknownKey { .. }));
}

#[test]
fn who_is_trusted_with_everything_claims_no_names() {
    let (reviewers, package) = (key(), slugify());
    let mut rules = TrustRules::new(Signatures::Optional);
    rules
        .trust(
            &publisher("reviewers"),
            reviewers.public_key(),
            &["*".parse().unwrap()],
        )
        .unwrap();
    assert_eq!(rules.judge(&package.signed(), None), Ok(None));
}

#[test]
fn a_key_can_be_changed_without_a_day_on_which_nothing_is_taken() {
    let (old, new, package) = (key(), key(), slugify());
    let with_old = rules(Signatures::Required, &old);
    let with_new = rules(Signatures::Required, &new);
    let both = package.signatures(&[&old, &new]);
    // Each instance knows one of the keys; the other one is unknown and does no harm.
    for rules in [&with_old, &with_new] {
        let signer = rules.judge(&package.signed(), Some(&both));
        assert_eq!(signer, Ok(Some(publisher("acme"))));
    }
    let mut rules = with_new;
    assert_eq!(rules.distrust(&old.public_key()), None);
    assert_eq!(rules.distrust(&new.public_key()), Some(publisher("acme")));
    assert!(rules.judge(&package.signed(), Some(&both)).is_err());
}

#[test]
fn signing_anew_replaces_what_the_same_key_signed_before() {
    let (acme, before, after) = (key(), slugify(), package("acme/slugify", "1.2.0", "new"));
    let other = key();
    let mut signatures = PackageSignatures::parse(&before.signatures(&[&acme, &other])).unwrap();
    signatures.sign(&after.signed(), &acme).unwrap();
    signatures.retain_valid(&after.signed());
    let keys: Vec<_> = signatures.entries().map(|(key, _)| *key).collect();
    assert_eq!(keys, [acme.public_key()]);
    let text = signatures.to_text();
    assert_eq!(PackageSignatures::parse(text.as_bytes()), Ok(signatures));
}
