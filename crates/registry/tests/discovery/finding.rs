use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jackfield_definition::Catalog;
use jackfield_registry::Registry;
use jackfield_registry::discovery::{Package, PackageLimits, PluginState};
use jackfield_registry::trust::{Signatures, TrustRules};
use jackfield_types::{NodeTypeMetadata, VersionSelector};
use tempfile::TempDir;

use crate::support::{discover, folder, host, manifest, options, refusals, registered};

#[test]
fn finding_registers_without_loading() {
    let root = TempDir::new().unwrap();
    folder(root.path(), "a", &manifest("acme/a", "1.0.0"));
    let path = folder(root.path(), "b", &manifest("acme/b", "1.0.0"));
    let package = Package::open(&path, &PackageLimits::default()).unwrap();
    fs::write(root.path().join("c.jfp"), package.to_archive(None).unwrap()).unwrap();
    fs::remove_dir_all(path).unwrap();
    fs::create_dir(root.path().join("no-plugin")).unwrap();
    fs::create_dir(root.path().join(".git")).unwrap();
    fs::write(root.path().join("README.md"), "").unwrap();
    let (registry, host) = (Registry::new(), host());
    let report = discover(&registry, root.path(), &options(&host));
    assert_eq!(registered(&report), ["acme/a 1.0.0", "acme/b 1.0.0"]);
    assert_eq!(refusals(&report), [""; 0]);
    assert_eq!((report.found, report.ignored.len()), (3, 1));
    assert_eq!(host.loads.load(Ordering::SeqCst), 0);
    let found = registry
        .resolve(&"acme/b".parse().unwrap(), &VersionSelector::Newest)
        .unwrap();
    let origin = found.origin().unwrap();
    assert_eq!(origin.digest, *package.digest());
    let entry = registry
        .find(found.node_type(), &VersionSelector::Newest)
        .unwrap();
    assert_eq!(entry.origin(), Some(&**origin));
    let plugins = registry.plugins();
    assert_eq!(plugins.len(), 2);
    assert!(matches!(plugins[0].state, PluginState::Lazy));
    let again = discover(&registry, root.path(), &options(&host));
    assert_eq!((again.registered.len(), again.unchanged.len()), (0, 2));
    assert_eq!(refusals(&again), [""; 0]);
}

#[test]
fn one_wrong_package_is_reported_and_stops_no_other() {
    let root = TempDir::new().unwrap();
    folder(root.path(), "a", &manifest("acme/a", "1.0.0"));
    folder(root.path(), "b", "id = 3");
    folder(
        root.path(),
        "c",
        &manifest("acme/c", "1.0.0").replace("0.1", "0.2"),
    );
    fs::write(root.path().join("d.jfp"), "nonsense").unwrap();
    folder(root.path(), "e", &manifest("acme/e", "1.0.0"));
    let (registry, host) = (Registry::new(), host());
    let report = discover(&registry, root.path(), &options(&host));
    assert_eq!(registered(&report), ["acme/a 1.0.0", "acme/e 1.0.0"]);
    assert_eq!(
        refusals(&report),
        [
            "b: INVALID_PACKAGE the manifest is wrong",
            "c: INVALID_PACKAGE it was made for version 0.2.0 of the plugin contract, and this host runs ^0.1",
            "d.jfp: INVALID_PACKAGE the archive is damaged: Unknown frame descriptor",
        ]
    );
    for refusal in &report.refused {
        assert!(!refusal.reason.hint().is_empty());
    }
    assert_eq!(registry.refused_plugins().len(), 3);
    let gone = registry.discover_plugins(&[root.path().join("gone")], &options(&host));
    assert_eq!(
        refusals(&gone),
        ["gone: INVALID_PACKAGE the folder does not exist"]
    );
    // What was mended is taken, and not reported any more.
    folder(root.path(), "b", &manifest("acme/b", "1.0.0"));
    let report = discover(&registry, root.path(), &options(&host));
    assert_eq!(registered(&report), ["acme/b 1.0.0"]);
    assert_eq!(registry.refused_plugins().len(), 3);
}

#[test]
fn folders_come_in_the_order_in_which_they_are_named() {
    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    folder(first.path(), "z", &manifest("acme/a", "1.0.0"));
    let described = manifest("acme/a", "1.0.0").replace("entry", "description = \"x\"\nentry");
    folder(second.path(), "a", &described);
    folder(second.path(), "b", &manifest("acme/a", "1.1.0"));
    let folders = [first.path().to_path_buf(), second.path().to_path_buf()];
    let (registry, host) = (Registry::new(), host());
    let report = registry.discover_plugins(&folders, &options(&host));
    assert_eq!(registered(&report), ["acme/a 1.0.0", "acme/a 1.1.0"]);
    assert_eq!(report.shadowed.len(), 1);
    assert_eq!(*report.shadowed[0].by, *first.path().join("z"));
    // Two with different contents in one folder cannot both be meant.
    let other = Registry::new();
    folder(second.path(), "c", &manifest("acme/a", "1.0.0"));
    let report = discover(&other, second.path(), &options(&host));
    assert_eq!(registered(&report), ["acme/a 1.0.0", "acme/a 1.1.0"]);
    let refused = refusals(&report);
    let reason = "c: INVALID_PACKAGE `acme/a` 1.0.0 is there already with another content, from";
    assert!(refused[0].starts_with(reason), "{refused:?}");
}

#[test]
fn a_place_is_told_the_same_way_however_it_was_named() {
    let root = TempDir::new().unwrap();
    let (plugins, later) = (root.path().join("plugins"), root.path().join("later"));
    let here = std::env::current_dir().unwrap();
    let mut relative: PathBuf = here.ancestors().skip(1).map(|_| "..").collect();
    relative.extend(plugins.components().skip(1));
    for named in [root.path().join("later/../plugins/."), relative] {
        folder(&plugins, "a", &manifest("acme/a", "1.0.0"));
        folder(&plugins, "b", "id = 3");
        folder(&later, "a", &manifest("acme/a", "1.0.0"));
        let (registry, host) = (Registry::new(), host());
        let folders = [named.clone(), later.clone(), named.join("../gone")];
        let report = registry.discover_plugins(&folders, &options(&host));
        assert_eq!(*report.registered[0].path, *plugins.join("a"));
        assert_eq!(*report.shadowed[0].by, *plugins.join("a"));
        let refused: Vec<_> = report.refused.iter().map(|one| &one.path).collect();
        assert_eq!(refused, [&root.path().join("gone"), &plugins.join("b")]);
        // So it is known to be the same place when it is looked at again.
        folder(&plugins, "b", &manifest("acme/b", "1.0.0"));
        let report = discover(&registry, &plugins, &options(&host));
        assert_eq!((report.registered.len(), report.unchanged.len()), (1, 1));
        assert_eq!(registry.refused_plugins().len(), 1);
    }
}

#[test]
fn a_node_type_that_is_taken_stays_where_it_is() {
    let root = TempDir::new().unwrap();
    let two = "\n[[nodeTypes]]\nnodeType = \"acme/native\"\ncategory = \"test\"\n";
    folder(root.path(), "a", &(manifest("acme/a", "1.0.0") + two));
    let claims =
        manifest("acme/b", "1.0.0").replace("nodeType = \"acme/b\"", "nodeType = \"acme/c\"");
    folder(root.path(), "b", &claims);
    folder(root.path(), "c", &manifest("acme/c", "1.0.0"));
    let (registry, host) = (Registry::new(), host());
    let native = NodeTypeMetadata::new(
        "acme/native".parse().unwrap(),
        "1.0.0".parse().unwrap(),
        "test",
    );
    struct Native;
    impl jackfield_plugin_api::NodeExecutor for Native {
        fn execute<'a>(
            &'a self,
            _: jackfield_plugin_api::NodeCall<'a>,
        ) -> jackfield_plugin_api::BoxFuture<
            'a,
            Result<jackfield_plugin_api::NodeOutput, jackfield_plugin_api::NodeError>,
        > {
            Box::pin(async { Err(jackfield_plugin_api::NodeError::Cancelled) })
        }
    }
    registry
        .register_with_metadata("acme/native", Arc::new(Native), native)
        .unwrap();
    let report = discover(&registry, root.path(), &options(&host));
    assert_eq!(registered(&report), ["acme/b 1.0.0"]);
    let b = root.path().join("b");
    assert_eq!(
        refusals(&report),
        [
            "a: INVALID_PACKAGE node type `acme/native` 1.0.0 is provided by the host already"
                .to_owned(),
            format!(
                "c: INVALID_PACKAGE node type `acme/c` 1.0.0 is provided by `acme/b` 1.0.0 \
                 already, from `{}`",
                b.display()
            ),
        ]
    );
    // All or nothing: what the refused one provides besides is not there either.
    assert!(registry.versions("acme/a").is_empty());
}

#[test]
fn plugins_have_what_they_need_or_are_refused_with_the_way_to_it() {
    let root = TempDir::new().unwrap();
    let needing = |id: &str, need: &str| {
        let needs = format!("\n[[dependencies]]\nplugin = \"{need}\"\nversion = \"^1\"\n");
        manifest(id, "1.0.0") + &needs
    };
    folder(root.path(), "a", &needing("acme/a", "acme/b"));
    folder(root.path(), "b", &manifest("acme/b", "1.0.0"));
    folder(root.path(), "c", &needing("acme/c", "acme/d"));
    folder(root.path(), "d", &needing("acme/d", "acme/gone"));
    folder(root.path(), "e", &needing("acme/e", "acme/f"));
    folder(root.path(), "f", &needing("acme/f", "acme/e"));
    let (registry, host) = (Registry::new(), host());
    let report = discover(&registry, root.path(), &options(&host));
    assert_eq!(registered(&report), ["acme/a 1.0.0", "acme/b 1.0.0"]);
    assert_eq!(
        refusals(&report),
        [
            "c: DEPENDENCY_MISSING it needs a plugin that is not there: acme/c → acme/d → acme/gone ^1",
            "d: DEPENDENCY_MISSING it needs a plugin that is not there: acme/d → acme/gone ^1",
            "e: DEPENDENCY_CYCLE it needs itself: acme/e → acme/f → acme/e",
            "f: DEPENDENCY_CYCLE it needs itself: acme/f → acme/e → acme/f",
        ]
    );
    // What is registered already is there for those that are found later.
    let later = TempDir::new().unwrap();
    folder(later.path(), "g", &needing("acme/g", "acme/b"));
    assert_eq!(
        registered(&discover(&registry, later.path(), &options(&host))),
        ["acme/g 1.0.0"]
    );
}

#[test]
fn only_what_a_pattern_asks_for_is_taken() {
    let root = TempDir::new().unwrap();
    for (name, id) in [("a", "acme/a"), ("b", "acme/b"), ("c", "globex/c")] {
        folder(root.path(), name, &manifest(id, "1.0.0"));
    }
    let host = host();
    for (patterns, expected) in [
        (&["acme/*"][..], &["acme/a 1.0.0", "acme/b 1.0.0"][..]),
        (&["*/c", "acme/b"], &["acme/b 1.0.0", "globex/c 1.0.0"]),
        (&["*"], &["acme/a 1.0.0", "acme/b 1.0.0", "globex/c 1.0.0"]),
        (&["a*"], &[]),
    ] {
        let options = options(&host).patterns(patterns.iter().copied()).unwrap();
        let report = discover(&Registry::new(), root.path(), &options);
        assert_eq!(registered(&report), expected, "{patterns:?}");
    }
    assert!(options(&host).patterns(["acme/[a"]).is_err());
    // Patterns that are too much are no reason to take everything.
    let endless = "[a-z]*".repeat(100_000);
    let error = options(&host).patterns([endless.as_str()]).unwrap_err();
    assert!(error.pattern.len() <= 200);
}

#[test]
fn a_package_that_nobody_signed_is_refused_where_that_is_asked() {
    let root = TempDir::new().unwrap();
    folder(root.path(), "a", &manifest("acme/a", "1.0.0"));
    let host = host();
    let trust = Arc::new(TrustRules::new(Signatures::Required));
    let strict = jackfield_registry::discovery::DiscoveryOptions::new(host, trust);
    let report = discover(&Registry::new(), root.path(), &strict);
    assert_eq!(
        refusals(&report),
        ["a: UNTRUSTED_PLUGIN `acme/a` is not signed"]
    );
}

#[test]
fn packages_are_read_whole_where_that_is_asked() {
    let root = TempDir::new().unwrap();
    let path = folder(root.path(), "a", &manifest("acme/a", "1.0.0"));
    let package = Package::open(&path, &PackageLimits::default()).unwrap();
    let tar = zstd::decode_all(&package.to_archive(None).unwrap()[..]).unwrap();
    fs::remove_dir_all(path).unwrap();
    // The component is the last file.
    let text = String::from_utf8_lossy(&tar).rfind("\"category\"").unwrap();
    let mut altered = tar.clone();
    altered[text + 1] = b'C';
    let packed = zstd::encode_all(&altered[..], 1).unwrap();
    fs::write(root.path().join("a.jfp"), packed).unwrap();
    let host = host();
    // As it is not read whole, it stands before the good one in a later folder, and is found out
    // when it is used.
    let later = TempDir::new().unwrap();
    let good = folder(later.path(), "a", &manifest("acme/a", "1.0.0"));
    let both = [root.path().to_path_buf(), later.path().to_path_buf()];
    let report = Registry::new().discover_plugins(&both, &options(&host));
    assert_eq!(*report.registered[0].path, *root.path().join("a.jfp"));
    assert_eq!(*report.shadowed[0].path, *good);
    let whole = options(&host).validate_on_load();
    let report = Registry::new().discover_plugins(&both, &whole);
    assert_eq!(*report.registered[0].path, *good);
    let report = discover(&Registry::new(), root.path(), &whole);
    assert!(!report.refused[0].took.is_zero() && report.refused[0].took <= report.took);
    let refused = refusals(&report);
    assert!(
        refused[0].starts_with("a.jfp: INVALID_PACKAGE `plugin.wasm` has the digest"),
        "{refused:?}"
    );
}
