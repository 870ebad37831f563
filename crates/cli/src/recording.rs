//! Where it is put on record what a command does, and what that is sealed with.

use jackfield::types::Secret;
use jackfield::{AuditKey, AuditLog, AuditOptions, ByteSize, TenantId};

use crate::args::{ActingArgs, AuditKeyArgs};
use crate::commands::audit::audit_error;
use crate::contents::Contents;
use crate::error::{CliError, whole_text};
use crate::file::read_file;

/// A key is far smaller.
const LARGEST_KEY: ByteSize = ByteSize::kib(4);

/// Sees to it that what was recorded is on the disk, if anything was.
pub(crate) fn flush(audit: Option<&AuditLog>) -> Result<(), CliError> {
    match audit {
        Some(audit) => audit.flush().map_err(|error| {
            CliError::internal("the audit trail cannot be written", &whole_text(&error))
        }),
        None => Ok(()),
    }
}

/// Where it is put on record what is done: in the store if there is one, and in the folder that is
/// named.
pub(crate) fn audit_log(
    acting: &ActingArgs,
    tenant: &TenantId,
    contents: &Contents,
) -> Result<Option<AuditLog>, CliError> {
    let folder = acting.audit.as_deref();
    let options = || {
        Ok::<_, CliError>(AuditOptions {
            key: audit_key(&acting.key)?,
            ..AuditOptions::default()
        })
    };
    let opened = match (contents.trail(), folder) {
        (Some(store), folder) => {
            let options = options()?;
            AuditLog::open_in(store, folder, options.clone()).and_then(|log| {
                log.check(tenant, &options)?;
                Ok(log)
            })
        }
        (None, Some(folder)) => AuditLog::open(folder, options()?),
        (None, None) if acting.key.audit_key.is_none() => return Ok(None),
        (None, None) => {
            return Err(CliError::usage(
                "`--audit-key` seals nothing without an audit trail",
                "name its folder with `--audit`, or a store with `--store`",
            ));
        }
    };
    opened.map(Some).map_err(|error| audit_error(&error))
}

/// The key of audit trails, without the line break that editors leave at its end.
pub(crate) fn audit_key(args: &AuditKeyArgs) -> Result<Option<AuditKey>, CliError> {
    let Some(file) = &args.audit_key else {
        return Ok(None);
    };
    let mut bytes = read_file(file, LARGEST_KEY)?;
    while bytes
        .last()
        .is_some_and(|byte| matches!(byte, b'\n' | b'\r'))
    {
        bytes.pop();
    }
    AuditKey::parse(Secret::new(bytes))
        .map(Some)
        .map_err(|error| audit_error(&error))
}
