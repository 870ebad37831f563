//! Keys in folders.

use std::fs;

use jackfield_registry::trust::{KeyError, KeyFolder, KeyPair};

use crate::scene::{publisher, slugify};

#[test]
fn a_key_is_made_listed_and_signed_with() {
    let place = tempfile::tempdir().unwrap();
    let folder = KeyFolder::new(place.path().join("deep/keys"));
    assert_eq!(folder.list().unwrap(), []);
    let acme = folder.create(&publisher("acme")).unwrap();
    let other = folder.create(&publisher("a-test")).unwrap();
    fs::write(folder.path().join("README.txt"), "not a key").unwrap();
    fs::remove_file(folder.path().join("a-test.key")).unwrap();
    let expected =
        [("a-test", other, false), ("acme", acme, true)].map(|(name, public_key, has_secret)| {
            KeyPair {
                name: publisher(name),
                public_key,
                has_secret,
            }
        });
    assert_eq!(folder.list().unwrap(), expected);
    let line = fs::read_to_string(folder.path().join("acme.pub")).unwrap();
    assert_eq!(line, format!("{acme}\n"));
    let package = slugify();
    let secret = folder.secret_key(&publisher("acme")).unwrap();
    assert!(acme.verifies(&package.signed(), &secret.sign(&package.signed())));
    assert!(!other.verifies(&package.signed(), &secret.sign(&package.signed())));
}

#[test]
fn a_key_is_never_written_over() {
    let place = tempfile::tempdir().unwrap();
    let folder = KeyFolder::new(place.path());
    let first = folder.create(&publisher("acme")).unwrap();
    let error = folder.create(&publisher("acme")).unwrap_err();
    assert!(matches!(error, KeyError::Exists { .. }), "{error}");
    assert_eq!(folder.public_key(&publisher("acme")).unwrap(), first);
    fs::remove_file(place.path().join("acme.key")).unwrap();
    let error = folder.create(&publisher("acme")).unwrap_err();
    assert!(matches!(error, KeyError::Exists { .. }), "{error}");
    assert!(!place.path().join("acme.key").exists());
}

#[test]
fn what_is_missing_or_no_key_is_told_without_showing_it() {
    let place = tempfile::tempdir().unwrap();
    let folder = KeyFolder::new(place.path());
    let missing = folder.secret_key(&publisher("acme")).unwrap_err();
    assert!(matches!(missing, KeyError::Missing { .. }), "{missing}");
    folder.create(&publisher("acme")).unwrap();
    for content in ["hunter2", &"hunter2".repeat(1000)] {
        fs::write(place.path().join("acme.key"), content).unwrap();
        fs::write(place.path().join("acme.pub"), content).unwrap();
        for error in [
            folder.secret_key(&publisher("acme")).map(drop).unwrap_err(),
            folder.public_key(&publisher("acme")).map(drop).unwrap_err(),
            folder.list().map(drop).unwrap_err(),
        ] {
            assert!(matches!(error, KeyError::File { .. }), "{error}");
            assert!(!format!("{error:?}").contains("hunter2"));
        }
    }
}

#[cfg(unix)]
#[test]
fn a_secret_key_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = tempfile::tempdir().unwrap();
    let folder = KeyFolder::new(place.path().join("keys"));
    folder.create(&publisher("acme")).unwrap();
    let path = folder.path().join("acme.key");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(folder.path()), 0o700);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let error = folder.secret_key(&publisher("acme")).unwrap_err();
    assert!(error.to_string().ends_with("(its mode is 640)"), "{error}");
    assert!(error.hint().contains("chmod 600"));
}
