//! Executors that trap again and again.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use futures_util::FutureExt;
use jackfield_plugin_api::{NodeError, NodeOutput};
use jackfield_registry::{Registration, Registry};
use jackfield_types::{ErrorCode, FailureClass, TenantId};

use crate::common::{Scene, Scripted, metadata, numbered, version};

const SUCCEED: u8 = 0;
const PANIC: u8 = 1;
const TRAP: u8 = 2;
const FAIL: u8 = 3;

/// An executor that does what it is told, and counts its calls.
#[derive(Clone, Default)]
struct Moody {
    mood: Arc<AtomicU8>,
    calls: Arc<AtomicUsize>,
}

impl Moody {
    fn register(&self, registry: &Registry) -> Arc<Registration> {
        let Self { mood, calls } = self.clone();
        let script = move || {
            calls.fetch_add(1, Ordering::SeqCst);
            match mood.load(Ordering::SeqCst) {
                PANIC => panic!("no"),
                TRAP => Err(NodeError::permanent(ErrorCode::TRAPPED, "unreachable")),
                FAIL => Err(NodeError::permanent(ErrorCode::EXECUTION_ERROR, "sorry")),
                _ => Ok(NodeOutput::default()),
            }
        };
        registry
            .replace_with_metadata("a", Arc::new(Scripted(script)), metadata("a", "1.0.0"))
            .unwrap()
            .registration
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

fn invoke(
    registry: &Registry,
    one: &Arc<Registration>,
    tenant: &TenantId,
) -> Result<NodeOutput, NodeError> {
    let scene = Scene::of(tenant);
    let context = scene.context();
    let executor = registry.try_executor(one, tenant).unwrap();
    registry
        .invoke(one, &*executor, scene.call(&context))
        .now_or_never()
        .unwrap()
}

fn code(result: Result<NodeOutput, NodeError>) -> Option<ErrorCode> {
    result.err().map(|error| error.code())
}

#[test]
fn five_traps_in_a_row_and_the_executor_is_called_no_more() {
    let registry = Registry::new();
    let moody = Moody::default();
    let one = moody.register(&registry);
    let (acme, other) = (tenant("acme"), tenant("other"));
    for mood in [PANIC, TRAP, FAIL, PANIC, TRAP, PANIC] {
        moody.mood.store(mood, Ordering::SeqCst);
        assert_ne!(code(invoke(&registry, &one, &acme)), None);
    }
    moody.mood.store(SUCCEED, Ordering::SeqCst);
    let failure = invoke(&registry, &one, &acme).unwrap_err().into_failure();
    assert_eq!(failure.code, ErrorCode::QUARANTINED);
    assert_eq!(failure.class, FailureClass::Permanent);
    assert_eq!(
        failure.message,
        "node type `a` 1.0.0 is quarantined: 5 calls in a row trapped; it is called again when it \
         is released or registered anew"
    );
    assert_eq!(moody.calls(), 6);
    assert!(invoke(&registry, &one, &other).is_ok(), "others go on");
    let stats = registry.stats();
    assert_eq!(stats.total.executions, 7, "what was refused did not run");
    let [quarantine] = stats.quarantined.as_slice() else {
        panic!("{:?}", stats.quarantined)
    };
    assert_eq!(quarantine.tenant, Some(acme.clone()));
    assert_eq!((quarantine.traps, quarantine.refused), (5, 1));
    assert_eq!(
        serde_json::to_value(quarantine).unwrap()["nodeType"],
        serde_json::json!("a")
    );

    assert_eq!(registry.release("a", Some(&version("2.0.0"))), 0);
    assert_eq!(registry.release("a", None), 1);
    assert!(registry.stats().quarantined.is_empty());
    assert!(invoke(&registry, &one, &acme).is_ok());
}

#[test]
fn a_success_begins_the_count_anew() {
    let registry = Registry::new();
    let moody = Moody::default();
    let one = moody.register(&registry);
    let acme = tenant("acme");
    for round in 0..20 {
        let mood = if round % 5 == 4 { SUCCEED } else { PANIC };
        moody.mood.store(mood, Ordering::SeqCst);
        let got = code(invoke(&registry, &one, &acme));
        assert_ne!(got, Some(ErrorCode::QUARANTINED), "round {round}");
    }
    assert_eq!(moody.calls(), 20);
}

#[test]
fn the_success_of_one_tenant_does_not_lift_the_quarantine_of_another() {
    let registry = Registry::new();
    let moody = Moody::default();
    let one = moody.register(&registry);
    let (acme, other) = (tenant("acme"), tenant("other"));
    moody.mood.store(PANIC, Ordering::SeqCst);
    for _ in 0..5 {
        invoke(&registry, &one, &acme).unwrap_err();
    }
    invoke(&registry, &one, &other).unwrap_err();
    moody.mood.store(SUCCEED, Ordering::SeqCst);
    invoke(&registry, &one, &other).unwrap();
    let got = code(invoke(&registry, &one, &acme));
    assert_eq!(got, Some(ErrorCode::QUARANTINED));
}

#[test]
fn registering_anew_lifts_the_quarantine() {
    let registry = Registry::builder()
        .quarantine_after(NonZeroU32::new(1))
        .build();
    let moody = Moody::default();
    let one = moody.register(&registry);
    let acme = tenant("acme");
    moody.mood.store(PANIC, Ordering::SeqCst);
    invoke(&registry, &one, &acme).unwrap_err();
    assert_eq!(
        code(invoke(&registry, &one, &acme)),
        Some(ErrorCode::QUARANTINED)
    );
    moody.mood.store(SUCCEED, Ordering::SeqCst);
    let next = moody.register(&registry);
    assert!(invoke(&registry, &next, &acme).is_ok());
    assert!(registry.stats().quarantined.is_empty());
}

#[test]
fn without_a_bound_nothing_is_quarantined() {
    let registry = Registry::builder().quarantine_after(None).build();
    let moody = Moody::default();
    let one = moody.register(&registry);
    moody.mood.store(PANIC, Ordering::SeqCst);
    for _ in 0..50 {
        let got = code(invoke(&registry, &one, &tenant("acme")));
        assert_eq!(got, Some(ErrorCode::TRAPPED));
    }
}

#[test]
fn tenants_without_number_do_not_fill_the_memory() {
    let registry = Registry::builder()
        .quarantine_after(NonZeroU32::new(2))
        .build();
    let moody = Moody::default();
    let one = moody.register(&registry);
    moody.mood.store(PANIC, Ordering::SeqCst);
    for number in 0..1_500 {
        let _ = invoke(&registry, &one, &tenant(&format!("t{number}")));
    }
    let quarantined = registry.stats().quarantined;
    let [rest] = quarantined.as_slice() else {
        panic!("{} entries", quarantined.len())
    };
    assert_eq!((&rest.tenant, rest.traps), (&None, 2));
    assert_eq!(rest.refused, 498);
    moody.mood.store(SUCCEED, Ordering::SeqCst);
    assert!(invoke(&registry, &one, &tenant("t7")).is_ok());
    assert_eq!(registry.release("a", None), 1);
    assert!(invoke(&registry, &one, &tenant("t1499")).is_ok());
}

#[test]
fn an_eager_executor_that_is_fine_is_never_asked_about() {
    let registry = Registry::new();
    let one = registry
        .register_with_metadata("a", numbered(1), metadata("a", "1.0.0"))
        .unwrap();
    for _ in 0..3 {
        assert!(invoke(&registry, &one, &tenant("acme")).is_ok());
    }
    assert_eq!(registry.release("a", None), 0);
}
