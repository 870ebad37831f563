//! Packages that are broken, altered or hostile, as whoever uses the command meets them: refused
//! with the file, the reason and the way out, while everything else keeps running.

use std::fs;
use std::path::Path;

use tar::{Builder, EntryType, Header};

use crate::guest::write_package;
use crate::harness::{Folder, assert_shown, code, scrub, show};

/// Runs the command, which must succeed.
fn done(folder: &Folder, arguments: &[&str]) -> String {
    let output = folder.run(arguments);
    assert_eq!(code(&output), 0, "{arguments:?}: {}", show(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The same wherever the test runs.
fn placed(folder: &Folder, shown: &str) -> String {
    let place = folder.path("").display().to_string();
    shown.replace(&place, "/FOLDER/")
}

/// The files of a `.jfp` file.
fn unpack(packed: &Path) -> Vec<(String, Vec<u8>)> {
    let raw = zstd::decode_all(fs::File::open(packed).unwrap()).unwrap();
    let mut archive = tar::Archive::new(&raw[..]);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        let path = entry.path().unwrap();
        (path.to_str().unwrap().to_owned(), bytes)
    });
    entries.collect()
}

/// Makes a `.jfp` file of files, with one more entry that packing would not make.
fn pack(packed: &Path, files: &[(String, Vec<u8>)], more: Option<(&str, EntryType, &[u8])>) {
    let mut tar = Builder::new(Vec::new());
    let mut add = |name: &str, kind: EntryType, bytes: &[u8]| {
        let mut header = Header::new_ustar();
        // `set_path` would not take what is tried here.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        if kind == EntryType::Symlink {
            header.as_old_mut().linkname[..bytes.len()].copy_from_slice(bytes);
            header.set_size(0);
            header.set_cksum();
            tar.append(&header, &[][..]).unwrap();
        } else {
            header.set_size(bytes.len() as u64);
            header.set_cksum();
            tar.append(&header, bytes).unwrap();
        }
    };
    for (name, bytes) in files {
        add(name, EntryType::Regular, bytes);
    }
    if let Some((name, kind, bytes)) = more {
        add(name, kind, bytes);
    }
    let raw = tar.into_inner().unwrap();
    fs::write(packed, zstd::encode_all(&raw[..], 1).unwrap()).unwrap();
}

/// A folder with a package `guest.jfp`, signed by `acme`, who is trusted; gives its files, too.
fn signed() -> (Folder, Vec<(String, Vec<u8>)>) {
    let folder = Folder::new();
    write_package(&folder.path("guest"), "1.2.3");
    done(&folder, &["plugin", "pack", "guest", "--to", "guest.jfp"]);
    done(&folder, &["plugin", "key", "new", "acme"]);
    done(&folder, &["plugin", "key", "trust", "acme"]);
    done(&folder, &["plugin", "sign", "guest.jfp"]);
    let files = unpack(&folder.path("guest.jfp"));
    (folder, files)
}

#[test]
fn archives_that_are_not_what_packing_makes_are_not_installed() {
    let (folder, files) = signed();
    let whole = fs::read(folder.path("guest.jfp")).unwrap();
    fs::write(folder.path("cut.jfp"), &whole[..whole.len() / 2]).unwrap();
    fs::write(folder.path("empty.jfp"), b"").unwrap();
    fs::write(folder.path("noise.jfp"), [0x5a; 4096]).unwrap();
    let zeros = vec![0; 8 << 20];
    let entries: [(&str, &str, EntryType, &[u8]); 5] = [
        ("up.jfp", "../evil.txt", EntryType::Regular, b"x"),
        ("root.jfp", "/evil.txt", EntryType::Regular, b"x"),
        ("link.jfp", "link", EntryType::Symlink, b"/etc/passwd"),
        ("twice.jfp", "guest.wasm", EntryType::Regular, b"x"),
        ("more.jfp", "more.bin", EntryType::Regular, &zeros),
    ];
    for (packed, name, kind, bytes) in entries {
        pack(&folder.path(packed), &files, Some((name, kind, bytes)));
    }
    let mut altered = files.clone();
    let component = altered.iter_mut().find(|(name, _)| name == "guest.wasm");
    let component = &mut component.unwrap().1;
    let middle = component.len() / 2;
    component[middle] ^= 1;
    pack(&folder.path("altered.jfp"), &altered, None);
    let mut renamed = files.clone();
    let manifest = String::from_utf8(renamed[0].1.clone()).unwrap();
    renamed[0].1 = manifest
        .replace("Gives an item.", "Gives all.")
        .into_bytes();
    pack(&folder.path("renamed.jfp"), &renamed, None);
    let unsigned: Vec<_> = files
        .iter()
        .filter(|(name, _)| name != "plugin.sig")
        .cloned()
        .collect();
    pack(&folder.path("unsigned.jfp"), &unsigned, None);

    let mut all = String::new();
    for name in [
        "cut", "empty", "noise", "up", "root", "link", "twice", "more", "altered", "renamed",
        "unsigned", "nowhere",
    ] {
        let packed = format!("{name}.jfp");
        let output = folder.run(&["plugin", "install", &packed, "--plugins", "installed"]);
        assert_ne!(code(&output), 0, "{name}");
        all.push_str(&format!("{name}: {}", show(&output)));
    }
    let key = fs::read_to_string(folder.path("home/keys/acme.pub")).unwrap();
    let all = placed(&folder, &all).replace(key.trim(), "KEY");
    assert_shown("bad_plugins_archives", &scrub(&all));
    assert!(!folder.path("installed").exists());
    assert!(!folder.path("jackfield.lock").exists());
    // The one that all of them were made of is taken.
    let install = ["plugin", "install", "guest.jfp", "--plugins", "installed"];
    done(&folder, &install);
}

#[test]
fn what_is_wrong_with_a_folder_keeps_nothing_else_from_running() {
    let folder = Folder::new();
    write_package(&folder.path("plugins/1-good"), "1.2.3");
    let change = |name: &str, file: &str, change: &dyn Fn(String) -> String| {
        let package = folder.path("plugins").join(name);
        write_package(&package, "1.2.3");
        let file = package.join(file);
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, change(text)).unwrap();
    };
    let other = |text: String| text.replace("id = \"acme/guest\"", "id = \"acme/other\"");
    change("2-same-node-type", "plugin.toml", &other);
    change("3-unknown-field", "plugin.toml", &|text| {
        format!("colour = \"red\"\n{text}")
    });
    change("4-unknown-capability", "plugin.toml", &|text| {
        text.replace("[capabilities.log]", "[capabilities.teleport]")
    });
    change("5-needs-another", "plugin.toml", &|text| {
        let text = text.replace("acme/guest", "acme/needy");
        format!("{text}\n[[dependencies]]\nplugin = \"acme/missing\"\nversion = \"^1\"\n")
    });
    change("6-later-contract", "plugin.toml", &|text| {
        text.replace("acme/guest", "acme/later")
            .replace("contract = \"0.1\"", "contract = \"7.0\"")
    });
    change("7-leads-out", "plugin.toml", &|text| {
        text.replace("guest.wasm", "../1-good/guest.wasm")
    });
    let ill = folder.run(&["plugin", "doctor", "plugins", "--signatures=ignored"]);
    assert_eq!(code(&ill), 2);
    assert_shown("bad_plugins_folder", &scrub(&placed(&folder, &show(&ill))));
    let call = [
        "exec",
        "acme/guest",
        "--plugins",
        "plugins",
        "--signatures=ignored",
    ];
    done(&folder, &call);
}

#[test]
fn a_component_that_is_none_is_found_when_it_is_used() {
    let folder = Folder::new();
    write_package(&folder.path("plugins/guest"), "1.2.3");
    let component = folder.path("plugins/guest/guest.wasm");
    let whole = fs::read(&component).unwrap();
    for bytes in [&whole[..whole.len() / 2], b"nonsense", b""] {
        fs::write(&component, bytes).unwrap();
        let call = [
            "exec",
            "acme/guest",
            "--plugins",
            "plugins",
            "--signatures=ignored",
        ];
        let output = folder.run(&call);
        // Nothing was run.
        assert_eq!(code(&output), 2, "{}", show(&output));
        let said = show(&output);
        assert!(said.contains("error[INVALID_PACKAGE]"), "{said}");
        assert!(said.contains("plugins/guest"), "{said}");
    }
}

#[test]
fn packages_that_are_named_are_errors_with_their_place() {
    let folder = Folder::new()
        .file("wrong/plugin.toml", "id = \"acme/x\"\ncolour = 1\n")
        .file("nothing/readme.txt", "x")
        .file("sources/plugin.py", "x = 1\n")
        .file(
            "sources/plugin.toml",
            "id = \"acme/x\"\nversion = \"1.0.0\"\ncontract = \"0.1\"\nentry = \"plugin.wasm\"\n\
             nodeTypesFile = \"node-types.json\"\n",
        );
    let mut all = String::new();
    for arguments in [
        &["plugin", "inspect", "wrong"][..],
        &["plugin", "inspect", "nothing"],
        &["plugin", "inspect", "nowhere"],
        &["plugin", "install", "sources"],
        &["plugin", "list"],
        &["plugin", "list", "--plugins", "nowhere"],
        &["plugin", "doctor", "nowhere"],
        &[
            "plugin",
            "list",
            "--plugins",
            "nothing",
            "--lock",
            "no.lock",
        ],
        &["plugin", "remove", "acme/x", "--plugins", "nothing"],
        &["plugin", "outdated", "--plugins", "nothing"],
        &[
            "plugin",
            "outdated",
            "--plugins",
            "nothing",
            "--from",
            "oci://",
        ],
        &["plugin", "sign", "wrong"],
        &["plugin", "key", "trust", "acme"],
    ] {
        let output = folder.run(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}: {}", show(&output));
        all.push_str(&format!("{}\n{}\n", arguments.join(" "), show(&output)));
    }
    assert_shown("bad_plugins_named", &scrub(&placed(&folder, &all)));
}

#[cfg(unix)]
#[test]
fn a_reader_who_goes_away_and_a_full_disk_are_no_panic() {
    let folder = Folder::new();
    write_package(&folder.path("plugins/guest"), "1.2.3");
    let list = [
        "plugin",
        "list",
        "--plugins",
        "plugins",
        "--signatures=ignored",
    ];
    let mut command = folder.process(&list);
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = command.stdout(full).output().unwrap();
    assert_eq!(code(&output), 4, "{}", show(&output));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = folder.process(&list);
    let output = command.stdout(writer).output().unwrap();
    assert_eq!(code(&output), 0, "{}", show(&output));
}
