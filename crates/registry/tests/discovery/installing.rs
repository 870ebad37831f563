use std::fs;
use std::sync::Arc;

use jackfield_registry::Registry;
use jackfield_registry::discovery::{PluginState, Replacing};
use tempfile::TempDir;

use crate::support::{component, folder, host, manifest, one, options};

#[tokio::test]
async fn one_plugin_is_opened_loaded_and_registered_in_one_go() {
    let (root, path) = one(&manifest("acme/a", "1.0.0"));
    let (registry, host) = (Registry::new(), host());
    let summary = registry.load_plugin(&path, &options(&host)).await.unwrap();
    assert!(matches!(summary.state, PluginState::Ready));
    assert_eq!(registry.plugins().len(), 1);
    let again = registry
        .load_plugin(&path, &options(&host))
        .await
        .unwrap_err();
    assert!(
        again.reason.to_string().contains("is there already"),
        "{again}"
    );
    let broken = folder(root.path(), "two", &manifest("acme/b", "1.0.0"));
    fs::write(broken.join("plugin.wasm"), "nonsense").unwrap();
    let refused = registry
        .load_plugin(&broken, &options(&host))
        .await
        .unwrap_err();
    assert_eq!(refused.plugin.as_ref().unwrap().as_str(), "acme/b");
    let reason = "the component is not one that can run: no list";
    assert_eq!(refused.reason.to_string(), reason);
    assert!(registry.versions("acme/b").is_empty());
    assert_eq!(registry.refused_plugins().len(), 1);
}

#[tokio::test]
async fn a_new_version_replaces_the_old_one_in_one_step_and_gives_its_memory_back() {
    let root = TempDir::new().unwrap();
    let path = folder(root.path(), "a", &manifest("acme/a", "1.0.0"));
    let (registry, host) = (Registry::new(), host());
    registry.load_plugin(&path, &options(&host)).await.unwrap();
    let old = registry.versions("acme/a").remove(0);
    assert_eq!(Arc::strong_count(&host.alive), 2);

    let two = "\n[[nodeTypes]]\nnodeType = \"acme/a.more\"\ncategory = \"test\"\n";
    folder(root.path(), "a", &(manifest("acme/a", "1.1.0") + two));
    let prepared = registry
        .prepare_plugin(&path, &options(&host))
        .await
        .unwrap();
    // It can be tried, and nobody sees it yet.
    assert!(prepared.executor(&"acme/a.more".parse().unwrap()).is_some());
    assert_eq!(registry.versions("acme/a").len(), 1);
    let installed = registry
        .install_plugin(&prepared, Replacing::AllVersions)
        .unwrap();
    drop(prepared);
    assert!(old.is_retired());
    assert_eq!(installed.taken_out.len(), 1);
    let versions = registry.versions("acme/a");
    assert_eq!(versions.len(), 1);
    assert_eq!(versions[0].version().to_string(), "1.1.0");
    let plugins = registry.plugins();
    assert_eq!(plugins.len(), 1);
    assert_eq!(plugins[0].node_types.len(), 2);
    // Nothing of either is in memory: the old one is gone, the new one not yet used.
    drop((installed, old));
    assert_eq!(Arc::strong_count(&host.alive), 1);
}

#[tokio::test]
async fn the_same_version_with_another_content_is_replaced_when_that_is_asked() {
    let (_root, path) = one(&manifest("acme/a", "1.0.0"));
    let (registry, host) = (Registry::new(), host());
    registry.load_plugin(&path, &options(&host)).await.unwrap();
    let before = registry.plugins().remove(0).origin;
    let text = manifest("acme/a", "1.0.0").replace("\"test\"", "\"other\"");
    fs::write(path.join("plugin.toml"), &text).unwrap();
    fs::write(path.join("plugin.wasm"), component(&text)).unwrap();
    let prepared = registry
        .prepare_plugin(&path, &options(&host))
        .await
        .unwrap();
    assert!(
        registry
            .install_plugin(&prepared, Replacing::Nothing)
            .is_err()
    );
    registry
        .install_plugin(&prepared, Replacing::SameVersion)
        .unwrap();
    let after = registry.plugins().remove(0).origin;
    assert_ne!(before.digest, after.digest);
    assert_eq!(registry.versions("acme/a")[0].origin(), Some(&after));
}

#[tokio::test]
async fn no_plugin_ever_replaces_what_another_one_provides() {
    let root = TempDir::new().unwrap();
    let first = folder(root.path(), "a", &manifest("acme/a", "1.0.0"));
    let claims =
        manifest("acme/b", "1.0.0").replace("nodeType = \"acme/b\"", "nodeType = \"acme/a\"");
    let second = folder(root.path(), "b", &claims);
    let (registry, host) = (Registry::new(), host());
    registry.load_plugin(&first, &options(&host)).await.unwrap();
    let prepared = registry
        .prepare_plugin(&second, &options(&host))
        .await
        .unwrap();
    let refused = registry
        .install_plugin(&prepared, Replacing::AllVersions)
        .unwrap_err();
    let reason = format!(
        "node type `acme/a` 1.0.0 is provided by `acme/a` 1.0.0 already, from `{}`",
        first.display()
    );
    assert_eq!(refused.reason.to_string(), reason);
}

#[tokio::test]
async fn a_plugin_that_is_removed_is_gone_with_all_that_it_provides() {
    let (_root, path) = one(&manifest("acme/a", "1.0.0"));
    let (registry, host) = (Registry::new(), host());
    registry.load_plugin(&path, &options(&host)).await.unwrap();
    let id = "acme/a".parse().unwrap();
    assert!(
        registry
            .remove_plugin(&id, Some(&"2.0.0".parse().unwrap()))
            .is_empty()
    );
    assert_eq!(registry.remove_plugin(&id, None).len(), 1);
    assert!(registry.plugins().is_empty() && registry.versions("acme/a").is_empty());
    assert_eq!(Arc::strong_count(&host.alive), 1);
    registry.load_plugin(&path, &options(&host)).await.unwrap();
    registry.clear();
    assert!(registry.plugins().is_empty());
}
