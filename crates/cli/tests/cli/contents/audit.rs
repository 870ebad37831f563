//! Audit trails in the store.

use super::{done, json, run, said};
use crate::harness::{Folder, PEOPLE, code, show};

const RUN: [&str; 6] = ["run", "hello.json", "--tenant", "acme", "--input", PEOPLE];
const ACME: [&str; 2] = ["--tenant", "acme"];

#[test]
fn a_trail_is_written_shown_exported_and_verified() {
    let folder = Folder::with_hello();
    let as_ada = [&RUN[..], &["--user", "ada"]].concat();
    for round in 1..=2 {
        done(&folder, &as_ada);
        let shown = json(&folder, &[&["audit", "show"], &ACME[..]].concat());
        let records = shown.as_array().unwrap();
        let of = |action: &str| {
            let are_so = records.iter().filter(|record| record["action"] == action);
            are_so.count()
        };
        assert_eq!(of("nodeCalled"), 4 * round);
        assert_eq!(
            (of("executionStarted"), of("executionEnded")),
            (round, round)
        );
        assert_eq!(of("trailBegun"), 1);
        let called = records.iter().find(|one| one["action"] == "nodeCalled");
        assert_eq!(called.unwrap()["user"], "ada");
    }
    let verified = done(&folder, &["audit", "verify"]);
    assert!(verified.contains("acme: sound"), "{verified}");
    assert!(!verified.contains("default"), "{verified}");
    let exported = done(&folder, &[&["audit", "export"], &ACME[..]].concat());
    let lines: Vec<&str> = exported.lines().collect();
    assert!(lines.len() > 12 && lines[0].contains("trailBegun"));

    // What was noted down shows that the end is missing, or that there is none at all.
    let head = format!("99:{}", "0".repeat(64));
    let noted = ["audit", "verify", "--tenant", "acme", "--head", &head];
    let cut = run(&folder, &noted);
    assert_eq!(code(&cut), 1, "{}", show(&cut));
    let nobody = run(&folder, &["audit", "show", "--tenant", "nobody"]);
    assert_eq!(code(&nobody), 2);
    assert!(said(&nobody).contains("there is no audit trail of `nobody`"));
    let nowhere = folder.run(&["audit", "verify"]);
    assert_eq!(code(&nowhere), 2);
    assert!(said(&nowhere).contains("no audit trail is named"));
}

#[test]
fn what_is_asked_for_beside_executions_is_in_the_same_trail() {
    let folder = Folder::with_hello();
    done(&folder, &RUN);
    let policy = folder.path("policy.json");
    std::fs::write(policy, r#"{"blockedUsers": ["mallory"]}"#).unwrap();
    let set = ["policy", "set", "policy.json", "--user", "root"];
    done(&folder, &[&set[..], &ACME].concat());
    let mallory = [&RUN[..], &["--user", "mallory"]].concat();
    assert_eq!(code(&run(&folder, &mallory)), 3);
    done(&folder, &[&["policy", "remove"], &ACME[..]].concat());
    let shown = json(&folder, &[&["audit", "show"], &ACME[..]].concat());
    let find = |action: &str| {
        let records = shown.as_array().unwrap();
        let found = records.iter().find(|record| record["action"] == action);
        found.unwrap_or_else(|| panic!("{action}: {shown}"))
    };
    assert_eq!(find("policyChanged")["user"], "root");
    assert!(find("policyChanged")["note"].is_string());
    assert_eq!(find("policyRemoved")["decision"], "allowed");
    let refused = json(
        &folder,
        &[&["audit", "show", "--refused"], &ACME[..]].concat(),
    );
    assert_eq!(refused[0]["user"], "mallory");
    assert!(done(&folder, &["audit", "verify"]).contains("acme: sound"));
}

#[test]
fn a_folder_is_written_beside_the_store() {
    let folder = Folder::with_hello();
    done(&folder, &[&RUN[..], &["--audit", "trail"]].concat());
    done(&folder, &RUN);
    let count = |exported: &str| exported.lines().count();
    let kept = done(&folder, &[&["audit", "export"], &ACME[..]].concat());
    let beside = done(
        &folder,
        &[&["audit", "export", "trail"], &ACME[..]].concat(),
    );
    // The folder has one execution, and begins by itself.
    assert_eq!(count(&kept) - 1, 2 * (count(&beside) - 1));
    for place in [&["audit", "verify"][..], &["audit", "verify", "trail"]] {
        assert!(done(&folder, place).contains("acme: sound"));
    }
}

#[test]
fn a_trail_goes_on_only_with_the_key_that_it_was_begun_with() {
    let folder = Folder::with_hello()
        .file("key", "0123456789abcdef0123456789abcdef\n")
        .file("other", "fedcba9876543210fedcba9876543210");
    let key = ["--audit-key", "key"];
    done(&folder, &[&RUN[..], &key].concat());
    for wrong in [&[][..], &["--audit-key", "other"]] {
        let refused = run(&folder, &[&RUN[..], wrong].concat());
        assert_eq!(code(&refused), 2, "{}", show(&refused));
        assert!(said(&refused).contains("was begun with"));
        let verify = [&["audit", "verify"], wrong].concat();
        assert_eq!(code(&run(&folder, &verify)), 2);
    }
    // Nothing was run, and nothing was recorded.
    let listed = json(&folder, &[&["executions", "list"], &ACME[..]].concat());
    assert_eq!(listed["executions"].as_array().map_or(1, Vec::len), 1);
    done(&folder, &[&RUN[..], &key].concat());
    let verified = done(&folder, &[&["audit", "verify"], &key[..]].concat());
    assert!(verified.contains("acme: sound"), "{verified}");
}
