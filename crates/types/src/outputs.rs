use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use smallvec::SmallVec;

use crate::{Items, Object};

/// What a node gave, by output port.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Outputs {
    /// The `main` ports, in order. A port that is not there delivered nothing.
    #[serde(default, skip_serializing_if = "SmallVec::is_empty")]
    pub main: SmallVec<[Items; 1]>,
    /// The `error` port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Items>,
}

impl Outputs {
    /// Items on the first port and nothing elsewhere.
    pub fn first(items: Items) -> Self {
        let mut main = SmallVec::new();
        main.push(items);
        Self { main, error: None }
    }

    /// Items on port `port` of `main`, and empty lists before it.
    pub fn on_port(port: usize, items: Items) -> Self {
        let mut main: SmallVec<[Items; 1]> = SmallVec::new();
        main.resize_with(port, Items::default);
        main.push(items);
        Self { main, error: None }
    }

    /// Whether no port delivered an item.
    pub fn is_empty(&self) -> bool {
        self.main.iter().all(|items| items.is_empty())
            && self.error.as_ref().is_none_or(|items| items.is_empty())
    }

    /// The number of items over all ports.
    pub fn item_count(&self) -> usize {
        self.main.iter().map(|items| items.len()).sum::<usize>()
            + self.error.as_ref().map_or(0, |items| items.len())
    }

    /// Serializes as `{"main": [[object…]…], "error": [object…]}`: the JSON of the items alone,
    /// as people and other programs read it. The derived form keeps item pairing as well.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize_json_only<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct List<'a>(&'a Items);
        impl Serialize for List<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.0.iter().map(crate::Item::json))
            }
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("main", &self.main.iter().map(List).collect::<Vec<_>>())?;
        if let Some(error) = &self.error {
            map.serialize_entry("error", &List(error))?;
        }
        map.end()
    }
}

/// A change to the execution's variables. It takes effect when its node has ended well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "write")]
pub enum VariableWrite {
    /// Sets one variable.
    Set {
        /// Its name.
        name: String,
        /// Its new value.
        value: Value,
    },
    /// Removes one variable.
    Delete {
        /// Its name.
        name: String,
    },
    /// Removes all variables.
    Clear,
}

impl VariableWrite {
    /// Makes the change.
    pub fn apply(&self, variables: &mut Object) {
        match self {
            Self::Set { name, value } => {
                variables.insert(name.clone(), value.clone());
            }
            Self::Delete { name } => {
                variables.shift_remove(name);
            }
            Self::Clear => variables.clear(),
        }
    }
}
