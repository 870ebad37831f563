//! Methods of arrays that take a function.

use std::cmp::Ordering;

use super::list::{copied, flatten};
use super::{Entry, ListFunction, Outcome, entry};
use crate::expression::error::Stop;
use crate::expression::ir::Callback;
use crate::expression::machine::Machine;
use crate::expression::number::Number;
use crate::expression::text;
use crate::expression::value::{List, Text, Val};

pub(super) static TABLE: &[Entry<ListFunction>] = &[
    entry("map", |machine, this, args| {
        let callback = callback(args, "map")?;
        let mut values = Vec::with_capacity(this.len());
        for (index, value) in this.iter().enumerate() {
            values.push(each(machine, callback, value, index)?);
        }
        machine.list(values)
    }),
    entry("filter", |machine, this, args| {
        let callback = callback(args, "filter")?;
        let mut values = Vec::new();
        for (index, value) in this.iter().enumerate() {
            if each(machine, callback, value.clone(), index)?.truthy() {
                values.push(value);
            }
        }
        machine.list(values)
    }),
    entry("every", |machine, this, args| {
        let callback = callback(args, "every")?;
        for (index, value) in this.iter().enumerate() {
            if !each(machine, callback, value, index)?.truthy() {
                return Ok(Val::Bool(false));
            }
        }
        Ok(Val::Bool(true))
    }),
    entry("some", |machine, this, args| {
        let callback = callback(args, "some")?;
        for (index, value) in this.iter().enumerate() {
            if each(machine, callback, value, index)?.truthy() {
                return Ok(Val::Bool(true));
            }
        }
        Ok(Val::Bool(false))
    }),
    entry("find", |machine, this, args| {
        let found = search(machine, this, callback(args, "find")?, Order::Forward)?;
        Ok(found
            .and_then(|index| this.get(index))
            .unwrap_or(Val::Undefined))
    }),
    entry("findIndex", |machine, this, args| {
        let found = search(machine, this, callback(args, "findIndex")?, Order::Forward)?;
        Ok(found.map_or(Val::Int(-1), Val::count))
    }),
    entry("findLast", |machine, this, args| {
        let found = search(machine, this, callback(args, "findLast")?, Order::Backward)?;
        Ok(found
            .and_then(|index| this.get(index))
            .unwrap_or(Val::Undefined))
    }),
    entry("findLastIndex", |machine, this, args| {
        let found = search(
            machine,
            this,
            callback(args, "findLastIndex")?,
            Order::Backward,
        )?;
        Ok(found.map_or(Val::Int(-1), Val::count))
    }),
    entry("flatMap", |machine, this, args| {
        let callback = callback(args, "flatMap")?;
        let mut values = Vec::new();
        for (index, value) in this.iter().enumerate() {
            match each(machine, callback, value, index)? {
                Val::List(list) => flatten(machine, &list, 0, &mut values)?,
                other => values.push(other),
            }
        }
        machine.list(values)
    }),
    entry("reduce", |machine, this, args| {
        fold(machine, this, args, Order::Forward)
    }),
    entry("reduceRight", |machine, this, args| {
        fold(machine, this, args, Order::Backward)
    }),
    entry("sort", sorted),
    entry("toSorted", sorted),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Forward,
    Backward,
}

fn callback<'a>(args: &[Val<'a>], name: &str) -> Result<&'a Callback, Stop> {
    match args.first() {
        Some(Val::Function(callback)) => Ok(callback),
        _ => Err(Stop::invalid(format!(
            "`{name}` needs a function, such as `x => x`"
        ))),
    }
}

fn each<'a>(
    machine: &mut Machine<'a>,
    callback: &'a Callback,
    value: Val<'a>,
    index: usize,
) -> Outcome<'a> {
    machine.charge(1)?;
    machine.call(callback, &[value, Val::count(index)])
}

fn search<'a>(
    machine: &mut Machine<'a>,
    list: &List<'a>,
    callback: &'a Callback,
    order: Order,
) -> Result<Option<usize>, Stop> {
    for step in 0..list.len() {
        let index = if order == Order::Forward {
            step
        } else {
            list.len() - 1 - step
        };
        let value = list.get(index).unwrap_or(Val::Undefined);
        if each(machine, callback, value, index)?.truthy() {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

fn fold<'a>(
    machine: &mut Machine<'a>,
    list: &List<'a>,
    args: &[Val<'a>],
    order: Order,
) -> Outcome<'a> {
    let callback = callback(args, "reduce")?;
    let mut sum = args.get(1).cloned();
    for step in 0..list.len() {
        let index = if order == Order::Forward {
            step
        } else {
            list.len() - 1 - step
        };
        let value = list.get(index).unwrap_or(Val::Undefined);
        machine.charge(1)?;
        sum = Some(match sum {
            Some(sum) => machine.call(callback, &[sum, value, Val::count(index)])?,
            None => value,
        });
    }
    sum.ok_or_else(|| Stop::invalid("`reduce` of an empty array needs a value to begin with"))
}

/// Sorts by a function, or as texts, as JavaScript does. The sort is stable, and unlike the
/// standard library's it bears a function that contradicts itself.
fn sorted<'a>(machine: &mut Machine<'a>, list: &List<'a>, args: &[Val<'a>]) -> Outcome<'a> {
    let values = copied(machine, list)?;
    let order = match args.first() {
        Some(Val::Function(callback)) => merge_sort(values, &mut |a: &Val<'a>, b: &Val<'a>| {
            machine.charge(1)?;
            let order = machine.call(callback, &[a.clone(), b.clone()])?;
            Ok(match machine.number_of(&order)? {
                Number::Int(order) => order.cmp(&0),
                Number::Float(order) => order.partial_cmp(&0.0).unwrap_or(Ordering::Equal),
            })
        })?,
        None | Some(Val::Undefined | Val::Null) => {
            let mut keyed: Vec<(Option<Text<'a>>, Val<'a>)> = Vec::with_capacity(values.len());
            for value in values {
                let key = match value {
                    Val::Undefined => None,
                    ref value => Some(machine.text_of(value)?),
                };
                keyed.push((key, value));
            }
            let keyed = merge_sort(keyed, &mut |(a, _), (b, _)| {
                machine.charge(1)?;
                Ok(match (a, b) {
                    (Some(a), Some(b)) => {
                        machine.charge_bytes(a.len().min(b.len()))?;
                        text::compare(a, b)
                    }
                    (a, b) => a.is_none().cmp(&b.is_none()),
                })
            })?;
            keyed.into_iter().map(|(_, value)| value).collect()
        }
        Some(_) => {
            return Err(Stop::invalid(
                "`sort` takes a function, such as `(a, b) => a - b`",
            ));
        }
    };
    machine.list(order)
}

fn merge_sort<T: Clone>(
    values: Vec<T>,
    compare: &mut impl FnMut(&T, &T) -> Result<Ordering, Stop>,
) -> Result<Vec<T>, Stop> {
    let mut from = values;
    let mut into = Vec::with_capacity(from.len());
    let mut width = 1;
    while width < from.len() {
        into.clear();
        for pair in from.chunks(width * 2) {
            let (left, right) = pair.split_at(width.min(pair.len()));
            let (mut l, mut r) = (0, 0);
            while l < left.len() && r < right.len() {
                if compare(&left[l], &right[r])?.is_gt() {
                    into.push(right[r].clone());
                    r += 1;
                } else {
                    into.push(left[l].clone());
                    l += 1;
                }
            }
            into.extend_from_slice(&left[l..]);
            into.extend_from_slice(&right[r..]);
        }
        std::mem::swap(&mut from, &mut into);
        width *= 2;
    }
    Ok(from)
}
