//! A program that compiles components for a host of plugins, and does nothing else: what
//! `CompilerProgram` runs. Most embedders let their own binary do that, when it is started with an
//! argument that says so.

use std::process::ExitCode;

#[expect(
    clippy::print_stderr,
    reason = "the host reads from standard error why a component was not compiled"
)]
fn main() -> ExitCode {
    match jackfield_wasm::compile_from_stdin(std::env::args_os().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
