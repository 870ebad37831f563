//! How much SQLite makes of a text before it runs it.
//!
//! It writes out a common table expression wherever one is named, and one that names another twice
//! twice as much: a text of 1 KB can come to more than there is memory, in one step that nothing
//! stops. So what it would come to is counted before it is shown the text, never too low. For that
//! the text is taken apart as SQLite does it.

use std::collections::HashMap;

/// How many bytes of SQL a statement may come to.
const MOST_BYTES: usize = 4 << 20;

/// What a text is made of, without what lies between.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// A word that is not quoted, in small letters: a name, a number or a word of the language.
    Word(String),
    /// What stands in quotes, in small letters. SQLite takes a text for a name, too.
    Quoted(String),
    /// Anything else, by its first byte.
    Sign(u8),
}

impl Token {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Word(name) | Self::Quoted(name) => Some(name),
            Self::Sign(_) => None,
        }
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(other) if other == word)
    }
}

/// Whether a text stays small when each common table expression is written out wherever it is
/// named.
pub(super) fn is_bounded(sql: &str) -> bool {
    let tokens = tokens(sql);
    let is_dot = |place: Option<usize>| {
        place.and_then(|place| tokens.get(place)) == Some(&Token::Sign(b'.'))
    };
    let mut named: HashMap<&str, usize> = HashMap::new();
    for (place, token) in tokens.iter().enumerate() {
        // The name of a common table expression has no schema, and is not what a column is of.
        if let Some(name) = token.name()
            && !is_dot(place.checked_sub(1))
            && !is_dot(place.checked_add(1))
        {
            *named.entry(name).or_default() += 1;
        }
    }
    // One is written out at most as often as it is named in each of those that name it.
    let mut bytes = sql.len();
    for (place, token) in tokens.iter().enumerate() {
        if !token.is_word("as") || !begins_query(tokens.get(place + 1)) {
            continue;
        }
        let times = match defined(tokens.get(..place).unwrap_or_default()) {
            // Once it is named where it is defined.
            Some(name) => named.get(name).map_or(0, |times| times - 1),
            None => tokens.len(),
        };
        bytes = bytes.saturating_mul(times.max(1));
    }
    bytes <= MOST_BYTES
}

/// Whether behind `AS` there may be the query of a common table expression.
fn begins_query(next: Option<&Token>) -> bool {
    next.is_some_and(|next| {
        *next == Token::Sign(b'(') || next.is_word("materialized") || next.is_word("not")
    })
}

/// The name that is defined by what stands before `AS`, which may list columns.
fn defined(before: &[Token]) -> Option<&str> {
    let (last, rest) = before.split_last()?;
    if *last != Token::Sign(b')') {
        return last.name();
    }
    let opened = rest.iter().rposition(|token| *token == Token::Sign(b'('))?;
    rest.get(..opened)?.last()?.name()
}

fn tokens(sql: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = sql.as_bytes();
    while let Some(&first) = rest.first() {
        let (length, token) = match first {
            _ if is_space(first) => (1, None),
            // SQLite takes a byte order mark for a space, if no word is before it.
            _ if rest.starts_with(b"\xef\xbb\xbf") => (3, None),
            b'-' if rest.starts_with(b"--") => (length_while(rest, |byte| byte != b'\n'), None),
            b'/' if rest.starts_with(b"/*") && rest.len() > 2 => (comment(rest), None),
            b'\'' | b'"' | b'`' => quoted(rest, first),
            b'[' => {
                let length = length_while(rest, |byte| byte != b']');
                let name = rest.get(1..length).unwrap_or_default();
                (length + 1, Some(Token::Quoted(small(name))))
            }
            b'$' | b'@' | b':' | b'#' => (parameter(rest), Some(Token::Sign(first))),
            b'?' => {
                let digits = rest.get(1..).unwrap_or_default();
                let length = 1 + length_while(digits, |byte| byte.is_ascii_digit());
                (length, Some(Token::Sign(first)))
            }
            _ if is_of_name(first) => {
                let length = length_while(rest, is_of_name);
                let word = rest.get(..length).unwrap_or_default();
                (length, Some(Token::Word(small(word))))
            }
            _ => (1, Some(Token::Sign(first))),
        };
        tokens.extend(token);
        rest = rest.get(length..).unwrap_or_default();
    }
    tokens
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii()
}

fn length_while(bytes: &[u8], is_part: impl Fn(u8) -> bool) -> usize {
    let end = bytes.iter().position(|&byte| !is_part(byte));
    end.unwrap_or(bytes.len())
}

/// SQLite compares names so.
fn small(name: &[u8]) -> String {
    String::from_utf8_lossy(name).to_ascii_lowercase()
}

fn comment(bytes: &[u8]) -> usize {
    let inside = bytes.get(2..).unwrap_or_default();
    let end = inside.windows(2).position(|end| end == b"*/");
    end.map_or(bytes.len(), |end| end + 4)
}

/// What stands in quotes. A quote is written twice in it.
fn quoted(bytes: &[u8], quote: u8) -> (usize, Option<Token>) {
    let mut name = Vec::new();
    let mut place = 1;
    while let Some(&byte) = bytes.get(place) {
        if byte == quote {
            place += 1;
            if bytes.get(place) != Some(&quote) {
                break;
            }
        }
        name.push(byte);
        place += 1;
    }
    (place, Some(Token::Quoted(small(&name))))
}

/// A parameter with a name. One may end in anything between brackets.
fn parameter(bytes: &[u8]) -> usize {
    let mut place = 1;
    let mut has_name = false;
    while let Some(&byte) = bytes.get(place) {
        let next = bytes.get(place + 1);
        match byte {
            _ if is_of_name(byte) => has_name = true,
            b'(' if has_name => {
                let inside = bytes.get(place..).unwrap_or_default();
                let length = length_while(inside, |byte| !is_space(byte) && byte != b')');
                let is_closed = inside.get(length) == Some(&b')');
                return place + length + usize::from(is_closed);
            }
            b':' if next == Some(&b':') => place += 1,
            _ => break,
        }
        place += 1;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many common table expressions, each of which names the one before it twice. `name` makes
    /// the name where one is defined, and `again` where it is named.
    fn chain(
        length: usize,
        name: impl Fn(usize) -> String,
        again: impl Fn(usize) -> String,
        behind: &str,
    ) -> String {
        let mut sql = format!("WITH {}(x) {behind} (SELECT 1)", name(0));
        for place in 1..=length {
            let before = again(place - 1);
            sql += &format!(
                ", {}(x) {behind} (SELECT 1 FROM {before} p, {before} q)",
                name(place)
            );
        }
        sql + &format!(" SELECT 1 FROM {}", again(length))
    }

    #[test]
    fn what_would_come_to_more_than_there_is_memory_is_seen_however_it_is_written() {
        let plain = |place: usize| format!("a{place}");
        for behind in [
            "AS",
            "as",
            "AS MATERIALIZED",
            "AS NOT MATERIALIZED",
            "AS/**/",
            "AS --\n",
            "/* AS */ As",
            "\u{feff}AS \u{feff}",
            "-- (\nAS",
            "AS\u{b}\u{c}\r",
        ] {
            let sql = chain(30, plain, plain, behind);
            assert!(!is_bounded(&sql), "{behind:?}");
            assert!(is_bounded(&chain(3, plain, plain, behind)), "{behind:?}");
        }
        for (name, again) in [
            ("a#", "A#"),
            ("\"a#\"", "a#"),
            ("[a#]", "`a#`"),
            ("'a#'", "a#"),
            ("\"a \"\"#\"", "[a \"#]"),
            ("\u{e4}#", "\"\u{e4}#\""),
            ("a# /* b */", "a#"),
            ("a# -- b\n", "/* ' */ a#"),
            // A parameter with a quote in it, behind which nothing is quoted.
            ("a#", "(SELECT $1(') AS v FROM a#)"),
        ] {
            let written = |pattern: &str, place: usize| pattern.replace('#', &place.to_string());
            let sql = chain(30, |n| written(name, n), |n| written(again, n), "AS");
            assert!(!is_bounded(&sql), "{name} {again}");
        }
        // It need not be those with the query of their own that name one.
        let mut sql = "WITH a0(x) AS (SELECT 1)".to_owned();
        for place in 1..=30 {
            let before = place - 1;
            sql += &format!(", a{place}(x) AS (SELECT 1 IN a{before} WHERE 1 IN a{before})");
        }
        assert!(!is_bounded(&(sql + " SELECT 1 FROM a30")));
    }

    #[test]
    fn what_people_write_is_bounded() {
        let mut long = "SELECT v FROM t WHERE v IN (1".to_owned();
        while long.len() < 60_000 {
            long += ", 1";
        }
        let years: Vec<String> = (0..12)
            .map(|n| {
                let before = n.max(1) - 1;
                format!("y{n} AS (SELECT y{before}.id, y{before}.v, y{before}.w FROM y{before})")
            })
            .collect();
        for sql in [
            "",
            "SELECT 1",
            "SELECT CAST(v AS integer) AS \"as\", sum(v) OVER w FROM t WINDOW w AS (PARTITION BY v)",
            "WITH a AS (SELECT 1 AS v), b AS (SELECT * FROM a, a AS c) SELECT * FROM a, b, b AS d",
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 9) SELECT sum(x) FROM n",
            &(long + ")"),
            &format!("WITH {} SELECT * FROM y11", years.join(", ")),
        ] {
            assert!(is_bounded(sql), "{sql}");
        }
    }

    #[test]
    fn texts_are_taken_apart_as_sqlite_does_it() {
        let shown = |sql: &str| -> String {
            tokens(sql)
                .iter()
                .map(|token| match token {
                    Token::Word(word) => format!("{word} "),
                    Token::Quoted(name) => format!("<{name}> "),
                    Token::Sign(sign) => format!("{} ", char::from(*sign)),
                })
                .collect()
        };
        for (sql, expected) in [
            ("a--b\nc/*d*/e/*/ f */g", "a c e g "),
            ("a/*", "a / * "),
            ("a/**", "a "),
            ("'a''b'\"C\"\"d\"`e`[f\"]", "<a'b> <c\"d> <e> <f\"> "),
            ("'a", "<a> "),
            ("$a('b)c ?12d @e::f(g h", "$ c ? d @ h "),
            ("a$b \u{feff}c d\u{feff}e", "a$b c d\u{feff}e "),
            ("x'41'.5", "x <41> . 5 "),
        ] {
            assert_eq!(shown(sql), expected, "{sql}");
        }
    }
}
