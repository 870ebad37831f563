use std::fs::{self, OpenOptions};
use std::io::Write;

use jackfield_tenancy::AuditAction;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::scene::{Scene, call, tenant};

fn notes(scene: &Scene) -> Vec<String> {
    let recovered =
        |record: &jackfield_tenancy::AuditRecord| record.action == AuditAction::TrailRecovered;
    let records = scene.records("acme").into_iter().filter(recovered);
    records
        .filter_map(|record| record.note)
        .map(|note| note.to_string())
        .collect()
}

#[test]
fn a_record_that_a_crash_cut_off_is_taken_off_and_the_trail_says_so() {
    let scene = Scene::new();
    scene.record("acme", 2);
    let mut file = OpenOptions::new()
        .append(true)
        .open(scene.trail("acme"))
        .unwrap();
    file.write_all(br#"{"sequence":3,"at":"2026-"#).unwrap();
    assert_eq!(scene.findings("acme"), ["line 4 is cut off"]);
    scene.record("acme", 1);
    assert_eq!(
        notes(&scene),
        ["25 bytes of a record that was cut off were removed"]
    );
    assert_eq!(scene.records("acme").len(), 5);
    assert_eq!(scene.findings("acme"), [""; 0]);
}

#[test]
fn a_whole_record_without_its_line_feed_is_kept() {
    let scene = Scene::keyed();
    scene.record("acme", 2);
    let text = fs::read_to_string(scene.trail("acme")).unwrap();
    fs::write(scene.trail("acme"), text.trim_end()).unwrap();
    scene.record("acme", 1);
    assert_eq!(notes(&scene), ["the last record had no line feed"]);
    assert_eq!(scene.records("acme").len(), 5);
    assert_eq!(scene.findings("acme"), [""; 0]);
}

#[test]
fn a_head_that_lags_behind_after_a_crash_is_no_finding() {
    let scene = Scene::new();
    scene.record("acme", 2);
    let head = fs::read(scene.head("acme")).unwrap();
    scene.record("acme", 2);
    fs::write(scene.head("acme"), head).unwrap();
    assert_eq!(scene.findings("acme"), [""; 0]);
    scene.record("acme", 1);
    assert_eq!(notes(&scene), [""; 0]);
    assert_eq!(scene.findings("acme"), [""; 0]);
}

#[test]
fn records_cut_off_at_the_end_stay_missing_when_the_trail_goes_on() {
    let scene = Scene::keyed();
    scene.record("acme", 5);
    let lines = scene.lines("acme");
    scene.write_lines("acme", &lines[..3]);
    assert_eq!(
        scene.findings("acme"),
        ["the trail had 6 records and ends after 3"]
    );
    scene.record("acme", 1);
    assert_eq!(notes(&scene), ["the last 3 records are missing"]);
    assert_eq!(scene.findings("acme"), ["records 3 to 5 were removed"]);
}

#[test]
fn a_trail_that_is_emptied_or_removed_goes_on_where_its_head_says() {
    for remove in [false, true] {
        let scene = Scene::new();
        scene.record("acme", 2);
        if remove {
            fs::remove_file(scene.trail("acme")).unwrap();
        } else {
            fs::write(scene.trail("acme"), "").unwrap();
        }
        scene.record("acme", 1);
        assert_eq!(
            scene.findings("acme"),
            ["records 0 to 2 were removed"],
            "{remove}"
        );
    }
}

#[test]
fn a_damaged_end_keeps_nobody_from_recording() {
    for head in [true, false] {
        let scene = Scene::keyed();
        scene.record("acme", 2);
        let mut lines = scene.lines("acme");
        lines[2] = lines[2].replace("call 1", "call 7");
        scene.write_lines("acme", &lines);
        if !head {
            fs::remove_file(scene.head("acme")).unwrap();
        }
        scene.record("acme", 1);
        assert_eq!(notes(&scene).len(), 1);
        let findings = scene.findings("acme");
        assert_eq!(findings[0], "record 2 (line 3) was altered", "{head}");
        let nodes = scene
            .records("acme")
            .into_iter()
            .filter_map(|record| record.node);
        assert_eq!(nodes.last().unwrap().as_str(), "call 0");
    }
}

#[test]
fn a_flood_of_bytes_at_the_end_becomes_a_line_of_its_own() {
    let scene = Scene::new();
    scene.record("acme", 2);
    let mut file = OpenOptions::new()
        .append(true)
        .open(scene.trail("acme"))
        .unwrap();
    file.write_all(&[b'x'; 300_000]).unwrap();
    scene.record("acme", 1);
    let lines = scene.lines("acme");
    assert_eq!((lines.len(), lines[3].len()), (6, 300_000));
    assert_eq!(
        scene.findings("acme"),
        ["line 4 is no record: it is too long"]
    );
    assert!(lines[4].contains("the last line is far too long for a record"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A crash can stop the writing at any byte, and what was whole before is kept.
    #[test]
    fn a_trail_cut_at_any_byte_is_continued(cut in 0_usize..10_000, head in any::<bool>()) {
        let scene = Scene::new();
        scene.record("acme", 1);
        let settled = fs::read(scene.trail("acme")).unwrap().len();
        let old_head = fs::read(scene.head("acme")).unwrap();
        scene.record("acme", 3);
        let bytes = fs::read(scene.trail("acme")).unwrap();
        let cut = settled + cut % (bytes.len() - settled + 1);
        fs::write(scene.trail("acme"), &bytes[..cut]).unwrap();
        if head {
            fs::write(scene.head("acme"), old_head).unwrap();
        }
        let whole = bytes[..cut].iter().filter(|b| **b == b'\n').count();
        let audit = scene.open().tenant(&tenant("acme"));
        audit.record(call(77));
        drop(audit);
        let records = scene.records("acme");
        prop_assert!(records.len() > whole);
        prop_assert_eq!(records.last().unwrap().node.as_ref().unwrap().as_str(), "call 77");
        let findings = scene.findings("acme");
        if head {
            prop_assert_eq!(findings, [""; 0]);
        } else {
            // Then the head shows that more had been written.
            prop_assert!(findings.iter().all(|finding| finding.contains("were removed")));
        }
    }
}

#[test]
fn a_head_that_leaves_no_room_for_records_stops_nobody() {
    let scene = Scene::new();
    scene.record("acme", 2);
    // Without a key anybody who may write the file can seal it.
    let text = fs::read_to_string(scene.head("acme")).unwrap();
    let text = text.replace("\"records\":3", &format!("\"records\":{}", u64::MAX));
    let (covered, _) = text.rsplit_once(",\"hash\":\"").unwrap();
    let hash: String = Sha256::digest(covered)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    fs::write(
        scene.head("acme"),
        format!("{covered},\"hash\":\"{hash}\"}}\n"),
    )
    .unwrap();
    let log = scene.open();
    log.tenant(&tenant("acme")).record(call(0));
    log.tenant(&tenant("globex")).record(call(0));
    log.flush().unwrap();
    drop(log);
    assert_eq!(scene.records("globex").len(), 2);
    assert_eq!(
        notes(&scene),
        [format!("the last {} records are missing", u64::MAX - 3)]
    );
    assert_ne!(scene.findings("acme"), [""; 0]);
}
