//! Methods of objects.

use indexmap::IndexMap;

use super::{Entry, MapFunction, Outcome, argument, entry};
use crate::expression::compile::is_forbidden;
use crate::expression::machine::Machine;
use crate::expression::value::{Map, Text, Val};

pub(super) static TABLE: &[Entry<MapFunction>] = &[
    entry("isEmpty", |_, this, _| Ok(Val::Bool(this.len() == 0))),
    entry("isNotEmpty", |_, this, _| Ok(Val::Bool(this.len() > 0))),
    entry("hasField", has),
    entry("hasOwnProperty", has),
    entry("keys", |machine, this, _| keys(machine, this)),
    entry("values", |machine, this, _| values(machine, this)),
    entry("entries", |machine, this, _| entries(machine, this)),
    entry("compact", |machine, this, _| {
        machine.charge(this.len())?;
        let kept = this.iter().filter(|(_, value)| {
            !value.is_nullish() && !matches!(value, Val::Text(text) if text.is_empty())
        });
        machine.map(kept.collect())
    }),
    entry("removeField", |machine, this, args| {
        let name = machine.text_of(&argument(args, 0))?;
        machine.charge(this.len())?;
        machine.map(this.iter().filter(|(key, _)| *key != name).collect())
    }),
    entry("merge", |machine, this, args| {
        // Fields of the object itself win.
        let mut made: IndexMap<Text<'_>, Val<'_>> = IndexMap::new();
        machine.assign(&argument(args, 0), &mut made)?;
        machine.assign(&Val::Map(this.clone()), &mut made)?;
        machine.map(made)
    }),
    entry("toJsonString", |machine, this, _| {
        let text = machine.stringify(&Val::Map(this.clone()), "")?;
        Ok(text.map_or(Val::Undefined, Val::text))
    }),
    entry("toString", |machine, this, _| {
        Ok(Val::Text(machine.text_of(&Val::Map(this.clone()))?))
    }),
];

fn has<'a>(machine: &mut Machine<'a>, this: &Map<'a>, args: &[Val<'a>]) -> Outcome<'a> {
    let name = machine.text_of(&argument(args, 0))?;
    Ok(Val::Bool(!is_forbidden(&name) && this.get(&name).is_some()))
}

pub(super) fn keys<'a>(machine: &mut Machine<'a>, map: &Map<'a>) -> Outcome<'a> {
    machine.charge(map.len())?;
    machine.list(map.iter().map(|(name, _)| Val::Text(name)).collect())
}

pub(super) fn values<'a>(machine: &mut Machine<'a>, map: &Map<'a>) -> Outcome<'a> {
    machine.charge(map.len())?;
    machine.list(map.iter().map(|(_, value)| value).collect())
}

pub(super) fn entries<'a>(machine: &mut Machine<'a>, map: &Map<'a>) -> Outcome<'a> {
    machine.charge(map.len())?;
    let pairs: Result<Vec<_>, _> = map
        .iter()
        .map(|(name, value)| machine.list(vec![Val::Text(name), value]))
        .collect();
    machine.list(pairs?)
}
