use jackfield_plugin_api::NodeError;
use jackfield_types::{ErrorCode, FailureClass};

use crate::bindings::jackfield::plugin::types::Fault;

/// What a guest is told when it is not given what it asked for.
pub(super) fn fault(code: &ErrorCode, message: impl Into<String>) -> Fault {
    Fault {
        code: code.as_str().to_owned(),
        message: message.into(),
        retryable: false,
    }
}

/// Something that passes a bound.
pub(super) fn too_much(message: impl Into<String>) -> Fault {
    fault(&ErrorCode::LIMIT_EXCEEDED, message)
}

/// Something that is not what it has to be.
pub(super) fn invalid(message: impl Into<String>) -> Fault {
    fault(&ErrorCode::INVALID_INPUT, message)
}

/// An error that may be shown to the guest as it is.
pub(super) fn shown(error: &NodeError) -> Fault {
    Fault {
        retryable: error.class() == FailureClass::Retryable,
        ..fault(&error.code(), error.to_string())
    }
}
