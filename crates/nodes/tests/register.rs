//! The built-in node types, in a registry.

use jackfield_nodes::{NodeSettings, node_types, register_all};
use jackfield_registry::{RegisterError, Registry};

#[test]
fn every_built_in_node_type_can_be_registered_and_nothing_is_wrong_with_it() {
    let registry = Registry::new();
    let settings = NodeSettings::default();
    register_all(&registry, &settings).unwrap();
    for built_in in node_types(&settings) {
        let name = &built_in.metadata.node_type;
        assert!(registry.plugin_info(name.as_str()).is_some(), "{name}");
    }
    let report = registry.validate_all();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

#[test]
fn registering_twice_is_refused() {
    let registry = Registry::new();
    let settings = NodeSettings::default();
    register_all(&registry, &settings).unwrap();
    let again = register_all(&registry, &settings);
    assert!(matches!(again, Err(RegisterError::Duplicate { .. })));
}
