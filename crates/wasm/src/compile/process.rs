//! Compiling in a process of its own, which gives all of its memory back.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, Command, ExitStatus, Stdio};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use jackfield_types::ByteSize;
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, kill_process_group, nice, setrlimit,
    waitid,
};
use wasmtime::Engine;

use crate::config::CompilerProgram;
use crate::sandbox::{Threads, codegen};

/// The most that is read of what the program says when it fails.
const LONGEST_REASON: u64 = 4_096;
/// How much less urgent a compilation is than everything else.
const NICER: i32 = 10;
/// What begins the file of a component that is refused, before the reason. No code begins so.
const REFUSED: &[u8] = b"jackfield: refused: ";
/// What the program is told of the host's environment: what it may need to start. Everything else
/// may hold secrets, and it works on what strangers wrote.
const ENVIRONMENT: [&str; 2] = ["PATH", "LD_LIBRARY_PATH"];
/// How often it is looked whether the program has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// The status of a Rust program that panicked.
const PANICKED: i32 = 101;

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
    /// The program ended without giving code or a reason to refuse the component.
    #[error("{reason}")]
    BrokeOff {
        /// How it ended, and what it said.
        reason: String,
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
/// much memory and time it may take. After an error the program's status must not be that of
/// success; what it prints to standard error then is shown to whoever looks for the reason.
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
    for (resource, limit) in [
        (Resource::As, memory),
        (Resource::Cpu, seconds),
        (Resource::Core, 0),
    ] {
        let limit = Rlimit {
            current: Some(limit),
            maximum: Some(limit),
        };
        setrlimit(resource, limit).map_err(|error| CompileError::Io {
            what: "set limits",
            source: error.into(),
        })?;
    }
    // Nobody waits for it any more when the host is gone.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    // It is polite to be nice, and no harm if the system does not allow it.
    let _ = nice(NICER);
    let mut component = Vec::new();
    io::stdin()
        .read_to_end(&mut component)
        .map_err(io_error("read the component"))?;
    let compiled = Engine::new(&codegen(Threads::All))
        .and_then(|engine| engine.precompile_component(&component));
    match compiled {
        Ok(code) => fs::write(output, code).map_err(io_error("write the code")),
        Err(error) => {
            let reason = format!("{error:#}");
            let refusal = [REFUSED, reason.as_bytes()].concat();
            fs::write(output, refusal).map_err(io_error("write the reason"))?;
            Err(CompileError::Component { reason })
        }
    }
}

/// Has a program compile a component into a file that is there already.
pub(super) fn compile(
    program: &CompilerProgram,
    component: &[u8],
    output: &Path,
    (memory, time): (ByteSize, Duration),
) -> Result<(), CompileError> {
    let kept = ENVIRONMENT.iter();
    let kept = kept.filter_map(|name| env::var_os(name).map(|value| (name, value)));
    let mut child = Command::new(&program.program)
        .args(&program.arguments)
        .arg(output)
        .arg(memory.as_u64().to_string())
        // Time on all processors counts, so that the watch below is what ends a slow one.
        .arg(time.as_secs().saturating_mul(64).max(1).to_string())
        .env_clear()
        .envs(kept)
        // A group of its own, so that whatever it starts ends with it.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(io_error("run the compiler"))?;
    let pipes = (child.stdin.take(), child.stderr.take());
    thread::scope(|scope| {
        let said = talk(scope, pipes, component);
        let ended = said.and_then(|said| wait(&child, time).map(|()| said));
        // It has ended or is to end. Until it is waited for, its number is nobody else's.
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        let status = child.wait().map_err(io_error("wait for the compiler"))?;
        let said = ended?.join().unwrap_or_default();
        if status.success() {
            return Ok(());
        }
        Err(failure(output, status, said.trim()))
    })
}

/// Gives a child its input, and listens to what it says of itself.
fn talk<'scope>(
    scope: &'scope Scope<'scope, '_>,
    (input, errors): (Option<ChildStdin>, Option<ChildStderr>),
    component: &'scope [u8],
) -> Result<ScopedJoinHandle<'scope, String>, CompileError> {
    let feed = move || {
        if let Some(mut input) = input {
            // A child that does not want all of it says why.
            let _ = input.write_all(component);
        }
    };
    let listen = move || {
        let mut said = Vec::new();
        if let Some(mut errors) = errors {
            let _ = errors.by_ref().take(LONGEST_REASON).read_to_end(&mut said);
            // A child that says more must not wait for a reader.
            let _ = io::copy(&mut errors, &mut io::sink());
        }
        String::from_utf8_lossy(&said).into_owned()
    };
    let no_thread = io_error("start a thread");
    let fed = thread::Builder::new().spawn_scoped(scope, feed);
    fed.and_then(|_| thread::Builder::new().spawn_scoped(scope, listen))
        .map_err(no_thread)
}

/// Waits until a child has ended, and leaves it where it is.
fn wait(child: &Child, time: Duration) -> Result<(), CompileError> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    let began = Instant::now();
    loop {
        let id = WaitId::Pid(Pid::from_child(child));
        let ended =
            waitid(id, options).map_err(|error| io_error("wait for the compiler")(error.into()))?;
        if ended.is_some() {
            return Ok(());
        }
        if began.elapsed() >= time {
            return Err(CompileError::TooSlow { limit: time });
        }
        thread::sleep(LOOK_AGAIN);
    }
}

/// Why a program gave no code.
fn failure(output: &Path, status: ExitStatus, said: &str) -> CompileError {
    if let Some(reason) = refusal(output) {
        return CompileError::Component { reason };
    }
    let reason = if said.is_empty() {
        format!("the compiler broke off: {status}")
    } else {
        format!("the compiler broke off: {status}: {said}")
    };
    // Out of memory or stack, or a mistake in it: it would end so again.
    let is_its_own = [
        Signal::ABORT,
        Signal::SEGV,
        Signal::BUS,
        Signal::ILL,
        Signal::XCPU,
    ]
    .iter()
    .any(|signal| status.signal() == Some(signal.as_raw()));
    if is_its_own || status.code() == Some(PANICKED) {
        CompileError::Component { reason }
    } else {
        CompileError::BrokeOff { reason }
    }
}

/// What a program wrote in the place of code, if it found something wrong with the component.
fn refusal(output: &Path) -> Option<String> {
    let mut text = Vec::new();
    let file = File::open(output).ok()?;
    file.take(LONGEST_REASON).read_to_end(&mut text).ok()?;
    let reason = text.strip_prefix(REFUSED)?;
    Some(String::from_utf8_lossy(reason).into_owned())
}
