//! Trails in a store: several that write, answers that are lost, and lines that somebody changed.

#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jackfield_tenancy::{
    AuditAction, AuditError, AuditLog, AuditOptions, AuditReader, AuditRecord, AuditStore,
    AuditStoreError, AuditVerification, VerifyOptions, has_stored_audit, verify_audit,
    verify_stored_audit,
};
use jackfield_types::TenantId;

use crate::scene::{Scene, call, key, tenant};

/// Lines in memory. Calls can be made to fail.
#[derive(Default)]
struct Lines {
    trails: Mutex<HashMap<TenantId, Vec<Vec<u8>>>>,
    trouble: Mutex<Trouble>,
}

#[derive(Default)]
struct Trouble {
    /// So many appends fail.
    appends: u32,
    /// They add their lines all the same.
    adds: bool,
    /// Nothing is answered. So often it was asked all the same.
    silence: Option<u32>,
}

impl Lines {
    fn falter(&self, appends: u32, adds: bool) {
        *self.trouble.lock().unwrap() = Trouble {
            appends,
            adds,
            silence: None,
        };
    }

    /// Notes that it was asked, and does not answer if it is silent.
    fn asked(&self) -> Result<(), AuditStoreError> {
        let Some(asked) = &mut self.trouble.lock().unwrap().silence else {
            return Ok(());
        };
        *asked += 1;
        let reason = "it did not answer".to_owned();
        Err(AuditStoreError::Unanswered { reason })
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
        change(self.trails.lock().unwrap().get_mut(&tenant(name)).unwrap());
    }

    fn add(&self, tenant: &TenantId, lines: Vec<Vec<u8>>) {
        let mut trails = self.trails.lock().unwrap();
        trails.entry(tenant.clone()).or_default().extend(lines);
    }
}

impl AuditStore for Lines {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    fn read(
        &self,
        tenant: &TenantId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Vec<u8>>, AuditStoreError> {
        self.asked()?;
        let trails = self.trails.lock().unwrap();
        let lines = trails.get(tenant).map_or(&[][..], Vec::as_slice);
        let after = usize::try_from(after).unwrap().min(lines.len());
        // No more than three at once, as if they were large.
        let most = limit.min(3) as usize;
        Ok(lines[after..].iter().take(most).cloned().collect())
    }

    fn append(
        &self,
        tenant: &TenantId,
        after: u64,
        lines: Vec<Vec<u8>>,
    ) -> Result<(), AuditStoreError> {
        self.asked()?;
        let there = self.trails.lock().unwrap().get(tenant).map_or(0, Vec::len);
        if there as u64 != after {
            return Err(AuditStoreError::OutOfTurn);
        }
        let mut trouble = self.trouble.lock().unwrap();
        if trouble.appends > 0 {
            trouble.appends -= 1;
            if trouble.adds {
                self.add(tenant, lines);
            }
            let reason = "the connection broke".to_owned();
            return Err(AuditStoreError::Failed { reason });
        }
        self.add(tenant, lines);
        Ok(())
    }
}

fn store(lines: &Arc<Lines>) -> Arc<dyn AuditStore> {
    Arc::clone(lines) as Arc<dyn AuditStore>
}

fn open(lines: &Arc<Lines>) -> AuditLog {
    AuditLog::open_in(store(lines), None, AuditOptions::default()).unwrap()
}

fn keyed() -> AuditOptions {
    AuditOptions {
        key: Some(key(7)),
        ..AuditOptions::default()
    }
}

fn verify(lines: &Arc<Lines>, name: &str) -> AuditVerification {
    verify_stored_audit(&store(lines), &tenant(name), &VerifyOptions::default()).unwrap()
}

fn records(lines: &Arc<Lines>, name: &str) -> Vec<AuditRecord> {
    let reader = AuditReader::of_store(store(lines), &tenant(name));
    reader.map(Result::unwrap).collect()
}

/// How many records there are of each node that was called.
fn calls(lines: &Arc<Lines>, name: &str) -> HashMap<String, usize> {
    let mut calls = HashMap::new();
    for record in records(lines, name) {
        if let Some(node) = record.node {
            *calls.entry(node.to_string()).or_default() += 1;
        }
    }
    calls
}

#[test]
fn a_trail_in_a_store_is_a_chain_that_goes_on() {
    let lines = Arc::new(Lines::default());
    for round in 0..3 {
        let log = open(&lines);
        let audit = log.tenant(&tenant("acme"));
        for number in 0..10 {
            audit.record(call(round * 10 + number));
        }
        log.flush().unwrap();
        let read = audit.read().unwrap().map(Result::unwrap).count() as u64;
        assert_eq!(read, (round + 1) * 10 + 1);
    }
    let verified = verify(&lines, "acme");
    assert!(verified.is_sound(), "{:?}", verified.findings);
    assert_eq!(verified.lines, 31);
    let all = records(&lines, "acme");
    assert_eq!(all[0].action, AuditAction::TrailBegun);
    assert_eq!(all[30].sequence, 30);
    assert!(has_stored_audit(&*lines, &tenant("acme")).unwrap());
    assert!(!has_stored_audit(&*lines, &tenant("globex")).unwrap());
    let nobody = verify_stored_audit(&store(&lines), &tenant("globex"), &VerifyOptions::default());
    assert!(matches!(nobody, Err(AuditError::NoStoredTrail { .. })));
}

#[test]
fn several_that_write_to_a_trail_make_one_chain() {
    let lines = Arc::new(Lines::default());
    let logs: Vec<AuditLog> = (0..4).map(|_| open(&lines)).collect();
    std::thread::scope(|scope| {
        for (place, log) in logs.iter().enumerate() {
            scope.spawn(move || {
                let audit = log.tenant(&tenant("acme"));
                for number in 0..50 {
                    audit.record(call(place as u64 * 50 + number));
                    if number % 10 == 0 {
                        log.flush().unwrap();
                    }
                }
                log.flush().unwrap();
            });
        }
    });
    let verified = verify(&lines, "acme");
    assert!(verified.is_sound(), "{:?}", verified.findings);
    let calls = calls(&lines, "acme");
    assert_eq!(calls.len(), 200);
    assert!(calls.values().all(|times| *times == 1));
}

#[test]
fn what_was_not_answered_is_written_once() {
    for adds in [false, true] {
        let lines = Arc::new(Lines::default());
        let log = open(&lines);
        let audit = log.tenant(&tenant("acme"));
        audit.record(call(0));
        log.flush().unwrap();
        lines.falter(1, adds);
        audit.record(call(1));
        // It was tried when it was recorded, or is tried now; then once more.
        let first = log.flush();
        audit.record(call(2));
        let second = log.flush();
        assert!(second.is_ok(), "{first:?} {second:?}");
        let verified = verify(&lines, "acme");
        assert!(verified.is_sound(), "{:?}", verified.findings);
        let calls = calls(&lines, "acme");
        assert_eq!(calls.len(), 3, "{adds}");
        assert!(calls.values().all(|times| *times == 1), "{adds}: {calls:?}");
        assert_eq!(log.statistics().lost, 0);
    }
}

#[test]
fn a_store_that_is_gone_is_told_and_nothing_is_lost() {
    let lines = Arc::new(Lines::default());
    let log = open(&lines);
    lines.falter(u32::MAX, false);
    let (acme, globex) = (log.tenant(&tenant("acme")), log.tenant(&tenant("globex")));
    acme.record(call(0));
    globex.record(call(0));
    let error = log.flush().unwrap_err();
    assert!(matches!(error, AuditError::Unwritten { records: 2, .. }));
    assert!(matches!(
        acme.read(),
        Err(AuditError::Unwritten { records: 1, .. })
    ));
    lines.falter(0, false);
    log.flush().unwrap();
    assert_eq!(calls(&lines, "acme").len(), 1);
    assert!(verify(&lines, "globex").is_sound());
}

#[test]
fn what_was_changed_in_a_store_is_found() {
    let fresh = || {
        let lines = Arc::new(Lines::default());
        let log = open(&lines);
        let audit = log.tenant(&tenant("acme"));
        for number in 0..8 {
            audit.record(call(number));
        }
        log.flush().unwrap();
        lines
    };
    let head = verify(&fresh(), "acme").head.unwrap();
    assert_eq!(head.records, 9);
    let findings = |change: fn(&mut Vec<Vec<u8>>)| -> Vec<String> {
        let lines = fresh();
        lines.change("acme", change);
        let verified = verify(&lines, "acme");
        verified.findings.iter().map(ToString::to_string).collect()
    };
    let altered = findings(|lines| {
        let text = String::from_utf8(lines[4].clone()).unwrap();
        lines[4] = text.replace("allowed", "refused").into_bytes();
    });
    assert_eq!(altered, ["record 4 (line 5) was altered"]);
    let removed = findings(|lines| drop(lines.remove(3)));
    assert_eq!(removed, ["records 3 to 3 were removed"]);
    let reordered = findings(|lines| lines.swap(2, 3));
    assert_eq!(reordered, ["record 2 (line 4) is not in its place"]);

    // An end that was cut off is missed by whoever noted it.
    let lines = fresh();
    let noted = VerifyOptions {
        expected_head: verify(&lines, "acme").head,
        ..VerifyOptions::default()
    };
    lines.change("acme", |lines| lines.truncate(5));
    assert!(verify(&lines, "acme").is_sound());
    let verified = verify_stored_audit(&store(&lines), &tenant("acme"), &noted).unwrap();
    let found: Vec<_> = verified.findings.iter().map(ToString::to_string).collect();
    assert_eq!(found, ["the trail had 9 records and ends after 5"]);

    // One whose end cannot be read goes on, and says so.
    let lines = fresh();
    lines.change("acme", |lines| lines[8] = b"?".to_vec());
    let log = open(&lines);
    log.tenant(&tenant("acme")).record(call(9));
    log.flush().unwrap();
    let verified = verify(&lines, "acme");
    assert!(!verified.is_sound());
    let reader = AuditReader::of_store(store(&lines), &tenant("acme"));
    let read: Vec<_> = reader.filter_map(Result::ok).collect();
    assert_eq!(read[8].action, AuditAction::TrailRecovered);
    assert_eq!(read[9].sequence, 10);
}

#[test]
fn a_trail_is_continued_only_with_its_key() {
    let lines = Arc::new(Lines::default());
    let log = AuditLog::open_in(store(&lines), None, keyed()).unwrap();
    log.tenant(&tenant("acme")).record(call(0));
    log.flush().unwrap();
    let without = open(&lines);
    let error = without.check(&tenant("acme"), &AuditOptions::default());
    assert!(matches!(error, Err(AuditError::KeyMissing { .. })));
    assert!(
        without
            .check(&tenant("globex"), &AuditOptions::default())
            .is_ok()
    );
    assert!(log.check(&tenant("acme"), &keyed()).is_ok());
    without.tenant(&tenant("acme")).record(call(1));
    assert!(matches!(without.flush(), Err(AuditError::Unwritten { .. })));
    let options = VerifyOptions {
        key: Some(key(7)),
        expected_head: None,
    };
    let verified = verify_stored_audit(&store(&lines), &tenant("acme"), &options).unwrap();
    assert!(verified.is_sound());
    assert_eq!(verified.lines, 2);
}

#[test]
fn a_store_and_a_folder_both_have_all_of_it() {
    let scene = Scene::new();
    let lines = Arc::new(Lines::default());
    {
        let folder = Some(scene.folder());
        let log = AuditLog::open_in(store(&lines), folder, scene.options.clone()).unwrap();
        assert_eq!(log.folder(), Some(scene.folder()));
        let audit = log.tenant(&tenant("acme"));
        for number in 0..5 {
            audit.record(call(number));
        }
        // Whatever is wrong with one of them, the other one is written.
        lines.falter(u32::MAX, false);
        audit.record(call(5));
        assert!(log.flush().is_err());
        assert_eq!(scene.records("acme").len(), 7);
        lines.falter(0, false);
        log.flush().unwrap();
    }
    assert_eq!(records(&lines, "acme").len(), 7);
    assert!(verify(&lines, "acme").is_sound());
    let options = VerifyOptions::default();
    let verified = verify_audit(scene.folder(), &tenant("acme"), &options).unwrap();
    assert!(verified.is_sound(), "{:?}", verified.findings);
}

#[test]
fn a_log_that_is_dropped_does_not_wait_for_each_trail_of_a_silent_store() {
    let lines = Arc::new(Lines::default());
    let log = open(&lines);
    let audits: Vec<_> = (0..50)
        .map(|number| log.tenant(&tenant(&format!("tenant-{number}"))))
        .collect();
    lines.trouble.lock().unwrap().silence = Some(0);
    for audit in &audits {
        audit.record(call(0));
    }
    // All of them are in trouble, and each is tried; by itself not again before long.
    for _ in 0..10 {
        assert!(log.flush().is_err());
    }
    let asked = || lines.trouble.lock().unwrap().silence.unwrap();
    let before = asked();
    assert!(before >= 500);
    drop(audits);
    drop(log);
    assert!(asked() <= before + 2, "{} and {before}", asked());
}
