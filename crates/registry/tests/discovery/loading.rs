use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use jackfield_plugin_api::NodeError;
use jackfield_registry::discovery::PluginState;
use jackfield_registry::{ExecutorSource, Registration, Registry};
use jackfield_types::{ErrorCode, TenantId, VersionSelector};
use tokio::sync::Semaphore;

use crate::support::{discover, host, manifest, one, options};

const SECOND: &str = "\n[[nodeTypes]]\nnodeType = \"acme/a.more\"\ncategory = \"test\"\n";

fn resolved(registry: &Registry, name: &str) -> Arc<Registration> {
    let name = name.parse().unwrap();
    registry.resolve(&name, &VersionSelector::Newest).unwrap()
}

fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

#[tokio::test]
async fn a_plugin_is_loaded_once_for_all_its_node_types_and_all_who_wait() {
    let (root, _) = one(&(manifest("acme/a", "1.0.0") + SECOND));
    let (registry, host) = (Registry::new(), host());
    discover(&registry, root.path(), &options(&host));
    let (a, more) = (
        resolved(&registry, "acme/a"),
        resolved(&registry, "acme/a.more"),
    );
    let nobody = TenantId::default_tenant();
    let loads = [&a, &more, &a, &more].map(|one| registry.load_executor(one, &nobody));
    assert!(join_all(loads).await.iter().all(Result::is_ok));
    assert_eq!(host.loads.load(Ordering::SeqCst), 1);
    assert!(matches!(registry.plugins()[0].state, PluginState::Ready));
    assert_eq!(registry.plugins()[0].loads, 1);
    // One of them goes, and the plugin stays for the other.
    registry.invalidate("acme/a");
    assert!(registry.load_executor(&a, &nobody).await.is_ok());
    assert_eq!(host.loads.load(Ordering::SeqCst), 1);
    // Both go, and with them all the memory.
    registry.invalidate("acme/a");
    registry.invalidate("acme/a.more");
    assert_eq!(Arc::strong_count(&host.alive), 1);
    assert!(matches!(registry.plugins()[0].state, PluginState::Lazy));
    assert!(registry.load_executor(&a, &nobody).await.is_ok());
    assert_eq!(host.loads.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_its_instances_remember_stays_with_one_tenant() {
    let (root, _) = one(&(manifest("acme/a", "1.0.0") + "\n[limits]\nreuse = \"tenant\"\n"));
    let (registry, host) = (Registry::new(), host());
    discover(&registry, root.path(), &options(&host));
    let a = resolved(&registry, "acme/a");
    assert_eq!(a.source(), ExecutorSource::PerTenant);
    for name in ["acme", "globex", "acme"] {
        assert!(registry.load_executor(&a, &tenant(name)).await.is_ok());
    }
    assert_eq!(
        *host.tenants.lock().unwrap(),
        [tenant("acme"), tenant("globex")]
    );
}

#[tokio::test]
async fn a_plugin_that_is_not_what_its_manifest_says_is_refused_for_good() {
    let (root, path) = one(&manifest("acme/a", "1.0.0"));
    let described = fs::read_to_string(path.join("plugin.wasm")).unwrap();
    let other = described.replace("acme/a", "acme/b");
    fs::write(path.join("plugin.wasm"), other).unwrap();
    let (registry, host) = (Registry::new(), host());
    discover(&registry, root.path(), &options(&host));
    let a = resolved(&registry, "acme/a");
    for _ in 0..3 {
        let error = registry
            .load_executor(&a, &tenant("acme"))
            .await
            .err()
            .unwrap();
        let error = NodeError::from(error);
        assert_eq!(error.code(), ErrorCode::INVALID_PACKAGE);
        assert!(matches!(error, NodeError::Permanent(_)));
        let text = error.to_string();
        assert!(
            text.contains("it provides `acme/b`, which the manifest does not name"),
            "{text}"
        );
    }
    // Nobody tries again what never can succeed.
    assert_eq!(host.loads.load(Ordering::SeqCst), 1);
    let PluginState::Refused { why } = &registry.plugins()[0].state else {
        panic!("refused");
    };
    assert!(
        why.starts_with("the plugin is not what its manifest says"),
        "{why}"
    );
}

#[tokio::test]
async fn a_component_that_changed_since_it_was_found_is_not_run_until_it_is_back() {
    let (root, path) = one(&manifest("acme/a", "1.0.0"));
    let (registry, host) = (Registry::new(), host());
    discover(&registry, root.path(), &options(&host));
    let a = resolved(&registry, "acme/a");
    let component = fs::read(path.join("plugin.wasm")).unwrap();
    fs::write(path.join("plugin.wasm"), "[]").unwrap();
    let error = registry
        .load_executor(&a, &tenant("acme"))
        .await
        .err()
        .unwrap();
    assert!(
        error
            .cause
            .to_string()
            .contains("`plugin.wasm` has the digest"),
        "{}",
        error.cause
    );
    fs::write(path.join("plugin.wasm"), component).unwrap();
    assert!(registry.load_executor(&a, &tenant("acme")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_load_that_takes_too_long_is_given_up_and_may_be_tried_again() {
    let (root, _) = one(&manifest("acme/a", "1.0.0"));
    let (registry, mut host) = (Registry::new(), host());
    Arc::get_mut(&mut host).unwrap().gate = Semaphore::new(0);
    let limited = options(&host).max_load_time(Some(Duration::from_secs(5)));
    discover(&registry, root.path(), &limited);
    let a = resolved(&registry, "acme/a");
    let error = registry
        .load_executor(&a, &tenant("acme"))
        .await
        .err()
        .unwrap();
    let error = NodeError::from(error);
    assert_eq!(error.code(), ErrorCode::LOAD_FAILED);
    assert!(matches!(error, NodeError::Retryable(_)));
    host.gate.add_permits(1);
    assert!(registry.load_executor(&a, &tenant("acme")).await.is_ok());
}
