use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::{Item, Object};

/// What a call gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeOutput {
    /// The items of each output port. A port that is not there delivers nothing.
    pub ports: Vec<Vec<Item>>,
    /// Changes to the execution's variables, in order.
    pub variables: Vec<VariableWrite>,
    /// How long the output is held back.
    pub wait: Option<Duration>,
}

/// A change to the execution's variables, by a node type that
/// [says that it writes them](crate::VariableAccess::Writes).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "write", rename_all = "camelCase")]
pub enum VariableWrite {
    /// Sets one.
    Set {
        /// Its name.
        name: String,
        /// Its value.
        value: Value,
    },
    /// Removes one.
    Delete {
        /// Its name.
        name: String,
    },
    /// Removes all.
    Clear,
}

impl NodeOutput {
    /// Items on the first port.
    pub fn items(items: impl Into<Vec<Item>>) -> Self {
        Self::ports([items.into()])
    }

    /// Items on one port, nothing on the others.
    pub fn on_port(port: usize, items: impl Into<Vec<Item>>) -> Self {
        let mut ports = vec![Vec::new(); port];
        ports.push(items.into());
        Self::ports(ports)
    }

    /// Lists of items, one a port.
    pub fn ports(lists: impl IntoIterator<Item = Vec<Item>>) -> Self {
        Self {
            ports: lists.into_iter().collect(),
            variables: Vec::new(),
            wait: None,
        }
    }

    /// One item `{"result": value}`, paired with an input item.
    pub fn result_item(value: Value, item: usize) -> Item {
        let mut object = Object::new();
        object.insert("result".to_owned(), value);
        Item::new(object).paired_with(item)
    }

    /// Adds changes to the execution's variables.
    #[must_use]
    pub fn with_variables(mut self, writes: impl IntoIterator<Item = VariableWrite>) -> Self {
        self.variables.extend(writes);
        self
    }

    /// Holds the output back. Nothing runs and nothing is held open meanwhile.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    /// Whether it has no items.
    pub fn is_empty(&self) -> bool {
        self.ports.iter().all(Vec::is_empty)
    }
}
