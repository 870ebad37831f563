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
