use super::*;

fn store(folder: &Path) -> CodeStore {
    CodeStore::open(folder, ByteSize::mib(1), &Engine::default()).unwrap()
}

fn kept(store: &CodeStore) -> Digest {
    let digest = Digest::from_bytes([7; 32]);
    let mut draft = store.draft().unwrap();
    draft.file.write_all(b"code").unwrap();
    store.keep(&digest, &draft).unwrap();
    digest
}

#[test]
fn what_was_kept_is_checked_until_somebody_touches_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let digest = kept(&store);
    assert_eq!(store.standing(&digest), Standing::Checked);
    let other = Digest::from_bytes([8; 32]);
    assert_eq!(store.standing(&other), Standing::Absent);

    // Replaced by a file with the same content.
    let code = store.code(&digest);
    let copy = folder.path().join("copy");
    fs::copy(&code, &copy).unwrap();
    fs::rename(&copy, &code).unwrap();
    assert_eq!(store.standing(&digest), Standing::Doubtful);
    assert_eq!(store.check(&digest), Standing::Checked);
    assert_eq!(store.standing(&digest), Standing::Checked);

    fs::write(&code, b"c0de").unwrap();
    assert_eq!(store.standing(&digest), Standing::Doubtful);
    assert_eq!(store.check(&digest), Standing::Absent);
    assert!(!code.exists());
}

#[test]
fn a_link_is_no_code() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let digest = kept(&store);
    let code = store.code(&digest);
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&code, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &code).unwrap();
    assert_eq!(store.standing(&digest), Standing::Absent);
}

#[test]
fn drafts_that_nobody_keeps_go() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    drop(store.draft().unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_was_begun_long_ago_and_never_kept_goes() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let (old, new) = (store.draft().unwrap(), store.draft().unwrap());
    old.file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    CodeStore::open(folder.path(), ByteSize::mib(1), &Engine::default()).unwrap();
    assert!(!old.path.exists() && new.path.exists());
}

#[test]
fn code_under_the_name_of_another_component_is_not_its_code() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let digest = kept(&store);
    let other = Digest::from_bytes([8; 32]);
    for (from, to) in [
        (store.code(&digest), store.code(&other)),
        (store.record_path(&digest), store.record_path(&other)),
    ] {
        fs::rename(from, to).unwrap();
    }
    assert_eq!(store.standing(&other), Standing::Absent);
    assert_eq!(store.check(&other), Standing::Absent);
}

#[test]
fn a_folder_that_somebody_could_replace_is_not_used() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let around = tempfile::tempdir().unwrap();
    let inner = around.path().join("inner");
    let open = |folder: &Path| CodeStore::open(folder, ByteSize::mib(1), &Engine::default());
    let used = open(&inner).unwrap();
    let writable_by_all = fs::Permissions::from_mode(0o777);
    fs::set_permissions(around.path(), writable_by_all).unwrap();
    let error = open(&inner).err().unwrap();
    assert!(matches!(error.kind, CacheErrorKind::Replaceable { .. }));
    fs::set_permissions(around.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    assert!(open(&inner).is_ok());

    // A link is followed once, and not again when it leads elsewhere.
    let link = around.path().join("link");
    symlink(&inner, &link).unwrap();
    assert_eq!(open(&link).unwrap().folder, used.folder);
}

#[test]
fn why_a_folder_is_not_used_is_told_by_its_causes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = CodeStore::open(&file.join("in"), ByteSize::mib(1), &Engine::default());
    let error = error.err().unwrap();
    let place = file.join("in").display().to_string();
    assert!(error.to_string().contains(&place), "{error}");
    let mut causes = Vec::new();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    assert_eq!(causes.len(), 2, "{causes:?}");
    assert_eq!(causes[0], "it cannot be made or looked at");
    assert!(!error.to_string().contains(&causes[0]), "{error}");
}
