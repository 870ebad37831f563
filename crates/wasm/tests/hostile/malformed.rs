//! Bytes that are no component, and components that somebody changed.

use std::sync::{Arc, LazyLock};

use jackfield_registry::discovery::{PluginLoadError, PluginManifest};
use jackfield_wasm::{Services, WasmConfig, WasmHost};
use proptest::prelude::*;

use crate::guest::Guest;
use crate::harness::{Heard, Host, manifest};

static HARMLESS: LazyLock<(Arc<PluginManifest>, Vec<u8>)> = LazyLock::new(|| {
    let guest = Guest::harmless();
    (manifest("evil/node", &guest), guest.component())
});

/// One host for all cases, as a server has it.
static HOST: LazyLock<Host> = LazyLock::new(|| {
    let config = WasmConfig {
        describe_time: jackfield_types::Span::from_millis(500),
        instances: 8,
        ..WasmConfig::default()
    };
    Host {
        host: WasmHost::start(config, Services::default()).unwrap(),
        heard: Heard::default(),
    }
});

/// Loads bytes. What comes out is a plugin or an error, and the error is not one that may pass.
fn load(bytes: &[u8]) -> Result<(), PluginLoadError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let manifest = Arc::clone(&HARMLESS.0);
        HOST.load_bytes(manifest, bytes.to_vec()).await.map(drop)
    })
}

#[test]
fn what_is_no_component_is_refused_with_a_reason() {
    let module = wat::parse_str("(module (memory 1))").unwrap();
    let empty = wat::parse_str("(component)").unwrap();
    let foreign = wat::parse_str(
        "(component (import \"acme:own/thing@1.0.0\" (instance (export \"f\" (func)))))",
    )
    .unwrap();
    for bytes in [
        &[][..],
        b"\0asm",
        b"#!/bin/sh",
        b"{}",
        &module,
        &empty,
        &foreign,
    ] {
        let error = load(bytes).unwrap_err();
        assert!(
            matches!(error, PluginLoadError::Component { .. }),
            "{error:?}"
        );
        assert!(!error.is_transient());
    }
    assert!(load(&HARMLESS.1).is_ok());
}

#[test]
fn a_component_that_unfolds_into_more_than_there_is_room_for_is_refused_at_once() {
    // Each instantiates the one inside of it twice: 2^60 instances in four thousand bytes.
    let mut text = "(component $c0)".to_owned();
    for level in 1..=60 {
        let below = level - 1;
        text = format!(
            "(component $c{level} {text}
               (instance (instantiate $c{below})) (instance (instantiate $c{below})))"
        );
    }
    let bytes = wat::parse_str(format!("(component {text} (instance (instantiate $c60)))"));
    let error = load(&bytes.unwrap()).unwrap_err();
    assert!(!error.is_transient());
    assert!(
        error.to_string().contains("it unfolds into more than"),
        "{error}"
    );
}

#[test]
fn a_component_that_was_cut_off_is_refused() {
    let whole = &HARMLESS.1;
    for end in (0..whole.len()).step_by(whole.len() / 40) {
        // A component that ends where a section ends may lack only its names.
        if let Err(error) = load(&whole[..end]) {
            assert!(!error.is_transient(), "{error:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_no_component(bytes in prop::collection::vec(any::<u8>(), 0..4_096)) {
        prop_assert!(load(&bytes).is_err());
    }

    #[test]
    fn random_bytes_behind_the_right_beginning_are_refused(
        bytes in prop::collection::vec(any::<u8>(), 1..2_048),
    ) {
        let mut component = b"\0asm\x0d\0\x01\0".to_vec();
        component.extend(bytes);
        prop_assert!(load(&component).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_component_with_bytes_changed_runs_or_is_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut component = HARMLESS.1.clone();
        for (place, byte) in changes {
            let place = place.index(component.len());
            component[place] = byte;
        }
        // Either is right; that there is an answer, and a host after it, is what counts.
        let _ = load(&component);
        prop_assert!(load(&HARMLESS.1).is_ok());
    }
}
