//! Chains: what is read of a value, step by step.

use jackfield_types::{ErrorCode, Item};

use super::compile::is_forbidden;
use super::error::Stop;
use super::functions::Outcome;
use super::ir::{Path, Step, StepKind};
use super::machine::{Machine, missing};
use super::number::Number;
use super::text;
use super::value::{List, Map, Referred, Val, View};

impl<'a> Machine<'a> {
    pub(super) fn path(&mut self, path: &'a Path) -> Outcome<'a> {
        let mut value = self.eval(&path.base)?;
        for step in &path.steps {
            self.charge(1)?;
            if value.is_nullish() {
                if step.optional {
                    return Ok(Val::Undefined);
                }
                if self.lenient || step.tolerant {
                    value = Val::Undefined;
                    continue;
                }
                return Err(self.missing(step));
            }
            let found = match &step.kind {
                StepKind::Member(name) => self.member(&value, name)?,
                StepKind::Index(index) => {
                    let index = self.eval(index)?;
                    self.index(&value, &index)?
                }
                StepKind::Call(method, arguments) => {
                    let arguments = self.elements(arguments)?;
                    Some(method.call(self, &value, &arguments)?)
                }
            };
            value = match found {
                Some(value) => value,
                None if self.lenient || step.tolerant => Val::Undefined,
                None => return Err(self.missing(step)),
            };
        }
        Ok(value)
    }

    fn missing(&self, step: &Step) -> Stop {
        missing(self.source.get(step.path.clone()).unwrap_or(self.source))
    }

    /// Reads a field or property by its name. Names of prototypes reach nothing.
    pub(super) fn member(&mut self, value: &Val<'a>, name: &str) -> Result<Option<Val<'a>>, Stop> {
        match value {
            Val::Map(map) => Ok(map.get(name).filter(|_| !is_forbidden(name))),
            Val::List(list) if name == "length" => Ok(Some(Val::count(list.len()))),
            Val::List(list) => Ok(place(name).and_then(|index| list.get(index))),
            Val::Text(text) if name == "length" => {
                self.charge_bytes(text.len())?;
                Ok(Some(Val::count(text::length(text))))
            }
            Val::Text(text) => match place(name) {
                Some(index) => {
                    self.charge_bytes(text.len())?;
                    Ok(text::at(text, index).map(Val::Text))
                }
                None => Ok(None),
            },
            Val::Moment(moment) => Ok(moment.property(name)),
            Val::Duration(duration) => Ok(duration.property(name)),
            Val::View(View::Input) => Ok(match name {
                "item" => self.roots.item().map(|item| Val::Map(Map::Item(item))),
                _ => None,
            }),
            Val::View(View::Node(node)) => self.node_member(node, name),
            Val::View(View::Step(step)) => self.step_member(step, name),
            Val::Undefined
            | Val::Null
            | Val::Bool(_)
            | Val::Int(_)
            | Val::Float(_)
            | Val::Function(_) => Ok(None),
        }
    }

    fn index(&mut self, value: &Val<'a>, index: &Val<'a>) -> Result<Option<Val<'a>>, Stop> {
        if let (Val::List(list), Val::Int(number)) = (value, index) {
            return Ok(usize::try_from(*number)
                .ok()
                .and_then(|place| list.get(place)));
        }
        let name = self.text_of(index)?;
        self.member(value, &name)
    }

    fn node_member(&self, node: &Referred<'a>, name: &str) -> Result<Option<Val<'a>>, Stop> {
        if name == "isExecuted" {
            return Ok(Some(Val::Bool(node.view.is_some())));
        }
        let view = node.view.ok_or_else(|| not_there(node, "node"))?;
        let current = || {
            view.paired.or_else(|| match view.items {
                [only] => Some(only),
                items => items.get(self.roots.item_index()),
            })
        };
        Ok(match name {
            "item" | "pairedItem" => view.paired.map(|item| Val::Map(Map::Item(item))),
            "json" => current().map(json),
            "status" => Some(Val::constant(view.status.as_str())),
            _ => None,
        })
    }

    fn step_member(&self, step: &Referred<'a>, name: &str) -> Result<Option<Val<'a>>, Stop> {
        let view = step.view.ok_or_else(|| not_there(step, "step"))?;
        Ok(match name {
            "output" | "json" => view.items.first().map(json),
            "items" => Some(Val::List(List::Jsons(view.items))),
            "status" => Some(Val::constant(view.status.as_str())),
            _ => None,
        })
    }

    /// Answers `first()`, `last()` and `all()`, each of an output that may be given.
    pub(super) fn view_call(
        &mut self,
        view: &View<'a>,
        name: &str,
        arguments: &[Val<'a>],
    ) -> Outcome<'a> {
        let output = match arguments.first() {
            None | Some(Val::Undefined | Val::Null) => 0,
            Some(argument) => {
                usize::try_from(self.number_of(argument)?.to_integer()).unwrap_or(usize::MAX)
            }
        };
        let (items, plain): (&'a [Item], bool) = match view {
            View::Input => (if output == 0 { self.roots.input() } else { &[] }, false),
            View::Node(node) => match node.view {
                Some(view) => (view.output(output), false),
                None => return Err(not_there(node, "node")),
            },
            View::Step(step) => match step.view {
                Some(view) => (view.output(output), true),
                None => return Err(not_there(step, "step")),
            },
        };
        let list = if plain {
            List::Jsons(items)
        } else {
            List::Items(items)
        };
        Ok(match name {
            "first" => list.get(0).unwrap_or(Val::Undefined),
            "last" => list.iter().next_back().unwrap_or(Val::Undefined),
            _ => Val::List(list),
        })
    }
}

fn json<'a>(item: &'a Item) -> Val<'a> {
    Val::Map(Map::Json(item.json()))
}

fn not_there(node: &Referred<'_>, what: &str) -> Stop {
    let message = format!(
        "the {what} `{}` is not there or has not run before",
        node.name
    );
    Stop::new(ErrorCode::EXPRESSION_REFERENCE, message)
}

/// A name that is a place in a list, such as `0`.
fn place(name: &str) -> Option<usize> {
    let canonical = name == "0" || !name.starts_with(['0', '+', '-']);
    name.parse().ok().filter(|_| canonical)
}

impl Number {
    /// A length or count: nothing below zero.
    pub(super) fn to_count(self) -> usize {
        usize::try_from(self.to_integer().max(0)).unwrap_or(usize::MAX)
    }
}
