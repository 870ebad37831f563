//! What a result is kept under: a digest of all that is known beforehand.

use std::fmt::{self, Write};

use jackfield_definition::PlanOptions;
use sha2::{Digest, Sha256};

use super::{CatalogView, Document};

/// The digest of a question.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Content([u8; 32]);

/// A question's digest, and how much there was to read.
pub(super) struct Measured {
    pub(super) content: Content,
    pub(super) size: u64,
}

/// Takes the digest of a question. Tenants share nothing: whoever asks is part of it.
pub(super) fn measure(
    view: Option<&CatalogView<'_>>,
    document: &Document<'_>,
    options: &PlanOptions,
) -> Measured {
    let mut writer = Writer::new();
    let who = view.map(|view| (view.tenant, view.policy_number));
    // The debug forms of these are derived: they have every field, also those to come, and quote
    // texts, so that what differs is written differently. Writing into a hash cannot fail.
    let _ = writeln!(writer, "{who:?}\n{options:?}");
    let source = match document {
        Document::Text(source) => Some(*source),
        Document::Workflow(workflow) => {
            let _ = writeln!(writer, "{workflow:?}");
            workflow.source.as_ref()
        }
    };
    if let Some(source) = source {
        // Findings name the file.
        let _ = writeln!(writer, "{:?}", source.name());
        writer.add(source.text().as_bytes());
    }
    writer.finish()
}

struct Writer {
    hash: Sha256,
    /// The debug forms come in small pieces, and each costs more to hash than to copy.
    buffer: Vec<u8>,
    size: u64,
}

impl Writer {
    const BUFFER: usize = 4_096;

    fn new() -> Self {
        Self {
            hash: Sha256::new(),
            buffer: Vec::with_capacity(Self::BUFFER),
            size: 0,
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.size = self.size.saturating_add(size);
        if self.buffer.len() + bytes.len() > Self::BUFFER {
            self.hash.update(&self.buffer);
            self.buffer.clear();
        }
        if bytes.len() > Self::BUFFER {
            self.hash.update(bytes);
        } else {
            self.buffer.extend_from_slice(bytes);
        }
    }

    fn finish(mut self) -> Measured {
        self.hash.update(&self.buffer);
        Measured {
            content: Content(self.hash.finalize().into()),
            size: self.size,
        }
    }
}

impl Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text.as_bytes());
        Ok(())
    }
}
