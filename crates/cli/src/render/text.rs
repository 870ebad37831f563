use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character could steer a terminal, or the order in which text is read.
fn is_steering(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

fn escape(character: char, into: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(into, "\\u{:04x}", u32::from(character));
}

/// A text with everything written out that could steer a terminal. Line breaks stay.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|one| one != '\n' && is_steering(one)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => shown.push('\n'),
            '\t' => shown.push(' '),
            '\r' => {}
            one if is_steering(one) => escape(one, &mut shown),
            one => shown.push(one),
        }
    }
    Cow::Owned(shown)
}

/// A text on one line of at most so many characters.
pub(crate) fn line(text: &str, longest: usize) -> String {
    let is_cut = text.chars().nth(longest).is_some();
    let kept = if is_cut {
        longest.saturating_sub(1)
    } else {
        longest
    };
    let mut shown = String::new();
    for character in text.chars().take(kept) {
        match character {
            '\n' | '\t' => shown.push(' '),
            '\r' => {}
            one if is_steering(one) => escape(one, &mut shown),
            one => shown.push(one),
        }
    }
    if is_cut {
        shown.push('…');
    }
    shown
}

/// A text that holds colors of our own: only those may steer.
pub(crate) fn keep_colors(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find('\u{1b}') {
        shown.push_str(&harmless(&rest[..place]));
        rest = &rest[place..];
        let length = color_length(rest);
        if length > 0 {
            shown.push_str(&rest[..length]);
            rest = &rest[length..];
        } else {
            escape('\u{1b}', &mut shown);
            rest = &rest[1..];
        }
    }
    shown.push_str(&harmless(rest));
    shown
}

/// How many bytes of a text are one color sequence, `ESC [ digits m`, at its beginning.
fn color_length(text: &str) -> usize {
    let Some(inner) = text.strip_prefix("\u{1b}[") else {
        return 0;
    };
    let digits = inner
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || *byte == b';')
        .count();
    if inner.as_bytes().get(digits) == Some(&b'm') {
        digits + 3
    } else {
        0
    }
}

/// `1 item`, `2 items`.
pub(crate) fn count(number: usize, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {one}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(harmless("plain\ntext"), "plain\ntext");
        assert_eq!(
            harmless("a\u{1b}]0;title\u{7}b"),
            "a\\u001b]0;title\\u0007b"
        );
        assert_eq!(harmless("abc\u{202e}fdp"), "abc\\u202efdp");
        assert_eq!(line("two\nlines\u{9b}2J", 40), "two lines\\u009b2J");
        assert_eq!(line("abcdef", 4), "abc…");
        assert_eq!(line("abcd", 4), "abcd");
    }

    #[test]
    fn only_colors_are_kept() {
        let colored = "\u{1b}[31;1mred\u{1b}[0m";
        assert_eq!(keep_colors(colored), colored);
        assert_eq!(keep_colors("\u{1b}[2Jx\u{1b}[31"), "\\u001b[2Jx\\u001b[31");
        assert_eq!(keep_colors("ä\u{1b}"), "ä\\u001b");
    }
}
