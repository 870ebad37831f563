//! Registering, versions, and metadata that is refused.

use jackfield_definition::CatalogError;
use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, TypedCall};
use jackfield_registry::{RegisterError, Registry};
use jackfield_types::{Example, NodeTypeMetadata, Object, VersionSelector};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::common::{Scene, metadata, name, numbered, tenant, version};

fn registry_with(versions: &[&str]) -> Registry {
    let registry = Registry::new();
    for (number, one) in versions.iter().enumerate() {
        let metadata = metadata("test", one);
        registry
            .register_with_metadata("test", numbered(number as u64), metadata)
            .unwrap();
    }
    registry
}

fn resolved(registry: &Registry, wanted: &str) -> Option<String> {
    let wanted: VersionSelector = serde_json::from_str(wanted).unwrap();
    registry
        .resolve(&name("test"), &wanted)
        .ok()
        .map(|found| found.version().to_string())
}

fn field_refused(metadata: NodeTypeMetadata) -> String {
    let registry = Registry::new();
    let node_type = metadata.node_type.to_string();
    let error = registry
        .register_with_metadata(&node_type, numbered(0), metadata)
        .unwrap_err();
    assert!(registry.executors().is_empty());
    error.field().expect("a refusal of the metadata").to_owned()
}

#[test]
fn what_was_registered_is_given_back_whole() {
    let registry = Registry::new();
    let whole = NodeTypeMetadata {
        description: "Reads rows.".to_owned(),
        documentation: "# Reads rows\n".to_owned(),
        required_fields: vec!["entity".to_owned()],
        schema: Some(
            json!({"type": "object", "properties": {"entity": {"type": "string"}, "n": {"maximum": 9_007_199_254_740_993_u64}}}),
        ),
        tags: vec!["database".to_owned()],
        examples: vec![Example {
            title: "all".to_owned(),
            parameters: json!({"entity": "order", "ratio": 0.1}),
            input: vec![vec![Object::new()]],
            variables: Object::new(),
            output: None,
        }],
        ..metadata("dbal-read", "1.0.0")
    };
    registry
        .register_with_metadata("dbal-read", numbered(0), whole.clone())
        .unwrap();
    assert_eq!(*registry.plugin_info("dbal-read").unwrap(), whole);
    assert_eq!(registry.plugin_info("dbal-write"), None);
}

#[test]
fn several_versions_live_side_by_side() {
    let registry = registry_with(&["1.0.0", "2.1.0", "1.4.2", "3.0.0-beta.1", "2.0.0"]);
    assert_eq!(resolved(&registry, "null").as_deref(), Some("2.1.0"));
    assert_eq!(resolved(&registry, "1").as_deref(), Some("1.4.2"));
    assert_eq!(resolved(&registry, "\"2.0.0\"").as_deref(), Some("2.0.0"));
    assert_eq!(
        resolved(&registry, "\">=1.2, <2.1\"").as_deref(),
        Some("2.0.0")
    );
    assert_eq!(
        resolved(&registry, "\"3.0.0-beta.1\"").as_deref(),
        Some("3.0.0-beta.1")
    );
    assert_eq!(resolved(&registry, "4"), None);
    let order: Vec<_> = registry
        .executors()
        .iter()
        .map(|one| one.version().to_string())
        .collect();
    assert_eq!(order, ["3.0.0-beta.1", "2.1.0", "2.0.0", "1.4.2", "1.0.0"]);
}

#[test]
fn a_pre_release_is_the_newest_only_when_there_is_nothing_else() {
    let registry = registry_with(&["3.0.0-beta.1", "3.0.0-alpha.1"]);
    assert_eq!(resolved(&registry, "null").as_deref(), Some("3.0.0-beta.1"));
    assert_eq!(
        registry.plugin_info("test").unwrap().version,
        version("3.0.0-beta.1")
    );
}

#[test]
fn supported_versions_serve_when_no_version_matches_by_itself() {
    let registry = registry_with(&["1.0.0"]);
    let newer = NodeTypeMetadata {
        supported_versions: vec!["^1".parse().unwrap(), "~2.1".parse().unwrap()],
        ..metadata("test", "3.0.0")
    };
    registry
        .register_with_metadata("test", numbered(3), newer)
        .unwrap();
    assert_eq!(resolved(&registry, "\"1.0.0\"").as_deref(), Some("1.0.0"));
    assert_eq!(resolved(&registry, "\"1.5.0\"").as_deref(), Some("3.0.0"));
    assert_eq!(resolved(&registry, "2.1").as_deref(), Some("3.0.0"));
    assert_eq!(resolved(&registry, "2"), None);
    assert_eq!(resolved(&registry, "\"2.2.0\""), None);
}

#[test]
fn what_is_unknown_comes_with_what_there_is() {
    let registry = registry_with(&["1.0.0", "2.0.0"]);
    for node_type in ["string.upper", "http-request"] {
        registry
            .register_with_metadata(node_type, numbered(0), metadata(node_type, "1.0.0"))
            .unwrap();
    }
    let unknown = |text| {
        registry
            .resolve(&name(text), &VersionSelector::Newest)
            .unwrap_err()
    };
    assert_eq!(
        unknown("httpRequest"),
        CatalogError::UnknownNodeType {
            node_type: name("httpRequest"),
            nearest: vec![name("http-request")],
        }
    );
    let wanted = VersionSelector::Exact(version("9.0.0"));
    assert_eq!(
        registry.resolve(&name("test"), &wanted).unwrap_err(),
        CatalogError::UnknownVersion {
            node_type: name("test"),
            version: wanted,
            available: vec![version("2.0.0"), version("1.0.0")],
        }
    );
}

#[test]
fn a_version_is_registered_once_and_replaced_only_on_demand() {
    let registry = registry_with(&["1.0.0"]);
    let again = registry.register_with_metadata("test", numbered(1), metadata("test", "1.0.0"));
    assert!(matches!(again, Err(RegisterError::Duplicate { version, .. }) if version.major == 1));

    let old = registry.executors().remove(0);
    let done = registry
        .replace_with_metadata("test", numbered(1), metadata("test", "1.0.0"))
        .unwrap();
    assert_eq!(done.replaced.unwrap().id(), old.id());
    assert_ne!(done.registration.id(), old.id());
    let new = registry.replace_with_metadata("test", numbered(2), metadata("test", "2.0.0"));
    assert!(new.unwrap().replaced.is_none());
}

#[test]
fn a_replacement_that_is_refused_changes_nothing() {
    let registry = registry_with(&["1.0.0"]);
    let old = registry.executors().remove(0);
    let spoilt = NodeTypeMetadata {
        category: String::new(),
        ..metadata("test", "1.0.0")
    };
    assert!(
        registry
            .replace_with_metadata("test", numbered(1), spoilt)
            .is_err()
    );
    assert_eq!(registry.executors()[0].id(), old.id());
    assert!(!old.is_retired());
}

#[test]
fn unregister_takes_out_one_version_or_all() {
    let registry = registry_with(&["1.0.0", "2.0.0", "3.0.0"]);
    let other = version("9.0.0");
    assert!(registry.unregister("test", Some(&other)).is_empty());
    let gone = registry.unregister("test", Some(&version("2.0.0")));
    assert_eq!(gone.len(), 1);
    assert!(gone[0].is_retired());
    assert_eq!(registry.current(&gone[0]).map(|one| one.id()), None);
    assert_eq!(registry.unregister("test", None).len(), 2);
    assert!(registry.executors().is_empty());
    assert!(registry.unregister("test", None).is_empty());
}

#[test]
fn clear_takes_out_everything() {
    let registry = registry_with(&["1.0.0", "2.0.0"]);
    registry
        .register_with_metadata("other", numbered(7), metadata("other", "1.0.0"))
        .unwrap();
    let one = registry.executors().remove(0);
    registry.try_executor(&one, tenant());
    assert_eq!(registry.clear(), 3);
    assert!(registry.executors().is_empty() && registry.cache().is_empty());
    assert!(registry.current(&one).is_none());
}

#[test]
fn the_name_must_be_the_one_in_the_metadata() {
    let registry = Registry::new();
    for given in ["other", "", "a b"] {
        let error = registry.register_with_metadata(given, numbered(0), metadata("test", "1.0.0"));
        assert_eq!(error.unwrap_err().field(), Some("nodeType"), "{given}");
    }
}

#[test]
fn refused_schemas_name_their_field() {
    let refused: [Value; 13] = [
        json!(7),
        json!({"type": "strin"}),
        json!({"properties": {"a": {"minLength": -1}}}),
        json!({"properties": {"a": {"pattern": "(a"}}}),
        json!({"patternProperties": {"[": {}}}),
        json!({"properties": {"a": {"$ref": "#/$defs/none"}}}),
        json!({"$ref": "https://example.com/schema.json"}),
        json!({"$ref": "file:///etc/hostname"}),
        json!({"items": {"$ref": "other.json"}}),
        json!({"$ref": "https://json-schema.org/draft/2020-12/schema"}),
        json!({"$dynamicRef": "https://example.com/schema.json"}),
        json!({"$schema": "http://json-schema.org/draft-07/schema#"}),
        json!({"pattern": "((a{1000}){1000}){1000}"}),
    ];
    for schema in refused {
        let metadata = NodeTypeMetadata {
            schema: Some(schema.clone()),
            ..metadata("test", "1.0.0")
        };
        assert_eq!(field_refused(metadata), "schema", "{schema}");
    }
}

#[test]
fn schemas_that_only_look_like_refused_ones_are_taken() {
    let taken = [
        json!(true),
        json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}),
        json!({"properties": {"$ref": {"type": "string"}, "pattern": {"type": "string"}}}),
        json!({"default": {"$ref": "https://example.com/x"}}),
        json!({"$defs": {"a": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/a"}}}),
        json!({"properties": {"child": {"$ref": "#"}}}),
    ];
    for schema in taken {
        let registry = Registry::new();
        let metadata = NodeTypeMetadata {
            schema: Some(schema.clone()),
            ..metadata("test", "1.0.0")
        };
        registry
            .register_with_metadata("test", numbered(0), metadata)
            .unwrap();
        assert!(registry.validate_all().is_clean(), "{schema}");
    }
}

#[test]
fn bottomless_schemas_and_examples_are_refused() {
    let mut deep = json!({});
    for _ in 0..101 {
        deep = json!({"properties": {"a": deep}});
    }
    let schema = NodeTypeMetadata {
        schema: Some(deep.clone()),
        ..metadata("test", "1.0.0")
    };
    assert_eq!(field_refused(schema), "schema");
    let wide = json!({"enum": vec![0; 100_001]});
    let schema = NodeTypeMetadata {
        schema: Some(wide),
        ..metadata("test", "1.0.0")
    };
    assert_eq!(field_refused(schema), "schema");
    let example = Example {
        title: "deep".to_owned(),
        parameters: deep,
        input: Vec::new(),
        variables: Object::new(),
        output: None,
    };
    let examples = NodeTypeMetadata {
        examples: vec![example],
        ..metadata("test", "1.0.0")
    };
    assert_eq!(field_refused(examples), "examples");
}

#[test]
fn the_digest_tells_contents_apart_and_nothing_else() {
    let digest = |description: &str, schema: &str| {
        let registry = Registry::new();
        let metadata = NodeTypeMetadata {
            description: description.to_owned(),
            schema: serde_json::from_str(schema).unwrap(),
            ..metadata("test", "1.0.0")
        };
        let one = registry
            .register_with_metadata("test", numbered(0), metadata)
            .unwrap();
        one.digest().to_owned()
    };
    let first = digest("a", r#"{"type": "object", "minProperties": 1}"#);
    assert_eq!(first.len(), 64);
    assert_eq!(
        first,
        digest("a", r#"{"minProperties": 1, "type": "object"}"#)
    );
    assert_ne!(
        first,
        digest("b", r#"{"type": "object", "minProperties": 1}"#)
    );
    assert_ne!(
        first,
        digest("a", r#"{"type": "object", "minProperties": 2}"#)
    );
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Repeat {
    /// What is repeated.
    text: String,
}

struct Repeater;

impl NodeType for Repeater {
    type Params = Repeat;

    fn declaration(&self) -> NodeTypeMetadata {
        metadata("text.repeat", "1.0.0")
    }

    async fn run(&self, call: TypedCall<'_, Repeat>) -> Result<NodeOutput, NodeError> {
        let text = call.params()?.text.repeat(2);
        Ok(NodeOutput::items(vec![NodeOutput::result_item(
            text.into(),
            0,
        )]))
    }
}

#[tokio::test]
async fn a_typed_node_type_is_registered_by_its_own_declaration() {
    let registry = Registry::new();
    registry.register(Repeater).unwrap();
    assert_eq!(
        registry.plugin_info("text.repeat").unwrap().required_fields,
        ["text"]
    );
    let scene = Scene::new(json!({"text": "ab"}));
    let context = scene.context();
    let output = registry
        .execute("text.repeat", scene.call(&context))
        .await
        .unwrap();
    assert_eq!(output.outputs.main[0][0].json()["result"], "abab");

    let scene = Scene::new(json!({"txt": "ab"}));
    let context = scene.context();
    let error = registry
        .execute("text.repeat", scene.call(&context))
        .await
        .unwrap_err();
    let NodeError::Params(issues) = error else {
        panic!("{error}")
    };
    let hints: Vec<_> = issues
        .iter()
        .filter_map(|issue| issue.hint.as_deref())
        .collect();
    assert_eq!(hints, ["did you mean `text`?"]);
}
