use jiff::Timestamp;
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, proptest,
};

use super::*;
use crate::key::KeyId;
use crate::row::RowProblem;

fn key(id: &str) -> MasterKey {
    MasterKey::generate(KeyId::parse(id).unwrap()).unwrap()
}

fn keys(ids: &[&str]) -> MasterKeys {
    MasterKeys::new(ids.iter().map(|id| key(id)).collect()).unwrap()
}

fn tenant(text: &str) -> TenantId {
    TenantId::parse(text).unwrap()
}

fn header(hosts: Option<Vec<String>>) -> Header {
    Header {
        r#type: "bearer".to_owned(),
        data_key: String::new(),
        hosts,
        node_types: None,
        created_at: Timestamp::UNIX_EPOCH,
        changed_at: Timestamp::UNIX_EPOCH,
        encrypted_at: Timestamp::UNIX_EPOCH,
    }
}

/// Reads what is written in a place.
fn read(keys: &MasterKeys, place: Place<'_>, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let row = Row::parse(bytes).map_err(|problem| format!("{problem:?}"))?;
    let fields = open(keys, place, &row).map_err(|error| error.to_string())?;
    Ok(fields.to_vec())
}

fn names() -> impl Strategy<Value = (String, String)> {
    ("[a-z0-9]{1,12}", "[A-Za-z0-9._-]{1,20}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_sealed_is_opened_and_nothing_of_it_shows(
        (whose, name) in names(),
        fields in proptest::collection::vec(any::<u8>(), 8..300),
    ) {
        let (keys, tenant) = (keys(&["k1"]), tenant(&whose));
        let place = Place { tenant: &tenant, name: &name };
        let row = seal(&keys, place, header(None), &fields).unwrap();
        let bytes = row.to_bytes();
        prop_assert_eq!(Row::parse(&bytes), Ok(row));
        prop_assert!(!bytes.windows(8).any(|part| part == &fields[..8]));
        prop_assert_eq!(read(&keys, place, &bytes), Ok(fields.clone()));
        // Each time another data key and other nonces.
        let again = seal(&keys, place, header(None), &fields).unwrap();
        prop_assert!(again.to_bytes() != bytes);
        prop_assert!(again.body != Row::parse(&bytes).unwrap().body);
    }

    #[test]
    fn every_cut_and_every_addition_is_refused(more in proptest::collection::vec(any::<u8>(), 1..20)) {
        let (keys, tenant) = (keys(&["k1"]), tenant("acme"));
        let place = Place { tenant: &tenant, name: "api" };
        let mut bytes = seal(&keys, place, header(None), b"{}").unwrap().to_bytes();
        for length in 0..bytes.len() {
            prop_assert!(read(&keys, place, &bytes[..length]).is_err(), "{} bytes", length);
        }
        bytes.extend(more);
        prop_assert!(read(&keys, place, &bytes).is_err());
    }

    #[test]
    fn bytes_that_nobody_wrote_are_refused(
        start in proptest::option::of(Just(b"JFC\x01\0\0".to_vec())),
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let tenant = tenant("acme");
        let place = Place { tenant: &tenant, name: "api" };
        let bytes = [start.unwrap_or_default(), bytes].concat();
        prop_assert!(read(&keys(&["k1"]), place, &bytes).is_err());
    }

    #[test]
    fn a_row_of_another_place_is_refused(one in names(), other in names()) {
        let keys = keys(&["k1"]);
        let (mine, theirs) = (tenant(&one.0), tenant(&other.0));
        let from = Place { tenant: &mine, name: &one.1 };
        let bytes = seal(&keys, from, header(None), b"{}").unwrap().to_bytes();
        // Each of the two by itself, and both.
        for to in [
            Place { tenant: &theirs, name: &one.1 },
            Place { tenant: &mine, name: &other.1 },
            Place { tenant: &theirs, name: &other.1 },
        ] {
            let is_same = to.tenant == from.tenant && to.name == from.name;
            prop_assert_eq!(read(&keys, to, &bytes).is_ok(), is_same, "{:?}", to);
        }
    }

    #[test]
    fn where_a_name_ends_and_another_begins_is_no_matter_of_opinion(text in "[a-z]{2,12}", at in 1_usize..11) {
        let at = at.min(text.len() - 1);
        let (keys, whole) = (keys(&["k1"]), tenant("acme"));
        let (start, end) = text.split_at(at);
        let shifted = tenant(&format!("acme{start}"));
        let from = Place { tenant: &whole, name: &text };
        let to = Place { tenant: &shifted, name: end };
        let bytes = seal(&keys, from, header(None), b"{}").unwrap().to_bytes();
        prop_assert!(read(&keys, to, &bytes).is_err());
    }
}

proptest! {
    // Each case tries every bit.
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn every_flipped_bit_is_refused(fields in proptest::collection::vec(any::<u8>(), 0..40)) {
        let (keys, tenant) = (keys(&["k1", "k2"]), tenant("acme"));
        let place = Place { tenant: &tenant, name: "api" };
        let hosts = Some(vec!["api.example.org".to_owned()]);
        let bytes = seal(&keys, place, header(hosts), &fields).unwrap().to_bytes();
        for at in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            prop_assert!(read(&keys, place, &flipped).is_err(), "bit {}", at);
        }
    }
}

#[test]
fn parts_of_rows_cannot_be_exchanged() {
    let (keys, tenant) = (keys(&["k1"]), tenant("acme"));
    let place = Place {
        tenant: &tenant,
        name: "api",
    };
    let bound = Some(vec!["api.example.org".to_owned()]);
    let one = seal(&keys, place, header(bound), b"{\"a\":1}").unwrap();
    let other = seal(&keys, place, header(None), b"{\"a\":2}").unwrap();
    let exchanges: [fn(&mut Row, &Row); 6] = [
        // Its binding, or all of its header.
        |row, other| {
            row.header.hosts = other.header.hosts.clone();
            row.header_bytes = serde_json::to_vec(&row.header).unwrap().into();
        },
        |row, other| {
            row.header = other.header.clone();
            row.header_bytes = other.header_bytes.clone();
        },
        // Its data key.
        |row, other| {
            row.wrapped = other.wrapped;
            row.wrap_nonce = other.wrap_nonce;
        },
        // What is in it.
        |row, other| {
            row.body = other.body.clone();
            row.nonce = other.nonce;
        },
        // What is in it with its data key, and so the binding of one with the fields of the other.
        |row, other| {
            row.body = other.body.clone();
            row.nonce = other.nonce;
            row.wrapped = other.wrapped;
            row.wrap_nonce = other.wrap_nonce;
        },
        |row, _| row.header.r#type = "basic".to_owned(),
    ];
    for (place_of, exchange) in exchanges.into_iter().enumerate() {
        let mut row = one.clone();
        exchange(&mut row, &other);
        assert!(open(&keys, place, &row).is_err(), "exchange {place_of}");
    }
    assert!(open(&keys, place, &one).is_ok());
}

#[test]
fn a_key_that_is_not_at_hand_or_another_one_is_told_by_its_name() {
    let tenant = tenant("acme");
    let place = Place {
        tenant: &tenant,
        name: "api",
    };
    let old = key("2024");
    let row = seal(
        &MasterKeys::new(vec![old.clone()]).unwrap(),
        place,
        header(None),
        b"{\"token\":\"s3cr3t\"}",
    )
    .unwrap();
    let error = open(&keys(&["2025", "2026"]), place, &row).unwrap_err();
    assert_eq!(
        error.to_string(),
        "credential `api` needs the master key `2024`, and there are `2025`, `2026`; give `2024` too, and rotate before it is taken away"
    );
    let error = open(&keys(&["2025", "2024"]), place, &row).unwrap_err();
    assert!(matches!(error, CredentialError::KeyWrong { .. }), "{error}");
    let shown = format!("{error} {error:?}");
    assert!(
        shown.contains("`2024`") && shown.contains("`2025`"),
        "{shown}"
    );
    assert!(!shown.contains("s3cr3t") && !shown.contains(old.to_text().expose()));

    // One that lies about which key it is.
    let liar = keys(&["2024"]);
    let mut forged = row.clone();
    forged.check = *liar.current().unwrap().check();
    let error = open(&liar, place, &forged).unwrap_err();
    assert!(matches!(error, CredentialError::Damaged { .. }), "{error}");
}

#[test]
fn a_data_key_goes_over_to_another_master_key_and_the_fields_stay() {
    let tenant = tenant("acme");
    let place = Place {
        tenant: &tenant,
        name: "api",
    };
    let (old, new) = (key("old"), key("new"));
    let before = MasterKeys::new(vec![old.clone()]).unwrap();
    let both = MasterKeys::new(vec![new.clone(), old]).unwrap();
    let after = MasterKeys::new(vec![new]).unwrap();
    let row = seal(&before, place, header(None), b"{}").unwrap();
    assert!(!is_current(&both, &row) && open(&both, place, &row).is_ok());
    let turned = rewrap(&both, place, &row).unwrap();
    assert!(is_current(&both, &turned) && turned.body == row.body);
    assert_eq!(**open(&after, place, &turned).unwrap(), *b"{}");
    assert!(open(&before, place, &turned).is_err());
    // What was altered is not made to look as if it were right.
    let mut altered = row;
    altered.body[0] ^= 1;
    assert!(rewrap(&both, place, &altered).is_err());
}

#[test]
fn another_format_is_told_from_damage() {
    let tenant = tenant("acme");
    let place = Place {
        tenant: &tenant,
        name: "api",
    };
    let mut bytes = seal(&keys(&["k"]), place, header(None), b"{}")
        .unwrap()
        .to_bytes();
    bytes[3] = 2;
    assert_eq!(Row::parse(&bytes), Err(RowProblem::Version(2)));
}
