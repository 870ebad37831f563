use std::collections::BTreeSet;

use jackfield_plugin_api::{Scheduling, Version};
use jackfield_types::{ByteSize, VariableAccess};

use crate::harness::{function, functions};

const PROMISED: &[(&str, &str)] = &[
    (
        "string",
        "concat format length lower upper trim replace split join substring includes startsWith \
         endsWith padStart padEnd sha256",
    ),
    (
        "math",
        "add subtract multiply divide modulo power sqrt abs round floor ceil min max sum average \
         random clamp",
    ),
    (
        "logic",
        "and or not xor equals notEquals gt gte lt lte in between isNull isEmpty typeOf ternary \
         coalesce",
    ),
    (
        "list",
        "concat length slice at first last find findIndex filter every some map reduce sort \
         reverse unique flatten push pop shift unshift includes indexOf groupBy",
    ),
    (
        "dict",
        "get set delete has keys values entries fromEntries size merge deepMerge pick omit invert \
         mapValues filterEntries",
    ),
    (
        "convert",
        "toString toNumber toInteger toFloat toBoolean toArray toObject parseJson toJson \
         parseDate formatDate base64Encode base64Decode urlEncode urlDecode",
    ),
    (
        "var",
        "get set setMultiple delete exists increment decrement toggle append concat list getAll \
         clear merge",
    ),
];

#[test]
fn there_are_the_functions_that_were_promised_and_no_others() {
    let promised: BTreeSet<String> = PROMISED
        .iter()
        .flat_map(|(family, names)| {
            names
                .split_whitespace()
                .map(move |name| format!("{family}.{name}"))
        })
        .collect();
    let there: BTreeSet<String> = functions()
        .iter()
        .map(|built_in| built_in.metadata.node_type.to_string())
        .collect();
    assert_eq!(there, promised);
    assert_eq!(functions().len(), promised.len(), "a name is there twice");
}

#[test]
fn every_function_says_all_about_itself() {
    for built_in in functions() {
        let metadata = &built_in.metadata;
        let name = &metadata.node_type;
        assert_eq!(metadata.check(), Ok(()), "{name}");
        assert_eq!(metadata.version, Version::new(1, 0, 0), "{name}");
        assert!(
            name.as_str()
                .starts_with(&format!("{}.", metadata.category)),
            "{name}"
        );
        assert!(metadata.description.ends_with('.'), "{name}");
        assert!(
            metadata.documentation.starts_with(&metadata.description),
            "{name}"
        );
        assert!(!metadata.tags.is_empty(), "{name}");
        assert!(!metadata.examples.is_empty(), "{name}");
        let tags: BTreeSet<&String> = metadata.tags.iter().collect();
        assert_eq!(tags.len(), metadata.tags.len(), "{name} has a tag twice");
        let schema = metadata.schema.as_ref().unwrap();
        for (parameter, schema) in schema["properties"].as_object().unwrap() {
            let description = schema["description"].as_str().unwrap();
            assert!(description.ends_with('.'), "{name}: {parameter}");
        }
        assert_eq!(built_in.executor.scheduling(), Scheduling::Inline, "{name}");
        assert!(built_in.executor.memory() < ByteSize::kib(2), "{name}");
    }
}

#[test]
fn the_schema_says_what_is_required_what_is_null_and_what_is_default() {
    let schema = function("string.trim").metadata.schema.as_ref().unwrap();
    assert_eq!(
        schema,
        &serde_json::json!({
            "type": "object",
            "properties": {
                "value": {"type": "string", "description": "The text."},
                "mode": {
                    "type": ["string", "null"],
                    "enum": ["both", "start", "end", null],
                    "description": "Which ends.",
                    "default": "both",
                },
            },
            "required": ["value"],
            "additionalProperties": false,
        })
    );
    let condition =
        &function("list.filter").metadata.schema.as_ref().unwrap()["properties"]["condition"];
    assert_eq!(condition["format"], "expression");
}

#[test]
fn what_a_function_does_with_variables_is_declared() {
    let access = |name: &str| function(name).metadata.variables;
    assert_eq!(access("var.get"), VariableAccess::Reads);
    assert_eq!(access("var.getAll"), VariableAccess::Reads);
    assert_eq!(access("var.increment"), VariableAccess::Writes);
    assert_eq!(access("math.add"), VariableAccess::None);
}
