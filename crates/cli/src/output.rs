//! Standard output: the data, and nothing else.

use std::io::{self, BufWriter, Stdout, Write};

use serde::Serialize;

use crate::error::CliError;
use crate::terminal::Stream;

/// Writes data to standard output.
///
/// A reader who goes away is no error: what is written after that is dropped, and the command ends
/// with the code that it would have ended with.
pub(crate) struct Output {
    writer: BufWriter<Stdout>,
    stream: Stream,
    is_closed: bool,
}

impl Output {
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            writer: BufWriter::new(io::stdout()),
            stream,
            is_closed: false,
        }
    }

    /// Where it leads.
    pub(crate) fn stream(&self) -> Stream {
        self.stream
    }

    /// Writes a text and, if it does not end with one, a line break.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), CliError> {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        self.write(|writer| write!(writer, "{text}{end}"))
    }

    /// Writes a text on a line, and lets readers see it at once.
    pub(crate) fn text_now(&mut self, text: &str) -> Result<(), CliError> {
        self.write(|writer| {
            writeln!(writer, "{text}")?;
            writer.flush()
        })
    }

    /// Writes bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.write(|writer| writer.write_all(bytes))
    }

    /// Writes one JSON document, laid out for people.
    pub(crate) fn document(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        self.write(|writer| {
            serde_json::to_writer_pretty(&mut *writer, value)?;
            writer.write_all(b"\n")
        })
    }

    /// Writes one JSON document that may be large: laid out only if a person looks at it.
    pub(crate) fn data(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        if self.stream.is_terminal {
            self.document(value)
        } else {
            self.json_line(value)
        }
    }

    /// Writes one JSON document on a line, and lets readers see it at once.
    pub(crate) fn json_line(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        self.write(|writer| {
            serde_json::to_writer(&mut *writer, value)?;
            writer.write_all(b"\n")?;
            writer.flush()
        })
    }

    /// Writes one JSON document on a line, as one of many.
    pub(crate) fn data_line(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        self.write(|writer| {
            serde_json::to_writer(&mut *writer, value)?;
            writer.write_all(b"\n")
        })
    }

    /// Writes out what is held back.
    pub(crate) fn finish(&mut self) -> Result<(), CliError> {
        self.write(Write::flush)
    }

    fn write(
        &mut self,
        act: impl FnOnce(&mut BufWriter<Stdout>) -> io::Result<()>,
    ) -> Result<(), CliError> {
        if self.is_closed {
            return Ok(());
        }
        match act(&mut self.writer) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(())
            }
            done => done
                .map_err(|error| CliError::internal("standard output cannot be written", &error)),
        }
    }
}
