use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Object;

/// Items on their way along a connection: shared, never copied.
pub type Items = Arc<Vec<Item>>;

/// One JSON object travelling along a connection.
///
/// Cloning shares the object. Whoever changes one makes its own with [`Item::into_object`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Item {
    json: Arc<Object>,
    #[serde(
        rename = "pairedItem",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    source: Option<ItemSource>,
}

/// Which input item of its node an item was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemSource {
    /// The input port.
    pub input: u16,
    /// The place in that port's list.
    pub item: u32,
}

impl Item {
    /// Makes an item that comes from nowhere in particular.
    pub fn new(json: Object) -> Self {
        Self {
            json: Arc::new(json),
            source: None,
        }
    }

    /// Makes an item of a JSON value, if it is an object; gives the value back otherwise.
    ///
    /// # Errors
    /// The value itself, when it is no object.
    pub fn from_value(value: Value) -> Result<Self, Value> {
        match value {
            Value::Object(json) => Ok(Self::new(json)),
            other => Err(other),
        }
    }

    /// Says from which item of input port 0 this one was made.
    #[must_use]
    pub fn paired_with(self, item: usize) -> Self {
        self.with_source(
            u32::try_from(item)
                .ok()
                .map(|item| ItemSource { input: 0, item }),
        )
    }

    /// Sets from which input item this one was made.
    #[must_use]
    pub fn with_source(mut self, source: Option<ItemSource>) -> Self {
        self.source = source;
        self
    }

    /// The object.
    pub fn json(&self) -> &Object {
        &self.json
    }

    /// The object, shared.
    pub fn shared_json(&self) -> Arc<Object> {
        Arc::clone(&self.json)
    }

    /// Whether this is the same object as another's, and not just an equal one.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.json, &other.json)
    }

    /// From which input item of its node this one was made, if that is known.
    pub fn source(&self) -> Option<ItemSource> {
        self.source
    }

    /// The object, copied only if somebody else still holds it.
    pub fn into_object(self) -> Object {
        Arc::try_unwrap(self.json).unwrap_or_else(|shared| (*shared).clone())
    }
}

impl From<Object> for Item {
    fn from(json: Object) -> Self {
        Self::new(json)
    }
}
