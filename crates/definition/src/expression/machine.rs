//! The evaluator: walks the tree and counts what it does.

use std::rc::Rc;

use indexmap::IndexMap;
use jackfield_types::ErrorCode;

use super::compile::is_forbidden;
use super::error::Stop;
use super::functions::Outcome;
use super::ir::{Arrow, Callback, Element, Field, Logic, Node, Pattern, Unary};
use super::number::{Number, whole};
use super::options::{EvaluateOptions, MissingFields};
use super::roots::Roots;
use super::value::{List, MadeList, MadeMap, Map, Text, Val};

/// Deeper than this nothing nests, whatever the options say.
const DEEPEST: usize = 256;
/// So many bytes of text cost one step.
const BYTES_PER_STEP: usize = 64;

/// One evaluation.
pub(super) struct Machine<'a> {
    pub(super) roots: &'a dyn Roots,
    pub(super) source: &'a str,
    pub(super) lenient: bool,
    steps: u64,
    nesting: usize,
    pub(super) deepest: usize,
    pub(super) output: usize,
    /// The arguments of the arrow functions that are being called.
    slots: Vec<Val<'a>>,
}

impl<'a> Machine<'a> {
    pub(super) fn new(roots: &'a dyn Roots, source: &'a str, options: &EvaluateOptions) -> Self {
        Self {
            roots,
            source,
            lenient: options.missing == MissingFields::Lenient,
            steps: options.limits.steps,
            nesting: 0,
            deepest: options.limits.depth.min(DEEPEST),
            output: usize::try_from(options.limits.output.as_u64()).unwrap_or(usize::MAX),
            slots: Vec::new(),
        }
    }

    /// Goes on with another expression under what is left of the limits.
    pub(super) fn turn_to(&mut self, source: &'a str) {
        self.source = source;
    }

    /// Counts steps.
    pub(super) fn charge(&mut self, steps: usize) -> Result<(), Stop> {
        match self.steps.checked_sub(steps as u64) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => {
                self.steps = 0;
                Err(Stop::limit(
                    "the expression takes more steps than are allowed",
                ))
            }
        }
    }

    /// Counts a text of so many bytes that is about to be made or searched.
    pub(super) fn charge_bytes(&mut self, bytes: usize) -> Result<(), Stop> {
        if bytes > self.output {
            return Err(Stop::limit(format!(
                "the expression makes a text longer than {} bytes",
                self.output
            )));
        }
        self.charge(bytes / BYTES_PER_STEP)
    }

    pub(super) fn made_text(&mut self, text: String) -> Outcome<'a> {
        self.charge_bytes(text.len())?;
        Ok(Val::Text(text.into()))
    }

    pub(super) fn list(&self, values: Vec<Val<'a>>) -> Outcome<'a> {
        let depth = self.deeper(values.iter().map(Val::depth).max())?;
        Ok(Val::List(List::Made(Rc::new(MadeList { values, depth }))))
    }

    pub(super) fn map(&self, fields: IndexMap<Text<'a>, Val<'a>>) -> Outcome<'a> {
        let depth = self.deeper(fields.values().map(Val::depth).max())?;
        Ok(Val::Map(Map::Made(Rc::new(MadeMap { fields, depth }))))
    }

    fn deeper(&self, inner: Option<usize>) -> Result<usize, Stop> {
        let depth = inner.unwrap_or(0) + 1;
        if depth > self.deepest {
            return Err(self.too_deep());
        }
        Ok(depth)
    }

    pub(super) fn too_deep(&self) -> Stop {
        Stop::limit(format!(
            "the expression or its value nests deeper than {}",
            self.deepest
        ))
    }

    pub(super) fn eval(&mut self, node: &'a Node) -> Outcome<'a> {
        self.charge(1)?;
        match node {
            // What is at hand needs no room on the stack.
            Node::Undefined => Ok(Val::Undefined),
            Node::Null => Ok(Val::Null),
            Node::Bool(value) => Ok(Val::Bool(*value)),
            Node::Integer(number) => Ok(whole(*number)),
            Node::Float(number) => Ok(Val::Float(*number)),
            Node::Text(text) => Ok(Val::Text(Text::Borrowed(text))),
            Node::Slot(slot) => Ok(self.slots.get(*slot).cloned().unwrap_or(Val::Undefined)),
            Node::Function(callback) => Ok(Val::Function(callback)),
            _ => {
                if self.nesting >= self.deepest {
                    return Err(self.too_deep());
                }
                self.nesting += 1;
                let value = self.compound(node);
                self.nesting -= 1;
                value
            }
        }
    }

    fn compound(&mut self, node: &'a Node) -> Outcome<'a> {
        match node {
            Node::Path(path) => self.path(path),
            Node::Fold(first, rest) => {
                let mut value = self.eval(first)?;
                for (operator, right) in rest {
                    let right = self.eval(right)?;
                    value = self.binary(*operator, &value, &right)?;
                }
                Ok(value)
            }
            Node::Root(root) => self.root(root),
            Node::Binding(name) => self.binding(name),
            Node::Call {
                function,
                arguments,
            } => {
                let arguments = self.elements(arguments)?;
                (function.run)(self, &arguments)
            }
            Node::Unary(operator, operand) => {
                let value = self.eval(operand)?;
                self.unary(*operator, &value)
            }
            Node::Logic(first, rest) => {
                let mut value = self.eval(first)?;
                for (operator, right) in rest {
                    let goes_on = match operator {
                        Logic::And => value.truthy(),
                        Logic::Or => !value.truthy(),
                        Logic::Coalesce => value.is_nullish(),
                    };
                    if goes_on {
                        value = self.eval(right)?;
                    }
                }
                Ok(value)
            }
            Node::Choice(arms, otherwise) => {
                for (test, value) in arms {
                    if self.eval(test)?.truthy() {
                        return self.eval(value);
                    }
                }
                self.eval(otherwise)
            }
            Node::Template(texts, values) => self.template(texts, values),
            Node::Array(elements) => {
                let values = self.elements(elements)?;
                self.list(values)
            }
            Node::Object(fields) => self.object(fields),
            Node::Undefined
            | Node::Null
            | Node::Bool(_)
            | Node::Integer(_)
            | Node::Float(_)
            | Node::Text(_)
            | Node::Slot(_)
            | Node::Function(_) => Ok(Val::Undefined),
        }
    }

    fn template(&mut self, texts: &'a [Box<str>], values: &'a [Node]) -> Outcome<'a> {
        let mut whole = String::new();
        let mut values = values.iter();
        for text in texts {
            whole.push_str(text);
            if let Some(value) = values.next() {
                let value = self.eval(value)?;
                let text = self.text_of(&value)?;
                self.charge_bytes(whole.len() + text.len())?;
                whole.push_str(&text);
            }
        }
        self.made_text(whole)
    }

    pub(super) fn elements(&mut self, elements: &'a [Element]) -> Result<Vec<Val<'a>>, Stop> {
        let mut values = Vec::with_capacity(elements.len());
        for element in elements {
            match element {
                Element::One(node) => values.push(self.eval(node)?),
                Element::Spread(node) => {
                    let value = self.eval(node)?;
                    self.spread(&value, &mut values)?;
                }
            }
        }
        Ok(values)
    }

    /// Adds the elements of a value to a list.
    pub(super) fn spread(&mut self, value: &Val<'a>, into: &mut Vec<Val<'a>>) -> Result<(), Stop> {
        match value {
            Val::List(list) => {
                self.charge(list.len())?;
                into.extend(list.iter());
                Ok(())
            }
            Val::Text(text) => {
                self.charge(text.len())?;
                into.extend(text.chars().map(Val::text));
                Ok(())
            }
            Val::Undefined | Val::Null if self.lenient => Ok(()),
            other => Err(Stop::wrong_type(format!(
                "{} cannot be spread into a list",
                other.kind()
            ))),
        }
    }

    fn object(&mut self, fields: &'a [Field]) -> Outcome<'a> {
        let mut made = IndexMap::with_capacity(fields.len());
        for field in fields {
            match field {
                Field::Named(name, value) => {
                    made.insert(Text::Borrowed(name), self.eval(value)?);
                }
                Field::Computed(key, value) => {
                    let key = self.eval(key)?;
                    let key = self.key(&key)?;
                    made.insert(key, self.eval(value)?);
                }
                Field::Spread(value) => {
                    let value = self.eval(value)?;
                    self.assign(&value, &mut made)?;
                }
            }
        }
        self.map(made)
    }

    /// A value as the key of a new field.
    pub(super) fn key(&mut self, value: &Val<'a>) -> Result<Text<'a>, Stop> {
        let key = self.text_of(value)?;
        if is_forbidden(&key) {
            return Err(Stop::invalid(format!("`{}` is no allowed key", &*key)));
        }
        Ok(key)
    }

    /// Copies the fields of a value into a new object.
    pub(super) fn assign(
        &mut self,
        value: &Val<'a>,
        into: &mut IndexMap<Text<'a>, Val<'a>>,
    ) -> Result<(), Stop> {
        match value {
            Val::Map(map) => {
                self.charge(map.len())?;
                into.extend(map.iter());
            }
            Val::List(list) => {
                self.charge(list.len())?;
                for (index, value) in list.iter().enumerate() {
                    into.insert(Text::from(index.to_string()), value);
                }
            }
            Val::Text(_)
            | Val::Undefined
            | Val::Null
            | Val::Bool(_)
            | Val::Int(_)
            | Val::Float(_)
            | Val::Moment(_)
            | Val::Duration(_)
            | Val::View(_)
            | Val::Function(_) => {}
        }
        Ok(())
    }

    fn unary(&mut self, operator: Unary, value: &Val<'a>) -> Outcome<'a> {
        Ok(match operator {
            Unary::Plus => self.number_of(value)?.into_val(),
            Unary::Minus => match self.number_of(value)? {
                Number::Int(0) => Val::Float(-0.0),
                Number::Int(number) => whole(-number),
                Number::Float(number) => Val::Float(-number),
            },
            Unary::Not => Val::Bool(!value.truthy()),
            Unary::BitNot => Val::Int((!self.number_of(value)?.to_i32()).into()),
            Unary::TypeOf => Val::constant(value.type_of()),
            Unary::Void => Val::Undefined,
        })
    }

    /// Calls what was given for each element.
    pub(super) fn call(&mut self, callback: &'a Callback, arguments: &[Val<'a>]) -> Outcome<'a> {
        match callback {
            Callback::Arrow(arrow) => self.arrow(arrow, arguments),
            Callback::Global(entry) => {
                self.charge(1)?;
                (entry.run)(self, arguments)
            }
        }
    }

    fn arrow(&mut self, arrow: &'a Arrow, arguments: &[Val<'a>]) -> Outcome<'a> {
        self.slots.truncate(arrow.base);
        for (place, pattern) in arrow.parameters.iter().enumerate() {
            let argument = arguments.get(place).cloned().unwrap_or(Val::Undefined);
            self.bind(pattern, argument)?;
        }
        let value = self.eval(&arrow.body);
        self.slots.truncate(arrow.base);
        value
    }

    fn bind(&mut self, pattern: &'a Pattern, value: Val<'a>) -> Result<(), Stop> {
        match pattern {
            Pattern::Slot => self.slots.push(value),
            Pattern::Nothing => {}
            Pattern::Object(fields) => {
                for (name, pattern) in fields {
                    self.charge(1)?;
                    let field = if value.is_nullish() {
                        None
                    } else {
                        self.member(&value, name)?
                    };
                    if field.is_none() && !self.lenient {
                        return Err(missing(name));
                    }
                    self.bind(pattern, field.unwrap_or(Val::Undefined))?;
                }
            }
            Pattern::Array(places) => {
                for (index, pattern) in places.iter().enumerate() {
                    self.charge(1)?;
                    let element = match &value {
                        Val::List(list) => list.get(index),
                        _ => None,
                    };
                    self.bind(pattern, element.unwrap_or(Val::Undefined))?;
                }
            }
        }
        Ok(())
    }
}

/// What strict mode says of a field that is not there.
pub(super) fn missing(path: &str) -> Stop {
    let shown: String = path.split_whitespace().collect::<Vec<_>>().join(" ");
    Stop::new(
        ErrorCode::MISSING_FIELD,
        format!("`{shown}` is missing; write `?.` or `??` where it may be"),
    )
}
