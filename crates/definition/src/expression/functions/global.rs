//! Functions that stand by themselves, but for numbers and dates.

use indexmap::IndexMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{GlobalEntry, Outcome, argument, entry, map};
use crate::expression::compile::is_forbidden;
use crate::expression::error::Stop;
use crate::expression::machine::Machine;
use crate::expression::number::{self, Number};
use crate::expression::value::{Map, Text, Val};

pub(super) static TABLE: &[GlobalEntry] = &[
    entry("parseInt", parse_int),
    entry("Number.parseInt", parse_int),
    entry("parseFloat", parse_float),
    entry("Number.parseFloat", parse_float),
    entry("isNaN", |machine, args| {
        Ok(Val::Bool(
            machine.number_of(&argument(args, 0))?.as_f64().is_nan(),
        ))
    }),
    entry("isFinite", |machine, args| {
        Ok(Val::Bool(
            machine.number_of(&argument(args, 0))?.as_f64().is_finite(),
        ))
    }),
    entry("Number", |machine, args| match args.first() {
        None => Ok(Val::Int(0)),
        Some(value) => Ok(machine.number_of(value)?.into_val()),
    }),
    entry("Number.isInteger", |_, args| {
        Ok(Val::Bool(is_integer(&argument(args, 0))))
    }),
    entry("Number.isSafeInteger", |_, args| {
        let value = argument(args, 0);
        let safe = value
            .as_number()
            .is_some_and(|number| number.as_f64().abs() <= 9_007_199_254_740_991.0);
        Ok(Val::Bool(safe && is_integer(&value)))
    }),
    entry("Number.isFinite", |_, args| {
        let number = argument(args, 0).as_number();
        Ok(Val::Bool(
            number.is_some_and(|number| number.as_f64().is_finite()),
        ))
    }),
    entry("Number.isNaN", |_, args| {
        let number = argument(args, 0).as_number();
        Ok(Val::Bool(
            number.is_some_and(|number| number.as_f64().is_nan()),
        ))
    }),
    entry("String", |machine, args| match args.first() {
        None => Ok(Val::constant("")),
        Some(value) => Ok(Val::Text(machine.text_of(value)?)),
    }),
    entry("String.fromCharCode", |machine, args| {
        let mut units = Vec::with_capacity(args.len());
        for arg in args {
            units.push(machine.number_of(arg)?.to_i32() as u16);
        }
        machine.made_text(String::from_utf16_lossy(&units))
    }),
    entry("Boolean", |_, args| {
        Ok(Val::Bool(argument(args, 0).truthy()))
    }),
    entry("encodeURIComponent", |machine, args| {
        let text = machine.text_of(&argument(args, 0))?;
        encode_uri(machine, &text, Part::Component)
    }),
    entry("encodeURI", |machine, args| {
        let text = machine.text_of(&argument(args, 0))?;
        encode_uri(machine, &text, Part::Address)
    }),
    entry("decodeURIComponent", |machine, args| {
        let text = machine.text_of(&argument(args, 0))?;
        decode_uri(machine, &text, Part::Component)
    }),
    entry("decodeURI", |machine, args| {
        let text = machine.text_of(&argument(args, 0))?;
        decode_uri(machine, &text, Part::Address)
    }),
    entry("JSON.parse", |machine, args| {
        let value = argument(args, 0);
        if value.is_nullish() && machine.lenient {
            return Ok(Val::Undefined);
        }
        let text = machine.text_of(&value)?;
        machine.parse_json(&text)
    }),
    entry("JSON.stringify", |machine, args| {
        let indent = match argument(args, 2) {
            Val::Text(text) => text.chars().take(10).collect(),
            Val::Undefined | Val::Null => String::new(),
            value => " ".repeat(machine.number_of(&value)?.to_count().min(10)),
        };
        if !argument(args, 1).is_nullish() {
            return Err(Stop::invalid(
                "`JSON.stringify` takes no replacer here; write `null`",
            ));
        }
        let text = machine.stringify(&argument(args, 0), &indent)?;
        Ok(text.map_or(Val::Undefined, Val::text))
    }),
    entry("Object.keys", |machine, args| {
        over(machine, args, map::keys)
    }),
    entry("Object.values", |machine, args| {
        over(machine, args, map::values)
    }),
    entry("Object.entries", |machine, args| {
        over(machine, args, map::entries)
    }),
    entry("Object.assign", |machine, args| {
        let mut made = IndexMap::new();
        for arg in args {
            machine.assign(arg, &mut made)?;
        }
        machine.map(made)
    }),
    entry("Object.fromEntries", from_entries),
    entry("Object.hasOwn", |machine, args| {
        let name = machine.text_of(&argument(args, 1))?;
        Ok(Val::Bool(match argument(args, 0) {
            Val::Map(map) => !is_forbidden(&name) && map.get(&name).is_some(),
            value @ Val::List(_) => machine.member(&value, &name)?.is_some(),
            _ => false,
        }))
    }),
    entry("Array.isArray", |_, args| {
        Ok(Val::Bool(matches!(argument(args, 0), Val::List(_))))
    }),
    entry("Array.of", |machine, args| machine.list(args.to_vec())),
    entry("Array.from", array_from),
    entry("$if", |_, args| {
        Ok(argument(
            args,
            if argument(args, 0).truthy() { 1 } else { 2 },
        ))
    }),
    entry("$ifEmpty", |_, args| {
        let value = argument(args, 0);
        let empty = match &value {
            Val::Undefined | Val::Null => true,
            Val::Text(text) => text.is_empty(),
            Val::List(list) => list.len() == 0,
            Val::Map(map) => map.len() == 0,
            _ => false,
        };
        Ok(if empty { argument(args, 1) } else { value })
    }),
];

/// What stays as it is in a part of an address.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// What stays as it is in a whole address.
const ADDRESS: &AsciiSet = &COMPONENT
    .remove(b';')
    .remove(b',')
    .remove(b'/')
    .remove(b'?')
    .remove(b':')
    .remove(b'@')
    .remove(b'&')
    .remove(b'=')
    .remove(b'+')
    .remove(b'$')
    .remove(b'#');

/// What of an address a text is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Component,
    Address,
}

pub(super) fn encode_uri<'a>(machine: &mut Machine<'a>, text: &str, part: Part) -> Outcome<'a> {
    machine.charge_bytes(text.len().saturating_mul(3))?;
    let set = match part {
        Part::Component => COMPONENT,
        Part::Address => ADDRESS,
    };
    Ok(Val::text(utf8_percent_encode(text, set).to_string()))
}

pub(super) fn decode_uri<'a>(machine: &mut Machine<'a>, text: &str, part: Part) -> Outcome<'a> {
    machine.charge_bytes(text.len())?;
    let decoded = if part == Part::Address {
        // What separates the parts of an address stays encoded.
        let mut kept = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            kept.push_str(&rest[..at]);
            let code = rest
                .get(at + 1..at + 3)
                .and_then(|hex| u8::from_str_radix(hex, 16).ok());
            let escape = code.is_some_and(|code| b";,/?:@&=+$#".contains(&code));
            kept.push_str(if escape { "%25" } else { "%" });
            rest = &rest[at + 1..];
        }
        kept.push_str(rest);
        percent_decode_str(&kept)
            .decode_utf8()
            .map(std::borrow::Cow::into_owned)
    } else {
        percent_decode_str(text)
            .decode_utf8()
            .map(std::borrow::Cow::into_owned)
    };
    match decoded {
        Ok(text) => machine.made_text(text),
        Err(_) => Err(Stop::invalid(
            "the text is not correctly encoded for an address",
        )),
    }
}

/// Texts that people mean as `false`.
pub(super) fn to_bool(text: &str) -> bool {
    !matches!(
        text.trim().to_ascii_lowercase().as_str(),
        "" | "false" | "0" | "no" | "off"
    )
}

fn is_integer(value: &Val<'_>) -> bool {
    match value.as_number() {
        Some(Number::Int(_)) => true,
        Some(Number::Float(number)) => number.is_finite() && number.fract() == 0.0,
        None => false,
    }
}

fn parse_int<'a>(machine: &mut Machine<'a>, args: &[Val<'a>]) -> Outcome<'a> {
    let value = argument(args, 0);
    if let Some(number @ Number::Int(_)) = value.as_number()
        && args.len() == 1
    {
        return Ok(number.into_val());
    }
    let text = machine.text_of(&value)?;
    machine.charge_bytes(text.len())?;
    let text = text.trim_start_matches(super::text::blank);
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (radix, text) = match (machine.number_of(&argument(args, 1))?.to_i32(), hex) {
        (0 | 16, Some(digits)) => (16, digits),
        (0, None) => (10, text),
        (radix, _) => (radix, text),
    };
    let Some(radix) = u32::try_from(radix)
        .ok()
        .filter(|radix| (2..=36).contains(radix))
    else {
        return Ok(Val::Float(f64::NAN));
    };
    let end = text
        .find(|c: char| !c.is_digit(radix))
        .unwrap_or(text.len());
    Ok(match number::parse_digits(&text[..end], radix) {
        Number::Int(number) => number::whole(if negative { -number } else { number }),
        Number::Float(number) => Val::Float(if negative { -number } else { number }),
    })
}

fn parse_float<'a>(machine: &mut Machine<'a>, args: &[Val<'a>]) -> Outcome<'a> {
    let value = argument(args, 0);
    if let Some(number) = value.as_number() {
        return Ok(number.into_val());
    }
    let text = machine.text_of(&value)?;
    machine.charge_bytes(text.len())?;
    Ok(number::parse_prefix(&text).into_val())
}

fn over<'a>(
    machine: &mut Machine<'a>,
    args: &[Val<'a>],
    run: fn(&mut Machine<'a>, &Map<'a>) -> Outcome<'a>,
) -> Outcome<'a> {
    match argument(args, 0) {
        Val::Map(map) => run(machine, &map),
        list @ Val::List(_) => {
            let mut fields = IndexMap::new();
            machine.assign(&list, &mut fields)?;
            match machine.map(fields)? {
                Val::Map(map) => run(machine, &map),
                other => Ok(other),
            }
        }
        Val::Undefined | Val::Null if machine.lenient => Ok(Val::Undefined),
        other => Err(Stop::wrong_type(format!(
            "an object is needed, not {}",
            other.kind()
        ))),
    }
}

fn from_entries<'a>(machine: &mut Machine<'a>, args: &[Val<'a>]) -> Outcome<'a> {
    let pairs = match argument(args, 0) {
        Val::List(pairs) => pairs,
        Val::Undefined | Val::Null if machine.lenient => return Ok(Val::Undefined),
        other => {
            let message = format!("a list of pairs is needed, not {}", other.kind());
            return Err(Stop::wrong_type(message));
        }
    };
    let mut fields: IndexMap<Text<'a>, Val<'a>> = IndexMap::new();
    for pair in pairs.iter() {
        machine.charge(1)?;
        let Val::List(pair) = pair else {
            return Err(Stop::wrong_type(format!(
                "a pair is needed, not {}",
                pair.kind()
            )));
        };
        let key = machine.key(&pair.get(0).unwrap_or(Val::Undefined))?;
        fields.insert(key, pair.get(1).unwrap_or(Val::Undefined));
    }
    machine.map(fields)
}

/// `Array.from(list)`, `Array.from(text)`, `Array.from({length: n})`, each with a function.
fn array_from<'a>(machine: &mut Machine<'a>, args: &[Val<'a>]) -> Outcome<'a> {
    let mut values = Vec::new();
    match argument(args, 0) {
        Val::Map(map) => {
            let length = map.get("length").unwrap_or(Val::Int(0));
            let length = machine.number_of(&length)?.to_count();
            machine.charge(length)?;
            values.extend(
                (0..length).map(|index| map.get(&index.to_string()).unwrap_or(Val::Undefined)),
            );
        }
        other => machine.spread(&other, &mut values)?,
    }
    if let Val::Function(callback) = argument(args, 1) {
        for (index, value) in values.iter_mut().enumerate() {
            machine.charge(1)?;
            *value = machine.call(callback, &[value.clone(), Val::count(index)])?;
        }
    }
    machine.list(values)
}
