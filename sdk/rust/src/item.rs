use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// A JSON object.
pub type Object = Map<String, Value>;

/// Makes an object of names and values.
pub fn object<const N: usize>(fields: [(&str, Value); N]) -> Object {
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// One JSON object that a node gives.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Item {
    json: Object,
    source: Option<(u16, u32)>,
}

impl Item {
    /// Makes an item that comes from nowhere in particular.
    pub fn new(json: Object) -> Self {
        Self { json, source: None }
    }

    /// Says from which item of the first input port this one was made.
    #[must_use]
    pub fn paired_with(self, item: usize) -> Self {
        self.paired_with_input(0, item)
    }

    /// Says from which item of an input port this one was made.
    #[must_use]
    pub fn paired_with_input(mut self, input: u16, item: usize) -> Self {
        self.source = u32::try_from(item).ok().map(|item| (input, item));
        self
    }

    /// The object.
    pub fn json(&self) -> &Object {
        &self.json
    }
}

impl From<Object> for Item {
    fn from(json: Object) -> Self {
        Self::new(json)
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("json", &self.json)?;
        if let Some((input, item)) = self.source {
            map.serialize_entry("item", &item)?;
            if input > 0 {
                map.serialize_entry("input", &input)?;
            }
        }
        map.end()
    }
}
