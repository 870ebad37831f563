//! Policies from a folder: all of them or none.

use std::fs;
use std::path::Path;

use jackfield_tenancy::{PolicyFolderError, Tenancy};
use jackfield_types::Policy;
use semver::Version;

use crate::{node_type, tenant, texts};

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn is_allowed(tenancy: &Tenancy, id: &str, name: &str) -> bool {
    let tenant = tenancy.tenant(&tenant(id));
    tenant
        .authorize(&node_type(name), &Version::new(1, 0, 0), &[])
        .is_ok()
}

/// The findings, without the folder's path.
fn findings(error: &PolicyFolderError, folder: &Path) -> String {
    let PolicyFolderError::Invalid { documents, .. } = error else {
        return error.to_string();
    };
    let lines: Vec<String> = documents.iter().map(ToString::to_string).collect();
    format!("{error}\n{}", lines.join("\n")).replace(&folder.display().to_string(), "DIR")
}

#[test]
fn a_folder_is_loaded_changed_and_loaded_again() {
    let folder = folder(&[
        ("acme.json", r#"{ "allowedNodeTypes": ["math.*"] }"#),
        ("globex.toml", "restrictedNodeTypes = [\"math.*\"]"),
        (".hidden.json", "no JSON"),
    ]);
    let tenancy = Tenancy::open();
    let other = Policy {
        restricted_node_types: texts(&["*"]),
        ..Policy::default()
    };
    tenancy.set_policy(&tenant("initech"), &other).unwrap();
    let loaded = tenancy.load_folder(folder.path()).unwrap();
    assert_eq!(loaded.set, [tenant("acme"), tenant("globex")]);
    assert!(loaded.warnings.is_empty() && loaded.removed.is_empty());
    assert!(is_allowed(&tenancy, "acme", "math.add") && !is_allowed(&tenancy, "acme", "x"));
    assert!(!is_allowed(&tenancy, "globex", "math.add") && is_allowed(&tenancy, "globex", "x"));

    let number = tenancy.tenant(&tenant("acme")).policy_number();
    fs::remove_file(folder.path().join("globex.toml")).unwrap();
    let loaded = tenancy.load_folder(folder.path()).unwrap();
    assert_eq!(loaded.unchanged, [tenant("acme")]);
    assert_eq!(loaded.removed, [tenant("globex")]);
    assert_eq!(tenancy.tenant(&tenant("acme")).policy_number(), number);
    assert!(is_allowed(&tenancy, "globex", "math.add"));
    // What was not set from the folder stays.
    assert!(!is_allowed(&tenancy, "initech", "x"));
    let in_force: Vec<_> = tenancy.policies().into_iter().map(|(id, _)| id).collect();
    assert_eq!(in_force, [tenant("acme"), tenant("initech")]);
}

#[test]
fn one_bad_document_and_nothing_changes() {
    let folder = folder(&[("acme.json", r#"{ "allowedNodeTypes": ["math.*"] }"#)]);
    let tenancy = Tenancy::open();
    tenancy.load_folder(folder.path()).unwrap();
    let number = tenancy.tenant(&tenant("acme")).policy_number();
    for (name, text) in [
        ("acme.json", r#"{ "allowedNodeTypes": ["string.*"] }"#),
        ("broken.json", r#"{ "allowedNodeTypes": ["#),
        ("named.json", r#"{ "tenant": "other" }"#),
        ("Acme.json", "{}"),
        ("globex.json", "{}"),
        ("globex.toml", ""),
        ("..json", "{}"),
        ("unknown.toml", "allowed = 1"),
        ("notes.md", "not a policy"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    fs::write(folder.path().join("latin.json"), [b'{', 0xe9, b'}']).unwrap();
    fs::create_dir(folder.path().join("inner.json")).unwrap();
    let error = tenancy.load_folder(folder.path()).unwrap_err();
    insta::assert_snapshot!(findings(&error, folder.path()));
    assert_eq!(tenancy.tenant(&tenant("acme")).policy_number(), number);
    assert!(is_allowed(&tenancy, "acme", "math.add"));
    assert!(!is_allowed(&tenancy, "acme", "string.upper"));
    assert_eq!(tenancy.policies().len(), 1);
}

#[test]
fn what_is_no_policy_is_reported_and_a_missing_folder_too() {
    let folder = folder(&[
        ("acme.json", "{}"),
        ("globex.yaml", "a: 1"),
        ("README", "x"),
    ]);
    let tenancy = Tenancy::open();
    let loaded = tenancy.load_folder(folder.path()).unwrap();
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 2);
    assert!(warnings[1].contains("its name ends neither with `.json` nor with `.toml`"));
    let missing = folder.path().join("missing");
    let error = tenancy.load_folder(&missing).unwrap_err();
    assert!(matches!(error, PolicyFolderError::Unreadable { .. }));
    assert_eq!(tenancy.policies().len(), 1);
}

#[test]
fn a_file_that_is_too_large_is_not_read_whole() {
    let folder = folder(&[("acme.json", &" ".repeat(5 << 20))]);
    let error = Tenancy::open().load_folder(folder.path()).unwrap_err();
    let text = findings(&error, folder.path());
    assert!(text.contains("a policy has at most 4 MiB"), "{text}");
}

#[cfg(unix)]
#[test]
fn links_are_followed_within_the_folder_and_not_out_of_it() {
    use std::os::unix::fs::symlink;
    let outside = folder(&[("secret.json", "{}")]);
    let folder = folder(&[]);
    let versions = folder.path().join("..version");
    fs::create_dir(&versions).unwrap();
    fs::write(versions.join("acme.json"), "{}").unwrap();
    symlink("..version/acme.json", folder.path().join("acme.json")).unwrap();
    let tenancy = Tenancy::open();
    assert_eq!(
        tenancy.load_folder(folder.path()).unwrap().set,
        [tenant("acme")]
    );
    symlink(
        outside.path().join("secret.json"),
        folder.path().join("globex.json"),
    )
    .unwrap();
    symlink("nowhere.json", folder.path().join("initech.json")).unwrap();
    let error = tenancy.load_folder(folder.path()).unwrap_err();
    let text = findings(&error, folder.path());
    assert!(
        text.contains("a link that leads out of the folder"),
        "{text}"
    );
    assert!(text.contains("leads nowhere"), "{text}");
}

#[test]
fn a_folder_that_is_suddenly_empty_takes_nothing_out_of_force() {
    let folder = folder(&[("acme.json", r#"{ "allowedNodeTypes": ["math.*"] }"#)]);
    let tenancy = Tenancy::open();
    // Written in two ways, it is one folder.
    tenancy.load_folder(&folder.path().join(".")).unwrap();
    fs::remove_file(folder.path().join("acme.json")).unwrap();
    let error = tenancy.load_folder(folder.path()).unwrap_err();
    assert!(matches!(
        error,
        PolicyFolderError::Emptied { in_force: 1, .. }
    ));
    assert!(!is_allowed(&tenancy, "acme", "string.upper"));
    tenancy.remove_policy(&tenant("acme"));
    let loaded = tenancy.load_folder(folder.path()).unwrap();
    assert!(loaded.set.is_empty() && loaded.removed.is_empty());
    assert!(is_allowed(&tenancy, "acme", "string.upper"));
}
