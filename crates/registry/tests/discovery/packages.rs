use std::fs;

use jackfield_registry::discovery::{Package, PackageForm, PackageLimits, PackagePath, sha256};
use jackfield_types::ByteSize;
use tempfile::TempDir;

use crate::support::{folder, manifest, one};

fn open(path: &std::path::Path) -> Result<Package, String> {
    Package::open(path, &PackageLimits::default()).map_err(|error| error.kind.to_string())
}

#[test]
fn a_folder_and_what_is_packed_of_it_have_the_same_digest() {
    let (root, path) = one(&manifest("acme/a", "1.0.0"));
    let package = open(&path).unwrap();
    let packed = package.to_archive(None).unwrap();
    assert_eq!(packed, package.to_archive(None).unwrap());
    let file = root.path().join("a.jfp");
    fs::write(&file, &packed).unwrap();
    let archive = open(&file).unwrap();
    assert_eq!(archive.form(), PackageForm::Archive);
    assert_eq!(archive.digest(), package.digest());
    archive.verify().unwrap();
    assert_eq!(archive.to_archive(None).unwrap(), packed);
    let entry = PackagePath::parse("plugin.wasm").unwrap();
    let component = fs::read(path.join("plugin.wasm")).unwrap();
    assert_eq!(archive.read(&entry).unwrap(), component);
    assert_eq!(archive.digests()[&entry], sha256(&component));
    // Where and when it was packed makes no difference.
    let (_elsewhere, other) = one(&manifest("acme/a", "1.0.0"));
    assert_eq!(open(&other).unwrap().to_archive(None).unwrap(), packed);
}

#[test]
fn a_signature_comes_and_goes_with_the_package_and_changes_no_digest() {
    let (root, path) = one(&manifest("acme/a", "1.0.0"));
    let package = open(&path).unwrap();
    let file = root.path().join("a.jfp");
    fs::write(&file, package.to_archive(Some(b"signed")).unwrap()).unwrap();
    let archive = open(&file).unwrap();
    assert_eq!(archive.signature(), Some(&b"signed"[..]));
    assert_eq!(archive.digest(), package.digest());
    archive.verify().unwrap();
    fs::write(path.join("plugin.sig"), "signed").unwrap();
    assert_eq!(open(&path).unwrap().signature(), Some(&b"signed"[..]));
}

#[test]
fn node_types_may_be_described_in_files_of_their_own() {
    let whole = manifest("acme/a", "1.0.0");
    let (root, path) = one(&whole.replace(
        "category = \"test\"",
        "category = \"test\"\nschemaFile = \"schema.json\"",
    ));
    fs::write(path.join("plugin.wasm"), "[]").unwrap();
    assert_eq!(
        open(&path).unwrap_err(),
        "`schema.json` is named in the manifest and is not there"
    );
    fs::write(path.join("schema.json"), r#"{"type": "object"}"#).unwrap();
    let package = open(&path).unwrap();
    let schema = package.manifest().node_types()[0].schema.as_ref().unwrap();
    assert_eq!(schema["type"], "object");
    let file = root.path().join("a.jfp");
    fs::write(&file, package.to_archive(None).unwrap()).unwrap();
    assert_eq!(
        open(&file).unwrap().manifest().node_types(),
        package.manifest().node_types()
    );

    let head = whole.split("\n[[").next().unwrap();
    let path = folder(
        root.path(),
        "two",
        &format!("{head}nodeTypesFile = \"describe.json\"\n"),
    );
    let described =
        r#"{"contract": "0.1", "nodeTypes": [{"nodeType": "acme/a", "category": "x"}]}"#;
    fs::write(path.join("describe.json"), described).unwrap();
    assert_eq!(
        open(&path).unwrap().manifest().node_types()[0].category,
        "x"
    );
    fs::write(
        path.join("describe.json"),
        "{\n  \"nodeTypes\": [\n    {\"nodeType\": 3}]}",
    )
    .unwrap();
    let error = Package::open(&path, &PackageLimits::default()).unwrap_err();
    let found = std::error::Error::source(&error).unwrap().to_string();
    assert!(found.contains("describe.json:3:"), "{found}");
}

#[test]
fn a_file_that_changes_under_our_hands_is_not_served() {
    let (_root, path) = one(&manifest("acme/a", "1.0.0"));
    let package = open(&path).unwrap();
    let entry = PackagePath::parse("plugin.wasm").unwrap();
    fs::write(path.join("plugin.wasm"), "other").unwrap();
    let error = package.read(&entry).unwrap_err().kind.to_string();
    assert!(
        error.starts_with("`plugin.wasm` has the digest sha256:"),
        "{error}"
    );
    assert!(package.verify().is_err() && package.to_archive(None).is_err());
    let component = package.component(None);
    assert!(component.read().is_err());
    fs::remove_file(path.join("plugin.wasm")).unwrap();
    let error = package.read(&entry).unwrap_err().kind.to_string();
    assert_eq!(
        error,
        "`plugin.wasm` is named in the manifest and is not there"
    );
    let stranger = PackagePath::parse("other.wasm").unwrap();
    let error = package.read(&stranger).unwrap_err().kind.to_string();
    assert_eq!(
        error,
        "`other.wasm` is not among the `digests` of the manifest"
    );
}

#[test]
fn a_manifest_that_changes_under_our_hands_is_not_packed() {
    let (_root, path) = one(&manifest("acme/a", "1.0.0"));
    let package = open(&path).unwrap();
    fs::write(path.join("plugin.toml"), manifest("acme/a", "1.0.1")).unwrap();
    let error = package.to_archive(None).unwrap_err().kind.to_string();
    assert!(
        error.starts_with("it was changed since it was found"),
        "{error}"
    );
}

#[test]
fn digests_are_those_of_just_the_files_that_are_named() {
    let whole = manifest("acme/a", "1.0.0");
    let zeros = "0".repeat(64);
    let (_root, path) = one(&format!(
        "{whole}\n[digests]\n\"other\" = \"sha256:{zeros}\"\n"
    ));
    let error = Package::open(&path, &PackageLimits::default()).unwrap_err();
    let found = std::error::Error::source(&error).unwrap().to_string();
    assert!(
        found.contains("`digests` has none of `plugin.wasm`"),
        "{found}"
    );
    assert!(found.contains("`other` is named nowhere else"), "{found}");
    let (_root, path) = one(&format!(
        "{whole}\n[digests]\n\"plugin.wasm\" = \"sha256:{zeros}\"\n"
    ));
    // Nothing but the manifest was read yet.
    let package = open(&path).unwrap();
    assert!(package.verify().is_err());
}

#[cfg(unix)]
#[test]
fn links_and_pipes_in_a_folder_are_refused_and_kept_from_waiting() {
    use std::os::unix::fs::symlink;
    let (root, path) = one(&manifest("acme/a", "1.0.0"));
    let component = path.join("plugin.wasm");
    fs::rename(&component, root.path().join("elsewhere")).unwrap();
    symlink(root.path().join("elsewhere"), &component).unwrap();
    assert_eq!(
        open(&path).unwrap_err(),
        "`plugin.wasm`: it is a link, or behind one"
    );
    fs::remove_file(&component).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &component,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    assert_eq!(open(&path).unwrap_err(), "`plugin.wasm`: it is no file");
    fs::remove_file(&component).unwrap();
    fs::create_dir(&component).unwrap();
    assert_eq!(open(&path).unwrap_err(), "`plugin.wasm`: it is no file");
}

#[test]
fn what_is_too_large_is_refused() {
    let root = TempDir::new().unwrap();
    let path = folder(
        root.path(),
        "large",
        &format!("# {}\n", "x".repeat(2 << 20)),
    );
    assert_eq!(
        open(&path).unwrap_err(),
        "`plugin.toml` has more than 1 MiB"
    );
    let path = folder(root.path(), "small", &manifest("acme/a", "1.0.0"));
    let limits = PackageLimits {
        file: ByteSize::bytes(200),
        ..PackageLimits::default()
    };
    fs::write(path.join("plugin.wasm"), vec![b'x'; 201]).unwrap();
    let error = Package::open(&path, &limits).unwrap_err();
    assert_eq!(error.kind.to_string(), "`plugin.wasm` has more than 200 B");
}

#[test]
fn a_folder_is_bounded_like_an_archive() {
    let root = TempDir::new().unwrap();
    let names: Vec<String> = (0..20).map(|place| format!("\"f{place}\"")).collect();
    let text = manifest("acme/a", "1.0.0");
    let including = text.replacen(
        "entry",
        &format!("include = [{}]\nentry", names.join(", ")),
        1,
    );
    let path = folder(root.path(), "a", &including);
    for place in 0..20 {
        // They take no room on the disk, and would take all of the memory.
        let file = fs::File::create(path.join(format!("f{place}"))).unwrap();
        file.set_len(1 << 20).unwrap();
    }
    let limits = |unpacked, files| PackageLimits {
        unpacked: ByteSize::mib(unpacked),
        files,
        ..PackageLimits::default()
    };
    let refused = |limits: &PackageLimits| {
        let opened = Package::open(&path, limits);
        opened.err().map(|error| error.kind.to_string())
    };
    assert_eq!(refused(&limits(21, 100)), None);
    let too_large = Some("the package has more than 8 MiB".to_owned());
    assert_eq!(refused(&limits(8, 100)), too_large);
    let too_many = Some("it holds more than 10 files".to_owned());
    assert_eq!(refused(&limits(21, 10)), too_many);
    // With digests it is found without a look at its files, and bounded when they are looked at.
    let package = Package::open(&path, &PackageLimits::default()).unwrap();
    let tar = zstd::decode_all(&package.to_archive(None).unwrap()[..]).unwrap();
    let size = usize::from_str_radix(std::str::from_utf8(&tar[124..135]).unwrap(), 8).unwrap();
    fs::write(path.join("plugin.toml"), &tar[512..512 + size]).unwrap();
    let package = Package::open(&path, &limits(8, 100)).unwrap();
    assert_eq!(
        package.verify().err().map(|error| error.kind.to_string()),
        too_large
    );
    let packed = package.to_archive(None).err();
    assert_eq!(packed.map(|error| error.kind.to_string()), too_large);
    let narrow = PackageLimits {
        packed: ByteSize::bytes(100),
        ..PackageLimits::default()
    };
    let packed = Package::open(&path, &narrow).unwrap().to_archive(None);
    assert_eq!(
        packed.unwrap_err().kind.to_string(),
        "the archive has more than 100 B"
    );
}

#[test]
fn the_manifest_and_its_signature_are_no_files_like_others() {
    for (field, place) in [
        ("entry = \"plugin.toml\"", "plugin.toml:4"),
        (
            "include = [\"plugin.sig\"]\nentry = \"plugin.wasm\"",
            "plugin.toml:4",
        ),
        (
            "include = [\"Plugin.TOML\"]\nentry = \"plugin.wasm\"",
            "plugin.toml:4",
        ),
    ] {
        let text = manifest("acme/a", "1.0.0").replace("entry = \"plugin.wasm\"", field);
        let (_root, path) = one(&text);
        let error = Package::open(&path, &PackageLimits::default()).unwrap_err();
        let found = std::error::Error::source(&error).unwrap().to_string();
        assert!(
            found.contains("cannot be a file of the package") && found.contains(place),
            "{found}"
        );
    }
}
