//! Texts of guests, made fit to be shown.

use std::borrow::Cow;
use std::fmt::Write;

/// The beginning of a text, of at most so many bytes.
pub(super) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(most);
    Cow::Owned(format!("{}…", &text[..end]))
}

/// A text that moves no cursor, rings no bell and begins no line.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_odd) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_odd(c) {
            // Writing to a string cannot fail.
            let _ = write!(plain, "{}", c.escape_default());
        } else {
            plain.push(c);
        }
    }
    Cow::Owned(plain)
}

/// Control characters, and those that turn the direction of what is read.
fn is_odd(c: char) -> bool {
    (c.is_control() && c != '\t')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("äöü", 3), "ä…");
        assert_eq!(cut("äöü", 0), "…");
    }

    #[test]
    fn a_text_cannot_forge_a_line_or_colour_a_terminal() {
        assert_eq!(plain("ä\tb"), "ä\tb");
        assert_eq!(plain("a\r\nERROR b"), "a\\r\\nERROR b");
        assert_eq!(plain("\u{1b}[31m\u{202e}"), "\\u{1b}[31m\\u{202e}");
    }
}
