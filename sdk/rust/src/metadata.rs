use serde::Serialize;
use serde_json::Value;

use crate::Object;

/// What a node type says of itself. Schema and required fields come from the type of its
/// parameters.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeTypeMetadata {
    /// Its name, which begins with the publisher of the plugin: `acme/greet`.
    pub node_type: String,
    /// Its version.
    pub version: String,
    /// The group that it is listed under.
    pub category: String,
    /// One sentence for lists.
    pub description: String,
    /// More about it, in Markdown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub documentation: String,
    /// Parameters that must be given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required_fields: Vec<String>,
    /// The JSON Schema (draft 2020-12) of the parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// Node types that it needs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    /// Version requirements, besides its own version, that it serves as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub supported_versions: Vec<String>,
    /// Words to find it by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// A name or URL of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// Whether it may still change without notice.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub experimental: bool,
    /// Its ports.
    pub ports: Ports,
    /// What it does with the execution's variables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variables: Option<VariableAccess>,
    /// What it reaches outside itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<Capability>,
    /// Examples that are run by tests and shown in the documentation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Example>,
}

/// A node type that another one needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dependency {
    /// Its name.
    pub node_type: String,
    /// The versions that will do, such as `^1.2`.
    pub version: String,
}

/// The ports of a node type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ports {
    /// The most inputs that can be connected; `u16::MAX` for any number.
    pub inputs: u16,
    /// Names of the outputs that are always there.
    pub outputs: Vec<String>,
    /// Outputs that come before those, as many as a parameter says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynamic_outputs: Option<DynamicOutputs>,
}

/// Outputs whose number a parameter says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
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
}

/// What a node does with the execution's variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum VariableAccess {
    /// It reads them.
    Reads,
    /// It reads and changes them.
    Writes,
}

/// What a plugin may reach outside itself. The manifest asks for the same, with reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Capability {
    /// Writes to the host's log.
    Log,
    /// Sends HTTP requests.
    Http,
    /// Keeps values from call to call.
    Kv,
    /// Reads secrets.
    Secrets,
    /// Reads configuration.
    Config,
    /// Reads the clock.
    Clock,
    /// Draws random numbers.
    Random,
    /// Reports progress.
    Progress,
}

/// An example of a node type at work: shown in the documentation, and run by tests.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Example {
    /// What it shows.
    pub title: String,
    /// The parameters.
    pub parameters: Value,
    /// The items of each input; one empty item on the first input when nothing is said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub input: Vec<Vec<Object>>,
    /// The execution's variables before.
    #[serde(skip_serializing_if = "Object::is_empty")]
    pub variables: Object,
    /// The items of each output. `None` where they differ from run to run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Vec<Vec<Object>>>,
}

impl Example {
    /// An example of what is made of the items of one input on one output. Values that are no
    /// objects are left out.
    pub fn new(
        title: &str,
        parameters: Value,
        input: impl IntoIterator<Item = Value>,
        output: impl IntoIterator<Item = Value>,
    ) -> Self {
        Self {
            title: title.to_owned(),
            parameters,
            input: vec![objects(input)],
            variables: Object::new(),
            output: Some(vec![objects(output)]),
        }
    }

    /// An example whose output differs from run to run, or cannot be had everywhere.
    pub fn without_output(
        title: &str,
        parameters: Value,
        input: impl IntoIterator<Item = Value>,
    ) -> Self {
        Self {
            output: None,
            ..Self::new(title, parameters, input, [])
        }
    }
}

fn objects(values: impl IntoIterator<Item = Value>) -> Vec<Object> {
    let objects = values.into_iter().filter_map(|value| match value {
        Value::Object(object) => Some(object),
        _ => None,
    });
    objects.collect()
}

impl NodeTypeMetadata {
    /// Metadata with nothing but what every node type has to say.
    pub fn new(node_type: &str, version: &str, category: &str) -> Self {
        Self {
            node_type: node_type.to_owned(),
            version: version.to_owned(),
            category: category.to_owned(),
            description: String::new(),
            documentation: String::new(),
            required_fields: Vec::new(),
            schema: None,
            dependencies: Vec::new(),
            supported_versions: Vec::new(),
            tags: Vec::new(),
            author: None,
            icon: None,
            experimental: false,
            ports: Ports::default(),
            variables: None,
            capabilities: Vec::new(),
            examples: Vec::new(),
        }
    }

    /// Sets the sentence for lists.
    #[must_use]
    pub fn described(mut self, description: &str) -> Self {
        self.description = description.to_owned();
        self
    }

    /// Adds words to find it by.
    #[must_use]
    pub fn tagged(mut self, tags: &[&str]) -> Self {
        self.tags.extend(tags.iter().map(|&tag| tag.to_owned()));
        self
    }

    /// Adds something that it reaches outside itself.
    #[must_use]
    pub fn reaching(mut self, capability: Capability) -> Self {
        self.capabilities.push(capability);
        self
    }

    /// Adds an example.
    #[must_use]
    pub fn with_example(mut self, example: Example) -> Self {
        self.examples.push(example);
        self
    }
}
