use std::sync::Arc;
use std::time::Duration;

use jackfield_types::{AwaitedSignal, Item, Items, Object, Outputs, VariableWrite};
use serde_json::Value;

/// What an attempt gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeOutput {
    /// Items by output port.
    pub outputs: Outputs,
    /// Changes to the execution's variables, in order.
    pub variables: Vec<VariableWrite>,
    /// How long the outputs are held back. Nothing runs and nothing is held open meanwhile.
    pub wait: Option<Duration>,
    /// The signal that ends the wait, and brings other outputs than those that are held back.
    /// Without `wait` nothing else ends it.
    pub signal: Option<AwaitedSignal>,
}

impl NodeOutput {
    /// Items on the first port.
    pub fn items(items: impl Into<Items>) -> Self {
        Outputs::first(items.into()).into()
    }

    /// Items on one port, nothing on the others.
    pub fn on_port(port: usize, items: impl Into<Items>) -> Self {
        Outputs::on_port(port, items.into()).into()
    }

    /// Lists of items, one a port.
    pub fn ports(lists: impl IntoIterator<Item = Vec<Item>>) -> Self {
        let main = lists.into_iter().map(Arc::new).collect();
        Outputs { main, error: None }.into()
    }

    /// One item `{"result": value}`, paired with an input item.
    pub fn result_item(value: Value, item: usize) -> Item {
        let mut object = Object::with_capacity(1);
        object.insert("result".to_owned(), value);
        Item::new(object).paired_with(item)
    }

    /// Adds changes to the execution's variables.
    #[must_use]
    pub fn with_variables(mut self, writes: impl IntoIterator<Item = VariableWrite>) -> Self {
        self.variables.extend(writes);
        self
    }

    /// Holds the outputs back.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    /// Holds the outputs back until a signal brings others, or until the time of
    /// [`after`](Self::after) is over.
    #[must_use]
    pub fn until_signal(mut self, signal: AwaitedSignal) -> Self {
        self.signal = Some(signal);
        self
    }
}

impl From<Outputs> for NodeOutput {
    fn from(outputs: Outputs) -> Self {
        Self {
            outputs,
            variables: Vec::new(),
            wait: None,
            signal: None,
        }
    }
}
