//! The life of one process: what it is told, how it ends, and what it has said by then.

use std::fmt;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::world::World;

/// No process takes as long as this.
const PATIENCE: Duration = Duration::from_secs(120);
/// How exactly instants are met.
const GLANCE: Duration = Duration::from_micros(500);

/// When a process is killed, unless it has ended before.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Doom {
    Never,
    After(Duration),
    /// So long after it has asked the world so many times.
    Asking {
        times: usize,
        then: Duration,
    },
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Killed,
    ByItself(i32),
}

/// A process that has been.
pub(crate) struct Life {
    number: u32,
    arguments: Vec<String>,
    doom: Doom,
    pub(crate) end: End,
    pub(crate) began: Timestamp,
    pub(crate) over: Timestamp,
    pub(crate) lasted: Duration,
    stdout: String,
    pub(crate) stderr: String,
}

impl Life {
    /// The lines that it has written to its standard output. One that it was about to write is none.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        let whole = |line: &&str| line.ends_with('\n');
        self.stdout.split_inclusive('\n').filter(whole)
    }

    /// The execution that it has said is kept.
    pub(crate) fn acknowledged(&self) -> Option<&str> {
        let mut lines = self.stderr.lines();
        lines.find_map(|line| {
            let (id, place) = line.strip_prefix("execution ")?.split_once(' ')?;
            place.starts_with("is kept in").then_some(id)
        })
    }
}

impl fmt::Debug for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { began, over, .. } = self;
        writeln!(f, "process {}, {began} to {over}", self.number)?;
        writeln!(f, "  jackfield {}", self.arguments.join(" "))?;
        writeln!(f, "  {:?}, meant to be {:?}", self.end, self.doom)?;
        let said = self.stdout.lines().map(|line| (">", line));
        for (mark, line) in said.chain(self.stderr.lines().map(|line| ("!", line))) {
            let line: String = line.chars().take(300).collect();
            writeln!(f, "  {mark} {line}")?;
        }
        Ok(())
    }
}

/// A process that does not outlive the test.
struct Alive(Child);

impl Alive {
    fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().unwrap()
    }

    /// Kills it at once: it is given no chance to do anything about it.
    fn kill(&mut self) -> ExitStatus {
        // It may have ended by itself a moment ago.
        let _ = self.0.kill();
        self.0.wait().unwrap()
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Has a process live in a folder.
pub(crate) fn live(
    world: &World,
    folder: &Path,
    number: u32,
    arguments: Vec<String>,
    doom: Doom,
) -> Life {
    let said = |name: &str| folder.join(format!("{number}-{name}.txt"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_jackfield"));
    // What is set where the tests are run is none of its business.
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"JACKFIELD_") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(folder)
        .args(&arguments)
        .env("JACKFIELD_HOME", folder.join("home"))
        .env("LIFE", number.to_string())
        .stdin(Stdio::null())
        // Files have no readers who could hold it up.
        .stdout(File::create(said("out")).unwrap())
        .stderr(File::create(said("err")).unwrap());
    let began = Timestamp::now();
    let since = Instant::now();
    let mut process = Alive(command.spawn().unwrap());
    let status = meet(world, number, &mut process, since, doom);
    let lasted = since.elapsed();
    let over = Timestamp::now();
    let read = |name| fs::read_to_string(said(name)).unwrap();
    let life = Life {
        number,
        arguments,
        doom,
        end: status.code().map_or(End::Killed, End::ByItself),
        began,
        over,
        lasted,
        stdout: read("out"),
        stderr: read("err"),
    };
    assert!(lasted < PATIENCE, "it does not end: {life:#?}");
    life
}

/// Waits until the process has ended, or its time has come.
fn meet(world: &World, life: u32, process: &mut Alive, since: Instant, doom: Doom) -> ExitStatus {
    loop {
        if let Some(status) = process.ended() {
            return status;
        }
        let last = match doom {
            Doom::After(time) => time,
            Doom::Never | Doom::Asking { .. } => PATIENCE,
        };
        let left = last.saturating_sub(since.elapsed());
        if left.is_zero() {
            return process.kill();
        }
        match doom {
            Doom::Asking { times, then } => {
                if world.wait_for(life, times, GLANCE) {
                    thread::sleep(then);
                    return process.kill();
                }
            }
            Doom::Never | Doom::After(_) => thread::sleep(left.min(GLANCE)),
        }
    }
}
