//! As much of SQL's text as has to be known to tell what a statement begins with.

/// The first word, behind blanks. There is none behind a comment: what databases take for one is
/// nested in some, executed in others, and ends at ends of lines that not all of them know.
pub(super) fn first_word(sql: &str) -> &str {
    let text = sql.trim_ascii_start();
    let end = text
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_behind_blanks_and_never_behind_a_comment() {
        assert_eq!(first_word(" \t\r\n select 1"), "select");
        for none in [
            "",
            "(select 1)",
            "-- nothing\nSELECT 1",
            "/* endless",
            "/* /* */ SELECT */ DROP TABLE t",
            "/*! DROP TABLE t */ SELECT 1",
            "# SELECT",
        ] {
            assert_eq!(first_word(none), "", "{none}");
        }
    }
}
