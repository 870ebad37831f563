//! Methods of strings beyond JavaScript's own, as workflow authors know them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::global::{Part, decode_uri, encode_uri, to_bool};
use super::{Entry, TextFunction, argument, entry};
use crate::expression::error::Stop;
use crate::expression::moment::Moment;
use crate::expression::moment_text;
use crate::expression::number::{self, Number, whole};
use crate::expression::value::Val;

pub(super) static TABLE: &[Entry<TextFunction>] = &[
    entry("isEmpty", |_, this, _| Ok(Val::Bool(this.is_empty()))),
    entry("isNotEmpty", |_, this, _| Ok(Val::Bool(!this.is_empty()))),
    entry("toNumber", |machine, this, _| {
        machine.charge_bytes(this.len())?;
        let number = number::parse(this);
        if number.as_f64().is_nan() || this.trim().is_empty() {
            return Err(no_number(this));
        }
        Ok(number.into_val())
    }),
    entry("toFloat", |machine, this, _| {
        machine.charge_bytes(this.len())?;
        let number = number::parse_prefix(this);
        if number.as_f64().is_nan() {
            Err(no_number(this))
        } else {
            Ok(number.into_val())
        }
    }),
    entry("toInt", |machine, this, _| {
        machine.charge_bytes(this.len())?;
        let number = number::parse_prefix(this);
        if number.as_f64().is_nan() {
            return Err(no_number(this));
        }
        Ok(match number {
            Number::Int(number) => whole(number),
            Number::Float(number) => number::tidy(number.trunc()),
        })
    }),
    entry("isNumeric", |machine, this, _| {
        machine.charge_bytes(this.len())?;
        let number = number::parse(this);
        Ok(Val::Bool(
            !this.trim().is_empty() && number.as_f64().is_finite(),
        ))
    }),
    entry("toBoolean", |_, this, _| Ok(Val::Bool(to_bool(this)))),
    entry("toTitleCase", |machine, this, _| {
        machine.charge_bytes(this.len())?;
        let mut titled = String::with_capacity(this.len());
        let mut inside = false;
        for letter in this.chars() {
            if inside {
                titled.extend(letter.to_lowercase());
            } else {
                titled.extend(letter.to_uppercase());
            }
            inside = letter.is_alphanumeric() || matches!(letter, '\'' | '’');
        }
        machine.made_text(titled)
    }),
    entry("toSentenceCase", |machine, this, _| {
        machine.charge_bytes(this.len())?;
        let mut letters = this.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        let whole = first.chain(letters.flat_map(char::to_lowercase)).collect();
        machine.made_text(whole)
    }),
    entry("base64Encode", |machine, this, _| {
        machine.charge_bytes(this.len().saturating_mul(4) / 3 + 4)?;
        Ok(Val::text(STANDARD.encode(this.as_bytes())))
    }),
    entry("base64Decode", |machine, this, _| {
        machine.charge_bytes(this.len())?;
        let bytes = STANDARD
            .decode(this.trim().as_bytes())
            .map_err(|error| Stop::wrong_type(format!("the text is not base64: {error}")))?;
        machine.made_text(String::from_utf8_lossy(&bytes).into_owned())
    }),
    entry("urlEncode", |machine, this, _| {
        encode_uri(machine, this, Part::Component)
    }),
    entry("urlDecode", |machine, this, _| {
        decode_uri(machine, this, Part::Component)
    }),
    entry("parseJson", |machine, this, _| machine.parse_json(this)),
    entry("toDateTime", |machine, this, _| {
        machine.charge_bytes(this.len())?;
        let zone = machine.roots.time_zone();
        let at = moment_text::parse_any(this, zone, zone)?;
        Ok(Val::Moment(std::rc::Rc::new(Moment::luxon(at))))
    }),
    entry("quote", |machine, this, args| {
        let mark = match argument(args, 0) {
            Val::Undefined => "\"".into(),
            mark => machine.text_of(&mark)?.to_string(),
        };
        machine.charge_bytes(this.len().saturating_add(mark.len().saturating_mul(2)))?;
        let escaped = if mark.is_empty() {
            this.to_string()
        } else {
            let count = this.matches(mark.as_str()).count();
            machine.charge_bytes(this.len().saturating_add(count))?;
            this.replace(mark.as_str(), &format!("\\{mark}"))
        };
        machine.made_text(format!("{mark}{escaped}{mark}"))
    }),
    entry("reverse", |machine, this, _| {
        machine.charge_bytes(this.len())?;
        machine.made_text(this.chars().rev().collect())
    }),
];

fn no_number(text: &str) -> Stop {
    let shown: String = text.chars().take(60).collect();
    Stop::wrong_type(format!("`{shown}` is no number"))
}
