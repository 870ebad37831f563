//! Texts as JavaScript counts them: in UTF-16 units, with a short way for ASCII.

use std::cmp::Ordering;

use super::value::Text;

/// The number of UTF-16 units.
pub(super) fn length(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.encode_utf16().count()
    }
}

/// The unit at a place; half of a pair becomes U+FFFD.
pub(super) fn at<'a>(text: &Text<'a>, index: usize) -> Option<Text<'a>> {
    let end = index.checked_add(1)?;
    let piece = slice(text, index, end);
    (!piece.is_empty()).then_some(piece)
}

/// The units from `start` to `end`; halves of pairs become U+FFFD.
pub(super) fn slice<'a>(text: &Text<'a>, start: usize, end: usize) -> Text<'a> {
    if text.is_ascii() {
        let end = end.min(text.len());
        let start = start.min(end);
        return cut(text, start, end);
    }
    let count = end.saturating_sub(start);
    let units: Vec<u16> = text.encode_utf16().skip(start).take(count).collect();
    Text::from(String::from_utf16_lossy(&units))
}

/// The bytes from `start` to `end`, which are boundaries of characters.
pub(super) fn cut<'a>(text: &Text<'a>, start: usize, end: usize) -> Text<'a> {
    match text {
        Text::Borrowed(text) => Text::Borrowed(text.get(start..end).unwrap_or_default()),
        Text::Made(made) if start == 0 && end == made.len() => text.clone(),
        Text::Made(made) => Text::Made(made.get(start..end).unwrap_or_default().into()),
    }
}

/// The place in UTF-16 units of a byte.
pub(super) fn units_before(text: &str, byte: usize) -> usize {
    length(text.get(..byte).unwrap_or(text))
}

/// The byte of a place in UTF-16 units; one inside a pair is taken as the one behind it.
pub(super) fn byte_of(text: &str, units: usize) -> usize {
    if text.is_ascii() {
        return units.min(text.len());
    }
    let mut seen = 0;
    for (byte, letter) in text.char_indices() {
        if seen >= units {
            return byte;
        }
        seen += letter.len_utf16();
    }
    text.len()
}

/// The order of UTF-16 units, which differs from that of characters for rare ones.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() {
        a.cmp(b)
    } else {
        a.encode_utf16().cmp(b.encode_utf16())
    }
}
