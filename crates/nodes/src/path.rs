//! Dotted paths into JSON: `customer.address.city`, `lines[0].price`, `tags['a b']`.
//!
//! A [`Path`] is parsed once and is right from then on. It is bounded in length and depth, and
//! writing through it never nests deeper than [`MAX_DEPTH`], pads a list by more than
//! [`MAX_PADDING`], or touches a key by which a prototype could be reached elsewhere.

mod parser;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jackfield_plugin_api::NodeError;
use jackfield_types::{ErrorCode, Object};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use self::parser::Parser;
use crate::value::depth_exceeds;

/// How deep values may nest after something was written through a path.
pub(crate) const MAX_DEPTH: usize = 128;

/// How many `null`s are put before an element that is set beyond the end of a list.
pub(crate) const MAX_PADDING: usize = 1_024;

const MAX_LENGTH: usize = 1_024;
const MAX_SEGMENTS: usize = 64;

/// Keys that are not written, because other programs would take them for more than data.
const FORBIDDEN: [&str; 3] = ["__proto__", "constructor", "prototype"];

/// What is wrong with a path, or with writing through it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PathError {
    /// The text is no path.
    #[error("`{path}` is no path: {reason}; write `a.b`, `a[0].b` or `a['x y']`")]
    Syntax {
        /// The text, shortened.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A key that must not be written.
    #[error("`{key}` must not be written, in path `{path}`")]
    Forbidden {
        /// The path.
        path: String,
        /// The key.
        key: String,
    },
    /// There is a value on the way that holds no others.
    #[error("cannot write to `{path}`: `{segment}` leads into {found}")]
    Blocked {
        /// The path.
        path: String,
        /// The step that cannot be made.
        segment: String,
        /// What is there.
        found: &'static str,
    },
    /// A bound was passed.
    #[error("cannot write to `{path}`: {limit}")]
    Limit {
        /// The path.
        path: String,
        /// The bound.
        limit: String,
    },
}

impl From<PathError> for NodeError {
    fn from(error: PathError) -> Self {
        let code = match &error {
            PathError::Blocked { .. } => ErrorCode::WRONG_TYPE,
            PathError::Limit { .. } => ErrorCode::LIMIT_EXCEEDED,
            PathError::Syntax { .. } | PathError::Forbidden { .. } => ErrorCode::INVALID_PARAMETERS,
        };
        Self::permanent(code, error.to_string())
    }
}

/// Whether a key must not be written.
pub(crate) fn is_forbidden_key(key: &str) -> bool {
    FORBIDDEN.contains(&key)
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Segment {
    Key(String),
    Index(usize),
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.write_str(key),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

impl Segment {
    /// The place in a list; a key of digits is one too, so that `lines.0` works.
    fn as_index(&self) -> Option<usize> {
        match self {
            Self::Index(index) => Some(*index),
            Self::Key(key) => key.parse().ok(),
        }
    }

    fn as_key(&self) -> Cow<'_, str> {
        match self {
            Self::Key(key) => Cow::Borrowed(key),
            Self::Index(index) => Cow::Owned(index.to_string()),
        }
    }

    fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        match value {
            Value::Object(object) => object.get(&*self.as_key()),
            Value::Array(list) => list.get(self.as_index()?),
            _ => None,
        }
    }

    fn of_mut<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        match value {
            Value::Object(object) => object.get_mut(&*self.as_key()),
            Value::Array(list) => list.get_mut(self.as_index()?),
            _ => None,
        }
    }
}

/// A parsed path. See the [module](self).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Path {
    text: String,
    segments: Vec<Segment>,
}

impl Path {
    /// Parses a path.
    ///
    /// # Errors
    /// [`PathError::Syntax`] when the text is no path, or too long a one.
    pub(crate) fn parse(text: &str) -> Result<Self, PathError> {
        let segments = Parser::new(text).run().map_err(|reason| {
            let path = text.chars().take(60).collect();
            PathError::Syntax { path, reason }
        })?;
        Ok(Self {
            text: text.to_owned(),
            segments,
        })
    }

    /// The path of one key, whatever characters it has.
    pub(crate) fn of_key(key: &str) -> Self {
        Self {
            text: key.to_owned(),
            segments: vec![Segment::Key(key.to_owned())],
        }
    }

    /// The path as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The last key of the path: what a value is called when it is taken out.
    pub(crate) fn last_key(&self) -> Cow<'_, str> {
        self.segments
            .last()
            .map_or(Cow::Borrowed(""), Segment::as_key)
    }

    /// The value at this path.
    pub(crate) fn get<'v>(&self, object: &'v Object) -> Option<&'v Value> {
        let (first, rest) = self.segments.split_first()?;
        let mut value = object.get(&*first.as_key())?;
        for segment in rest {
            value = segment.of(value)?;
        }
        Some(value)
    }

    /// The value at this path, from any value.
    pub(crate) fn get_in<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.segments
            .iter()
            .try_fold(value, |value, segment| segment.of(value))
    }

    /// Puts a value at this path. Objects (or lists, before an index) are made on the way where
    /// nothing or `null` is.
    ///
    /// # Errors
    /// [`PathError`] when a key must not be written, something is in the way, or a bound is passed.
    pub(crate) fn set(&self, object: &mut Object, value: Value) -> Result<(), PathError> {
        self.check_writable(&value)?;
        let Some((first, rest)) = self.segments.split_first() else {
            return Ok(());
        };
        let Some((last, between)) = rest.split_last() else {
            object.insert(first.as_key().into_owned(), value);
            return Ok(());
        };
        let mut place = match object.entry(first.as_key()) {
            serde_json::map::Entry::Occupied(entry) => entry.into_mut(),
            serde_json::map::Entry::Vacant(entry) => entry.insert(Value::Null),
        };
        for segment in between {
            place = self.step(place, segment)?;
        }
        *self.step(place, last)? = value;
        Ok(())
    }

    /// Takes the value at this path out. An element taken out of a list moves the others up.
    pub(crate) fn remove(&self, object: &mut Object) -> Option<Value> {
        let (first, rest) = self.segments.split_first()?;
        let Some((last, between)) = rest.split_last() else {
            return object.shift_remove(&*first.as_key());
        };
        let mut value = object.get_mut(&*first.as_key())?;
        for segment in between {
            value = segment.of_mut(value)?;
        }
        match value {
            Value::Object(object) => object.shift_remove(&*last.as_key()),
            Value::Array(list) => {
                let index = last.as_index().filter(|index| *index < list.len())?;
                Some(list.remove(index))
            }
            _ => None,
        }
    }

    /// Checks that no key on the way is one that must not be written.
    ///
    /// # Errors
    /// [`PathError::Forbidden`] with the first such key.
    pub(crate) fn check_keys(&self) -> Result<(), PathError> {
        for segment in &self.segments {
            if let Segment::Key(key) = segment
                && is_forbidden_key(key)
            {
                return Err(PathError::Forbidden {
                    path: self.text.clone(),
                    key: key.clone(),
                });
            }
        }
        Ok(())
    }

    fn check_writable(&self, value: &Value) -> Result<(), PathError> {
        self.check_keys()?;
        if depth_exceeds(value, MAX_DEPTH.saturating_sub(self.segments.len())) {
            let limit = format!("values nest at most {MAX_DEPTH} deep");
            return Err(PathError::Limit {
                path: self.text.clone(),
                limit,
            });
        }
        Ok(())
    }

    /// The place that a segment names in a value that is about to be changed.
    fn step<'v>(
        &self,
        value: &'v mut Value,
        segment: &Segment,
    ) -> Result<&'v mut Value, PathError> {
        if value.is_null() {
            *value = match segment {
                Segment::Key(_) => Value::Object(Object::new()),
                Segment::Index(_) => Value::Array(Vec::new()),
            };
        }
        let blocked = |found| PathError::Blocked {
            path: self.text.clone(),
            segment: segment.to_string(),
            found,
        };
        match value {
            Value::Object(object) => Ok(object.entry(segment.as_key()).or_insert(Value::Null)),
            Value::Array(list) => {
                let index = segment.as_index().ok_or_else(|| blocked("a list"))?;
                if index.saturating_sub(list.len()) > MAX_PADDING {
                    let limit = format!(
                        "index {index} is more than {MAX_PADDING} beyond the end of the list"
                    );
                    return Err(PathError::Limit {
                        path: self.text.clone(),
                        limit,
                    });
                }
                if index >= list.len() {
                    list.resize(index + 1, Value::Null);
                }
                Ok(&mut list[index])
            }
            other => Err(blocked(crate::value::kind(other))),
        }
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Path {
    fn schema_name() -> Cow<'static, str> {
        "Path".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

#[cfg(test)]
mod tests;
