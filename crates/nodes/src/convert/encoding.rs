use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jackfield_plugin_api::NodeError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

use super::basic::inconvertible;
use crate::family::{Arguments, check_text, describe};

/// What stays as it is in a part of a URL; the same as with JavaScript's `encodeURIComponent`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const FOR_URLS: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT.with_encode_padding(false));

fn engine(arguments: &Arguments<'_>) -> Result<GeneralPurpose, NodeError> {
    Ok(if arguments.flag("urlSafe")? {
        FOR_URLS
    } else {
        PLAIN
    })
}

pub(super) fn base64_encode(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let text = arguments.text("value")?;
    check_text(text.len().div_ceil(3).saturating_mul(4))?;
    Ok(engine(arguments)?.encode(text).into())
}

pub(super) fn base64_decode(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let value = arguments.value("value");
    let text = arguments.text("value")?.trim();
    check_text(text.len())?;
    let bytes = engine(arguments)?.decode(text).map_err(|error| {
        let hint = if text.contains(['-', '_']) && !text.contains(['+', '/']) {
            "; it seems to be the form for URLs: set `urlSafe`"
        } else {
            ""
        };
        inconvertible(format!("{} is no Base64: {error}{hint}", describe(value)))
    })?;
    String::from_utf8(bytes).map(Value::from).map_err(|_| {
        inconvertible(
            "what was decoded is no text in UTF-8; it may be a file, which a text cannot hold",
        )
    })
}

pub(super) fn url_encode(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let text = arguments.text("value")?;
    let encoded = || utf8_percent_encode(text, ENCODED);
    check_text(encoded().map(str::len).sum())?;
    Ok(encoded().collect::<String>().into())
}

pub(super) fn url_decode(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let text = arguments.text("value")?;
    let mut escapes = text.split('%');
    escapes.next();
    let is_escape = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    if let Some(wrong) = escapes.find(|rest| !is_escape(rest)) {
        let shown: String = wrong.chars().take(2).collect();
        return Err(inconvertible(format!(
            "`%{shown}` is no escape: expected two hexadecimal digits behind `%`"
        )));
    }
    percent_decode_str(text)
        .decode_utf8()
        .map(|decoded| decoded.into_owned().into())
        .map_err(|_| inconvertible("what was decoded is no text in UTF-8"))
}
