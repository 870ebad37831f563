//! JavaScript's own methods of strings.

use super::{Entry, Outcome, TextFunction, argument, entry, relative};
use crate::expression::error::Stop;
use crate::expression::machine::Machine;
use crate::expression::number::Number;
use crate::expression::text;
use crate::expression::value::{Text, Val};

pub(super) static TABLE: &[Entry<TextFunction>] = &[
    entry("charAt", |machine, this, args| {
        let place = place(machine, this, args, 0)?;
        Ok(place
            .and_then(|place| text::at(this, place))
            .map_or(Val::constant(""), Val::Text))
    }),
    entry("charCodeAt", |machine, this, args| {
        let place = place(machine, this, args, 0)?;
        let unit = place.and_then(|place| this.encode_utf16().nth(place));
        Ok(unit.map_or(Val::Float(f64::NAN), |unit| Val::Int(unit.into())))
    }),
    entry("codePointAt", |machine, this, args| {
        let Some(place) = place(machine, this, args, 0)? else {
            return Ok(Val::Undefined);
        };
        let letter = this
            .get(text::byte_of(this, place)..)
            .and_then(|rest| rest.chars().next());
        Ok(letter.map_or(Val::Undefined, |letter| Val::Int(u32::from(letter).into())))
    }),
    entry("at", |machine, this, args| {
        machine.charge_bytes(this.len())?;
        let number = machine.number_of(&argument(args, 0))?.to_integer();
        let length = text::length(this) as i128;
        let place = if number < 0 {
            number.saturating_add(length)
        } else {
            number
        };
        let place = usize::try_from(place).ok();
        Ok(place
            .and_then(|place| text::at(this, place))
            .map_or(Val::Undefined, Val::Text))
    }),
    entry("concat", |machine, this, args| {
        let mut whole = this.to_string();
        for arg in args {
            let text = machine.text_of(arg)?;
            machine.charge_more(whole.len(), text.len())?;
            whole.push_str(&text);
        }
        machine.made_text(whole)
    }),
    entry("includes", |machine, this, args| {
        let search = needle(machine, this, args)?;
        let from = start(machine, this, args, 1)?;
        Ok(Val::Bool(this[from..].contains(&*search)))
    }),
    entry("startsWith", |machine, this, args| {
        let search = needle(machine, this, args)?;
        let from = start(machine, this, args, 1)?;
        Ok(Val::Bool(this[from..].starts_with(&*search)))
    }),
    entry("endsWith", |machine, this, args| {
        let search = needle(machine, this, args)?;
        let end = match argument(args, 1) {
            Val::Undefined => this.len(),
            _ => start(machine, this, args, 1)?,
        };
        Ok(Val::Bool(this[..end].ends_with(&*search)))
    }),
    entry("indexOf", |machine, this, args| {
        let search = needle(machine, this, args)?;
        let from = start(machine, this, args, 1)?;
        let found = this[from..].find(&*search).map(|byte| byte + from);
        Ok(found.map_or(Val::Int(-1), |byte| {
            Val::count(text::units_before(this, byte))
        }))
    }),
    entry("lastIndexOf", |machine, this, args| {
        let search = needle(machine, this, args)?;
        let found = this.rfind(&*search);
        Ok(found.map_or(Val::Int(-1), |byte| {
            Val::count(text::units_before(this, byte))
        }))
    }),
    entry("slice", |machine, this, args| {
        let length = length(machine, this)?;
        let from = relative(number(machine, args, 0, 0)?, length);
        let to = relative(number(machine, args, 1, length)?, length);
        Ok(Val::Text(text::slice(this, from, to.max(from))))
    }),
    entry("substring", |machine, this, args| {
        let length = length(machine, this)?;
        let a = number(machine, args, 0, 0)?.to_count().min(length);
        let b = number(machine, args, 1, length)?.to_count().min(length);
        Ok(Val::Text(text::slice(this, a.min(b), a.max(b))))
    }),
    entry("substr", |machine, this, args| {
        let length = length(machine, this)?;
        let from = relative(number(machine, args, 0, 0)?, length);
        let count = number(machine, args, 1, length)?.to_count();
        Ok(Val::Text(text::slice(
            this,
            from,
            from.saturating_add(count).min(length),
        )))
    }),
    entry("split", split),
    entry("trim", |machine, this, _| {
        machine.charge_bytes(this.len())?;
        Ok(trimmed(this, this.trim_matches(blank)))
    }),
    entry("trimStart", |machine, this, _| {
        machine.charge_bytes(this.len())?;
        Ok(trimmed(this, this.trim_start_matches(blank)))
    }),
    entry("trimEnd", |machine, this, _| {
        machine.charge_bytes(this.len())?;
        Ok(trimmed(this, this.trim_end_matches(blank)))
    }),
    entry("padStart", |machine, this, args| {
        let filler = filler(machine, this, args)?;
        machine.made_text(format!("{filler}{}", &**this))
    }),
    entry("padEnd", |machine, this, args| {
        let filler = filler(machine, this, args)?;
        machine.made_text(format!("{}{filler}", &**this))
    }),
    entry("repeat", |machine, this, args| {
        let count = number(machine, args, 0, 0)?;
        if count.as_f64() < 0.0 || count.as_f64().is_infinite() {
            return Err(Stop::invalid("`repeat` needs a count that is not negative"));
        }
        let count = count.to_count();
        machine.charge_bytes(this.len().saturating_mul(count))?;
        Ok(Val::text(this.repeat(if this.is_empty() {
            0
        } else {
            count
        })))
    }),
    entry("replace", |machine, this, args| {
        replace(machine, this, args, 1)
    }),
    entry("replaceAll", |machine, this, args| {
        replace(machine, this, args, usize::MAX)
    }),
    entry("toLowerCase", |machine, this, _| {
        machine.charge_bytes(this.len())?;
        machine.made_text(this.to_lowercase())
    }),
    entry("toUpperCase", |machine, this, _| {
        machine.charge_bytes(this.len())?;
        machine.made_text(this.to_uppercase())
    }),
    entry("toLocaleLowerCase", |machine, this, _| {
        machine.charge_bytes(this.len())?;
        machine.made_text(this.to_lowercase())
    }),
    entry("toLocaleUpperCase", |machine, this, _| {
        machine.charge_bytes(this.len())?;
        machine.made_text(this.to_uppercase())
    }),
    entry("toString", |_, this, _| Ok(Val::Text(this.clone()))),
    entry("valueOf", |_, this, _| Ok(Val::Text(this.clone()))),
    entry("localeCompare", |machine, this, args| {
        let other = machine.text_of(&argument(args, 0))?;
        machine.charge_bytes(this.len().saturating_add(other.len()))?;
        // People sort letters first and case second.
        let order = this.to_lowercase().cmp(&other.to_lowercase());
        Ok(Val::Int(
            order.then_with(|| other.as_bytes().cmp(this.as_bytes())) as i128,
        ))
    }),
];

/// What JavaScript takes for blank.
pub(super) fn blank(letter: char) -> bool {
    letter.is_whitespace() || letter == '\u{feff}'
}

fn trimmed<'a>(this: &Text<'a>, rest: &str) -> Val<'a> {
    let start = rest.as_ptr() as usize - this.as_ptr() as usize;
    Val::Text(text::cut(this, start, start + rest.len()))
}

fn length<'a>(machine: &mut Machine<'a>, this: &Text<'a>) -> Result<usize, Stop> {
    machine.charge_bytes(this.len())?;
    Ok(text::length(this))
}

/// A number, or what stands for it if it is not given.
fn number<'a>(
    machine: &mut Machine<'a>,
    args: &[Val<'a>],
    at: usize,
    otherwise: usize,
) -> Result<Number, Stop> {
    match argument(args, at) {
        Val::Undefined => Ok(Number::Int(otherwise as i128)),
        value => machine.number_of(&value),
    }
}

/// A place that is given as a number, if it is none below zero.
fn place<'a>(
    machine: &mut Machine<'a>,
    this: &Text<'a>,
    args: &[Val<'a>],
    at: usize,
) -> Result<Option<usize>, Stop> {
    machine.charge_bytes(this.len())?;
    Ok(usize::try_from(number(machine, args, at, 0)?.to_integer()).ok())
}

/// The byte at which an optional place begins.
fn start<'a>(
    machine: &mut Machine<'a>,
    this: &Text<'a>,
    args: &[Val<'a>],
    at: usize,
) -> Result<usize, Stop> {
    let units = number(machine, args, at, 0)?.to_count();
    Ok(text::byte_of(this, units))
}

/// What is searched for.
fn needle<'a>(
    machine: &mut Machine<'a>,
    this: &Text<'a>,
    args: &[Val<'a>],
) -> Result<Text<'a>, Stop> {
    machine.charge_bytes(this.len())?;
    machine.text_of(&argument(args, 0))
}

fn split<'a>(machine: &mut Machine<'a>, this: &Text<'a>, args: &[Val<'a>]) -> Outcome<'a> {
    let limit = match argument(args, 1) {
        Val::Undefined => usize::MAX,
        value => machine.number_of(&value)?.to_count(),
    };
    machine.charge_bytes(this.len())?;
    let separator = match argument(args, 0) {
        Val::Undefined => return machine.list(vec![Val::Text(this.clone())]),
        value => machine.text_of(&value)?,
    };
    let mut pieces = Vec::new();
    if separator.is_empty() {
        for (byte, letter) in this.char_indices().take(limit) {
            machine.charge(1)?;
            pieces.push(Val::Text(text::cut(this, byte, byte + letter.len_utf8())));
        }
        return machine.list(pieces);
    }
    let mut byte = 0;
    for piece in this.split(&*separator).take(limit) {
        machine.charge(1)?;
        pieces.push(Val::Text(text::cut(this, byte, byte + piece.len())));
        byte += piece.len() + separator.len();
    }
    machine.list(pieces)
}

/// What is missing to a length, of a text that is repeated.
fn filler<'a>(
    machine: &mut Machine<'a>,
    this: &Text<'a>,
    args: &[Val<'a>],
) -> Result<String, Stop> {
    let wanted = number(machine, args, 0, 0)?.to_count();
    let missing = wanted.saturating_sub(length(machine, this)?);
    let pad = match argument(args, 1) {
        Val::Undefined => Text::Borrowed(" "),
        value => machine.text_of(&value)?,
    };
    if missing == 0 || pad.is_empty() {
        return Ok(String::new());
    }
    // A unit takes three bytes at the most.
    let longest = missing.saturating_mul(if pad.is_ascii() { 1 } else { 3 });
    machine.charge_bytes(this.len().saturating_add(longest))?;
    let count = missing / text::length(&pad) + 1;
    let filler = Text::from(pad.repeat(count));
    Ok(text::slice(&filler, 0, missing).to_string())
}

fn replace<'a>(
    machine: &mut Machine<'a>,
    this: &Text<'a>,
    args: &[Val<'a>],
    most: usize,
) -> Outcome<'a> {
    let search = needle(machine, this, args)?;
    let replacement = machine.text_of(&argument(args, 1))?;
    // `$&` and `$$` are the only patterns that a plain text can ask for.
    let plain = !replacement.contains('$');
    let replacement = if plain {
        replacement
    } else {
        machine.charge_bytes(replacement.len().saturating_mul(search.len().max(1)))?;
        let kept = replacement
            .replace("$$", "\0")
            .replace("$&", &search)
            .replace('\0', "$");
        Text::from(kept)
    };
    let count = this.matches(&*search).take(most).count();
    machine.charge(count)?;
    let more = count.saturating_mul(replacement.len());
    machine.charge_bytes(this.len().saturating_add(more))?;
    if count == 0 {
        return Ok(Val::Text(this.clone()));
    }
    Ok(Val::text(this.replacen(&*search, &replacement, count)))
}
