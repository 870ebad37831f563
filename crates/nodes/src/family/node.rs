use std::borrow::Cow;

use jackfield_plugin_api::{BoxFuture, NodeCall, NodeError, NodeExecutor, NodeOutput, Scheduling};
use jackfield_types::{ByteSize, Item, Object, ValidationIssue};
use serde_json::Value;

use super::function::{Code, Function};
use super::parameter::{Forms, Parameter, check_all};
use super::{Arguments, Variables, describe, measure};

/// The executor of every function of every family.
pub(super) struct FunctionNode {
    parameters: Box<[Parameter]>,
    forms: Forms,
    code: Code,
    /// Whether static parameters give the same result for every item.
    is_constant: bool,
}

impl FunctionNode {
    pub(super) fn new(function: Function) -> Self {
        let is_constant = function.is_constant();
        Self {
            parameters: function.parameters.into(),
            forms: function.forms,
            code: function.code,
            is_constant,
        }
    }

    fn run(&self, call: NodeCall<'_>) -> Result<NodeOutput, NodeError> {
        let count = call.inputs.first().map_or(0, |items| items.len());
        let mut variables = Variables::new(call.context.variables);
        let mut made: Vec<Item> = Vec::with_capacity(count);
        let mut fixed = None;
        let mut bytes = 0;
        for index in 0..count {
            let result = match made.first() {
                Some(first) if self.is_constant && fixed.is_some() => Ok(first.clone()),
                _ => self.run_item(call, index, &mut fixed, &mut variables, &mut bytes),
            };
            match result {
                Ok(item) => made.push(item.paired_with(index)),
                // What is wrong with fixed parameters has nothing to do with an item.
                Err(error @ NodeError::Params(_)) if count == 1 || call.parameters.is_static() => {
                    return Err(error);
                }
                Err(error) => return Err(at_item(error, index, made)),
            }
        }
        Ok(NodeOutput::items(made).with_variables(variables.into_writes()))
    }

    /// Calls the function for one item. `fixed` keeps the parameters when they are the same for
    /// all items.
    fn run_item<'a>(
        &self,
        call: NodeCall<'a>,
        index: usize,
        fixed: &mut Option<Cow<'a, Value>>,
        variables: &mut Variables<'_>,
        bytes: &mut usize,
    ) -> Result<Item, NodeError> {
        let resolved;
        let given = match fixed {
            Some(given) => &**given,
            None => {
                let parameters = call.parameters.resolve(index)?;
                self.check(&parameters)?;
                if call.parameters.is_static() {
                    fixed.insert(parameters)
                } else {
                    resolved = parameters;
                    &*resolved
                }
            }
        };
        let none = Object::new();
        let given = given.as_object().unwrap_or(&none);
        let arguments = Arguments::new(&self.parameters, given, call, index);
        arguments.check_cancelled()?;
        let result = match self.code {
            Code::Result(code) => code(&arguments)?,
            Code::Reads(code) => code(&arguments, variables)?,
            Code::Writes(code) => code(&arguments, variables)?,
            Code::Fields(code) => {
                let fields = code(&arguments)?;
                fields
                    .values()
                    .try_for_each(|value| measure(value, bytes))?;
                return Ok(Item::new(fields));
            }
        };
        measure(&result, bytes)?;
        Ok(NodeOutput::result_item(result, index))
    }

    fn check(&self, parameters: &Value) -> Result<(), NodeError> {
        let issues = self.issues(parameters);
        if issues.is_empty() {
            Ok(())
        } else {
            Err(NodeError::Params(issues))
        }
    }

    fn issues(&self, parameters: &Value) -> Vec<ValidationIssue> {
        match parameters {
            Value::Null => check_all(&self.parameters, self.forms, &Object::new()),
            Value::Object(given) => check_all(&self.parameters, self.forms, given),
            other => {
                let message = format!("expected an object of parameters, got {}", describe(other));
                vec![ValidationIssue::parameter("", message)]
            }
        }
    }
}

/// Says at which item it went wrong, and keeps what was made of the items before it.
fn at_item(error: NodeError, index: usize, made: Vec<Item>) -> NodeError {
    if let NodeError::Params(mut issues) = error {
        for issue in &mut issues {
            issue.message.push_str(&format!(", for item {index}"));
        }
        return NodeError::Params(issues);
    }
    error.with(|failure| {
        if index > 0 {
            failure.message.push_str(&format!(", for item {index}"));
        }
        failure
            .details
            .get_or_insert_with(|| serde_json::json!({ "item": index }));
        if !made.is_empty() {
            failure.partial = Some(NodeOutput::items(made));
        }
    })
}

impl NodeExecutor for FunctionNode {
    fn execute<'a>(&'a self, call: NodeCall<'a>) -> BoxFuture<'a, Result<NodeOutput, NodeError>> {
        Box::pin(async move { self.run(call) })
    }

    fn validate(&self, parameters: &Value) -> Vec<ValidationIssue> {
        self.issues(parameters)
    }

    fn scheduling(&self) -> Scheduling {
        Scheduling::Inline
    }

    fn memory(&self) -> ByteSize {
        let bytes = size_of_val(self) + size_of_val(&*self.parameters);
        ByteSize::bytes(u64::try_from(bytes).unwrap_or(u64::MAX))
    }
}
