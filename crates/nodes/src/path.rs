//! Dotted paths into JSON: `customer.address.city`, `lines[0].price`, `tags['a b']`.
//!
//! A [`Path`] is parsed once and is right from then on. It is bounded in length and depth, and
//! writing through it never nests deeper than [`MAX_DEPTH`], pads a list by more than
//! [`MAX_PADDING`], or touches a key by which a prototype could be reached elsewhere.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jackfield_plugin_api::NodeError;
use jackfield_types::{ErrorCode, Object};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

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
        let segments = Parser {
            rest: text,
            segments: Vec::new(),
        }
        .run()
        .map_err(|reason| {
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

struct Parser<'t> {
    rest: &'t str,
    segments: Vec<Segment>,
}

impl Parser<'_> {
    fn run(mut self) -> Result<Vec<Segment>, &'static str> {
        if self.rest.is_empty() {
            return Err("it is empty");
        }
        if self.rest.len() > MAX_LENGTH {
            return Err("it is longer than 1,024 bytes");
        }
        if !self.rest.starts_with('[') {
            self.bare_key()?;
        }
        while !self.rest.is_empty() {
            if self.segments.len() >= MAX_SEGMENTS {
                return Err("it has more than 64 steps");
            }
            if let Some(rest) = self.rest.strip_prefix('.') {
                self.rest = rest;
                self.bare_key()?;
            } else if let Some(rest) = self.rest.strip_prefix('[') {
                self.rest = rest;
                self.bracket()?;
            } else {
                return Err("after `]` comes `.` or `[`");
            }
        }
        Ok(self.segments)
    }

    fn bare_key(&mut self) -> Result<(), &'static str> {
        let end = self.rest.find(['.', '[', ']']).unwrap_or(self.rest.len());
        if end == 0 {
            return Err("a name is missing");
        }
        let (key, rest) = self.rest.split_at(end);
        if rest.starts_with(']') {
            return Err("`]` without `[`");
        }
        self.segments.push(Segment::Key(key.to_owned()));
        self.rest = rest;
        Ok(())
    }

    fn bracket(&mut self) -> Result<(), &'static str> {
        let quote = self.rest.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let segment = match quote {
            Some(quote) => {
                self.rest = &self.rest[1..];
                Segment::Key(self.quoted(quote)?)
            }
            None => {
                let end = self.rest.find(']').ok_or("`]` is missing")?;
                let index = self.rest[..end]
                    .parse()
                    .map_err(|_| "an index is a whole number")?;
                self.rest = &self.rest[end..];
                Segment::Index(index)
            }
        };
        self.rest = self.rest.strip_prefix(']').ok_or("`]` is missing")?;
        self.segments.push(segment);
        Ok(())
    }

    fn quoted(&mut self, quote: char) -> Result<String, &'static str> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, character)) = chars.next() {
            if character == quote {
                self.rest = &self.rest[at + 1..];
                return Ok(text);
            }
            let character = if character == '\\' {
                chars.next().ok_or("a quote is missing")?.1
            } else {
                character
            };
            text.push(character);
        }
        Err("a quote is missing")
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
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Object {
        match value {
            Value::Object(object) => object,
            other => panic!("{other} is no object"),
        }
    }

    fn path(text: &str) -> Path {
        Path::parse(text).unwrap()
    }

    #[test]
    fn a_path_reads_keys_indexes_and_quoted_keys() {
        let item = object(json!({"a": {"b": [{"x y": 1}, 2]}, "a.b": 3, "it's": 4}));
        for (text, expected) in [
            ("a.b[0]['x y']", Some(json!(1))),
            ("a.b.1", Some(json!(2))),
            ("['a.b']", Some(json!(3))),
            (r"['it\'s']", Some(json!(4))),
            ("a.c", None),
            ("a.b[9]", None),
            ("a.b[1].c", None),
        ] {
            assert_eq!(path(text).get(&item), expected.as_ref(), "{text}");
        }
        assert_eq!(path("a.b[1]").get_in(&Value::Object(item)), Some(&json!(2)));
    }

    #[test]
    fn what_is_no_path_is_refused_with_the_reason() {
        for text in [
            "", ".", "a.", ".a", "a..b", "a[", "a[x]", "a['x", "a[0]b", "a]", "a[-1]",
        ] {
            assert!(
                matches!(Path::parse(text), Err(PathError::Syntax { .. })),
                "{text}"
            );
        }
        assert!(Path::parse(&"a.".repeat(80)).is_err());
        assert!(Path::parse(&"a".repeat(5_000)).is_err());
    }

    #[test]
    fn setting_makes_what_is_missing_and_stops_at_what_is_in_the_way() {
        let mut item = object(json!({"a": null, "n": 1}));
        path("a.b[1].c").set(&mut item, json!(7)).unwrap();
        assert_eq!(item["a"], json!({"b": [null, {"c": 7}]}));
        let error = path("n.x").set(&mut item, json!(1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot write to `n.x`: `x` leads into a number"
        );
        assert!(path("a.b[99999]").set(&mut item, json!(1)).is_err());
        assert!(path("a.b.c").set(&mut item, json!(1)).is_err());
    }

    #[test]
    fn prototype_keys_are_not_written() {
        let mut item = Object::new();
        for text in ["__proto__.x", "a.constructor", "a['prototype'].b"] {
            let error = path(text).set(&mut item, json!(1)).unwrap_err();
            assert!(matches!(error, PathError::Forbidden { .. }), "{text}");
        }
        assert!(item.is_empty());
    }

    #[test]
    fn values_never_nest_deeper_than_the_bound() {
        let mut value = Value::Null;
        let mut result = Ok(());
        for _ in 0..MAX_DEPTH + 2 {
            let mut item = Object::new();
            result = path("a").set(&mut item, value);
            value = Value::Object(item);
        }
        assert!(matches!(result, Err(PathError::Limit { .. })));
    }

    #[test]
    fn removing_takes_out_keys_and_elements() {
        let mut item = object(json!({"a": {"b": [1, 2, 3]}, "c": 1}));
        assert_eq!(path("a.b[1]").remove(&mut item), Some(json!(2)));
        assert_eq!(path("c").remove(&mut item), Some(json!(1)));
        assert_eq!(path("a.x.y").remove(&mut item), None);
        assert_eq!(Value::Object(item), json!({"a": {"b": [1, 3]}}));
    }
}
