use std::sync::Arc;

use jackfield_definition::SourceText;
use jackfield_registry::Registry;
use jackfield_registry::discovery::LockFile;
use tempfile::TempDir;

use crate::support::{discover, folder, host, manifest, options, refusals, registered};

fn parse(text: &str) -> Result<LockFile, String> {
    let source = SourceText::new("jackfield.lock", text);
    LockFile::parse(&source).map_err(|found| found.to_string())
}

#[test]
fn what_is_written_is_read_back() {
    let root = TempDir::new().unwrap();
    folder(root.path(), "a", &manifest("acme/a", "1.0.0"));
    folder(root.path(), "b", &manifest("acme/b", "2.0.0-rc.1+build"));
    let report = discover(&Registry::new(), root.path(), &options(&host()));
    let mut lock = LockFile::new();
    for one in &report.registered {
        lock.pin(&one.origin);
    }
    let text = lock.to_toml();
    assert_eq!(parse(&text), Ok(lock.clone()));
    assert_eq!(text.matches("[[plugin]]").count(), 2);
    lock.release(&"acme/a".parse().unwrap(), None);
    assert_eq!(lock.pins().count(), 1);
}

#[test]
fn only_what_is_pinned_is_taken_and_only_with_its_digest() {
    let root = TempDir::new().unwrap();
    folder(root.path(), "a", &manifest("acme/a", "1.0.0"));
    folder(root.path(), "b", &manifest("acme/b", "1.0.0"));
    let host = host();
    let report = discover(&Registry::new(), root.path(), &options(&host));
    let mut lock = LockFile::new();
    for one in &report.registered {
        lock.pin(&one.origin);
    }
    folder(
        root.path(),
        "b",
        &manifest("acme/b", "1.0.0").replace("test", "changed"),
    );
    folder(root.path(), "c", &manifest("acme/c", "1.0.0"));
    let locked = options(&host).lock(Arc::new(lock));
    let report = discover(&Registry::new(), root.path(), &locked);
    assert_eq!(registered(&report), ["acme/a 1.0.0"]);
    let refused = refusals(&report);
    assert!(
        refused[0].starts_with("b: INVALID_PACKAGE its digest is sha256:"),
        "{refused:?}"
    );
    assert_eq!(
        refused[1],
        "c: INVALID_PACKAGE `acme/c` 1.0.0 is not pinned in the lock file"
    );
}

#[test]
fn a_wrong_lock_file_is_refused_with_places() {
    let digest = format!("sha256:{}", "0".repeat(64));
    let pin = format!("[[plugin]]\nid = \"a/b\"\nversion = \"1.0.0\"\ndigest = \"{digest}\"\n");
    for (text, mistake) in [
        (String::new(), "the lock file has no `version`"),
        (
            "version = 2\n".to_owned(),
            "form 2 of lock files is not known here",
        ),
        (
            format!("version = 1\n{pin}{pin}"),
            "`a/b` 1.0.0 is pinned twice",
        ),
        (
            format!("version = 1\n{}", pin.replace("sha256", "md5")),
            "a digest is written",
        ),
        (
            format!("version = 1\n{}", pin.replace("id", "name")),
            "has no field `name`",
        ),
    ] {
        let found = parse(&text).unwrap_err();
        assert!(
            found.contains(mistake) && found.contains("jackfield.lock:"),
            "{found}"
        );
    }
}
