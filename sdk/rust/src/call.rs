use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bindings::exports::jackfield::plugin::node;
use crate::{Issue, Item, ItemResults, NodeError, NodeOutput, Object, code};

/// Where a call stands. Nothing in it names the tenant.
pub use node::Context;

/// One call of a node: where it stands, what came in, and its parameters.
pub struct Call {
    pub(crate) context: Context,
    pub(crate) inputs: Vec<Vec<Object>>,
    pub(crate) parameters: Vec<String>,
    pub(crate) variables: Object,
}

impl Call {
    /// Reads what the host sent.
    pub(crate) fn read(call: node::Call) -> Result<Self, NodeError> {
        let mut inputs = Vec::with_capacity(call.inputs.len().max(1));
        for (port, text) in call.inputs.iter().enumerate() {
            let items = serde_json::from_str(text).map_err(|error| {
                let text = format!("input {port} is no list of objects: {error}");
                NodeError::permanent(code::INVALID_INPUT, text)
            })?;
            inputs.push(items);
        }
        if inputs.is_empty() {
            inputs.push(Vec::new());
        }
        let variables = match &call.variables {
            None => Object::new(),
            Some(text) => serde_json::from_str(text).map_err(|error| {
                let text = format!("the variables are no object: {error}");
                NodeError::permanent(code::INVALID_INPUT, text)
            })?,
        };
        Ok(Self {
            context: call.context,
            inputs,
            parameters: call.parameters,
            variables,
        })
    }

    /// A call as a host would make it, for tests of a node type on the author's own machine: the
    /// same parameters for all items, which come in on the first port.
    pub fn sample(parameters: &Value, items: impl IntoIterator<Item = Object>) -> Self {
        Self {
            context: Context {
                execution: "exec_sample".to_owned(),
                workflow: "sample".to_owned(),
                node: "Sample".to_owned(),
                attempt: 1,
                run_index: 0,
                idempotency_key: "exec_sample.0.Sample".to_owned(),
                on_error_continues: false,
            },
            inputs: vec![items.into_iter().collect()],
            parameters: vec![parameters.to_string()],
            variables: Object::new(),
        }
    }

    /// Has the items that follow a failed one take their turn, in a [`sample`](Self::sample).
    #[must_use]
    pub fn going_on_after_errors(mut self) -> Self {
        self.context.on_error_continues = true;
        self
    }

    /// Where the call stands.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The items of each input port; at least one list, which may be empty.
    pub fn inputs(&self) -> &[Vec<Object>] {
        &self.inputs
    }

    /// The items of the first input port.
    pub fn items(&self) -> &[Object] {
        self.inputs.first().map_or(&[], Vec::as_slice)
    }

    /// The execution's variables; empty for node types that don't say that they read them.
    pub fn variables(&self) -> &Object {
        &self.variables
    }

    /// Whether the parameters are the same for all items.
    pub fn is_static(&self) -> bool {
        self.parameters.len() <= 1
    }

    /// Begins to collect what is made of the items one by one.
    pub fn results(&self) -> ItemResults<'_> {
        ItemResults::of(self)
    }
}

/// A [`Call`] whose parameters have a type.
pub struct TypedCall<'a, P> {
    call: &'a Call,
    shared: RefCell<Option<Rc<P>>>,
}

impl<P> Deref for TypedCall<'_, P> {
    type Target = Call;

    fn deref(&self) -> &Call {
        self.call
    }
}

impl<'a, P: DeserializeOwned> TypedCall<'a, P> {
    /// Gives the parameters of a call a type.
    pub fn new(call: &'a Call) -> Self {
        Self {
            call,
            shared: RefCell::new(None),
        }
    }

    /// The parameters for one item of the first input. Those that are the same for all items are
    /// read once.
    ///
    /// # Errors
    /// [`NodeError::Params`] when they are not of the type `P`.
    pub fn params_for(&self, item: usize) -> Result<Rc<P>, NodeError> {
        if !self.call.is_static() {
            let text = self.call.parameters.get(item).ok_or_else(|| {
                NodeError::permanent(
                    code::INVALID_INPUT,
                    format!("there are no parameters for item {item}"),
                )
            })?;
            return typed(text).map(Rc::new);
        }
        if let Some(shared) = &*self.shared.borrow() {
            return Ok(Rc::clone(shared));
        }
        let text = self.call.parameters.first().map_or("{}", String::as_str);
        let read = Rc::new(typed::<P>(text)?);
        *self.shared.borrow_mut() = Some(Rc::clone(&read));
        Ok(read)
    }

    /// The parameters for the first item, of a node that treats its items as one list.
    ///
    /// # Errors
    /// Those of [`params_for`](Self::params_for).
    pub fn params(&self) -> Result<Rc<P>, NodeError> {
        self.params_for(0)
    }

    /// Makes one item of each item of the first input and gives them on the first port.
    ///
    /// # Errors
    /// Those of the parameters and of `make`, as [`ItemResults`] says.
    pub fn map_items(
        &self,
        mut make: impl FnMut(&P, &Object) -> Result<Object, NodeError>,
    ) -> Result<NodeOutput, NodeError> {
        let mut results = self.results();
        for (index, item) in self.items().iter().enumerate() {
            let made = self
                .params_for(index)
                .and_then(|params| make(&params, item));
            match made {
                Ok(object) => results.put(Item::new(object).paired_with(index)),
                Err(error) => results.fail(index, error)?,
            }
        }
        results.finish()
    }
}

fn typed<P: DeserializeOwned>(text: &str) -> Result<P, NodeError> {
    serde_json::from_str(text).map_err(|error| {
        // Read again as a value: places in the host's text say nothing to people.
        let value = serde_json::from_str::<Value>(text);
        let plain = value.map(|value| serde_json::from_value::<P>(value).err());
        let message = match plain {
            Ok(Some(plain)) => plain.to_string(),
            Ok(None) | Err(_) => error.to_string(),
        };
        NodeError::Params(vec![Issue {
            path: String::new(),
            message,
        }])
    })
}
