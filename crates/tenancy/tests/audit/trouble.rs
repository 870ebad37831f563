#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]

use std::fs;
use std::time::Duration;

use jackfield_tenancy::{AuditAction, AuditError, AuditLog, AuditOptions};

use crate::scene::{Scene, call, tenant};

#[test]
fn records_that_cannot_be_written_are_kept_and_others_are_not_held_up() {
    let scene = Scene::new();
    let log = scene.open();
    // Something is in the way of the one file.
    fs::create_dir(scene.trail("acme")).unwrap();
    for number in 0..10 {
        log.tenant(&tenant("acme")).record(call(number));
        log.tenant(&tenant("globex")).record(call(number));
    }
    let Err(AuditError::Unwritten { records, source }) = log.flush() else {
        panic!("it was written");
    };
    assert_eq!(records, 11);
    assert!(source.to_string().contains("acme.ndjson"), "{source}");
    assert!(log.statistics().failures > 0);
    let Err(AuditError::Unwritten { records, .. }) = log.tenant(&tenant("acme")).read() else {
        panic!("it was written");
    };
    assert_eq!(records, 11);
    // What is in the way of one tenant's trail is nothing to another one.
    assert_eq!(log.tenant(&tenant("globex")).read().unwrap().count(), 11);
    assert_eq!(scene.records("globex").len(), 11);

    fs::remove_dir(scene.trail("acme")).unwrap();
    log.flush().unwrap();
    assert_eq!(log.statistics().lost, 0);
    assert_eq!(scene.records("acme").len(), 11);
    assert_eq!(scene.findings("acme"), [""; 0]);
}

/// How many records of a trail are calls, and how many it says are missing.
fn kept_and_missing(scene: &Scene) -> (u64, u64) {
    let (mut kept, mut missing) = (0, 0);
    for record in scene.records("acme") {
        if record.action == AuditAction::RecordsLost {
            let note = record.note.unwrap();
            missing += note.split_once(' ').unwrap().0.parse::<u64>().unwrap();
        }
        kept += u64::from(record.node.is_some());
    }
    (kept, missing)
}

#[test]
fn what_is_too_much_to_keep_is_counted_in_the_trail() {
    const CALLS: u64 = 20_000;
    let scene = Scene::new();
    let log = scene.open();
    fs::create_dir(scene.trail("acme")).unwrap();
    let audit = log.tenant(&tenant("acme"));
    for number in 0..CALLS {
        audit.record(call(number));
    }
    assert!(log.flush().is_err());
    let lost = log.statistics().lost;
    assert!(lost > 0);
    fs::remove_dir(scene.trail("acme")).unwrap();
    log.flush().unwrap();
    audit.record(call(CALLS));
    drop((audit, log));
    let (kept, missing) = kept_and_missing(&scene);
    assert_eq!((kept + missing, missing), (CALLS + 1, lost));
    assert_eq!(scene.findings("acme"), [""; 0]);
}

#[test]
fn records_that_find_no_room_are_counted_in_the_trail() {
    const CALLS: u64 = 5_000;
    let scene = Scene::with(AuditOptions {
        queue: 1.try_into().unwrap(),
        patience: Duration::ZERO,
        ..AuditOptions::default()
    });
    let log = scene.open();
    let audit = log.tenant(&tenant("acme"));
    for number in 0..CALLS {
        audit.record(call(number));
    }
    log.flush().unwrap();
    let lost = log.statistics().lost;
    drop((audit, log));
    assert_eq!(kept_and_missing(&scene), (CALLS - lost, lost));
    assert_eq!(scene.findings("acme"), [""; 0]);
}

#[test]
fn a_full_queue_makes_recorders_wait_rather_than_lose() {
    const CALLS: u64 = 5_000;
    let scene = Scene::with(AuditOptions {
        queue: 4.try_into().unwrap(),
        patience: Duration::from_secs(60),
        ..AuditOptions::default()
    });
    scene.record("acme", CALLS);
    assert_eq!(kept_and_missing(&scene), (CALLS, 0));
}

#[test]
fn a_folder_that_cannot_be_one_is_named() {
    let scene = Scene::new();
    let path = scene.folder().join("file");
    fs::write(&path, "").unwrap();
    let error = AuditLog::open(&path, scene.options.clone())
        .map(|_| ())
        .unwrap_err();
    assert!(error.to_string().contains("file"), "{error}");
}
