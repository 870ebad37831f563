//! `jackfield plugin compile-component`: what the sandbox has a process of its own do, so that the
//! memory of compiling is given back.

use std::ffi::OsString;

use jackfield::wasm::compile_from_stdin;

use crate::commands::say;
use crate::error::whole_text;
use crate::exit::Exit;

/// Compiles what is on standard input. The host reads why it failed from standard error.
pub(super) fn compile(arguments: Vec<OsString>) -> Exit {
    match compile_from_stdin(arguments) {
        Ok(()) => Exit::Success,
        Err(error) => {
            say(&whole_text(&error));
            Exit::InvalidInput
        }
    }
}
