//! Archives as somebody makes them who means no good, or had bad luck.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use jackfield_registry::discovery::{Package, PackageLimits};
use jackfield_types::ByteSize;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::support::{folder, manifest};

struct Archives {
    root: TempDir,
}

impl Archives {
    fn new() -> Self {
        let root = TempDir::new().unwrap();
        Self { root }
    }

    /// A right one.
    fn good(&self) -> Vec<u8> {
        let path = folder(self.root.path(), "good", &manifest("acme/a", "1.0.0"));
        let package = Package::open(&path, &PackageLimits::default()).unwrap();
        package.to_archive(None).unwrap()
    }

    /// The manifest of a right one.
    fn manifest(&self) -> Vec<u8> {
        let tar = zstd::decode_all(&self.good()[..]).unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&tar[124..135]).unwrap(), 8).unwrap();
        tar[512..512 + size].to_vec()
    }

    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.root.path().join("a.jfp");
        fs::write(&path, bytes).unwrap();
        path
    }

    /// What is wrong with an archive, read as far as it is ever read.
    fn refused(&self, bytes: &[u8]) -> Option<String> {
        self.refused_within(bytes, &PackageLimits::default())
    }

    fn refused_within(&self, bytes: &[u8], limits: &PackageLimits) -> Option<String> {
        let path = self.file(bytes);
        let verified = Package::open(&path, limits).and_then(|package| package.verify());
        verified.err().map(|error| error.kind.to_string())
    }
}

fn entry(kind: tar::EntryType, path: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..path.len()].copy_from_slice(path);
    header.set_entry_type(kind);
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    let mut all = header.as_bytes().to_vec();
    all.extend_from_slice(bytes);
    all.resize(all.len().next_multiple_of(512), 0);
    all
}

fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut tar = entries.concat();
    tar.extend_from_slice(&[0; 1024]);
    zstd::encode_all(&tar[..], 3).unwrap()
}

#[test]
fn a_right_archive_is_taken() {
    let archives = Archives::new();
    assert_eq!(archives.refused(&archives.good()), None);
}

#[test]
fn what_leads_out_or_is_no_plain_file_is_refused() {
    use tar::EntryType as Kind;
    let archives = Archives::new();
    let first = entry(Kind::Regular, b"plugin.toml", &archives.manifest());
    let cases: [(Vec<u8>, &str); 11] = [
        (
            entry(Kind::Regular, b"../evil", b"x"),
            "`../evil`: a path must not lead out of the package by `..`",
        ),
        (
            entry(Kind::Regular, b"/etc/passwd", b"x"),
            "`/etc/passwd`: a path begins in the package, not with `/`",
        ),
        (
            entry(Kind::Regular, b"a\\..\\b", b"x"),
            "`a\\\\..\\\\b`: a path is made of ASCII letters, digits, `. _ - + @` and `/`",
        ),
        (
            entry(Kind::Regular, b"\x1b[2J\xff", b"x"),
            "`\\u{1b}[2J\u{fffd}`: a path is made of ASCII letters",
        ),
        (
            entry(Kind::Symlink, b"plugin.wasm", b""),
            "`plugin.wasm`: packages have no links",
        ),
        (
            entry(Kind::Link, b"plugin.wasm", b""),
            "`plugin.wasm`: packages have no links",
        ),
        (
            entry(Kind::Char, b"plugin.wasm", b""),
            "`plugin.wasm`: packages have plain files and folders only, and no extensions of the format",
        ),
        (
            entry(Kind::XHeader, b"pax", b"20 path=../../evil\n"),
            "`pax`: packages have plain files and folders only, and no extensions of the format",
        ),
        (
            entry(Kind::GNULongName, b"././@LongLink", b"../evil\0"),
            "`././@LongLink`: packages have plain files and folders only, and no extensions of the format",
        ),
        (
            entry(Kind::Directory, b"folder/", b"x"),
            "`folder/`: a folder has no content",
        ),
        (
            entry(Kind::Regular, b"extra.wasm", b"x"),
            "`extra.wasm` is not among the `digests` of the manifest",
        ),
    ];
    for (second, reason) in cases {
        let refused = archives.refused(&archive(&[first.clone(), second]));
        assert_eq!(refused.as_deref(), Some(reason));
    }
    let missing = archives.refused(&archive(std::slice::from_ref(&first)));
    let reason = "`plugin.wasm` is named in the manifest and is not there";
    assert_eq!(missing.as_deref(), Some(reason));
    let altered = entry(Kind::Regular, b"plugin.wasm", b"other");
    let refused = archives
        .refused(&archive(&[first.clone(), altered.clone()]))
        .unwrap();
    assert!(
        refused.starts_with("`plugin.wasm` has the digest"),
        "{refused}"
    );
    let twice = archives.refused(&archive(&[first.clone(), first.clone()]));
    assert_eq!(
        twice.as_deref(),
        Some("`plugin.toml`: it is in the archive twice")
    );
    let late = archives.refused(&archive(&[altered, first]));
    let reason = "there is no `plugin.toml` at the beginning of the archive";
    assert_eq!(late.as_deref(), Some(reason));
}

#[test]
fn what_is_read_first_stands_first() {
    use tar::EntryType::Regular;
    let archives = Archives::new();
    let text = manifest("acme/a", "1.0.0").replace("category", "schemaFile = \"s.json\"\ncategory");
    let path = archives.root.path().join("described");
    fs::create_dir(&path).unwrap();
    for (file, content) in [
        ("plugin.toml", &*text),
        ("plugin.wasm", "x"),
        ("s.json", "{}"),
    ] {
        fs::write(path.join(file), content).unwrap();
    }
    let package = Package::open(&path, &PackageLimits::default()).unwrap();
    let good = package.to_archive(Some(b"signed")).unwrap();
    assert_eq!(archives.refused(&good), None);
    let tar = zstd::decode_all(&good[..]).unwrap();
    let size = usize::from_str_radix(std::str::from_utf8(&tar[124..135]).unwrap(), 8).unwrap();
    let first = entry(Regular, b"plugin.toml", &tar[512..512 + size]);
    let (component, schema) = (
        entry(Regular, b"plugin.wasm", b"x"),
        entry(Regular, b"s.json", b"{}"),
    );
    // To find the schema behind it, a component would have to be unpacked, however large.
    let late = archive(&[first.clone(), component.clone(), schema.clone()]);
    let opened = Package::open(&archives.file(&late), &PackageLimits::default());
    assert_eq!(
        opened.unwrap_err().kind.to_string(),
        "`plugin.wasm`: it stands before the files that describe node types"
    );
    // Who looks for a signature looks behind the manifest, and nowhere else.
    let signature = entry(Regular, b"plugin.sig", b"signed");
    let late = archive(&[first, schema, component, signature]);
    assert_eq!(
        archives.refused(&late).as_deref(),
        Some("`plugin.sig`: it stands right after the manifest, or nobody looks at it")
    );
}

#[test]
fn an_archive_without_digests_is_refused() {
    let archives = Archives::new();
    let text = manifest("acme/a", "1.0.0");
    let first = entry(tar::EntryType::Regular, b"plugin.toml", text.as_bytes());
    let path = archives.file(&archive(&[first]));
    let error = Package::open(&path, &PackageLimits::default()).unwrap_err();
    let found = std::error::Error::source(&error).unwrap().to_string();
    assert!(found.contains("has the digests of its files"), "{found}");
}

#[test]
fn a_bomb_is_stopped_on_the_way() {
    let archives = Archives::new();
    let limits = PackageLimits {
        packed: ByteSize::mib(1),
        unpacked: ByteSize::mib(8),
        file: ByteSize::mib(4),
        files: 100,
    };
    // A gibibyte of nothing, behind a right manifest.
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    let first = entry(
        tar::EntryType::Regular,
        b"plugin.toml",
        &archives.manifest(),
    );
    encoder.write_all(&first).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_path("plugin.wasm").unwrap();
    header.set_size(1 << 30);
    header.set_cksum();
    encoder.write_all(header.as_bytes()).unwrap();
    let nothing = vec![0; 1 << 20];
    for _ in 0..1024 {
        encoder.write_all(&nothing).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 1 << 20);
    let refused = archives.refused_within(&bomb, &limits);
    assert_eq!(
        refused.as_deref(),
        Some("`plugin.wasm` has more than 4 MiB")
    );
    // The same, as many small files.
    let small = entry(tar::EntryType::Regular, b"plugin.sig", b"");
    let many = archive(&[vec![first.clone()], vec![small; 200]].concat());
    let refused = archives.refused_within(&many, &limits);
    assert!(refused.is_some());
    let folders = vec![entry(tar::EntryType::Directory, b"a/", b""); 200];
    let many = archive(&[vec![first.clone()], folders].concat());
    let refused = archives.refused_within(&many, &limits);
    assert_eq!(refused.as_deref(), Some("it holds more than 100 files"));
    // A size that lies.
    let mut header = tar::Header::new_ustar();
    header.set_path("plugin.sig").unwrap();
    header.as_mut_bytes()[124..136].copy_from_slice(&[0xff; 12]);
    header.set_cksum();
    let lie = archive(&[first.clone(), header.as_bytes().to_vec()]);
    assert!(archives.refused_within(&lie, &limits).is_some());
    // A window that takes more memory than the archive is worth.
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(&first).unwrap();
    encoder.flush().unwrap();
    encoder.write_all(&vec![0; 64 << 20]).unwrap();
    let refused = archives
        .refused_within(&encoder.finish().unwrap(), &limits)
        .unwrap();
    assert!(refused.starts_with("the archive is damaged"), "{refused}");
    let large = vec![0; (1 << 20) + 1];
    let refused = archives.refused_within(&large, &limits);
    assert_eq!(refused.as_deref(), Some("the file has more than 1 MiB"));
}

#[test]
fn a_truncated_archive_is_refused_wherever_it_ends() {
    let archives = Archives::new();
    let good = archives.good();
    // The last bytes are a checksum of what was read already, and the end of the archive.
    for end in 0..good.len() - 16 {
        assert!(archives.refused(&good[..end]).is_some(), "{end}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let archives = Archives::new();
        prop_assert!(archives.refused(&bytes).is_some());
        let packed = zstd::encode_all(&bytes[..], 1).unwrap();
        prop_assert!(archives.refused(&packed).is_some());
    }

    /// Whatever is changed in the bytes: what is read is what was packed, or nothing.
    #[test]
    fn a_changed_byte_changes_nothing_or_is_refused(place in any::<prop::sample::Index>(), to in any::<u8>()) {
        let archives = Archives::new();
        let good = archives.good();
        let tar = zstd::decode_all(&good[..]).unwrap();
        let digest = *Package::open(&archives.file(&good), &PackageLimits::default()).unwrap().digest();
        for (bytes, is_tar) in [(good, false), (tar, true)] {
            let mut spoilt = bytes.clone();
            let at = place.index(spoilt.len());
            spoilt[at] = to;
            if is_tar {
                spoilt = zstd::encode_all(&spoilt[..], 1).unwrap();
            }
            let path = archives.file(&spoilt);
            if let Ok(package) = Package::open(&path, &PackageLimits::default())
                && package.verify().is_ok()
                && *package.digest() == digest
            {
                prop_assert_eq!(package.digests().len(), 1);
            }
        }
    }
}
