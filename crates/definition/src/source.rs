//! The text of a document, and where in it things stand.
//!
//! A text is measured before any recursive parser sees it: its size, how deep it is nested and
//! how many values it has. Places are looked up only when there is something to report.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use jackfield_types::{ByteSize, ErrorCode};
use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use crate::diagnostic::Diagnostic;
use crate::diagnostics::Diagnostics;
use crate::unique_keys::UniqueKeys;

/// How large a document may be.
pub const MAX_DOCUMENT_SIZE: ByteSize = ByteSize::mib(64);
/// How deep a document may be nested.
pub const MAX_DOCUMENT_DEPTH: usize = 128;
/// How many values a document may hold.
const MAX_VALUES: usize = 4_000_000;

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A document as text, with the name that its errors call it by.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceText {
    name: Arc<str>,
    text: Arc<str>,
}

impl SourceText {
    /// Wraps a text.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
        }
    }

    /// Wraps the bytes of a file.
    ///
    /// # Errors
    /// One finding, when there are too many bytes or they are not UTF-8.
    pub fn from_bytes(name: impl Into<Arc<str>>, bytes: Vec<u8>) -> Result<Self, Diagnostics> {
        let name = name.into();
        if let Some(finding) = too_large(bytes.len()) {
            return Err(Diagnostics::of_file(name, finding));
        }
        String::from_utf8(bytes)
            .map(|text| Self::new(Arc::clone(&name), text))
            .map_err(|error| {
                let offset = error.utf8_error().valid_up_to();
                let finding = Diagnostic::new(
                    ErrorCode::INVALID_SYNTAX,
                    format!("the document is not UTF-8: byte {offset} belongs to no character"),
                )
                .with_hint("save it as UTF-8");
                Diagnostics::of_file(name, finding)
            })
    }

    /// What its errors call it: the path of a file, for example.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the JSON begins: after a byte order mark.
    pub(crate) fn json_start(&self) -> usize {
        if self.text.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len()
        } else {
            0
        }
    }

    /// Finds lines and columns of places that come in order.
    pub(crate) fn cursor(&self) -> Cursor<'_> {
        Cursor {
            text: self.text.as_bytes(),
            at: self.json_start(),
            line: 1,
            column: 1,
        }
    }

    /// The byte at which a line (from 1) has its `column`-th byte (from 1).
    fn offset_of(&self, line: usize, column: usize) -> usize {
        let json = &self.text[self.json_start()..];
        let line_start = if line <= 1 {
            0
        } else {
            let mut breaks = json.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            breaks
                .nth(line - 2)
                .map_or(json.len(), |(place, _)| place + 1)
        };
        let mut offset = (line_start + column.saturating_sub(1)).min(json.len());
        while !json.is_char_boundary(offset) {
            offset -= 1;
        }
        self.json_start() + offset
    }

    /// Reads the JSON. Its size, depth and number of values are bounded, and no object may have a
    /// key twice.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(&self) -> Result<serde_json::Value, Box<Diagnostic>> {
        if let Some(finding) = too_large(self.text.len()) {
            return Err(finding.into());
        }
        self.measure()?;
        let value = serde_json::from_str(&self.text[self.json_start()..]).map_err(|error| {
            let offset = self.offset_of(error.line(), error.column());
            let text = error.to_string();
            let reason = text
                .rsplit_once(" at line ")
                .map_or(&*text, |(reason, _)| reason);
            let finding = if self.text[self.json_start()..].trim().is_empty() {
                Diagnostic::new(ErrorCode::INVALID_SYNTAX, "the document is empty")
                    .with_expected("a workflow as JSON")
            } else if error.is_eof() {
                let message = format!("the document ends before it is complete: {reason}");
                Diagnostic::new(ErrorCode::INVALID_SYNTAX, message)
                    .with_hint("the file was probably cut off; write or fetch it again")
            } else {
                Diagnostic::new(
                    ErrorCode::INVALID_SYNTAX,
                    format!("not valid JSON: {reason}"),
                )
            };
            Box::new(finding.at_span(offset..self.next_character(offset)))
        })?;
        self.refuse_repeated_keys()?;
        Ok(value)
    }

    /// Refuses a key that is written twice in one object: what was written first would be lost.
    fn refuse_repeated_keys(&self) -> Result<(), Box<Diagnostic>> {
        let text = &self.text[self.json_start()..];
        serde_json::from_str::<UniqueKeys>(text)
            .map(drop)
            .map_err(|error| {
                let offset = self.offset_of(error.line(), error.column());
                let text = error.to_string();
                let reason = text
                    .rsplit_once(" at line ")
                    .map_or(&*text, |(reason, _)| reason);
                let finding = Diagnostic::new(ErrorCode::INVALID_SYNTAX, reason)
                    .with_hint("keep one of them; the other would be lost");
                Box::new(finding.at_span(offset..self.next_character(offset)))
            })
    }

    /// Where the character that begins at `offset` ends.
    fn next_character(&self, offset: usize) -> usize {
        offset + self.text[offset..].chars().next().map_or(0, char::len_utf8)
    }

    /// Refuses what is nested too deep or has too many values, in one pass without recursion.
    fn measure(&self) -> Result<(), Box<Diagnostic>> {
        let mut depth = 0_usize;
        let mut values = 1_usize;
        let mut is_text = false;
        let mut is_escaped = false;
        for (offset, byte) in self.text.bytes().enumerate() {
            if is_text {
                match byte {
                    _ if is_escaped => is_escaped = false,
                    b'\\' => is_escaped = true,
                    b'"' => is_text = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => is_text = true,
                b'{' | b'[' => {
                    depth += 1;
                    values += 1;
                }
                b',' => values += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            // One less than serde_json would take, so that it is never the one to object.
            if depth >= MAX_DOCUMENT_DEPTH {
                return Err(too_deep().at_span(offset..offset + 1).into());
            }
            if values > MAX_VALUES {
                let message = format!("the document has more than {MAX_VALUES} values");
                return Err(Diagnostic::new(ErrorCode::LIMIT_EXCEEDED, message)
                    .at_span(offset..offset + 1)
                    .into());
            }
        }
        Ok(())
    }
}

fn too_large(bytes: usize) -> Option<Diagnostic> {
    let size = u64::try_from(bytes).unwrap_or(u64::MAX);
    (size > MAX_DOCUMENT_SIZE.as_u64()).then(|| {
        let size = ByteSize::bytes(size);
        let message = format!("the document has {size}; at most {MAX_DOCUMENT_SIZE} are read");
        Diagnostic::new(ErrorCode::LIMIT_EXCEEDED, message)
            .with_hint("keep large data in an input file and not in the workflow")
    })
}

pub(crate) fn too_deep() -> Diagnostic {
    let message = format!("the document is nested too deep: {MAX_DOCUMENT_DEPTH} levels or more");
    Diagnostic::new(ErrorCode::LIMIT_EXCEEDED, message)
        .with_expected(format!("fewer than {MAX_DOCUMENT_DEPTH} levels"))
}

impl fmt::Debug for SourceText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceText({:?}, {} bytes)", self.name, self.text.len())
    }
}

impl SourceCode for SourceText {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        context_lines_before: usize,
        context_lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let inner = self
            .text
            .read_span(span, context_lines_before, context_lines_after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.to_string(),
            inner.data(),
            *inner.span(),
            inner.line(),
            inner.column(),
            inner.line_count(),
        )))
    }
}

/// A place in a text that only moves on, so that many places are found in one pass.
pub(crate) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
    column: usize,
}

impl Cursor<'_> {
    /// Line and column of a byte, both from 1; the column counts characters.
    pub(crate) fn advance(&mut self, offset: usize) -> (usize, usize) {
        let end = offset.min(self.text.len());
        while self.at < end {
            let byte = self.text[self.at];
            self.at += 1;
            if byte == b'\n' {
                self.line += 1;
                self.column = 1;
            } else if self
                .text
                .get(self.at)
                .is_none_or(|next| next & 0xc0 != 0x80)
            {
                // The next byte begins another character.
                self.column += 1;
            }
        }
        (self.line, self.column)
    }
}

/// Which part of a place is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// The value.
    Value,
    /// The key before the value.
    Key,
    /// These bytes of the value, which is a text.
    Within(Range<usize>),
    /// The first of these fields that the value has, or else the value.
    Field(&'static [&'static str]),
}

/// A JSON Pointer, and which part of what it points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Anchor {
    pub(crate) pointer: String,
    pub(crate) part: Part,
}
