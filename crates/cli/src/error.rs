//! What can go wrong in a command, and which exit code it leads to.

use std::fmt::Display;
use std::io;
use std::path::PathBuf;

use jackfield::tenancy::PolicyFolderError;
use jackfield::{CatalogError, Diagnostics, ErrorCode, Severity};
use miette::Diagnostic;

use crate::exit::Exit;
use crate::input::InputError;

/// Why a command ended before its work was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The workflow is wrong.
    #[error("the workflow is not valid")]
    Workflow(Diagnostics),
    /// The manifest of a package is wrong.
    #[error("the manifest of package `{}` is wrong", package.display())]
    Manifest {
        package: PathBuf,
        findings: Diagnostics,
    },
    /// Policies are wrong, or cannot be read.
    #[error(transparent)]
    Policies(PolicyFolderError),
    /// A file could not be read.
    #[error("`{}` cannot be read: {reason}", path.display())]
    File {
        path: PathBuf,
        reason: String,
        hint: Option<String>,
    },
    /// Items, variables or parameters are wrong.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The command line does not make sense.
    #[error("{message}")]
    Usage {
        message: String,
        hint: Option<String>,
    },
    /// There is no such node type, or not in that version.
    #[error("{error}")]
    NodeType {
        error: Box<CatalogError>,
        code: ErrorCode,
        hint: Option<String>,
    },
    /// A policy refused it.
    #[error("{message}")]
    Refused { code: ErrorCode, message: String },
    /// Something is wrong with a plugin.
    #[error("{message}")]
    Plugin {
        code: ErrorCode,
        message: String,
        hint: Option<String>,
    },
    /// The workflow cannot be started like that.
    #[error("{message}")]
    Start {
        code: ErrorCode,
        message: String,
        hint: Option<String>,
    },
    /// Something is the matter with executions that are kept, or with what keeps them.
    #[error("{message}")]
    Kept {
        code: ErrorCode,
        message: String,
        hint: Option<String>,
        exit: Exit,
    },
    /// The machine or Jackfield itself is at fault.
    #[error("{doing}: {reason}")]
    Internal { doing: &'static str, reason: String },
}

impl CliError {
    /// The exit code that it leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Workflow(diagnostics) => exit_for(diagnostics),
            Self::Policies(_)
            | Self::Manifest { .. }
            | Self::File { .. }
            | Self::Input(_)
            | Self::Usage { .. }
            | Self::NodeType { .. }
            | Self::Start { .. } => Exit::InvalidInput,
            Self::Plugin { code, .. } if *code == ErrorCode::UNTRUSTED_PLUGIN => Exit::Refused,
            Self::Plugin { .. } => Exit::InvalidInput,
            Self::Refused { .. } => Exit::Refused,
            Self::Kept { exit, .. } => *exit,
            Self::Internal { .. } => Exit::Internal,
        }
    }

    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    pub(crate) fn internal(doing: &'static str, reason: &impl ToString) -> Self {
        Self::Internal {
            doing,
            reason: reason.to_string(),
        }
    }
}

impl Diagnostic for CliError {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(match self {
            Self::Workflow(_) => "INVALID_WORKFLOW",
            Self::Manifest { .. } => "INVALID_PACKAGE",
            Self::Policies(PolicyFolderError::Invalid { .. }) => "INVALID_POLICY",
            Self::Policies(_) => "INVALID_INPUT",
            Self::File { .. } | Self::Usage { .. } => "INVALID_INPUT",
            Self::Input(error) => error.code(),
            Self::NodeType { code, .. }
            | Self::Refused { code, .. }
            | Self::Plugin { code, .. }
            | Self::Kept { code, .. }
            | Self::Start { code, .. } => code.as_str(),
            Self::Internal { .. } => "INTERNAL",
        }))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        let hint = match self {
            Self::File { hint, .. }
            | Self::Usage { hint, .. }
            | Self::NodeType { hint, .. }
            | Self::Plugin { hint, .. }
            | Self::Kept { hint, .. }
            | Self::Start { hint, .. } => hint.as_deref(),
            Self::Input(error) => error.hint(),
            Self::Policies(PolicyFolderError::Unreadable { .. }) => Some(
                "name a folder with a document for each tenant: `TENANT.json` or `TENANT.toml`",
            ),
            Self::Manifest { .. } => Some("mend what is found wrong in it"),
            Self::Policies(_)
            | Self::Workflow(_)
            | Self::Refused { .. }
            | Self::Internal { .. } => None,
        };
        hint.map(|hint| Box::new(hint) as Box<dyn Display>)
    }
}

impl From<CatalogError> for CliError {
    fn from(error: CatalogError) -> Self {
        let (code, hint) = match &error {
            CatalogError::UnknownNodeType { nearest, .. } => (
                ErrorCode::UNKNOWN_NODE_TYPE,
                Some(unknown_node_type_hint(nearest)),
            ),
            CatalogError::UnknownVersion { available, .. } => (
                ErrorCode::UNKNOWN_VERSION,
                Some(format!("there is {}", list(available))),
            ),
        };
        Self::NodeType {
            error: Box::new(error),
            code,
            hint,
        }
    }
}

fn unknown_node_type_hint<T: ToString>(nearest: &[T]) -> String {
    if nearest.is_empty() {
        "`jackfield nodes list` names all of them".to_owned()
    } else {
        format!("did you mean {}?", list(nearest).replace(", ", " or "))
    }
}

fn list<T: ToString>(all: &[T]) -> String {
    let quoted: Vec<String> = all
        .iter()
        .map(|one| format!("`{}`", one.to_string()))
        .collect();
    quoted.join(", ")
}

/// A refusal counts for more than other errors: whoever mends those is refused all the same.
fn exit_for(diagnostics: &Diagnostics) -> Exit {
    let mut errors = diagnostics
        .iter()
        .filter(|one| one.severity == Severity::Error);
    if errors.any(|one| one.code == ErrorCode::TENANT_FORBIDDEN) {
        Exit::Refused
    } else {
        Exit::InvalidInput
    }
}

/// An error with all that caused it.
pub(crate) fn whole_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// What an I/O error means to somebody who named a file.
pub(crate) fn describe_io(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        // All the others are rare; the system's own words serve.
        _ => error.to_string(),
    }
}
