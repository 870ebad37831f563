//! As much of SQL's text as has to be known to tell what a statement begins with, and where it ends.

/// The first word, behind blanks. There is none behind a comment: what databases take for one is
/// nested in some, executed in others, and ends at ends of lines that not all of them know.
pub(super) fn first_word(sql: &str) -> &str {
    let text = sql.trim_ascii_start();
    let end = text
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    &text[..end]
}

/// Whether nothing but blanks and comments comes behind the first `;` of a statement for SQLite.
pub(super) fn is_one_statement(sql: &str) -> bool {
    let mut rest = sql;
    loop {
        let Some(place) = rest.find(['\'', '"', '`', '[', '-', '/', ';']) else {
            return true;
        };
        rest = &rest[place..];
        let close = match rest.as_bytes()[0] {
            b';' => return behind_blanks(&rest[1..]).is_empty(),
            b'[' => ']',
            b'\'' => '\'',
            b'"' => '"',
            b'`' => '`',
            _ => {
                let behind = behind_comment(rest);
                rest = if behind.len() == rest.len() {
                    &rest[1..]
                } else {
                    behind
                };
                continue;
            }
        };
        // A quote that is doubled ends one text and begins the next, which is all the same here.
        rest = match rest[1..].find(close) {
            Some(end) => &rest[end + 2..],
            None => return true,
        };
    }
}

fn behind_blanks(mut text: &str) -> &str {
    loop {
        let trimmed = behind_comment(text.trim_start());
        if trimmed.len() == text.len() {
            return text;
        }
        text = trimmed;
    }
}

/// The text behind the comment that it begins with, or the text itself.
fn behind_comment(text: &str) -> &str {
    let end = if text.starts_with("--") {
        text.find('\n').map(|end| end + 1)
    } else if text.starts_with("/*") {
        text.find("*/").map(|end| end + 2)
    } else {
        return text;
    };
    &text[end.unwrap_or(text.len())..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_statement_is_seen_wherever_it_hides() {
        for one in [
            "SELECT 1",
            "SELECT 1 ; -- done",
            "SELECT ';' || \"a;b\", `c;`, [d;] /* ; */ -- ;\n ;",
            "SELECT 'it''s; fine' - 1 / 2",
        ] {
            assert!(is_one_statement(one), "{one}");
        }
        for two in [
            "SELECT 1; ATTACH 'x' AS y",
            "SELECT ''; ATTACH 'x' AS y",
            "SELECT 1 /* ' */; SELECT 2 -- '",
            "SELECT 1; /* */ DELETE FROM t",
        ] {
            assert!(!is_one_statement(two), "{two}");
        }
    }

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
