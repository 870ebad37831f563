//! A thousand reloads while everybody calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::scene::{Scene, number};

const RELOADS: u64 = 1_000;
const CALLERS: usize = 4;
/// So many plugins may be in memory at once: what is replaced, what replaces it, and what each
/// caller ends with.
const IN_MEMORY: usize = 2 + CALLERS;

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_thousand_reloads_fail_no_call_and_no_execution_changes_its_plugin() {
    let scene = Arc::new(Scene::new());
    scene.archive("guest.jfp", "acme/guest", &number(0));
    assert_eq!(scene.reload().await.reloaded.len(), 1);
    let planned = scene.find("acme/guest");
    let published = Arc::new(AtomicU64::new(0));
    let ended = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (scene, planned) = (Arc::clone(&scene), Arc::clone(&planned));
            let (published, ended) = (Arc::clone(&published), Arc::clone(&ended));
            tokio::spawn(async move {
                let mut executions = 0_u64;
                let mut last = 0;
                while !ended.load(Ordering::Acquire) {
                    let floor = published.load(Ordering::Acquire);
                    let edition = scene.registry.edition();
                    // Three nodes of one execution, planned before the first reload.
                    let first = scene.call_in(&edition, &planned).await;
                    assert!(first >= floor, "got {first} after {floor} was there");
                    assert!(first >= last, "got {first} after having got {last}");
                    for _ in 0..2 {
                        assert_eq!(scene.call_in(&edition, &planned).await, first);
                    }
                    assert!(scene.call("acme/guest").await >= first);
                    last = first;
                    executions += 1;
                }
                executions
            })
        })
        .collect();
    for round in 1..=RELOADS {
        scene.archive("guest.jfp", "acme/guest", &number(round));
        let report = scene.reload().await;
        assert_eq!(report.reloaded.len(), 1, "{report:?}");
        assert_eq!(report.reloaded[0].instead_of.len(), 1);
        published.store(round, Ordering::Release);
        assert!(scene.alive() <= IN_MEMORY, "{} in memory", scene.alive());
    }
    ended.store(true, Ordering::Release);
    for caller in callers {
        assert!(caller.await.unwrap() > 0);
    }
    assert_eq!(scene.call("acme/guest").await, RELOADS);
    assert_eq!(scene.alive(), 1);
    // Each version was loaded once, whoever called it meanwhile.
    assert_eq!(scene.host.loads.load(Ordering::SeqCst), RELOADS + 1);
}
