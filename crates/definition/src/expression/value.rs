//! Values while an expression is evaluated: borrowed wherever they come from outside.

use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::rc::Rc;

use indexmap::IndexMap;
use jackfield_types::{Item, Object};
use serde_json::Value;

use super::ir::Callback;
use super::moment::{Duration, Moment};
use super::number::Number;
use super::roots::NodeView;

/// A value. Cloning one is cheap: nothing of a document is ever copied.
#[derive(Debug, Clone)]
pub(super) enum Val<'a> {
    Undefined,
    Null,
    Bool(bool),
    /// Between `i64::MIN` and `u64::MAX`.
    Int(i128),
    Float(f64),
    Text(Text<'a>),
    List(List<'a>),
    Map(Map<'a>),
    Moment(Rc<Moment>),
    Duration(Rc<Duration>),
    View(View<'a>),
    /// Only as an argument.
    Function(&'a Callback),
}

/// A text, of a document or made.
#[derive(Debug, Clone)]
pub(super) enum Text<'a> {
    Borrowed(&'a str),
    Made(Rc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Made(text) => text,
        }
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self::Made(text.into())
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text<'_> {}

impl Hash for Text<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl std::borrow::Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        self
    }
}

/// A list, of a document or made.
#[derive(Debug, Clone)]
pub(super) enum List<'a> {
    Json(&'a [Value]),
    /// Items as objects with a field `json`.
    Items(&'a [Item]),
    /// Items as their JSON.
    Jsons(&'a [Item]),
    Made(Rc<MadeList<'a>>),
}

#[derive(Debug)]
pub(super) struct MadeList<'a> {
    pub(super) values: Vec<Val<'a>>,
    pub(super) depth: usize,
}

impl<'a> List<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Json(values) => values.len(),
            Self::Items(items) | Self::Jsons(items) => items.len(),
            Self::Made(made) => made.values.len(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<Val<'a>> {
        match self {
            Self::Json(values) => values.get(index).map(Val::from),
            Self::Items(items) => items.get(index).map(|item| Val::Map(Map::Item(item))),
            Self::Jsons(items) => items
                .get(index)
                .map(|item| Val::Map(Map::Json(item.json()))),
            Self::Made(made) => made.values.get(index).cloned(),
        }
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = Val<'a>> + '_ {
        (0..self.len()).map(|index| self.get(index).unwrap_or(Val::Undefined))
    }

    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Json(a), Self::Json(b)) => std::ptr::eq(*a, *b),
            (Self::Made(a), Self::Made(b)) => Rc::ptr_eq(a, b),
            _ => false,
        }
    }
}

/// An object, of a document or made.
#[derive(Debug, Clone)]
pub(super) enum Map<'a> {
    Json(&'a Object),
    /// An item: its only field is `json`.
    Item(&'a Item),
    Made(Rc<MadeMap<'a>>),
}

#[derive(Debug)]
pub(super) struct MadeMap<'a> {
    pub(super) fields: IndexMap<Text<'a>, Val<'a>>,
    pub(super) depth: usize,
}

impl<'a> Map<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Json(object) => object.len(),
            Self::Item(_) => 1,
            Self::Made(made) => made.fields.len(),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<Val<'a>> {
        match self {
            Self::Json(object) => object.get(name).map(Val::from),
            Self::Item(item) if name == "json" => Some(Val::Map(Map::Json(item.json()))),
            Self::Item(_) => None,
            Self::Made(made) => made.fields.get(name).cloned(),
        }
    }

    pub(super) fn iter(&self) -> Box<dyn Iterator<Item = (Text<'a>, Val<'a>)> + '_> {
        match self {
            Self::Json(object) => {
                let object: &'a Object = object;
                Box::new(
                    object
                        .iter()
                        .map(|(name, value)| (Text::Borrowed(name), Val::from(value))),
                )
            }
            Self::Item(item) => Box::new(std::iter::once((
                Text::Borrowed("json"),
                Val::Map(Map::Json(item.json())),
            ))),
            Self::Made(made) => Box::new(
                made.fields
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone())),
            ),
        }
    }

    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Json(a), Self::Json(b)) => std::ptr::eq(*a, *b),
            (Self::Item(a), Self::Item(b)) => std::ptr::eq(*a, *b),
            (Self::Made(a), Self::Made(b)) => Rc::ptr_eq(a, b),
            _ => false,
        }
    }
}

/// Something that is no value itself but leads to values.
#[derive(Debug, Clone)]
pub(super) enum View<'a> {
    Input,
    Node(Rc<Referred<'a>>),
    Step(Rc<Referred<'a>>),
}

/// A node that an expression names, and what is known of it.
#[derive(Debug)]
pub(super) struct Referred<'a> {
    pub(super) name: String,
    pub(super) view: Option<NodeView<'a>>,
}

impl<'a> From<&'a Value> for Val<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => number_val(number),
            Value::String(text) => Self::Text(Text::Borrowed(text)),
            Value::Array(values) => Self::List(List::Json(values)),
            Value::Object(object) => Self::Map(Map::Json(object)),
        }
    }
}

pub(super) fn number_val<'a>(number: &serde_json::Number) -> Val<'a> {
    if let Some(number) = number.as_i64() {
        Val::Int(number.into())
    } else if let Some(number) = number.as_u64() {
        Val::Int(number.into())
    } else {
        Val::Float(number.as_f64().unwrap_or(f64::NAN))
    }
}

impl<'a> Val<'a> {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(Text::from(text.into()))
    }

    pub(super) fn constant(text: &'static str) -> Self {
        Self::Text(Text::Borrowed(text))
    }

    pub(super) fn count(count: usize) -> Self {
        Self::Int(count as i128)
    }

    pub(super) fn is_nullish(&self) -> bool {
        matches!(self, Self::Undefined | Self::Null)
    }

    pub(super) fn as_number(&self) -> Option<Number> {
        match self {
            Self::Int(number) => Some(Number::Int(*number)),
            Self::Float(number) => Some(Number::Float(*number)),
            _ => None,
        }
    }

    pub(super) fn truthy(&self) -> bool {
        match self {
            Self::Undefined | Self::Null => false,
            Self::Bool(value) => *value,
            Self::Int(number) => *number != 0,
            Self::Float(number) => !Number::Float(*number).is_zero_or_nan(),
            Self::Text(text) => !text.is_empty(),
            Self::List(_)
            | Self::Map(_)
            | Self::Moment(_)
            | Self::Duration(_)
            | Self::View(_)
            | Self::Function(_) => true,
        }
    }

    /// What `typeof` says.
    pub(super) fn type_of(&self) -> &'static str {
        match self {
            Self::Undefined => "undefined",
            Self::Bool(_) => "boolean",
            Self::Int(_) | Self::Float(_) => "number",
            Self::Text(_) => "string",
            Self::Function(_) => "function",
            Self::Null
            | Self::List(_)
            | Self::Map(_)
            | Self::Moment(_)
            | Self::Duration(_)
            | Self::View(_) => "object",
        }
    }

    /// What an error calls it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Undefined => "a missing value",
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "an array",
            Self::Map(_) => "an object",
            Self::Moment(_) => "a date",
            Self::Duration(_) => "a duration",
            Self::View(View::Input) => "`$input`",
            Self::View(View::Node(_) | View::Step(_)) => "a node",
            Self::Function(_) => "a function",
        }
    }

    /// How deeply values that expressions made nest in this one.
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::List(List::Made(made)) => made.depth,
            Self::Map(Map::Made(made)) => made.depth,
            _ => 0,
        }
    }

    /// `===`.
    pub(super) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Undefined, Self::Undefined) | (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::List(a), Self::List(b)) => a.is(b),
            (Self::Map(a), Self::Map(b)) => a.is(b),
            (Self::Moment(a), Self::Moment(b)) => Rc::ptr_eq(a, b),
            (Self::Duration(a), Self::Duration(b)) => Rc::ptr_eq(a, b),
            _ => match (self.as_number(), other.as_number()) {
                (Some(Number::Int(a)), Some(Number::Int(b))) => a == b,
                (Some(a), Some(b)) => a.as_f64() == b.as_f64(),
                _ => false,
            },
        }
    }
}
