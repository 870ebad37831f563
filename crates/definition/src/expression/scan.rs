//! Finds where an expression ends, and refuses what the parser must not see.
//!
//! The parser is recursive, so the depth of every expression is bounded before it is called. The
//! scanner simulates an operator-precedence parser: the height of its stack is at least the depth
//! of the syntax tree, leaving left-nested chains aside, which are walked in loops. To be sure
//! that the scanner and the parser agree on where texts and comments begin and end, everything
//! that could make them differ (regular expressions, function bodies, escapes in names) is
//! refused here; none of it is evaluated natively anyway.

use std::ops::Range;

use super::error::ExpressionError;
use super::operator::{OPERATORS, Operator, POWER, RELATIONAL};

/// How deeply an expression may nest.
const MAX_NESTING: usize = 64;
/// How long an expression may be, in bytes.
const MAX_LENGTH: usize = 64 << 10;

/// Where an expression is expected to end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    Braces,
    EndOfText,
}

/// What the scanner found.
pub(super) enum Scanned {
    /// The expression, and where the text goes on behind its braces.
    Closed { code: Range<usize>, next: usize },
    /// The text ended before `}}`.
    Unclosed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    /// A bracket; `$` stands for the `${` of a template literal.
    Open(u8),
    Prefix,
    Binary(u8),
    Choice,
    Arrow,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Previous {
    Dot,
    KeyPlace,
    Parenthesis,
    Arrow,
    Other,
}

/// Finds the end of the expression that begins at `start`.
pub(super) fn expression(
    text: &str,
    start: usize,
    until: Until,
) -> Result<Scanned, ExpressionError> {
    let mut scanner = Scanner {
        text,
        bytes: text.as_bytes(),
        start,
        at: start,
        stack: Vec::new(),
        operand: true,
        previous: Previous::Other,
        until,
    };
    scanner.run()
}

struct Scanner<'t> {
    text: &'t str,
    bytes: &'t [u8],
    start: usize,
    at: usize,
    stack: Vec<Entry>,
    /// Whether an operand is expected, and not an operator.
    operand: bool,
    previous: Previous,
    until: Until,
}

type Scan<T = ()> = Result<T, ExpressionError>;

impl Scanner<'_> {
    fn run(&mut self) -> Scan<Scanned> {
        loop {
            self.skip_blank()?;
            if self.at - self.start > MAX_LENGTH {
                let message = format!("an expression is longer than {MAX_LENGTH} bytes");
                return Err(ExpressionError::limit(self.start..self.at, message)
                    .with_hint("keep long data in an item or a variable and refer to it"));
            }
            let Some(&byte) = self.bytes.get(self.at) else {
                return Ok(match self.until {
                    Until::Braces => Scanned::Unclosed,
                    Until::EndOfText => Scanned::Closed {
                        code: self.start..self.at,
                        next: self.at,
                    },
                });
            };
            if byte == b'}' && self.ends_here() {
                return Ok(Scanned::Closed {
                    code: self.start..self.at,
                    next: self.at + 2,
                });
            }
            self.token(byte)?;
            if self.stack.len() > MAX_NESTING {
                let message = format!("an expression nests deeper than {MAX_NESTING} levels");
                return Err(ExpressionError::limit(
                    self.at.saturating_sub(1)..self.at,
                    message,
                ));
            }
        }
    }

    /// The innermost bracket that is open.
    fn bracket(&self) -> Option<u8> {
        self.stack.iter().rev().find_map(|entry| match entry {
            Entry::Open(bracket) => Some(*bracket),
            Entry::Prefix | Entry::Binary(_) | Entry::Choice | Entry::Arrow => None,
        })
    }

    /// Whether the `}` here begins the `}}` that ends the expression.
    fn ends_here(&self) -> bool {
        self.until == Until::Braces
            && !matches!(self.bracket(), Some(b'{' | b'$'))
            && self.bytes.get(self.at + 1) == Some(&b'}')
    }

    fn token(&mut self, byte: u8) -> Scan {
        match byte {
            b'\'' | b'"' => self.quoted(byte)?,
            b'`' => {
                self.at += 1;
                return self.template_text();
            }
            b'0'..=b'9' => self.number(),
            b'.' if self.bytes.get(self.at + 1).is_some_and(u8::is_ascii_digit) => self.number(),
            b'.' if self.text[self.at..].starts_with("...") => return self.operator(),
            b'.' => {
                self.at += 1;
                self.previous = Previous::Dot;
                self.operand = true;
                return Ok(());
            }
            b'?' => return self.question(),
            b'(' | b'[' | b'{' => return self.open(byte),
            b')' | b']' | b'}' => return self.close(byte),
            b',' | b':' => {
                self.pop_to_bracket(byte);
                self.at += 1;
                self.operand = true;
                self.previous = if byte == b',' {
                    Previous::KeyPlace
                } else {
                    Previous::Other
                };
                return Ok(());
            }
            b';' => return self.semicolon(),
            b'#' | b'@' | b'\\' => {
                let message = format!("`{}` is not expected here", byte as char);
                return Err(ExpressionError::syntax(self.at..self.at + 1, message));
            }
            _ if byte.is_ascii_alphabetic() || matches!(byte, b'$' | b'_') || byte >= 0x80 => {
                return self.word();
            }
            _ => return self.operator(),
        }
        self.operand_done();
        Ok(())
    }

    fn operand_done(&mut self) {
        self.operand = false;
        self.previous = Previous::Other;
    }

    fn skip_blank(&mut self) -> Scan {
        loop {
            let rest = &self.text[self.at..];
            let Some(next) = rest.chars().next() else {
                return Ok(());
            };
            if next.is_whitespace() || next == '\u{feff}' {
                self.at += next.len_utf8();
            } else if rest.starts_with("//") {
                let end = |c: char| matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}');
                let line = &rest[..rest.find(end).unwrap_or(rest.len())];
                // `{{ x // comment }}` on one line: the braces count, as they do in n8n.
                let line = match line.find("}}") {
                    Some(brace) if self.until == Until::Braces && self.bracket().is_none() => {
                        &line[..brace]
                    }
                    _ => line,
                };
                self.at += line.len();
            } else if rest.starts_with("/*") {
                match rest.find("*/") {
                    Some(end) => self.at += end + 2,
                    None => return Err(self.never_closed("comment")),
                }
            } else {
                return Ok(());
            }
        }
    }

    fn never_closed(&self, what: &str) -> ExpressionError {
        let message = format!("a {what} that begins here is never closed");
        ExpressionError::syntax(self.at..self.text.len(), message)
    }

    fn quoted(&mut self, quote: u8) -> Scan {
        let mut at = self.at + 1;
        loop {
            match self.bytes.get(at) {
                None | Some(b'\n' | b'\r') => return Err(self.never_closed("text")),
                // A line break may be escaped, and `\r\n` is one of two bytes.
                Some(b'\\') if self.bytes[at..].starts_with(b"\\\r\n") => at += 3,
                Some(b'\\') => at += 2,
                Some(&byte) if byte == quote => break,
                Some(_) => at += 1,
            }
        }
        self.at = at + 1;
        Ok(())
    }

    /// Reads the text of a template literal up to its end or its next `${`.
    fn template_text(&mut self) -> Scan {
        let mut at = self.at;
        loop {
            match self.bytes.get(at) {
                None => return Err(self.never_closed("template literal")),
                Some(b'\\') => at += 2,
                Some(b'`') => {
                    self.at = at + 1;
                    self.operand_done();
                    return Ok(());
                }
                Some(b'$') if self.bytes.get(at + 1) == Some(&b'{') => {
                    self.at = at + 2;
                    self.stack.push(Entry::Open(b'$'));
                    self.operand = true;
                    self.previous = Previous::Other;
                    return Ok(());
                }
                Some(_) => at += 1,
            }
        }
    }

    fn number(&mut self) {
        let hex =
            self.bytes[self.at..].starts_with(b"0x") || self.bytes[self.at..].starts_with(b"0X");
        let mut at = self.at;
        while let Some(&byte) = self.bytes.get(at) {
            let sign = matches!(byte, b'+' | b'-')
                && !hex
                && matches!(self.bytes[at - 1], b'e' | b'E')
                && at > self.at;
            // `1..2` does not occur, but `[1...a]` must not hide a spread.
            let dots = self.bytes[at..].starts_with(b"..");
            if dots || !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') || sign) {
                break;
            }
            at += 1;
        }
        self.at = at.max(self.at + 1);
    }

    fn question(&mut self) -> Scan {
        let next = self.bytes.get(self.at + 1);
        let digit = self.bytes.get(self.at + 2).is_some_and(u8::is_ascii_digit);
        if next == Some(&b'?') {
            return self.operator();
        }
        if next == Some(&b'.') && !digit {
            self.at += 2;
            self.previous = Previous::Dot;
            self.operand = true;
            return Ok(());
        }
        while matches!(self.stack.last(), Some(Entry::Prefix | Entry::Binary(_))) {
            self.stack.pop();
        }
        self.stack.push(Entry::Choice);
        self.at += 1;
        self.operand = true;
        self.previous = Previous::Other;
        Ok(())
    }

    fn open(&mut self, bracket: u8) -> Scan {
        if bracket == b'{' {
            match self.previous {
                Previous::Arrow => {
                    return Err(ExpressionError::unsupported(
                        self.at..self.at + 1,
                        "a function body of statements",
                    )
                    .with_hint("write the function's result as one expression: `x => …`"));
                }
                Previous::Parenthesis => {
                    return Err(ExpressionError::unsupported(
                        self.at..self.at + 1,
                        "a method definition",
                    ));
                }
                Previous::Dot | Previous::KeyPlace | Previous::Other => {}
            }
        }
        self.stack.push(Entry::Open(bracket));
        self.at += 1;
        self.operand = true;
        self.previous = if bracket == b'{' {
            Previous::KeyPlace
        } else {
            Previous::Other
        };
        Ok(())
    }

    fn close(&mut self, bracket: u8) -> Scan {
        let open = loop {
            match self.stack.pop() {
                Some(Entry::Open(open)) => break open,
                Some(_) => {}
                None => {
                    let message = format!("`{}` closes nothing", bracket as char);
                    return Err(ExpressionError::syntax(self.at..self.at + 1, message));
                }
            }
        };
        let expected = match open {
            b'(' => b')',
            b'[' => b']',
            _ => b'}',
        };
        if bracket != expected {
            let message = format!(
                "`{}` is found where `{}` is expected",
                bracket as char, expected as char
            );
            return Err(ExpressionError::syntax(self.at..self.at + 1, message));
        }
        self.at += 1;
        if open == b'$' {
            return self.template_text();
        }
        self.operand_done();
        if bracket == b')' {
            self.previous = Previous::Parenthesis;
        }
        Ok(())
    }

    /// Leaves the entries that a `,` or `:` ends.
    fn pop_to_bracket(&mut self, byte: u8) {
        while let Some(entry) = self.stack.last() {
            match entry {
                Entry::Open(_) => break,
                Entry::Choice if byte == b':' => break,
                _ => self.stack.pop(),
            };
        }
    }

    fn semicolon(&mut self) -> Scan {
        // One at the end is harmless habit.
        let from = self.at;
        self.at += 1;
        self.skip_blank()?;
        let rest = &self.text[self.at..];
        if self.bracket().is_some()
            || !(rest.is_empty() || (self.until == Until::Braces && rest.starts_with("}}")))
        {
            return Err(statements(from..from + 1));
        }
        self.operand_done();
        Ok(())
    }

    fn word(&mut self) -> Scan {
        let rest = &self.text[self.at..];
        let length = rest
            .find(|c: char| {
                !(c == '$'
                    || c == '_'
                    || c.is_alphanumeric()
                    || (!c.is_ascii() && !c.is_whitespace() && c != '\u{feff}'))
            })
            .unwrap_or(rest.len());
        let word = &rest[..length];
        let span = self.at..self.at + length;
        self.at = span.end;
        let key =
            self.previous == Previous::KeyPlace && rest[length..].trim_start().starts_with(':');
        if self.previous == Previous::Dot || key {
            self.operand_done();
            return Ok(());
        }
        match word {
            "typeof" | "void" | "delete" | "await" | "yield" | "new" => {
                self.stack.push(Entry::Prefix);
                self.operand = true;
                self.previous = Previous::Other;
            }
            "in" | "instanceof" => self.binary(RELATIONAL),
            "function" => {
                return Err(ExpressionError::unsupported(span, "a function")
                    .with_hint("write it as an arrow: `x => …`"));
            }
            "class" => return Err(ExpressionError::unsupported(span, "a class")),
            "import" => return Err(ExpressionError::unsupported(span, "an import")),
            "if" | "else" | "for" | "while" | "do" | "switch" | "case" | "return" | "throw"
            | "try" | "catch" | "finally" | "var" | "let" | "const" | "break" | "continue"
            | "debugger" | "export" | "with" => {
                return Err(statements(span));
            }
            _ => self.operand_done(),
        }
        Ok(())
    }

    fn operator(&mut self) -> Scan {
        let rest = &self.text[self.at..];
        if rest.starts_with('/') && self.operand {
            return Err(
                ExpressionError::unsupported(self.at..self.at + 1, "a regular expression")
                    .with_hint(
                        "use functions for text, such as `includes`, `split` or `replaceAll`",
                    ),
            );
        }
        let Some(&(symbol, operator)) = OPERATORS
            .iter()
            .find(|(symbol, _)| rest.starts_with(symbol))
        else {
            let found = rest.chars().next().unwrap_or(' ');
            let message = format!("`{found}` is not expected here");
            return Err(ExpressionError::syntax(
                self.at..self.at + found.len_utf8(),
                message,
            ));
        };
        let span = self.at..self.at + symbol.len();
        self.at = span.end;
        match operator {
            Operator::Assign => {
                return Err(ExpressionError::unsupported(span, "an assignment")
                    .with_hint("compare with `==` or `===`; set values with a node"));
            }
            Operator::Update => {
                return Err(
                    ExpressionError::unsupported(span, "an increment or decrement")
                        .with_hint("write `x + 1` or `x - 1`"),
                );
            }
            Operator::Spread => self.prefix(),
            Operator::Arrow => {
                self.stack.push(Entry::Arrow);
                self.operand = true;
                self.previous = Previous::Arrow;
            }
            Operator::Prefix => self.prefix(),
            Operator::Sign if self.operand => self.prefix(),
            Operator::Sign => self.binary(10),
            Operator::Binary(precedence) => self.binary(precedence),
        }
        Ok(())
    }

    fn prefix(&mut self) {
        self.stack.push(Entry::Prefix);
        self.operand = true;
        self.previous = Previous::Other;
    }

    fn binary(&mut self, precedence: u8) {
        while let Some(entry) = self.stack.last() {
            match entry {
                Entry::Prefix => {}
                Entry::Binary(other) if *other > precedence => {}
                Entry::Binary(other) if *other == precedence && precedence != POWER => {}
                Entry::Binary(_) | Entry::Open(_) | Entry::Choice | Entry::Arrow => break,
            }
            self.stack.pop();
        }
        self.stack.push(Entry::Binary(precedence));
        self.operand = true;
        self.previous = Previous::Other;
    }
}

fn statements(span: Range<usize>) -> ExpressionError {
    ExpressionError::unsupported(span, "a statement")
        .with_hint("write one expression; choose with `condition ? a : b`")
}
