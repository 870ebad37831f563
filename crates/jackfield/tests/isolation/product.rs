//! Nothing leaks, whoever the tenants are and however the engine was put together.

use jackfield::types::CircuitBreaker;
use jackfield::{AdmissionLimits, Registry, TenantId};
use jackfield_testkit::isolation::find_leaks;
use std::num::NonZeroU32;

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).expect("a name of a tenant")
}

#[tokio::test]
async fn nothing_leaks_from_a_plain_engine() {
    let report = find_leaks(&tenant("acme"), &tenant("globex"), |scene| {
        scene.engine(Registry::new()).build()
    })
    .await;
    assert!(report.is_clean(), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_leaks_from_an_engine_with_everything_in_it() {
    let limits = AdmissionLimits {
        executions: NonZeroU32::new(64),
        calls: NonZeroU32::new(64),
    };
    // One name begins with the other.
    let report = find_leaks(&tenant("acme-2"), &tenant("acme"), move |scene| {
        let registry = jackfield::built_in_registry().expect("they register");
        scene
            .with_tenancy(|tenancy| tenancy.deny_by_default().admission(limits))
            .engine(registry)
            .circuit_breaker(CircuitBreaker::default())
            .max_depth(4)
            .build()
    })
    .await;
    assert!(report.is_clean(), "{report}");
}
