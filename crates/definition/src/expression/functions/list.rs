//! Methods of arrays that take no function.

use std::collections::HashSet;

use super::math::{most_of, sum};
use super::{Entry, ListFunction, Outcome, argument, entry, relative};
use crate::expression::error::Stop;
use crate::expression::machine::Machine;
use crate::expression::number::{self, Number};
use crate::expression::value::{List, Text, Val};

pub(super) static TABLE: &[Entry<ListFunction>] = &[
    entry("at", |machine, this, args| {
        let number = machine.number_of(&argument(args, 0))?.to_integer();
        let length = this.len() as i128;
        let place = if number < 0 {
            number.saturating_add(length)
        } else {
            number
        };
        Ok(usize::try_from(place)
            .ok()
            .and_then(|place| this.get(place))
            .unwrap_or(Val::Undefined))
    }),
    entry("concat", |machine, this, args| {
        let mut values = copied(machine, this)?;
        for arg in args {
            match arg {
                Val::List(list) => {
                    machine.charge(list.len())?;
                    values.extend(list.iter());
                }
                other => values.push(other.clone()),
            }
        }
        machine.list(values)
    }),
    entry("flat", |machine, this, args| {
        let depth = match argument(args, 0) {
            Val::Undefined => 1,
            depth => machine.number_of(&depth)?.to_count(),
        };
        let mut values = Vec::new();
        flatten(machine, this, depth.min(machine.deepest), &mut values)?;
        machine.list(values)
    }),
    entry("includes", |machine, this, args| {
        let wanted = argument(args, 0);
        for value in this.iter() {
            machine.charge(1)?;
            let nan = |value: &Val<'_>| value.as_number().is_some_and(|n| n.as_f64().is_nan());
            if machine.same(&value, &wanted)? || (nan(&value) && nan(&wanted)) {
                return Ok(Val::Bool(true));
            }
        }
        Ok(Val::Bool(false))
    }),
    entry("indexOf", |machine, this, args| {
        let from = machine.number_of(&argument(args, 1))?;
        let from = relative(from, this.len());
        let wanted = argument(args, 0);
        for (index, value) in this.iter().enumerate().skip(from) {
            machine.charge(1)?;
            if machine.same(&value, &wanted)? {
                return Ok(Val::count(index));
            }
        }
        Ok(Val::Int(-1))
    }),
    entry("lastIndexOf", |machine, this, args| {
        let wanted = argument(args, 0);
        for index in (0..this.len()).rev() {
            machine.charge(1)?;
            if machine.same(&this.get(index).unwrap_or(Val::Undefined), &wanted)? {
                return Ok(Val::count(index));
            }
        }
        Ok(Val::Int(-1))
    }),
    entry("join", |machine, this, args| {
        let separator = match argument(args, 0) {
            Val::Undefined => Text::Borrowed(","),
            separator => machine.text_of(&separator)?,
        };
        Ok(Val::text(machine.join(this, &separator, 0)?))
    }),
    entry("toString", |machine, this, _| {
        Ok(Val::text(machine.join(this, ",", 0)?))
    }),
    entry("toJsonString", |machine, this, _| {
        let text = machine.stringify(&Val::List(this.clone()), "")?;
        Ok(text.map_or(Val::Undefined, Val::text))
    }),
    entry("reverse", |machine, this, _| reversed(machine, this)),
    entry("toReversed", |machine, this, _| reversed(machine, this)),
    entry("slice", |machine, this, args| {
        let from = machine.number_of(&argument(args, 0))?;
        let to = match argument(args, 1) {
            Val::Undefined => Number::Int(this.len() as i128),
            to => machine.number_of(&to)?,
        };
        let (from, to) = (relative(from, this.len()), relative(to, this.len()));
        machine.charge(to.saturating_sub(from))?;
        if from >= to {
            return machine.list(Vec::new());
        }
        Ok(match this {
            List::Json(values) => Val::List(List::Json(&values[from..to])),
            List::Items(items) => Val::List(List::Items(&items[from..to])),
            List::Jsons(items) => Val::List(List::Jsons(&items[from..to])),
            List::Made(made) => return machine.list(made.values[from..to].to_vec()),
        })
    }),
    entry("keys", |machine, this, _| {
        machine.charge(this.len())?;
        machine.list((0..this.len()).map(Val::count).collect())
    }),
    entry("values", |_, this, _| Ok(Val::List(this.clone()))),
    entry("entries", |machine, this, _| {
        machine.charge(this.len())?;
        let pairs: Result<Vec<_>, _> = this
            .iter()
            .enumerate()
            .map(|(index, value)| machine.list(vec![Val::count(index), value]))
            .collect();
        machine.list(pairs?)
    }),
    entry("with", |machine, this, args| {
        let mut values = copied(machine, this)?;
        let number = machine.number_of(&argument(args, 0))?.to_integer();
        let length = values.len() as i128;
        let place = if number < 0 {
            number.saturating_add(length)
        } else {
            number
        };
        match usize::try_from(place)
            .ok()
            .and_then(|place| values.get_mut(place))
        {
            Some(value) => *value = argument(args, 1),
            None => return Err(Stop::invalid(format!("the array has no place {number}"))),
        }
        machine.list(values)
    }),
    entry("first", |_, this, _| {
        Ok(this.get(0).unwrap_or(Val::Undefined))
    }),
    entry("last", |_, this, _| {
        Ok(this.iter().next_back().unwrap_or(Val::Undefined))
    }),
    entry("sum", |machine, this, _| sum(machine, this)),
    entry("min", |machine, this, _| {
        most_of(machine, this, |a, b| a < b)
    }),
    entry("max", |machine, this, _| {
        most_of(machine, this, |a, b| a > b)
    }),
    entry("average", |machine, this, _| {
        if this.len() == 0 {
            return Ok(Val::Undefined);
        }
        let total = sum(machine, this)?;
        let total = machine.number_of(&total)?;
        Ok(number::divide(total, Number::Int(this.len() as i128)))
    }),
    entry("unique", unique),
    entry("removeDuplicates", unique),
    entry("compact", |machine, this, _| {
        machine.charge(this.len())?;
        let empty = |value: &Val<'_>| match value {
            Val::Text(text) => text.is_empty(),
            other => other.is_nullish(),
        };
        machine.list(this.iter().filter(|value| !empty(value)).collect())
    }),
    entry("isEmpty", |_, this, _| Ok(Val::Bool(this.len() == 0))),
    entry("isNotEmpty", |_, this, _| Ok(Val::Bool(this.len() > 0))),
    entry("pluck", pluck),
    entry("chunk", |machine, this, args| {
        let size = machine.number_of(&argument(args, 0))?.to_count();
        if size == 0 {
            return Err(Stop::invalid("`chunk` needs a length of at least 1"));
        }
        let values = copied(machine, this)?;
        let chunks: Result<Vec<_>, _> = values
            .chunks(size)
            .map(|chunk| machine.list(chunk.to_vec()))
            .collect();
        machine.list(chunks?)
    }),
    entry("append", |machine, this, args| {
        let mut values = copied(machine, this)?;
        values.extend_from_slice(args);
        machine.list(values)
    }),
];

/// The elements of a list, counted.
pub(super) fn copied<'a>(machine: &mut Machine<'a>, list: &List<'a>) -> Result<Vec<Val<'a>>, Stop> {
    machine.charge(list.len())?;
    Ok(list.iter().collect())
}

pub(super) fn flatten<'a>(
    machine: &mut Machine<'a>,
    list: &List<'a>,
    depth: usize,
    into: &mut Vec<Val<'a>>,
) -> Result<(), Stop> {
    for value in list.iter() {
        machine.charge(1)?;
        match value {
            Val::List(inner) if depth > 0 => flatten(machine, &inner, depth - 1, into)?,
            other => into.push(other),
        }
    }
    Ok(())
}

fn reversed<'a>(machine: &mut Machine<'a>, list: &List<'a>) -> Outcome<'a> {
    let mut values = copied(machine, list)?;
    values.reverse();
    machine.list(values)
}

/// Keeps the first of those that are alike in JSON, or in the fields that are named.
fn unique<'a>(machine: &mut Machine<'a>, list: &List<'a>, args: &[Val<'a>]) -> Outcome<'a> {
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for value in list.iter() {
        machine.charge(1)?;
        let mut parts = Vec::new();
        for name in args {
            let name = machine.text_of(name)?;
            parts.push(machine.member(&value, &name)?.unwrap_or(Val::Undefined));
        }
        let key = if args.is_empty() {
            value.clone()
        } else {
            machine.list(parts)?
        };
        let text = machine.stringify(&key, "")?;
        if seen.insert(text) {
            kept.push(value);
        }
    }
    machine.list(kept)
}

/// The values of a field, or objects of several fields.
fn pluck<'a>(machine: &mut Machine<'a>, list: &List<'a>, args: &[Val<'a>]) -> Outcome<'a> {
    let mut values = Vec::with_capacity(list.len());
    for value in list.iter() {
        machine.charge(1)?;
        if let [name] = args {
            let name = machine.text_of(name)?;
            let field = machine.member(&value, &name)?;
            values.extend(field);
            continue;
        }
        let mut fields = indexmap::IndexMap::new();
        for name in args {
            let name = machine.key(name)?;
            if let Some(field) = machine.member(&value, &name)? {
                fields.insert(name, field);
            }
        }
        let object = machine.map(fields)?;
        values.push(object);
    }
    machine.list(values)
}
