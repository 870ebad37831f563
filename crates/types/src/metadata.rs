use schemars::JsonSchema;
use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Capability, NodeTypeId, Object};

/// What a node type says of itself. Everything that is shown, searched, validated or planned
/// about it comes from here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeTypeMetadata {
    /// Its name.
    pub node_type: NodeTypeId,
    /// Its version.
    pub version: Version,
    /// The group that it is listed under, such as `control` or `string`.
    pub category: String,
    /// One sentence for lists.
    #[serde(default)]
    pub description: String,
    /// More about it, in Markdown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub documentation: String,
    /// Parameters that must be given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_fields: Vec<String>,
    /// The JSON Schema (draft 2020-12) of the parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// Node types that it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    /// Versions besides its own that it serves as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supported_versions: Vec<VersionReq>,
    /// Contracts that earlier programs had it with, under this version, whose executions this one
    /// can go on with: what has changed since does not matter to them. It is for what is built
    /// into a program; a plugin is pinned by its content.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub served_contracts: Vec<String>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// A name or URL of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// Whether it may still change without notice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub experimental: bool,
    /// Its ports.
    #[serde(default)]
    pub ports: Ports,
    /// What the engine has to know about it beyond that.
    #[serde(default, skip_serializing_if = "NodeRole::is_plain")]
    pub role: NodeRole,
    /// What it does with the execution's variables.
    #[serde(default, skip_serializing_if = "VariableAccess::is_none")]
    pub variables: VariableAccess,
    /// What it reaches outside itself. A tenant whose policy does not grant all of it may not use
    /// the node type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<Capability>,
    /// Examples that are run by tests and shown in the documentation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Example>,
}

/// A node type that another one needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dependency {
    /// Its name.
    pub node_type: NodeTypeId,
    /// The versions that will do.
    #[serde(default)]
    pub version: VersionReq,
}

/// The ports of a node type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ports {
    /// The most inputs that can be connected; `u16::MAX` for any number.
    pub inputs: u16,
    /// Names of the `main` outputs that are always there.
    pub outputs: Vec<String>,
    /// Outputs that come *before* those, as many as a parameter says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dynamic_outputs: Option<DynamicOutputs>,
}

/// Outputs whose number a parameter says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DynamicOutputs {
    /// A parameter that is a number, or a list with one entry an output.
    pub parameter: String,
    /// The number when the parameter is not given.
    pub default: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            inputs: 1,
            outputs: vec!["main".to_owned()],
            dynamic_outputs: None,
        }
    }
}

impl Ports {
    /// One input, and outputs with these names.
    pub fn with_outputs(names: &[&str]) -> Self {
        Self {
            outputs: names.iter().map(|&name| name.to_owned()).collect(),
            ..Self::default()
        }
    }

    /// No input: a trigger.
    pub fn trigger() -> Self {
        Self {
            inputs: 0,
            ..Self::default()
        }
    }

    /// The number of `main` outputs under these parameters; `None` when an expression decides it.
    pub fn output_count(&self, parameters: &Value) -> Option<usize> {
        let Some(dynamic) = &self.dynamic_outputs else {
            return Some(self.outputs.len());
        };
        let count = match parameters.get(&dynamic.parameter) {
            None | Some(Value::Null) => usize::from(dynamic.default),
            Some(Value::Array(list)) => list.len(),
            Some(Value::Number(number)) => usize::try_from(number.as_u64()?).ok()?,
            Some(_) => return None,
        };
        Some(count.saturating_add(self.outputs.len()))
    }
}

/// What the engine has to know about a node type beyond its ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NodeRole {
    /// Nothing.
    #[default]
    Plain,
    /// It begins an execution: what started the execution is its output.
    Trigger,
    /// It runs again each time that its output `loop` (the second one) delivered something and
    /// that came back; its output `done` (the first one) ends the loop.
    Loop,
}

impl NodeRole {
    /// Whether there is nothing to know.
    pub fn is_plain(&self) -> bool {
        *self == Self::Plain
    }
}

/// What a node does with the execution's variables. It decides the order in which nodes that
/// could otherwise run at the same time have to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VariableAccess {
    /// Nothing.
    #[default]
    None,
    /// It reads them.
    Reads,
    /// It reads and changes them.
    Writes,
}

impl VariableAccess {
    /// Whether it leaves them alone.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// An example of a node type at work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Example {
    /// What it shows.
    pub title: String,
    /// The parameters.
    #[serde(default)]
    pub parameters: Value,
    /// The items of each input; one empty item on the first input when nothing is said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input: Vec<Vec<Object>>,
    /// The execution's variables before.
    #[serde(default, skip_serializing_if = "Object::is_empty")]
    pub variables: Object,
    /// The items of each `main` output. `None` where they differ from run to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Vec<Vec<Object>>>,
}

/// Which rule the metadata of a node type breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("metadata field `{field}`: {reason}")]
pub struct MetadataError {
    /// The field, as it is written in JSON.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

impl NodeTypeMetadata {
    /// Metadata with nothing but what every node type has to say.
    pub fn new(node_type: NodeTypeId, version: Version, category: &str) -> Self {
        Self {
            node_type,
            version,
            category: category.to_owned(),
            description: String::new(),
            documentation: String::new(),
            required_fields: Vec::new(),
            schema: None,
            dependencies: Vec::new(),
            supported_versions: Vec::new(),
            served_contracts: Vec::new(),
            tags: Vec::new(),
            author: None,
            icon: None,
            experimental: false,
            ports: Ports::default(),
            role: NodeRole::Plain,
            variables: VariableAccess::None,
            capabilities: Vec::new(),
            examples: Vec::new(),
        }
    }

    /// Checks the rules that the types of the fields don't keep by themselves. Whether the schema
    /// compiles is the registry's to find out.
    ///
    /// # Errors
    /// The first field that breaks a rule.
    pub fn check(&self) -> Result<(), MetadataError> {
        let error = |field: &str, reason: String| {
            Err(MetadataError {
                field: field.to_owned(),
                reason,
            })
        };
        if self.category.trim().is_empty() {
            return error("category", "must not be empty".to_owned());
        }
        if let Some(place) = self
            .required_fields
            .iter()
            .position(|field| field.trim().is_empty())
        {
            return error(
                &format!("requiredFields[{place}]"),
                "must not be empty".to_owned(),
            );
        }
        if let Some(place) = self.tags.iter().position(|tag| tag.trim().is_empty()) {
            return error(&format!("tags[{place}]"), "must not be empty".to_owned());
        }
        if let Some(schema) = &self.schema {
            if !schema.is_object() && !schema.is_boolean() {
                return error(
                    "schema",
                    "must be a JSON Schema: an object or a boolean".to_owned(),
                );
            }
            let properties = schema.get("properties").and_then(Value::as_object);
            let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
            if let (Some(properties), true) = (properties, is_closed)
                && let Some(place) = self
                    .required_fields
                    .iter()
                    .position(|field| !properties.contains_key(field))
            {
                let name = &self.required_fields[place];
                return error(
                    &format!("requiredFields[{place}]"),
                    format!("`{name}` is no property of the schema"),
                );
            }
        }
        for (place, dependency) in self.dependencies.iter().enumerate() {
            if dependency.node_type == self.node_type {
                return error(
                    &format!("dependencies[{place}]"),
                    format!("`{}` depends on itself", self.node_type),
                );
            }
        }
        if self.role == NodeRole::Loop && self.ports.outputs.len() < 2 {
            return error(
                "ports",
                "a loop needs the outputs `done` and `loop`".to_owned(),
            );
        }
        if self.role == NodeRole::Trigger && self.ports.inputs > 0 {
            return error("ports", "a trigger has no inputs".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata() -> NodeTypeMetadata {
        NodeTypeMetadata::new("test".try_into().unwrap(), Version::new(1, 0, 0), "test")
    }

    #[test]
    fn metadata_without_a_node_type_is_refused_by_name() {
        let error = serde_json::from_str::<NodeTypeMetadata>(r#"{"version": "1.0.0"}"#);
        assert!(error.unwrap_err().to_string().contains("nodeType"));
    }

    #[test]
    fn a_broken_rule_names_its_field() {
        type Spoil = fn(&mut NodeTypeMetadata);
        let cases: [(&str, Spoil); 5] = [
            ("category", |m| m.category = " ".to_owned()),
            ("requiredFields[0]", |m| {
                m.required_fields = vec![String::new()];
            }),
            ("schema", |m| m.schema = Some(Value::from(3))),
            ("ports", |m| m.role = NodeRole::Loop),
            ("dependencies[0]", |m| {
                let node_type = m.node_type.clone();
                m.dependencies = vec![Dependency {
                    node_type,
                    version: VersionReq::STAR,
                }];
            }),
        ];
        for (field, spoil) in cases {
            let mut metadata = metadata();
            assert_eq!(metadata.check(), Ok(()));
            spoil(&mut metadata);
            assert_eq!(metadata.check().unwrap_err().field, field);
        }
    }

    #[test]
    fn outputs_are_counted_by_parameters() {
        let ports = Ports {
            inputs: 1,
            outputs: vec!["otherwise".to_owned()],
            dynamic_outputs: Some(DynamicOutputs {
                parameter: "rules".to_owned(),
                default: 0,
            }),
        };
        let count = |json: &str| ports.output_count(&serde_json::from_str(json).unwrap());
        assert_eq!(count("{}"), Some(1));
        assert_eq!(count(r#"{"rules": [1, 2]}"#), Some(3));
        assert_eq!(count(r#"{"rules": 4}"#), Some(5));
        assert_eq!(count(r#"{"rules": "{{ $json.n }}"}"#), None);
    }
}
