//! Signature files that nobody in their right mind would write.

use jackfield_registry::trust::{PackageSignatures, SecretKey, Signatures, TrustError, TrustRules};
use proptest::prelude::*;

use crate::scene::{key, publisher, slugify};

fn reason(bytes: &[u8]) -> String {
    PackageSignatures::parse(bytes).unwrap_err().reason
}

#[test]
fn a_file_that_is_none_is_refused_with_the_reason() {
    let text = String::from_utf8(slugify().signatures(&[&key()])).unwrap();
    assert_eq!(reason(&[0xff, 0xfe]), "it is not UTF-8");
    assert_eq!(reason(&vec![b'#'; 17 * 1024]), "it has more than 16 KiB");
    assert!(reason(b"").contains("format"), "{}", reason(b""));
    let newer = text.replace("format = 1", "format = 2");
    assert_eq!(
        reason(newer.as_bytes()),
        "its form is 2, and this version knows only 1"
    );
    let unknown = text.replace("signature =", "expires = 1\nsignature =");
    assert!(reason(unknown.as_bytes()).contains("expires"));
    let short = text.replace("signature = \"", "signature = \"A");
    assert!(reason(short.as_bytes()).contains("86 characters"));
    let key = text.replace("key = \"ed25519:", "key = \"rsa:");
    assert!(reason(key.as_bytes()).starts_with("signature 1: a public key is written"));
    let entry = &text[text.find("[[signatures]]").unwrap()..];
    assert!(reason(format!("{text}{entry}").as_bytes()).ends_with("signs it twice"));
}

#[test]
fn too_many_signatures_are_neither_made_nor_read() {
    let package = slugify();
    let mut signatures = PackageSignatures::default();
    for _ in 0..8 {
        signatures.sign(&package.signed(), &key()).unwrap();
    }
    let error = signatures.sign(&package.signed(), &key()).unwrap_err();
    assert_eq!(error.to_string(), "`plugin.sig`: 8 have signed it already");
    let text = signatures.to_text();
    assert!(PackageSignatures::parse(text.as_bytes()).is_ok());
    let one = String::from_utf8(package.signatures(&[&key()])).unwrap();
    let ninth = &one[one.find("[[signatures]]").unwrap()..];
    let more = format!("{text}\n{ninth}");
    assert_eq!(reason(more.as_bytes()), "it has more than 8 signatures");
}

#[test]
fn a_file_that_cannot_be_read_is_no_missing_one() {
    let package = slugify();
    let rules = TrustRules::new(Signatures::Optional);
    let error = rules
        .judge(&package.signed(), Some(b"format = 1\nsignature = 3"))
        .unwrap_err();
    assert!(matches!(error, TrustError::Malformed { .. }), "{error}");
}

/// Rules that require `acme`'s signature.
fn rules(acme: &SecretKey) -> TrustRules {
    let mut rules = TrustRules::new(Signatures::Required);
    rules
        .trust(&publisher("acme"), acme.public_key(), &[])
        .unwrap();
    rules
}

proptest! {
    #[test]
    fn random_bytes_are_never_taken(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let acme = key();
        prop_assert!(rules(&acme).judge(&slugify().signed(), Some(&bytes)).is_err());
    }

    #[test]
    fn no_single_change_of_a_signature_is_taken(place in 0_usize..86, letter in "[A-Za-z0-9_-]") {
        let (acme, package) = (key(), slugify());
        let text = String::from_utf8(package.signatures(&[&acme])).unwrap();
        let start = text.find("signature = \"").unwrap() + "signature = \"".len();
        let mut changed = text.clone();
        changed.replace_range(start + place..=start + place, &letter);
        let verdict = rules(&acme).judge(&package.signed(), Some(changed.as_bytes()));
        prop_assert_eq!(verdict.is_ok(), changed == text);
    }
}
