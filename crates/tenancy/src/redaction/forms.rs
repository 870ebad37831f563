//! The forms in which a secret travels.

use std::fmt::Write;

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, PAD};
use jackfield_types::ErrorCode;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use rustc_hash::FxHashSet;

/// From how many bytes on a text is looked for in the midst of others. What is shorter would be
/// found by chance everywhere, and is only looked for by itself.
pub const LEAST_PART: usize = 6;

/// What RFC 3986 leaves as it is.
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// What `encodeURIComponent` leaves as it is.
const COMPONENT: AsciiSet = UNRESERVED
    .remove(b'!')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');
/// What forms leave as it is, but for blanks.
const FORM: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'*')
    .remove(b' ');

/// What URLs leave as it is in their query, as the URL standard has it; in `http` and `https` URLs
/// a `'` is encoded too.
const QUERY: AsciiSet = CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');
const SPECIAL_QUERY: AsciiSet = QUERY.add(b'\'');
/// What they leave in their path, in their fragment, and what `encodeURI` leaves.
const PATH: AsciiSet = QUERY.add(b'?').add(b'^').add(b'`').add(b'{').add(b'}');
const FRAGMENT: AsciiSet = QUERY.remove(b'#').add(b'`');
const URI: AsciiSet = PATH
    .remove(b'?')
    .remove(b'#')
    .add(b'%')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'|');
const SETS: [&AsciiSet; 8] = [
    NON_ALPHANUMERIC,
    &UNRESERVED,
    &COMPONENT,
    &QUERY,
    &SPECIAL_QUERY,
    &PATH,
    &FRAGMENT,
    &URI,
];

/// All forms of a secret, itself included. Upper and lower case of ASCII letters are the same to
/// who looks for them, so there is but one of both.
pub(super) fn forms(secret: &str) -> FxHashSet<String> {
    let mut forms = FxHashSet::default();
    add_forms(secret, &mut forms);
    let trimmed = secret.trim();
    if trimmed.len() != secret.len() {
        add_forms(trimmed, &mut forms);
    }
    forms.remove("");
    forms
}

/// The forms of a text that was made with a secret. There may be thousands of such texts.
pub(super) fn derived_forms(text: &str) -> FxHashSet<String> {
    let mut forms = FxHashSet::default();
    for text in [text, text.trim()] {
        forms.insert(text.to_owned());
        forms.insert(json(text));
        forms.insert(text.escape_debug().to_string());
    }
    forms.remove("");
    forms
}

fn add_forms(secret: &str, forms: &mut FxHashSet<String>) {
    forms.insert(secret.to_owned());
    forms.insert(hex(secret.as_bytes()));
    add_base64(secret.as_bytes(), forms);
    for set in SETS {
        forms.insert(utf8_percent_encode(secret, set).to_string());
    }
    forms.insert(
        utf8_percent_encode(secret, &FORM)
            .to_string()
            .replace(' ', "+"),
    );
    let escaped = json(secret);
    forms.insert(json(&escaped));
    forms.insert(json_ascii(secret));
    forms.insert(escaped.replace('/', "\\/"));
    forms.insert(escaped);
    // As messages show it.
    forms.insert(secret.escape_debug().to_string());
    if secret.len() >= LEAST_PART {
        forms.insert(ErrorCode::custom(secret).as_str().to_owned());
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot go wrong.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Base64, as a whole and as the part that the secret makes up when other bytes stand before and
/// behind it. Which characters those are depends on how many bytes stand before it, by threes.
fn add_base64(bytes: &[u8], forms: &mut FxHashSet<String>) {
    for alphabet in [&alphabet::STANDARD, &alphabet::URL_SAFE] {
        forms.insert(GeneralPurpose::new(alphabet, PAD).encode(bytes));
        let engine = GeneralPurpose::new(alphabet, NO_PAD);
        for before in 0..3 {
            let mut padded = vec![0; before];
            padded.extend_from_slice(bytes);
            let text = engine.encode(&padded);
            if before == 0 {
                forms.insert(text.clone());
            }
            let begin = (before * 8).div_ceil(6);
            let end = padded.len() * 8 / 6;
            // Shorter ones stand for too little of the secret.
            if let Some(part) = text.get(begin..end)
                && part.len() >= LEAST_PART
            {
                forms.insert(part.to_owned());
            }
        }
    }
}

/// As in a JSON text, without the quotes around it.
fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(&quoted)
        .to_owned()
}

/// The same, with nothing but ASCII in it.
fn json_ascii(text: &str) -> String {
    let mut ascii = String::new();
    for character in json(text).chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a text cannot go wrong.
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    ascii
}
