use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use jackfield_tenancy::{
    AuditAction, AuditDecision, AuditEntry, AuditError, AuditHash, AuditLog, AuditOptions,
    AuditReader, audited_tenants,
};
use jackfield_types::{ErrorCode, NodeName};
use sha2::{Digest, Sha256};

use crate::scene::{Scene, call, key, tenant};

#[test]
fn what_is_recorded_can_be_read_back() {
    let scene = Scene::new();
    let log = scene.open();
    let audit = log.tenant(&tenant("acme"));
    let refused = AuditEntry {
        error_code: Some(ErrorCode::TENANT_FORBIDDEN),
        ..AuditEntry::refused(AuditAction::NodeCalled, "not in allowedNodeTypes".into())
    };
    let called = call(1);
    audit.record(called.clone());
    audit.record(refused);
    let records: Vec<_> = audit.read().unwrap().map(Result::unwrap).collect();

    let actions: Vec<_> = records.iter().map(|record| record.action).collect();
    assert_eq!(
        actions,
        [
            AuditAction::TrailBegun,
            AuditAction::NodeCalled,
            AuditAction::NodeCalled
        ]
    );
    assert_eq!(records[0].format, Some(1));
    let read = &records[1];
    assert_eq!(read.user, called.user);
    assert_eq!(read.execution, called.execution);
    assert_eq!(read.node, called.node);
    assert_eq!(read.node_type, called.node_type);
    assert_eq!(read.version, called.version);
    assert_eq!(read.rule, called.rule);
    assert_eq!(read.outcome, called.outcome);
    assert_eq!(read.duration, Some(Duration::from_micros(1_250)));
    assert_eq!(records[2].decision, AuditDecision::Refused);
    assert_eq!(records[2].error_code, Some(ErrorCode::TENANT_FORBIDDEN));
    assert!(records.windows(2).all(|pair| pair[0].at <= pair[1].at));
    assert!(scene.verify("acme").is_sound());
}

#[test]
fn anybody_can_check_a_trail_with_nothing_but_sha_256() {
    let scene = Scene::new();
    scene.record("acme", 3);
    let mut previous = AuditHash::ZERO.to_string();
    for line in scene.lines("acme") {
        let (covered, rest) = line.rsplit_once(",\"hash\":\"").unwrap();
        let hash: String = Sha256::digest(covered)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(rest, format!("{hash}\"}}"));
        assert!(covered.ends_with(&format!("\"previous\":\"{previous}\"")));
        previous = hash;
    }
}

#[test]
fn a_record_is_written_in_one_way() {
    let scene = Scene::new();
    scene.record("acme", 1);
    let names = |line: &str| {
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(line).unwrap();
        object.keys().cloned().collect::<Vec<_>>().join(" ")
    };
    let lines = scene.lines("acme");
    assert_eq!(
        names(&lines[0]),
        "format sequence at tenant action decision previous hash"
    );
    assert_eq!(
        names(&lines[1]),
        "sequence at tenant user execution node nodeType version action decision rule outcome \
         duration previous hash"
    );
    assert!(lines[1].contains(r#""action":"nodeCalled","decision":"allowed""#));
    assert!(lines[1].contains(r#""duration":1.25,"#));
}

#[test]
fn a_tenants_trail_holds_nothing_of_another() {
    let scene = Scene::new();
    let log = scene.open();
    let (acme, globex) = (log.tenant(&tenant("acme")), log.tenant(&tenant("globex")));
    for number in 0..50 {
        acme.record(call(number));
        globex.record(call(1_000 + number));
    }
    let nodes: Vec<String> = acme
        .read()
        .unwrap()
        .filter_map(|record| record.unwrap().node)
        .map(|node| node.to_string())
        .collect();
    let own: Vec<String> = (0..50).map(|number| format!("call {number}")).collect();
    assert_eq!(nodes, own);
    assert_eq!(
        audited_tenants(scene.folder()).unwrap(),
        [tenant("acme"), tenant("globex")]
    );
    assert!(
        log.tenant(&tenant("initech"))
            .read()
            .unwrap()
            .next()
            .is_none()
    );
}

#[test]
fn tenants_whose_names_look_like_files_share_none() {
    let scene = Scene::new();
    let names = [
        "acme",
        "acme.head",
        "acme.ndjson",
        "acme.head.next",
        "audit",
        "audit.lock",
    ];
    for name in names {
        scene.record(name, 2);
    }
    for name in names {
        assert_eq!(scene.records(name).len(), 3, "{name}");
        assert!(scene.verify(name).is_sound(), "{name}");
    }
}

#[test]
fn a_trail_goes_on_where_it_ended() {
    for scene in [Scene::new(), Scene::keyed()] {
        scene.record("acme", 2);
        let before = scene.verify("acme");
        scene.record("acme", 2);
        let noted = before.head.unwrap().to_string();
        assert_eq!(scene.records("acme").len(), 5);
        assert_eq!(scene.verify_against("acme", Some(&noted)).findings, []);
    }
}

#[test]
fn many_threads_write_one_chain_in_their_order() {
    const THREADS: u64 = 8;
    const CALLS: u64 = 500;
    let scene = Scene::with(AuditOptions {
        queue: 64.try_into().unwrap(),
        open_files: 2.try_into().unwrap(),
        ..AuditOptions::default()
    });
    let log = scene.open();
    let barrier = Barrier::new(8);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (log, barrier) = (&log, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for number in 0..CALLS {
                    let audit = log.tenant(&tenant(&format!("t{}", number % 5)));
                    audit.record(call(thread * CALLS + number));
                }
            });
        }
    });
    log.flush().unwrap();
    assert_eq!(log.statistics().lost, 0);
    let mut calls = 0;
    for name in ["t0", "t1", "t2", "t3", "t4"] {
        assert_eq!(scene.findings(name), [""; 0]);
        let mut last_of_thread = [None; 8];
        for node in scene
            .records(name)
            .into_iter()
            .filter_map(|record| record.node)
        {
            let number: u64 = node.as_str()[5..].parse().unwrap();
            let last = &mut last_of_thread[usize::try_from(number / CALLS).unwrap()];
            assert!(*last < Some(number), "{name}: {number} came after {last:?}");
            *last = Some(number);
            calls += 1;
        }
    }
    assert_eq!(calls, THREADS * CALLS);
}

#[test]
fn a_second_log_on_the_same_folder_is_refused() {
    let scene = Scene::new();
    let log = scene.open();
    let second = AuditLog::open(scene.folder(), scene.options.clone());
    assert!(matches!(second, Err(AuditError::InUse { .. })));
    let audit = log.tenant(&tenant("acme"));
    drop(log);
    let still = AuditLog::open(scene.folder(), scene.options.clone());
    assert!(matches!(still, Err(AuditError::InUse { .. })));
    drop(audit);
    scene.open();
}

#[test]
fn a_trail_is_not_continued_with_another_key_or_none() {
    let scene = Scene::keyed();
    scene.record("acme", 1);
    let open = |key| {
        let options = AuditOptions {
            key,
            ..AuditOptions::default()
        };
        AuditLog::open(scene.folder(), options)
            .map(|_| ())
            .unwrap_err()
    };
    assert!(matches!(open(None), AuditError::KeyMissing { .. }));
    assert!(matches!(open(Some(key(8))), AuditError::OtherKey { .. }));
    let plain = Scene::new();
    plain.record("acme", 1);
    let options = scene.options.clone();
    let error = AuditLog::open(plain.folder(), options)
        .map(|_| ())
        .unwrap_err();
    assert!(matches!(error, AuditError::NotKeyed { .. }));
}

#[test]
fn a_key_is_never_shown() {
    let scene = Scene::keyed();
    scene.record("acme", 1);
    let shown = format!("{:?}", scene.options);
    assert!(
        shown.contains("[redacted]") && !shown.contains("7, 7"),
        "{shown}"
    );
    let short = jackfield_tenancy::AuditKey::parse(jackfield_types::Secret::new(vec![1; 15]));
    assert!(matches!(short, Err(AuditError::KeyTooShort { .. })));
}

#[test]
fn what_is_written_by_others_stays_on_its_line() {
    let scene = Scene::new();
    let log = scene.open();
    let audit = log.tenant(&tenant("acme"));
    let hostile = "x\n{\"sequence\":9}\r\u{2028}\u{1b}[2J\"},";
    audit.record(AuditEntry {
        node: Some(NodeName::parse(hostile).unwrap()),
        rule: Some("r".repeat(100_000).into()),
        note: Some("\u{1f510}".repeat(10_000).into()),
        ..AuditEntry::allowed(AuditAction::NodeCalled)
    });
    audit.record(call(1));
    let records: Vec<_> = audit.read().unwrap().map(Result::unwrap).collect();
    assert_eq!(records.len(), 3);
    assert_eq!(records[1].node.as_ref().unwrap().as_str(), hostile);
    assert!(records[1].rule.as_ref().unwrap().len() < 3_000);
    assert!(scene.verify("acme").is_sound());
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_a_trail() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new();
    scene.record("acme", 1);
    for path in [scene.trail("acme"), scene.head("acme")] {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
}

#[test]
fn a_reader_names_the_line_that_it_cannot_read_and_goes_on() {
    let scene = Scene::new();
    scene.record("acme", 3);
    let mut lines = scene.lines("acme");
    lines[1] = "not a record".to_owned();
    lines[2] = "x".repeat(100_000);
    scene.write_lines("acme", &lines);
    let read: Vec<_> = AuditReader::open(scene.folder(), &tenant("acme"))
        .unwrap()
        .collect();
    let unreadable: Vec<u64> = read
        .iter()
        .filter_map(|record| match record {
            Err(AuditError::Unreadable { line, .. }) => Some(*line),
            Ok(_) | Err(_) => None,
        })
        .collect();
    assert_eq!((read.len(), unreadable), (4, vec![2, 3]));
}
