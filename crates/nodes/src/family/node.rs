use std::borrow::Cow;

use jackfield_plugin_api::{
    BoxFuture, ItemResults, NodeCall, NodeError, NodeExecutor, NodeOutput, Scheduling,
};
use jackfield_types::{ByteSize, Item, Object, ValidationIssue};
use serde_json::Value;

use super::checks::{Forms, check_all};
use super::function::{Code, Function};
use super::parameter::Parameter;
use super::{Arguments, Variables, check_call, describe, measure};

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
        let mut variables = Variables::new(call.context.variables);
        let mut results = ItemResults::of(&call);
        let mut fixed = None;
        let mut constant: Option<Item> = None;
        let mut bytes = 0;
        for index in 0..call.items().len() {
            if let Some(item) = &constant {
                results.put(item.clone().paired_with(index));
                continue;
            }
            match self.run_item(call, index, &mut fixed, &mut variables) {
                Ok((item, size)) => {
                    // The bound on the whole call is no fault of the item at which it is passed.
                    bytes += size;
                    check_call(bytes).map_err(|error| results.stop(index, error))?;
                    if self.is_constant && fixed.is_some() {
                        constant = Some(item.clone());
                    }
                    results.put(item.paired_with(index));
                }
                // Writes take effect together or not at all: one item that fails fails the node.
                Err(error) if matches!(self.code, Code::Writes(_)) => {
                    return Err(results.stop(index, error));
                }
                Err(error) => results.fail(index, error)?,
            }
        }
        Ok(results.finish()?.with_variables(variables.into_writes()))
    }

    /// Calls the function for one item, and says roughly how many bytes the item takes. `fixed`
    /// keeps the parameters when they are the same for all items.
    fn run_item<'a>(
        &self,
        call: NodeCall<'a>,
        index: usize,
        fixed: &mut Option<Cow<'a, Value>>,
        variables: &mut Variables<'_>,
    ) -> Result<(Item, usize), NodeError> {
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
        let mut bytes = 0;
        let result = match self.code {
            Code::Result(code) => code(&arguments)?,
            Code::Reads(code) => code(&arguments, variables)?,
            Code::Writes(code) => code(&arguments, variables)?,
            Code::Fields(code) => {
                let fields = code(&arguments)?;
                fields
                    .values()
                    .try_for_each(|value| measure(value, &mut bytes))?;
                return Ok((Item::new(fields), bytes));
            }
        };
        measure(&result, &mut bytes)?;
        Ok((NodeOutput::result_item(result, index), bytes))
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
