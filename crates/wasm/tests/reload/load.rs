//! A thousand reloads while everybody calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use jackfield_types::ByteSize;

use crate::memory::Course;
use crate::scene::Scene;

const RELOADS: u64 = 1_000;
const CALLERS: usize = 4;
/// Every so many executions one goes on until its version was replaced.
const LONG: u64 = 8;
/// How much more memory the second half may have than the first. What half of the versions have in
/// memory is several times that.
const TOLERANCE: ByteSize = ByteSize::mib(4);

/// What a caller saw.
#[derive(Default)]
struct Seen {
    executions: u64,
    /// Executions that ended with a version that was replaced meanwhile.
    outlived: u64,
}

struct Load {
    scene: Scene,
    /// The newest version whose reload has returned.
    returned: AtomicU64,
    ended: AtomicBool,
}

impl Load {
    /// Executes again and again, until all reloads are done.
    async fn call(&self, tenant: &str) -> Seen {
        let (mut seen, mut last) = (Seen::default(), 0);
        while !self.ended.load(Ordering::Acquire) {
            let floor = self.returned.load(Ordering::Acquire);
            let execution = self.scene.begin();
            let first = self.scene.call(&execution, tenant).await;
            assert!(first >= floor, "got {first} after {floor} was there");
            assert!(first >= last, "got {first} after having got {last}");
            assert_eq!(self.scene.call(&execution, tenant).await, first);
            if seen.executions.is_multiple_of(LONG) {
                while self.returned.load(Ordering::Acquire) <= first
                    && !self.ended.load(Ordering::Acquire)
                {
                    assert_eq!(self.scene.call(&execution, tenant).await, first);
                }
            }
            assert_eq!(self.scene.call(&execution, tenant).await, first);
            seen.outlived += u64::from(self.returned.load(Ordering::Acquire) > first);
            (last, seen.executions) = (first, seen.executions + 1);
        }
        seen
    }
}

// One thread calls without a pause, reloads have the other: two processors have no time left.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_thousand_reloads_of_real_components_fail_no_call_and_leave_nothing_behind() {
    let load = Arc::new(Load {
        scene: Scene::new(),
        returned: AtomicU64::new(0),
        ended: AtomicBool::new(false),
    });
    load.scene.put(0);
    assert_eq!(load.scene.reload().await.reloaded.len(), 1);
    let callers: Vec<_> = (0..CALLERS)
        .map(|number| {
            let load = Arc::clone(&load);
            // Two of each tenant.
            let tenant = format!("tenant-{}", number / 2);
            tokio::spawn(async move { load.call(&tenant).await })
        })
        .collect();
    let mut course = Course::default();
    for number in 1..=RELOADS {
        load.scene.put(number);
        let report = load.scene.reload().await;
        assert_eq!(report.reloaded.len(), 1, "{report:?}");
        let reloaded = &report.reloaded[0];
        assert_eq!((reloaded.instead_of.len(), reloaded.tried), (1, 1));
        load.returned.store(number, Ordering::Release);
        assert!(callers.iter().all(|caller| !caller.is_finished()));
        course.measure();
    }
    load.ended.store(true, Ordering::Release);
    for caller in callers {
        let seen = caller.await.expect("no caller found anything wrong");
        // Each lived through a good part of the versions.
        assert!(seen.executions >= RELOADS / 4, "{}", seen.executions);
        assert!(seen.outlived >= RELOADS / 20, "{}", seen.outlived);
    }
    let execution = load.scene.begin();
    assert_eq!(load.scene.call(&execution, "tenant-0").await, RELOADS);
    let [first, second] = course.halves();
    let growth = second.as_u64().saturating_sub(first.as_u64());
    assert!(
        growth <= TOLERANCE.as_u64(),
        "{first} were in memory in the first half, {second} in the second"
    );
}
