use std::sync::Arc;

use jackfield_plugin_api::NodeError;
use jackfield_types::{Capability, Example, Object, VariableAccess};
use serde_json::{Value, json};

use super::checks::Forms;
use super::node::FunctionNode;
use super::parameter::{Kind, Parameter};
use super::{Arguments, Variables};
use crate::BuiltIn;
use crate::declaration::{declare, example_without_output as example, tags as words};

/// A group of functions: the table that all is derived from.
pub(crate) struct Family {
    /// The first half of the names of its node types, and their category.
    pub(crate) name: &'static str,
    /// Words to find all of them by.
    pub(crate) tags: &'static [&'static str],
    /// What holds for all of them, for the documentation.
    pub(crate) documentation: &'static str,
    /// The functions.
    pub(crate) functions: Vec<Function>,
}

/// A function: the code, and what is said about it.
pub(crate) struct Function {
    name: &'static str,
    description: &'static str,
    documentation: &'static str,
    tags: &'static [&'static str],
    pub(super) parameters: Vec<Parameter>,
    pub(super) forms: Forms,
    examples: Vec<Example>,
    pub(super) code: Code,
    pub(super) constancy: Constancy,
    capabilities: &'static [Capability],
}

/// The code of a function, by what it gives and what it sees.
#[derive(Clone, Copy)]
pub(super) enum Code {
    /// Gives the result.
    Result(fn(&Arguments<'_>) -> Result<Value, NodeError>),
    /// Gives all fields of the item.
    Fields(fn(&Arguments<'_>) -> Result<Object, NodeError>),
    /// Sees the variables and gives the result.
    Reads(fn(&Arguments<'_>, &Variables<'_>) -> Result<Value, NodeError>),
    /// Changes the variables and gives the result.
    Writes(fn(&Arguments<'_>, &mut Variables<'_>) -> Result<Value, NodeError>),
}

/// Whether a function gives the same for the same parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Constancy {
    Same,
    Different,
}

impl Function {
    fn with_code(name: &'static str, description: &'static str, code: Code) -> Self {
        Self {
            name,
            description,
            documentation: "",
            tags: &[],
            parameters: Vec::new(),
            forms: &[],
            examples: Vec::new(),
            code,
            constancy: Constancy::Same,
            capabilities: &[],
        }
    }

    /// A function that gives the result.
    pub(crate) fn new(
        name: &'static str,
        description: &'static str,
        code: fn(&Arguments<'_>) -> Result<Value, NodeError>,
    ) -> Self {
        Self::with_code(name, description, Code::Result(code))
    }

    /// A function that gives more than one field.
    pub(crate) fn of_fields(
        name: &'static str,
        description: &'static str,
        code: fn(&Arguments<'_>) -> Result<Object, NodeError>,
    ) -> Self {
        Self::with_code(name, description, Code::Fields(code))
    }

    /// A function that reads the execution's variables.
    pub(crate) fn reading(
        name: &'static str,
        description: &'static str,
        code: fn(&Arguments<'_>, &Variables<'_>) -> Result<Value, NodeError>,
    ) -> Self {
        Self::with_code(name, description, Code::Reads(code))
    }

    /// A function that changes the execution's variables.
    pub(crate) fn writing(
        name: &'static str,
        description: &'static str,
        code: fn(&Arguments<'_>, &mut Variables<'_>) -> Result<Value, NodeError>,
    ) -> Self {
        Self::with_code(name, description, Code::Writes(code))
    }

    /// Adds a parameter.
    pub(crate) fn takes(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// Says which optional parameters belong together; those of one form have to be given.
    pub(crate) fn in_forms(mut self, forms: Forms) -> Self {
        self.forms = forms;
        self
    }

    /// Adds words to find it by.
    pub(crate) fn tagged(mut self, tags: &'static [&'static str]) -> Self {
        self.tags = tags;
        self
    }

    /// Says more about it, in Markdown.
    pub(crate) fn documented(mut self, documentation: &'static str) -> Self {
        self.documentation = documentation;
        self
    }

    /// Says that it gives something else each time.
    pub(crate) fn differing(mut self) -> Self {
        self.constancy = Constancy::Different;
        self
    }

    /// Says what it reaches outside itself.
    pub(crate) fn reaching(mut self, capabilities: &'static [Capability]) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Adds an example with one result.
    pub(crate) fn example(self, title: &str, parameters: Value, result: Value) -> Self {
        let fields = [("result".to_owned(), result)].into_iter().collect();
        self.example_of(Example {
            output: Some(vec![vec![fields]]),
            ..example(title, parameters)
        })
    }

    /// Adds an example whose result differs from run to run.
    pub(crate) fn open_example(self, title: &str, parameters: Value) -> Self {
        self.example_of(example(title, parameters))
    }

    /// Adds an example with one result, which starts from these variables.
    pub(crate) fn variables_example(
        mut self,
        title: &str,
        variables: Value,
        parameters: Value,
        result: Value,
    ) -> Self {
        self = self.example(title, parameters, result);
        if let (Some(example), Value::Object(variables)) = (self.examples.last_mut(), variables) {
            example.variables = variables;
        }
        self
    }

    /// Adds an example.
    pub(crate) fn example_of(mut self, example: Example) -> Self {
        self.examples.push(example);
        self
    }

    fn schema(&self) -> Value {
        let properties: Object = self
            .parameters
            .iter()
            .map(|parameter| (parameter.name.to_owned(), parameter.schema()))
            .collect();
        let mut schema = json!({ "type": "object", "properties": properties });
        if self.parameters.iter().any(Parameter::is_required) {
            schema["required"] = self.required_fields().into();
        }
        schema["additionalProperties"] = false.into();
        schema
    }

    fn required_fields(&self) -> Vec<String> {
        let required = self
            .parameters
            .iter()
            .filter(|parameter| parameter.is_required());
        required
            .map(|parameter| parameter.name.to_owned())
            .collect()
    }

    /// Whether static parameters give the same result for every item.
    pub(super) fn is_constant(&self) -> bool {
        let evaluates = |parameter: &Parameter| parameter.kind == Kind::Expression;
        self.constancy == Constancy::Same
            && !matches!(self.code, Code::Writes(_))
            && !self.parameters.iter().any(evaluates)
    }
}

impl Family {
    /// Its functions as node types.
    pub(crate) fn node_types(self) -> Vec<BuiltIn> {
        let Self {
            name,
            tags,
            documentation,
            functions,
        } = self;
        let node_type = |function: Function| {
            let full_name = format!("{name}.{}", function.name);
            let mut metadata = declare(&full_name, name, function.description);
            metadata.documentation = [function.description, function.documentation, documentation]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("\n\n");
            metadata.required_fields = function.required_fields();
            metadata.schema = Some(function.schema());
            metadata.tags = words(&[tags, function.tags].concat());
            metadata.variables = match function.code {
                Code::Result(_) | Code::Fields(_) => VariableAccess::None,
                Code::Reads(_) => VariableAccess::Reads,
                Code::Writes(_) => VariableAccess::Writes,
            };
            metadata.capabilities = function.capabilities.to_vec();
            metadata.examples.clone_from(&function.examples);
            BuiltIn {
                metadata,
                executor: Arc::new(FunctionNode::new(function)),
            }
        };
        functions.into_iter().map(node_type).collect()
    }
}
