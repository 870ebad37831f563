//! The functions of the language: one table for each type of value.
//!
//! A name is looked up when an expression is compiled; an evaluation only picks the entry that
//! fits the value at hand.

mod date;
mod global;
mod list;
mod list_callback;
mod map;
mod math;
mod scalar;
mod text;
mod text_more;

use std::rc::Rc;

use super::error::Stop;
use super::machine::Machine;
use super::moment::{Duration, Moment};
use super::number::Number;
use super::value::{List, Map, Text, Val};

/// What a function gives.
pub(super) type Outcome<'a> = Result<Val<'a>, Stop>;

type TextFunction = for<'a> fn(&mut Machine<'a>, &Text<'a>, &[Val<'a>]) -> Outcome<'a>;
type NumberFunction = for<'a> fn(&mut Machine<'a>, Number, &[Val<'a>]) -> Outcome<'a>;
type BoolFunction = for<'a> fn(&mut Machine<'a>, bool, &[Val<'a>]) -> Outcome<'a>;
type ListFunction = for<'a> fn(&mut Machine<'a>, &List<'a>, &[Val<'a>]) -> Outcome<'a>;
type MapFunction = for<'a> fn(&mut Machine<'a>, &Map<'a>, &[Val<'a>]) -> Outcome<'a>;
type MomentFunction = for<'a> fn(&mut Machine<'a>, &Rc<Moment>, &[Val<'a>]) -> Outcome<'a>;
type DurationFunction = for<'a> fn(&mut Machine<'a>, &Rc<Duration>, &[Val<'a>]) -> Outcome<'a>;
type GlobalFunction = for<'a> fn(&mut Machine<'a>, &[Val<'a>]) -> Outcome<'a>;

/// A function and its name.
pub(super) struct Entry<F> {
    pub(super) name: &'static str,
    pub(super) run: F,
}

/// A function that stands by itself, such as `Math.max` or `parseInt`.
pub(super) type GlobalEntry = Entry<GlobalFunction>;

impl<F> std::fmt::Debug for Entry<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const fn entry<F>(name: &'static str, run: F) -> Entry<F> {
    Entry { name, run }
}

/// A method name, with the function that it means for each type of value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Method {
    pub(super) name: &'static str,
    text: Option<TextFunction>,
    number: Option<NumberFunction>,
    bool: Option<BoolFunction>,
    list: Option<ListFunction>,
    map: Option<MapFunction>,
    moment: Option<MomentFunction>,
    duration: Option<DurationFunction>,
}

/// What `$input`, `$('Node')` and `$node["Node"]` answer; done by the evaluator itself.
const VIEW: &[&str] = &["first", "last", "all"];

fn find<F: Copy>(
    tables: &[&'static [Entry<F>]],
    name: &str,
    found: &mut Option<&'static str>,
) -> Option<F> {
    let entry = tables
        .iter()
        .copied()
        .flatten()
        .find(|entry| entry.name == name)?;
    *found = Some(entry.name);
    Some(entry.run)
}

/// The method of this name, if any type of value has one.
pub(super) fn method(name: &str) -> Option<Method> {
    let mut found = VIEW.iter().copied().find(|view| *view == name);
    let mut method = Method {
        name: "",
        text: find(&[text::TABLE, text_more::TABLE], name, &mut found),
        number: find(&[scalar::NUMBERS], name, &mut found),
        bool: find(&[scalar::BOOLS], name, &mut found),
        list: find(&[list::TABLE, list_callback::TABLE], name, &mut found),
        map: find(&[map::TABLE], name, &mut found),
        moment: find(&[date::MOMENTS], name, &mut found),
        duration: find(&[date::DURATIONS], name, &mut found),
    };
    method.name = found?;
    Some(method)
}

/// Whether the method of this name takes a function first.
pub(super) fn takes_function(name: &str) -> bool {
    list_callback::TABLE.iter().any(|entry| entry.name == name)
}

/// The function of this name that stands by itself.
pub(super) fn global(name: &str) -> Option<&'static GlobalEntry> {
    [global::TABLE, math::TABLE, date::GLOBALS]
        .into_iter()
        .flatten()
        .find(|entry| entry.name == name)
}

/// The number of this name, such as `Math.PI`.
pub(super) fn constant(name: &str) -> Option<f64> {
    math::CONSTANTS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, number)| *number)
}

/// The names of all methods.
pub(super) fn method_names() -> impl Iterator<Item = &'static str> {
    functions()
        .filter(|(kind, _)| *kind != "global")
        .map(|(_, name)| name)
}

/// The names of all functions that stand by themselves.
pub(super) fn global_names() -> impl Iterator<Item = &'static str> {
    functions()
        .filter(|(kind, _)| *kind == "global")
        .map(|(_, name)| name)
}

/// Lists every function of the language: the type of value it belongs to, and its name.
///
/// The type is `string`, `number`, `boolean`, `array`, `object`, `date`, `duration`, `node`, or
/// `global` for functions and numbers that stand by themselves.
pub fn functions() -> impl Iterator<Item = (&'static str, &'static str)> {
    fn names<F>(
        kind: &'static str,
        table: &'static [Entry<F>],
    ) -> impl Iterator<Item = (&'static str, &'static str)> {
        table.iter().map(move |entry| (kind, entry.name))
    }
    names("string", text::TABLE)
        .chain(names("string", text_more::TABLE))
        .chain(names("number", scalar::NUMBERS))
        .chain(names("boolean", scalar::BOOLS))
        .chain(names("array", list::TABLE))
        .chain(names("array", list_callback::TABLE))
        .chain(names("object", map::TABLE))
        .chain(names("date", date::MOMENTS))
        .chain(names("duration", date::DURATIONS))
        .chain(VIEW.iter().map(|name| ("node", *name)))
        .chain(names("global", global::TABLE))
        .chain(names("global", math::TABLE))
        .chain(math::CONSTANTS.iter().map(|(name, _)| ("global", *name)))
        .chain(names("global", date::GLOBALS))
}

impl Method {
    /// Calls the method on a value that is neither `null` nor missing.
    pub(super) fn call<'a>(
        &self,
        machine: &mut Machine<'a>,
        value: &Val<'a>,
        arguments: &[Val<'a>],
    ) -> Outcome<'a> {
        let done = match value {
            Val::Text(text) => self.text.map(|run| run(machine, text, arguments)),
            Val::Int(number) => self
                .number
                .map(|run| run(machine, Number::Int(*number), arguments)),
            Val::Float(number) => self
                .number
                .map(|run| run(machine, Number::Float(*number), arguments)),
            Val::Bool(value) => self.bool.map(|run| run(machine, *value, arguments)),
            Val::List(list) => self.list.map(|run| run(machine, list, arguments)),
            Val::Map(map) => self.map.map(|run| run(machine, map, arguments)),
            Val::Moment(moment) => self.moment.map(|run| run(machine, moment, arguments)),
            Val::Duration(duration) => self.duration.map(|run| run(machine, duration, arguments)),
            Val::View(view) => VIEW
                .contains(&self.name)
                .then(|| machine.view_call(view, self.name, arguments)),
            Val::Undefined | Val::Null | Val::Function(_) => None,
        };
        done.unwrap_or_else(|| {
            let message = format!("`{}` is no method of {}", self.name, value.kind());
            Err(Stop::wrong_type(message))
        })
    }
}

/// The argument at a place, or `undefined`.
fn argument<'a>(arguments: &[Val<'a>], place: usize) -> Val<'a> {
    arguments.get(place).cloned().unwrap_or(Val::Undefined)
}

/// A place counted from the end if it is negative, kept within `0..=length`.
fn relative(number: Number, length: usize) -> usize {
    let length = length as i128;
    let number = number.to_integer();
    let place = if number < 0 {
        number.saturating_add(length)
    } else {
        number
    };
    usize::try_from(place.clamp(0, length)).unwrap_or(0)
}
