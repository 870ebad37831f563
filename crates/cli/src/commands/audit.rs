//! `jackfield audit`: what was decided and done, and whether the trail of it is whole.

use std::collections::VecDeque;

use jackfield::tenancy::{AuditDecision, AuditError, VerifyOptions};
use jackfield::{AuditRecord, TenantId};
use serde::Serialize;
use serde_json::Value;

use super::say;
use super::trails::Trails;
use crate::args::{
    AuditCommand, AuditExportArgs, AuditQueryArgs, AuditShowArgs, AuditVerifyArgs, ExportFormat,
    PlainOutput,
};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::recording;
use crate::render;

/// Runs one of the subcommands.
pub(crate) fn audit(command: &AuditCommand, output: &mut Output) -> Result<Exit, CliError> {
    match command {
        AuditCommand::Show(args) => show(args, output),
        AuditCommand::Verify(args) => verify(args, output),
        AuditCommand::Export(args) => export(args, output),
    }
}

/// What an error of the trail means to somebody who named it.
pub(crate) fn audit_error(error: &AuditError) -> CliError {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    let hint = match error {
        AuditError::KeyMissing { .. } | AuditError::OtherKey { .. } => {
            Some("name the file of the key with `--audit-key`")
        }
        AuditError::NoTrail { .. } => {
            Some("`--tenant` says whose trail; it begins when something is done with `--audit`")
        }
        AuditError::NoStoredTrail { .. } => {
            Some("`--tenant` says whose trail; it begins when something is done with the store")
        }
        _ => None,
    };
    if let AuditError::Store { .. } = error {
        return CliError::internal("the audit trail cannot be read or written", &message);
    }
    CliError::Usage {
        message,
        hint: hint.map(str::to_owned),
    }
}

/// The records that are asked for, in order.
fn records(
    query: &AuditQueryArgs,
    trails: &Trails,
) -> Result<impl Iterator<Item = Result<AuditRecord, CliError>> + use<>, CliError> {
    let reader = trails.read(&query.tenant)?;
    let (execution, refused) = (query.execution, query.refused);
    let is_wanted = move |record: &AuditRecord| {
        execution.is_none_or(|execution| record.execution == Some(execution))
            && (!refused || record.decision == AuditDecision::Refused)
    };
    Ok(reader.filter_map(move |record| match record {
        Ok(record) => is_wanted(&record).then_some(Ok(record)),
        Err(error) => Some(Err(audit_error(&error))),
    }))
}

fn show(args: &AuditShowArgs, output: &mut Output) -> Result<Exit, CliError> {
    let trails = Trails::open(&args.query.place)?;
    let mut last = VecDeque::new();
    let mut before: u64 = 0;
    for record in records(&args.query, &trails)? {
        match record {
            Ok(record) => last.push_back(record),
            // One that cannot be read does not keep the others from being shown.
            Err(error) => say(&render::findings::error(error, output.stream())),
        }
        if last.len() > args.last {
            last.pop_front();
            before += 1;
        }
    }
    match args.output {
        PlainOutput::Pretty => {
            output.text(&render::audit::records(&last, before, output.stream()))?;
        }
        PlainOutput::Json => output.document(&last)?,
    }
    Ok(Exit::Success)
}

/// What was found about one trail.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VerifiedTrail {
    tenant: TenantId,
    sound: bool,
    lines: u64,
    head: Option<String>,
    findings: Vec<String>,
}

fn verify(args: &AuditVerifyArgs, output: &mut Output) -> Result<Exit, CliError> {
    let places = Trails::open(&args.place)?;
    let tenants = match &args.tenant {
        Some(tenant) => vec![tenant.clone()],
        None => places.tenants()?,
    };
    if tenants.is_empty() {
        return Err(CliError::usage(
            format!("there is no audit trail in {}", places.describe()),
            "name the folder that `--audit` named, or the store that `--store` named",
        ));
    }
    let options = VerifyOptions {
        key: recording::audit_key(&args.key)?,
        expected_head: args.head,
    };
    let mut trails = Vec::new();
    for tenant in tenants {
        let verified = places.verify(&tenant, &options)?;
        let trail = VerifiedTrail {
            tenant,
            sound: verified.is_sound(),
            lines: verified.lines,
            head: verified.head.map(|head| head.to_string()),
            findings: verified.findings.iter().map(ToString::to_string).collect(),
        };
        trails.push(trail);
    }
    match args.output {
        PlainOutput::Pretty => {
            for trail in &trails {
                output.text(&described(trail))?;
            }
        }
        PlainOutput::Json => output.document(&trails)?,
    }
    Ok(if trails.iter().all(|trail| trail.sound) {
        Exit::Success
    } else {
        Exit::ExecutionFailed
    })
}

fn described(trail: &VerifiedTrail) -> String {
    let lines = render::text::count(usize::try_from(trail.lines).unwrap_or(usize::MAX), "record");
    let mut text = if trail.sound {
        format!("{}: sound, {lines}", trail.tenant)
    } else {
        format!("{}: NOT SOUND, {lines}", trail.tenant)
    };
    for finding in &trail.findings {
        text.push_str("\n  ");
        text.push_str(&render::text::line(finding, 400));
    }
    if let Some(head) = &trail.head {
        text.push_str("\n  head ");
        text.push_str(head);
    }
    text
}

fn export(args: &AuditExportArgs, output: &mut Output) -> Result<Exit, CliError> {
    let trails = Trails::open(&args.query.place)?;
    if args.format == ExportFormat::Csv {
        output.text(&COLUMNS.join(","))?;
    }
    for record in records(&args.query, &trails)? {
        let record = record?;
        match args.format {
            ExportFormat::Ndjson => output.data_line(&record)?,
            ExportFormat::Csv => output.text(&comma_separated(&record)?)?,
        }
    }
    Ok(Exit::Success)
}

/// The columns of the comma-separated form: the names that the fields have in the trail.
const COLUMNS: [&str; 17] = [
    "sequence",
    "at",
    "tenant",
    "user",
    "execution",
    "node",
    "nodeType",
    "version",
    "action",
    "decision",
    "rule",
    "outcome",
    "errorCode",
    "duration",
    "note",
    "previous",
    "hash",
];

/// A record as a line of comma-separated values (RFC 4180). A value that a spreadsheet would take
/// for a formula is preceded by an apostrophe.
fn comma_separated(record: &AuditRecord) -> Result<String, CliError> {
    let value = serde_json::to_value(record)
        .map_err(|error| CliError::internal("a record cannot be written", &error))?;
    let cells: Vec<String> = COLUMNS
        .iter()
        .map(|&column| match value.get(column) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => quoted(text),
            Some(other) => other.to_string(),
        })
        .collect();
    Ok(cells.join(","))
}

fn quoted(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        "'"
    } else {
        ""
    };
    if guard.is_empty() && !text.contains([',', '"', '\n', '\r']) {
        return text.to_owned();
    }
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_are_no_formulas() {
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(quoted("=1+2"), "\"'=1+2\"");
    }
}
