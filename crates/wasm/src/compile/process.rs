//! Compiling in a process of its own, which gives all of its memory back.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use jackfield_types::ByteSize;
use rustix::process::{Resource, Rlimit, nice, setrlimit};
use wasmtime::Engine;

use crate::config::CompilerProgram;
use crate::sandbox::{Threads, codegen};

/// The most that is read of what the program says when it fails.
const LONGEST_REASON: u64 = 4_096;
/// How much less urgent a compilation is than everything else.
const NICER: i32 = 10;

/// Why a component was not compiled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The arguments are not those that the host gives.
    #[error("expected a file, a number of bytes and a number of seconds")]
    Arguments,
    /// The component cannot be compiled.
    #[error("{reason}")]
    Component {
        /// Why.
        reason: String,
    },
    /// The program could not be run, or its files not be read or written.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// It took too long.
    #[error("compiling took longer than {limit:?}")]
    TooSlow {
        /// The longest that it may take.
        limit: Duration,
    },
}

fn io_error(what: &'static str) -> impl FnOnce(io::Error) -> CompileError {
    move |source| CompileError::Io { what, source }
}

/// Compiles the component on standard input: all that a [`CompilerProgram`] has to do.
///
/// The arguments are those that the host adds to the program's own: the file to write to, and how
/// much memory and time it may take. The host reads from standard error why it failed, so the error
/// is to be printed there, and the status is to say that there was one.
///
/// # Errors
/// [`CompileError`] when the component cannot be compiled or the files not be used.
pub fn compile_from_stdin(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<(), CompileError> {
    let mut arguments = arguments.into_iter();
    let output = arguments.next().ok_or(CompileError::Arguments)?;
    let mut number = || -> Result<u64, CompileError> {
        let text = arguments.next().and_then(|text| text.into_string().ok());
        text.and_then(|text| text.parse().ok())
            .ok_or(CompileError::Arguments)
    };
    let (memory, seconds) = (number()?, number()?);
    for (resource, limit) in [(Resource::As, memory), (Resource::Cpu, seconds)] {
        let limit = Rlimit {
            current: Some(limit),
            maximum: Some(limit),
        };
        setrlimit(resource, limit).map_err(|error| CompileError::Io {
            what: "set limits",
            source: error.into(),
        })?;
    }
    // It is polite to be nice, and no harm if the system does not allow it.
    let _ = nice(NICER);
    let mut component = Vec::new();
    io::stdin()
        .read_to_end(&mut component)
        .map_err(io_error("read the component"))?;
    let code = Engine::new(&codegen(Threads::All))
        .and_then(|engine| engine.precompile_component(&component))
        .map_err(|error| CompileError::Component {
            reason: format!("{error:#}"),
        })?;
    std::fs::write(output, code).map_err(io_error("write the code"))
}

/// Has a program compile a component into a file that is there already.
pub(super) fn compile(
    program: &CompilerProgram,
    component: &[u8],
    output: &Path,
    (memory, time): (ByteSize, Duration),
) -> Result<(), CompileError> {
    let mut child = Command::new(&program.program)
        .args(&program.arguments)
        .arg(output)
        .arg(memory.as_u64().to_string())
        // Time on all processors counts, so that the watch below is what ends a slow one.
        .arg(time.as_secs().saturating_mul(64).max(1).to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(io_error("run the compiler"))?;
    let ended = feed_and_watch(&mut child, component, time);
    let status = child.wait().map_err(io_error("wait for the compiler"))?;
    let said = ended?;
    if status.success() {
        return Ok(());
    }
    let said = said.trim();
    let reason = if said.is_empty() {
        format!("the compiler broke off: {status}")
    } else {
        said.to_owned()
    };
    Err(CompileError::Component { reason })
}

/// Gives a child its input and waits until it closes its standard error, which it does when it
/// ends.
fn feed_and_watch(
    child: &mut Child,
    component: &[u8],
    time: Duration,
) -> Result<String, CompileError> {
    let (input, errors) = (child.stdin.take(), child.stderr.take());
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        scope.spawn(move || {
            let mut said = Vec::new();
            if let Some(mut errors) = errors {
                let _ = errors.by_ref().take(LONGEST_REASON).read_to_end(&mut said);
                // A child that says more must not wait for a reader.
                let _ = io::copy(&mut errors, &mut io::sink());
            }
            // Nobody listens any more when the time is over.
            let _ = sender.send(String::from_utf8_lossy(&said).into_owned());
        });
        scope.spawn(move || {
            if let Some(mut input) = input {
                // A child that does not want all of it says why on its standard error.
                let _ = input.write_all(component);
            }
        });
        let said = receiver.recv_timeout(time);
        if said.is_err() {
            // Both threads end with it.
            let _ = child.kill();
        }
        said.map_err(|_| CompileError::TooSlow { limit: time })
    })
}
