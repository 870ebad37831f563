//! The way through a value, and what is changed on it. What is not changed is not copied.

use std::borrow::Cow;

use jackfield_types::{FilterAction, Item, Items, Object};
use rustc_hash::FxHashMap;
use serde_json::Value;
use std::sync::Arc;

use super::MASK;
use super::filter::{Filter, Into, Positions};
use super::known::Known;
use super::pattern::FieldNames;

/// How deep a value may be. Nothing that was read from a text is; what is deeper is masked.
const DEEPEST: usize = 256;

/// How many names are remembered during a walk.
const MOST_NAMES: usize = 4_096;

/// What is looked for.
pub(super) struct Walk<'a> {
    pub(super) known: Option<&'a Known>,
    pub(super) names: Option<&'a FieldNames>,
    pub(super) filters: &'a [Filter<'a>],
}

/// What becomes of a value.
enum Change {
    Keep,
    Replace(Value),
    Remove,
}

/// What was found out about names of fields: they come again in each item.
type Seen<'v> = FxHashMap<&'v str, bool>;

impl Walk<'_> {
    /// The items with everything masked or taken out; the same ones if there is nothing.
    pub(super) fn items(&self, items: Items) -> Items {
        let mut seen = Seen::default();
        let begin = Positions::begin(self.filters);
        let mut changed = Vec::new();
        for (place, item) in items.iter().enumerate() {
            if let Some(object) = self.object(item.json(), &begin, 0, &mut seen) {
                let item = Item::new(object).with_source(item.source());
                changed.push((place, item));
            }
        }
        if changed.is_empty() {
            return items;
        }
        drop(seen);
        let mut items = Arc::unwrap_or_clone(items);
        for (place, item) in changed {
            items[place] = item;
        }
        Arc::new(items)
    }

    /// The value with everything masked, if there is something to mask.
    pub(super) fn whole_value(&self, value: &Value) -> Option<Value> {
        let begin = Positions::begin(self.filters);
        match self.value(value, &begin, 0, &mut Seen::default()) {
            Change::Keep => None,
            Change::Replace(value) => Some(value),
            Change::Remove => Some(Value::Null),
        }
    }

    /// The object with everything masked, if there is something to mask.
    pub(super) fn whole_object(&self, object: &Object) -> Option<Object> {
        let begin = Positions::begin(self.filters);
        self.object(object, &begin, 0, &mut Seen::default())
    }

    fn value<'v>(
        &self,
        value: &'v Value,
        positions: &Positions,
        depth: usize,
        seen: &mut Seen<'v>,
    ) -> Change {
        match value {
            Value::Null | Value::Bool(_) => Change::Keep,
            Value::Number(number) => {
                match self.known.is_some_and(|known| known.is_in_number(number)) {
                    true => mask(),
                    false => Change::Keep,
                }
            }
            Value::String(text) => match self.known.filter(|known| known.is_in(text)) {
                Some(known) => replaced(value, known.redact(text)),
                None => Change::Keep,
            },
            Value::Array(_) | Value::Object(_) if depth >= DEEPEST => mask(),
            Value::Array(list) => self
                .list(list, positions, depth, seen)
                .map_or(Change::Keep, |list| Change::Replace(list.into())),
            Value::Object(object) => self
                .object(object, positions, depth, seen)
                .map_or(Change::Keep, |object| Change::Replace(object.into())),
        }
    }

    fn list<'v>(
        &self,
        list: &'v [Value],
        positions: &Positions,
        depth: usize,
        seen: &mut Seen<'v>,
    ) -> Option<Vec<Value>> {
        let mut changed = Vec::new();
        for (place, value) in list.iter().enumerate() {
            let change = self.child(value, Into::Element(place), positions, depth, seen);
            match change {
                Change::Keep => {}
                Change::Replace(value) => changed.push((place, value)),
                Change::Remove => changed.push((place, Value::Null)),
            }
        }
        if changed.is_empty() {
            return None;
        }
        let mut changed = changed.into_iter().peekable();
        let list = list.iter().enumerate();
        let list =
            list.map(
                |(place, value)| match changed.next_if(|(changed, _)| *changed == place) {
                    Some((_, value)) => value,
                    None => value.clone(),
                },
            );
        Some(list.collect())
    }

    fn object<'v>(
        &self,
        object: &'v Object,
        positions: &Positions,
        depth: usize,
        seen: &mut Seen<'v>,
    ) -> Option<Object> {
        let mut changed = Vec::new();
        for (place, (name, value)) in object.iter().enumerate() {
            let change = if self.is_sensitive(name, seen) {
                // A filter may take it out altogether.
                match positions.step(self.filters, Into::Field(name)).1 {
                    Some(FilterAction::Remove) => Change::Remove,
                    Some(FilterAction::Mask) | None => masked(value),
                }
            } else {
                self.child(value, Into::Field(name), positions, depth, seen)
            };
            let renamed = self.known.filter(|known| known.is_in(name));
            let renamed = renamed.map(|known| known.redact(name).into_owned());
            if renamed.is_some() || !matches!(change, Change::Keep) {
                changed.push((place, renamed, change));
            }
        }
        if changed.is_empty() {
            return None;
        }
        let mut changed = changed.into_iter().peekable();
        let mut redacted = Object::with_capacity(object.len());
        let mut number = 0;
        for (place, (name, value)) in object.iter().enumerate() {
            match changed.next_if(|(changed, ..)| *changed == place) {
                None => {
                    redacted.insert(name.clone(), value.clone());
                }
                Some((_, renamed, change)) => {
                    let name = match renamed {
                        Some(renamed) => free_name(&renamed, [object, &redacted], &mut number),
                        None => name.clone(),
                    };
                    match change {
                        Change::Keep => redacted.insert(name, value.clone()),
                        Change::Replace(value) => redacted.insert(name, value),
                        Change::Remove => None,
                    };
                }
            }
        }
        Some(redacted)
    }

    fn child<'v>(
        &self,
        value: &'v Value,
        into: Into<'_>,
        positions: &Positions,
        depth: usize,
        seen: &mut Seen<'v>,
    ) -> Change {
        if positions.is_empty() {
            return self.value(value, positions, depth + 1, seen);
        }
        match positions.step(self.filters, into) {
            (_, Some(FilterAction::Remove)) => match (into, value) {
                (Into::Element(_), Value::Null) => Change::Keep,
                (Into::Element(_) | Into::Field(_), _) => Change::Remove,
            },
            (_, Some(FilterAction::Mask)) => masked(value),
            (next, None) => self.value(value, &next, depth + 1, seen),
        }
    }

    fn is_sensitive<'v>(&self, name: &'v str, seen: &mut Seen<'v>) -> bool {
        let Some(names) = self.names else {
            return false;
        };
        if let Some(is_sensitive) = seen.get(name) {
            return *is_sensitive;
        }
        let is_sensitive = names.matches(name);
        if seen.len() < MOST_NAMES {
            seen.insert(name, is_sensitive);
        }
        is_sensitive
    }
}

fn mask() -> Change {
    Change::Replace(MASK.into())
}

fn replaced(value: &Value, redacted: Cow<'_, str>) -> Change {
    if value.as_str() == Some(&*redacted) {
        Change::Keep
    } else {
        Change::Replace(redacted.into_owned().into())
    }
}

/// Masks a value that is not masked yet.
fn masked(value: &Value) -> Change {
    if value.as_str() == Some(MASK) {
        Change::Keep
    } else {
        mask()
    }
}

/// A name that no other field has. Numbers are used once for each object, so that many names that
/// become the same do not take long.
fn free_name(name: &str, objects: [&Object; 2], number: &mut usize) -> String {
    loop {
        *number += 1;
        let free = match *number {
            1 => name.to_owned(),
            number => format!("{name} {number}"),
        };
        if !objects.iter().any(|object| object.contains_key(&free)) {
            return free;
        }
    }
}
