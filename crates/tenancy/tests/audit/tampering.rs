use std::fs;

use jackfield_tenancy::{AuditError, VerifyOptions, audited_tenants, verify_audit};
use proptest::prelude::*;

use crate::scene::{Scene, key, tenant};

/// Changes the lines of a trail of six records, and says what verifying finds.
fn after(keyed: bool, change: impl FnOnce(&mut Vec<String>)) -> Vec<String> {
    let scene = if keyed { Scene::keyed() } else { Scene::new() };
    scene.record("acme", 5);
    assert_eq!(scene.findings("acme"), [""; 0]);
    let mut lines = scene.lines("acme");
    change(&mut lines);
    scene.write_lines("acme", &lines);
    scene.findings("acme")
}

#[test]
fn each_way_of_tampering_is_found_and_named() {
    for keyed in [false, true] {
        let altered = after(keyed, |lines| {
            lines[2] = lines[2].replace("call 1", "call 9");
        });
        assert_eq!(altered, ["record 2 (line 3) was altered"]);
        let last = after(keyed, |lines| {
            lines[5] = lines[5].replace("call 4", "call 9");
        });
        assert_eq!(last, ["record 5 (line 6) was altered"]);
        let first = after(keyed, |lines| {
            lines[0] = lines[0].replace("allowed", "refused");
        });
        assert_eq!(first, ["record 0 (line 1) was altered"]);
        let number = after(keyed, |lines| {
            lines[3] = lines[3].replace("\"sequence\":3", "\"sequence\":4000");
        });
        assert_eq!(number, ["record 3 (line 4) was altered"]);

        let removed = after(keyed, |lines| drop(lines.drain(2..4)));
        assert_eq!(removed, ["records 2 to 3 were removed"]);
        let beginning = after(keyed, |lines| drop(lines.drain(..2)));
        assert_eq!(beginning, ["records 0 to 1 were removed"]);
        let cut = after(keyed, |lines| lines.truncate(4));
        assert_eq!(cut, ["the trail had 6 records and ends after 4"]);
        let emptied = after(keyed, Vec::clear);
        assert_eq!(emptied, ["the trail had 6 records and ends after 0"]);

        let swapped = after(keyed, |lines| lines.swap(2, 3));
        assert_eq!(swapped, ["record 2 (line 4) is not in its place"]);
        let moved = after(keyed, |lines| {
            let line = lines.remove(1);
            lines.push(line);
        });
        assert_eq!(moved, ["record 1 (line 6) is not in its place"]);
        let repeated = after(keyed, |lines| lines.insert(3, lines[1].clone()));
        assert_eq!(repeated, ["record 1 is there again in line 4"]);

        let unreadable = after(keyed, |lines| lines[2] = "{}".to_owned());
        assert!(
            unreadable[0].starts_with("line 3 is no record: "),
            "{unreadable:?}"
        );
        assert_eq!(unreadable.len(), 1);
        let inserted = after(keyed, |lines| lines.insert(2, "x".repeat(70_000)));
        assert_eq!(inserted, ["line 3 is no record: it is too long"]);
        let last = after(keyed, |lines| lines[5] = String::new());
        assert!(last[0].starts_with("line 6 is no record: ") && last.len() == 1);
    }
}

#[test]
fn several_changes_are_all_found() {
    let findings = after(true, |lines| {
        lines[4] = lines[4].replace("\"ada", "\"eve");
        lines.remove(3);
        lines.remove(1);
    });
    assert_eq!(
        findings,
        [
            "record 4 (line 3) was altered",
            "records 1 to 1 were removed",
            "records 3 to 3 were removed"
        ]
    );
}

#[test]
fn a_record_of_another_tenant_is_foreign_though_it_is_sealed() {
    let scene = Scene::keyed();
    scene.record("acme", 3);
    scene.record("globex", 3);
    let mut lines = scene.lines("acme");
    lines[2] = scene.lines("globex")[2].clone();
    scene.write_lines("acme", &lines);
    assert_eq!(
        scene.findings("acme"),
        [
            "line 3 is a record of the tenant `globex`",
            "records 2 to 2 were removed"
        ]
    );
}

#[test]
fn a_whole_trail_of_another_tenant_is_foreign() {
    let scene = Scene::keyed();
    scene.record("acme", 2);
    scene.record("globex", 2);
    fs::copy(scene.trail("globex"), scene.trail("acme")).unwrap();
    fs::copy(scene.head("globex"), scene.head("acme")).unwrap();
    let findings = scene.findings("acme");
    assert_eq!(findings.len(), 4, "{findings:?}");
    assert!(findings[3].starts_with("the head of the trail was altered"));
}

#[test]
fn the_head_shows_what_it_can_and_its_own_absence() {
    let scene = Scene::new();
    scene.record("acme", 3);
    fs::write(scene.head("acme"), "{}").unwrap();
    assert!(scene.findings("acme")[0].starts_with("the head of the trail was altered"));
    fs::remove_file(scene.head("acme")).unwrap();
    assert!(scene.findings("acme")[0].starts_with("the head of the trail is missing"));
}

#[test]
fn a_trail_that_was_removed_is_missed_as_long_as_its_head_is_there() {
    let scene = Scene::new();
    scene.record("acme", 3);
    fs::remove_file(scene.trail("acme")).unwrap();
    assert_eq!(audited_tenants(scene.folder()).unwrap(), [tenant("acme")]);
    assert_eq!(
        scene.findings("acme"),
        ["the trail had 4 records and ends after 0"]
    );
}

#[test]
fn a_chain_made_anew_is_shown_by_a_head_that_was_noted_elsewhere() {
    let scene = Scene::new();
    scene.record("acme", 3);
    let noted = scene.verify("acme").head.unwrap().to_string();
    for name in [scene.trail("acme"), scene.head("acme")] {
        fs::remove_file(name).unwrap();
    }
    scene.record("acme", 4);
    assert!(scene.verify("acme").is_sound());
    let findings = scene.verify_against("acme", Some(&noted)).findings;
    assert_eq!(
        findings[0].to_string(),
        "record 3 is not the one that was noted: the trail was made anew"
    );
}

#[test]
fn an_older_trail_put_back_is_shown_by_a_head_that_was_noted_elsewhere() {
    let scene = Scene::keyed();
    scene.record("acme", 3);
    let old =
        [scene.trail("acme"), scene.head("acme")].map(|path| (fs::read(&path).unwrap(), path));
    scene.record("acme", 3);
    let noted = scene.verify("acme").head.unwrap().to_string();
    for (bytes, path) in old {
        fs::write(path, bytes).unwrap();
    }
    assert!(scene.verify("acme").is_sound());
    let findings = scene.verify_against("acme", Some(&noted)).findings;
    assert_eq!(
        findings[0].to_string(),
        "the trail had 7 records and ends after 4"
    );
}

#[test]
fn a_trail_is_verified_with_its_own_key_only() {
    let scene = Scene::keyed();
    scene.record("acme", 1);
    let with = |key| {
        let options = VerifyOptions {
            key,
            expected_head: None,
        };
        verify_audit(scene.folder(), &tenant("acme"), &options).unwrap_err()
    };
    assert!(matches!(with(None), AuditError::KeyMissing { .. }));
    assert!(matches!(with(Some(key(8))), AuditError::OtherKey { .. }));
    let nobody = verify_audit(scene.folder(), &tenant("nobody"), &VerifyOptions::default());
    assert!(matches!(nobody, Err(AuditError::NoTrail { .. })));
}

#[test]
fn a_keyed_trail_replaced_by_one_without_a_key_does_not_verify() {
    let scene = Scene::new();
    scene.record("acme", 1);
    let options = VerifyOptions {
        key: Some(key(7)),
        expected_head: None,
    };
    let error = verify_audit(scene.folder(), &tenant("acme"), &options).unwrap_err();
    assert!(matches!(error, AuditError::NotKeyed { .. }));
}

#[test]
fn a_flood_of_findings_is_bounded() {
    let scene = Scene::new();
    scene.record("acme", 3);
    let mut lines = scene.lines("acme");
    lines.extend((0..5_000).map(|_| "x".to_owned()));
    scene.write_lines("acme", &lines);
    assert_eq!(scene.verify("acme").findings.len(), 1_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// No byte of a trail can be changed, whatever it is and to whatever.
    #[test]
    fn a_changed_byte_is_found(place in 0_usize..100_000, to in any::<u8>(), keyed in any::<bool>()) {
        let scene = if keyed { Scene::keyed() } else { Scene::new() };
        scene.record("acme", 3);
        let mut bytes = fs::read(scene.trail("acme")).unwrap();
        let place = place % bytes.len();
        prop_assume!(bytes[place] != to);
        bytes[place] = to;
        fs::write(scene.trail("acme"), bytes).unwrap();
        let options = VerifyOptions { key: scene.options.key.clone(), expected_head: None };
        let verified = verify_audit(scene.folder(), &tenant("acme"), &options);
        prop_assert!(!verified.is_ok_and(|verified| verified.is_sound()));
    }

    /// Any other order of any of the lines, repeated or not, is found.
    #[test]
    fn another_selection_of_lines_is_found(order in prop::collection::vec(0_usize..6, 0..8)) {
        let scene = Scene::new();
        scene.record("acme", 5);
        let lines = scene.lines("acme");
        let changed: Vec<String> = order.iter().map(|place| lines[*place].clone()).collect();
        prop_assume!(changed != lines);
        scene.write_lines("acme", &changed);
        prop_assert!(!scene.verify("acme").is_sound());
    }

    /// Whatever stands in a trail and its head, verifying, reading and continuing it do not panic.
    #[test]
    fn any_bytes_can_be_verified_and_continued(
        trail in prop::collection::vec(any::<u8>(), 0..400),
        head in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let scene = Scene::new();
        fs::write(scene.trail("acme"), trail).unwrap();
        fs::write(scene.head("acme"), head).unwrap();
        prop_assert!(!scene.verify("acme").is_sound());
        scene.record("acme", 1);
        let reader = jackfield_tenancy::AuditReader::open(scene.folder(), &tenant("acme")).unwrap();
        prop_assert!(reader.filter_map(Result::ok).any(|record| record.node.is_some()));
    }
}
