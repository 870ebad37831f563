use jackfield::{ByteSize, ErrorCode};

/// What is wrong with what a command is fed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    /// There is more than is read.
    #[error("{name}: there is more than {limit}")]
    TooLarge { name: String, limit: ByteSize },
    /// Not UTF-8.
    #[error("{name}: not UTF-8: byte {offset} belongs to no character")]
    Encoding { name: String, offset: usize },
    /// Nothing but space.
    #[error("{name}: there is nothing in it")]
    Empty { name: String },
    /// Not JSON.
    #[error("{name}:{line}:{column}: {reason}")]
    Syntax {
        name: String,
        line: usize,
        column: usize,
        reason: String,
        code: ErrorCode,
        hint: Option<&'static str>,
    },
    /// Items are objects, and these are not.
    #[error("{name}: items are JSON objects: {found}")]
    NotObjects { name: String, found: String },
    /// Parameters are an object, and these are not.
    #[error("{name}: parameters are one JSON object, this is {found}")]
    Parameters { name: String, found: &'static str },
    /// Standard input broke off.
    #[error("standard input cannot be read: {reason}")]
    Stdin { reason: String },
}

impl InputError {
    /// The code.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::TooLarge { .. } => ErrorCode::LIMIT_EXCEEDED.as_str(),
            Self::Encoding { .. } => ErrorCode::INVALID_SYNTAX.as_str(),
            Self::Syntax { code, .. } => code.as_str(),
            Self::Empty { .. } | Self::NotObjects { .. } | Self::Stdin { .. } => {
                ErrorCode::INVALID_INPUT.as_str()
            }
            Self::Parameters { .. } => ErrorCode::INVALID_PARAMETERS.as_str(),
        }
    }

    /// The way out.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::TooLarge { .. } => Some("split it into several runs"),
            Self::Encoding { .. } => Some("write JSON or NDJSON, saved as UTF-8"),
            Self::Empty { .. } => Some("write `{}` for one empty item"),
            Self::Syntax { hint, .. } => *hint,
            Self::NotObjects { .. } => Some(
                "give an array of objects, one object, or one object a line; wrap bare values, as \
                 in `{\"value\": 5}`",
            ),
            Self::Parameters { .. } => Some("write them as `{\"name\": \"value\"}`"),
            Self::Stdin { .. } => None,
        }
    }

    /// What serde_json says, with the name of what it read.
    pub(super) fn syntax(name: &str, error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let reason = text
            .rsplit_once(" at line ")
            .map_or(&*text, |(reason, _)| reason);
        let (code, reason, hint) = if reason.starts_with("recursion limit") {
            (
                ErrorCode::LIMIT_EXCEEDED,
                "nested too deep: 128 levels or more".to_owned(),
                Some("flatten the data, or pass the inner part as text"),
            )
        } else if error.is_eof() {
            (
                ErrorCode::INVALID_SYNTAX,
                format!("ends before it is complete: {reason}"),
                Some("it was probably cut off; write or fetch it again"),
            )
        } else {
            (
                ErrorCode::INVALID_SYNTAX,
                format!("not valid JSON: {reason}"),
                None,
            )
        };
        Self::Syntax {
            name: name.to_owned(),
            line: error.line(),
            column: error.column().max(1),
            reason,
            code,
            hint,
        }
    }
}
