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
    let mut writer = Writer {
        hash: Sha256::new(),
        size: 0,
    };
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
    Measured {
        content: Content(writer.hash.finalize().into()),
        size: writer.size,
    }
}

struct Writer {
    hash: Sha256,
    size: u64,
}

impl Writer {
    fn add(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.size = self.size.saturating_add(size);
    }
}

impl Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text.as_bytes());
        Ok(())
    }
}
