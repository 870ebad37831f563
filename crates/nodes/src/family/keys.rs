use jackfield_plugin_api::NodeError;
use jackfield_types::ErrorCode;

use crate::path::{PathError, is_forbidden_key};

/// Says whether a key may be used.
///
/// Some keys lead to the prototype of an object in JavaScript. They reach nothing here, and are
/// refused so that an object that is made here is harmless wherever it goes.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_key(key: &str) -> Result<(), String> {
    if is_forbidden_key(key) {
        return Err(format!(
            "the key `{key}` is refused, because it has a meaning of its own in JavaScript; use \
             another name"
        ));
    }
    Ok(())
}

/// What went wrong with a path, as an error of the parameter at `pointer`, or of what the path was
/// used on.
pub(crate) fn path_error(pointer: &str, error: &PathError) -> NodeError {
    match error {
        PathError::Syntax { .. } | PathError::Forbidden { .. } => {
            NodeError::parameter(pointer, error.to_string())
        }
        PathError::Blocked { .. } => NodeError::permanent(ErrorCode::WRONG_TYPE, error.to_string()),
        PathError::Limit { .. } => {
            NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, error.to_string())
        }
    }
}
