//! Reading documents: text or JSON in, a [`Workflow`] or all findings out.
//!
//! Reading never stops at the first mistake. What a document means is decided here for both
//! dialects; whether it makes sense is planning's to say.

mod compensation;
mod connections;
mod dialect;
mod n8n;
mod native;
mod pinned;
mod reader;
mod recovery;

pub(crate) use native::FORMAT_VERSION;
#[cfg(test)]
pub(crate) use native::{NODE_FIELDS, SETTINGS_FIELDS, WORKFLOW_FIELDS};

use std::collections::HashSet;
use std::sync::Arc;

use jackfield_types::{ErrorCode, Object};
use serde_json::Value;

use self::reader::{Reader, describe};
use crate::diagnostic::Diagnostic;
use crate::diagnostics::{Diagnostics, Findings};
use crate::source::{MAX_DOCUMENT_DEPTH, SourceText, too_deep};
use crate::workflow::{Dialect, Workflow};

/// What could be read of a document, mistakes or not.
pub(crate) struct Partial {
    pub(crate) workflow: Workflow,
    /// Ids and names of nodes that could not be read. Nothing is said about connections to them.
    pub(crate) broken: HashSet<String>,
}

/// Reads a document in the native format or in the export format of n8n, whichever it is, and
/// gives the workflow with warnings, if there are any.
///
/// The size, depth and number of values of a document are bounded, and checked before it is parsed.
///
/// # Errors
/// All findings, when one of them is an error.
pub fn read_workflow(source: &SourceText) -> Result<(Workflow, Diagnostics), Diagnostics> {
    let mut findings = Findings::default();
    let partial = read_partially(source, &mut findings);
    let has_errors = findings.has_errors();
    let diagnostics = findings.locate(Some(source));
    match partial {
        Some(partial) if !has_errors => Ok((partial.workflow, diagnostics)),
        Some(_) | None => Err(diagnostics),
    }
}

/// Reads a document that has been parsed already, such as a workflow within another one. There
/// are no lines and columns to name, only JSON Pointers. Warnings are left out.
///
/// # Errors
/// All findings, when one of them is an error.
pub fn workflow_from_value(value: &Value) -> Result<Workflow, Diagnostics> {
    let mut findings = Findings::default();
    if is_too_deep(value) {
        findings.push(too_deep());
        return Err(findings.locate(None));
    }
    match read_value(value, &mut findings) {
        Some(mut partial) if !findings.has_errors() => {
            partial.workflow.value = Some(Arc::new(value.clone()));
            Ok(partial.workflow)
        }
        Some(_) | None => Err(findings.locate(None)),
    }
}

/// Reads as much of a document as can be read.
pub(crate) fn read_partially(source: &SourceText, findings: &mut Findings) -> Option<Partial> {
    match source.parse() {
        Ok(value) => {
            let mut partial = read_value(&value, findings)?;
            partial.workflow.source = Some(source.clone());
            Some(partial)
        }
        Err(finding) => {
            findings.push(*finding);
            None
        }
    }
}

/// Looks at the depth without recursion.
fn is_too_deep(value: &Value) -> bool {
    let mut open = vec![(value, 0_usize)];
    while let Some((value, depth)) = open.pop() {
        let is_container = value.is_array() || value.is_object();
        if is_container && depth + 1 >= MAX_DOCUMENT_DEPTH {
            return true;
        }
        match value {
            Value::Array(list) => open.extend(list.iter().map(|inner| (inner, depth + 1))),
            Value::Object(fields) => open.extend(fields.values().map(|inner| (inner, depth + 1))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    false
}

/// Reads as much of a parsed document as can be read. Its depth has been checked.
pub(crate) fn read_value(value: &Value, findings: &mut Findings) -> Option<Partial> {
    let Some(document) = value.as_object() else {
        let message = format!("a workflow is an object, this is {}", describe(value));
        findings.push(
            Diagnostic::new(ErrorCode::INVALID_WORKFLOW, message)
                .at("")
                .with_expected("an object with `nodes` and `connections`"),
        );
        return None;
    };
    let dialect = dialect::detect(document);
    let mut reader = Reader::new(dialect, findings);
    Some(match dialect {
        Dialect::Native => native::workflow(document, &mut reader),
        Dialect::N8n => n8n::workflow(document, &mut reader),
    })
}

/// The value of a field, unless it is not there or `null`.
fn present<'v>(object: &'v Object, field: &str) -> Option<&'v Value> {
    object.get(field).filter(|value| !value.is_null())
}
