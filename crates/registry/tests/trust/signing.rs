//! Signing packages where they lie.

use std::fs;
use std::path::Path;

use jackfield_registry::discovery::{Package, PackageLimits};
use jackfield_registry::trust::{
    PublisherName, SIGNATURE_FILE, SecretKey, SignError, Signatures, SignedPackage, TrustError,
    TrustRules, sign_package,
};

use crate::scene::{key, publisher};

const MANIFEST: &str = "id = \"acme/slugify\"\nversion = \"1.0.0\"\ncontract = \"0.1\"\nentry = \"plugin.wasm\"\n\n[[nodeTypes]]\nnodeType = \"acme/slugify\"\ncategory = \"text\"\n";

/// A plugin in a folder, without digests and signatures.
fn folder(place: &Path) -> std::path::PathBuf {
    let folder = place.join("slugify");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("plugin.toml"), MANIFEST).unwrap();
    fs::write(folder.join("plugin.wasm"), "component").unwrap();
    folder
}

fn open(path: &Path) -> Package {
    Package::open(path, &PackageLimits::default()).unwrap()
}

fn sign(path: &Path, key: &SecretKey) -> Result<jackfield_types::PluginOrigin, SignError> {
    sign_package(path, key, &PackageLimits::default())
}

fn judge(path: &Path, key: &SecretKey) -> Result<Option<PublisherName>, TrustError> {
    let mut rules = TrustRules::new(Signatures::Required);
    rules
        .trust(&publisher("acme"), key.public_key(), &[])
        .unwrap();
    let package = open(path);
    let statement = SignedPackage {
        plugin: package.id(),
        version: package.version(),
        digest: package.digest(),
    };
    rules.judge(&statement, package.signature())
}

#[test]
fn folders_and_archives_are_signed_and_stay_what_they_are() {
    let place = tempfile::tempdir().unwrap();
    let folder = folder(place.path());
    let archive = place.path().join("slugify.jfp");
    fs::write(&archive, open(&folder).to_archive(None).unwrap()).unwrap();
    let (first, second) = (key(), key());
    for path in [&folder, &archive] {
        let before = *open(path).digest();
        assert!(matches!(
            judge(path, &first),
            Err(TrustError::UnsignedClaim { .. })
        ));
        let origin = sign(path, &first).unwrap();
        assert_eq!(origin.digest, before);
        assert_eq!(judge(path, &first), Ok(Some(publisher("acme"))));
        assert!(matches!(
            judge(path, &second),
            Err(TrustError::UnknownKey { .. })
        ));
        sign(path, &second).unwrap();
        for key in [&first, &second] {
            assert_eq!(judge(path, key), Ok(Some(publisher("acme"))));
        }
        assert_eq!(*open(path).digest(), before);
        open(path).verify().unwrap();
    }
    assert_eq!(
        open(&folder).signature().map(<[u8]>::len),
        open(&archive).signature().map(<[u8]>::len)
    );
}

#[test]
fn a_change_makes_signatures_wrong_until_it_is_signed_anew() {
    let place = tempfile::tempdir().unwrap();
    let folder = folder(place.path());
    let (mine, other) = (key(), key());
    sign(&folder, &other).unwrap();
    sign(&folder, &mine).unwrap();
    fs::write(folder.join("plugin.wasm"), "another component").unwrap();
    assert!(matches!(
        judge(&folder, &mine),
        Err(TrustError::Altered { .. })
    ));
    sign(&folder, &mine).unwrap();
    assert_eq!(judge(&folder, &mine), Ok(Some(publisher("acme"))));
    // Who does not sign again has not signed this.
    assert!(matches!(
        judge(&folder, &other),
        Err(TrustError::UnknownKey { .. })
    ));
}

#[test]
fn what_cannot_be_signed_stays_as_it_was() {
    let place = tempfile::tempdir().unwrap();
    let folder = folder(place.path());
    fs::write(folder.join(SIGNATURE_FILE), "format = 7").unwrap();
    let error = sign(&folder, &key()).unwrap_err();
    assert!(matches!(error, SignError::Signatures(_)), "{error}");
    let left = fs::read_to_string(folder.join(SIGNATURE_FILE)).unwrap();
    assert_eq!(left, "format = 7");
    fs::remove_file(folder.join("plugin.wasm")).unwrap();
    let error = sign(&folder, &key()).unwrap_err();
    assert!(matches!(error, SignError::Package(_)), "{error}");
}

#[cfg(unix)]
#[test]
fn who_could_read_a_package_still_can() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = tempfile::tempdir().unwrap();
    let archive = place.path().join("slugify.jfp");
    let packed = open(&folder(place.path())).to_archive(None).unwrap();
    fs::write(&archive, packed).unwrap();
    fs::set_permissions(&archive, fs::Permissions::from_mode(0o640)).unwrap();
    sign(&archive, &key()).unwrap();
    let mode = fs::metadata(&archive).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}
