//! `jackfield validate`: everything that is wrong with workflow files.

use std::path::Path;

use jackfield::{Diagnostic, Diagnostics, ErrorCode, PlanOptions, Severity, TenantEngine};
use serde::Serialize;

use super::warn_all;
use crate::args::{PlainOutput, ValidateArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render::findings;
use crate::render::text::{count, line};
use crate::session;
use crate::terminal::Terminal;
use crate::workflow_file;

/// What was found in one file.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FileFindings {
    file: String,
    valid: bool,
    diagnostics: Vec<Diagnostic>,
}

#[derive(Serialize)]
struct AllFindings {
    files: Vec<FileFindings>,
}

/// Validates files. One that is wrong does not keep the others from being looked at.
pub(crate) fn validate(
    args: &ValidateArgs,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let session = session::planning(&args.tenancy, &args.plugins, &args.store)?;
    warn_all(&session.warnings, terminal.stderr);
    let mut exit = Exit::Success;
    let mut files = Vec::new();
    for file in &args.files {
        let result = check(&session.engine, file);
        if let Err(error) = &result
            && exit != Exit::InvalidInput
        {
            exit = error.exit();
        }
        match args.output {
            PlainOutput::Pretty => output.text(&shown(file, result, output.stream()))?,
            PlainOutput::Json => files.push(listed(file, result)),
        }
    }
    if args.output == PlainOutput::Json {
        output.document(&AllFindings { files })?;
    }
    Ok(exit)
}

struct Valid {
    nodes: usize,
    warnings: Diagnostics,
}

fn check(engine: &TenantEngine, file: &Path) -> Result<Valid, CliError> {
    let source = workflow_file::read_source(file)?;
    let planned = workflow_file::plan(engine, &source, &PlanOptions::default())?;
    Ok(Valid {
        nodes: planned.plan.nodes().len(),
        warnings: planned.warnings,
    })
}

fn shown(file: &Path, result: Result<Valid, CliError>, stream: crate::terminal::Stream) -> String {
    let name = line(&file.display().to_string(), 400);
    match result {
        Ok(Valid { nodes, warnings }) if warnings.is_empty() => {
            format!("{name}: valid, {}", count(nodes, "node"))
        }
        Ok(Valid { nodes, warnings }) => format!(
            "{}\n{name}: valid, {}, {}",
            findings::findings(warnings.clone(), stream).trim_end(),
            count(nodes, "node"),
            count(warnings.len(), "warning")
        ),
        Err(CliError::Workflow(diagnostics)) => {
            let errors = diagnostics
                .iter()
                .filter(|one| one.severity == Severity::Error)
                .count();
            let shown = findings::findings(diagnostics, stream);
            format!(
                "{}\n{name}: not valid, {}",
                shown.trim_end(),
                count(errors, "error")
            )
        }
        Err(other) => format!(
            "{}\n{name}: not valid",
            findings::error(other, stream).trim_end()
        ),
    }
}

fn listed(file: &Path, result: Result<Valid, CliError>) -> FileFindings {
    let (valid, diagnostics) = match result {
        Ok(Valid { warnings, .. }) => (true, warnings.iter().cloned().collect()),
        Err(CliError::Workflow(diagnostics)) => (false, diagnostics.iter().cloned().collect()),
        Err(other) => (
            false,
            vec![Diagnostic::new(ErrorCode::INVALID_INPUT, other.to_string())],
        ),
    };
    FileFindings {
        file: file.display().to_string(),
        valid,
        diagnostics,
    }
}
