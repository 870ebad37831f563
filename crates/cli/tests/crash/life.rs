//! The life of one process: what it is told, how it ends, and what it has said by then.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
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
    pub(crate) number: u32,
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
    /// What it has told programs on its standard output, a line each. One that it was about to write
    /// is none.
    pub(crate) fn told(&self) -> impl Iterator<Item = &str> {
        let is_for_people = self.arguments.iter().any(|argument| argument == "pretty");
        let lines = self.stdout.split_inclusive('\n');
        lines.filter(move |line| !is_for_people && line.ends_with('\n'))
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

/// What a process is told, and where it lives.
pub(crate) struct Orders {
    number: u32,
    folder: PathBuf,
    arguments: Vec<String>,
    doom: Doom,
}

impl Orders {
    pub(crate) fn new(number: u32, folder: &Path, arguments: &[&str]) -> Self {
        let orders = Self {
            number,
            folder: folder.to_owned(),
            arguments: Vec::new(),
            doom: Doom::Never,
        };
        orders.and(arguments)
    }

    /// Adds to them.
    pub(crate) fn and(mut self, more: &[&str]) -> Self {
        self.arguments
            .extend(more.iter().map(|&text| text.to_owned()));
        self
    }

    pub(crate) fn doomed(mut self, doom: Doom) -> Self {
        self.doom = doom;
        self
    }

    /// Has a process live.
    pub(crate) fn live(self, world: &World) -> Life {
        let began = Timestamp::now();
        let since = Instant::now();
        let mut process = self.begin();
        let status = self.meet(world, &mut process, since);
        self.life(status, began, since.elapsed())
    }

    fn said(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{}-{name}.txt", self.number))
    }

    fn begin(&self) -> Alive {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jackfield"));
        // What is set where the tests are run is none of its business.
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"JACKFIELD_") {
                command.env_remove(name);
            }
        }
        command
            .current_dir(&self.folder)
            .args(&self.arguments)
            .env("JACKFIELD_HOME", self.folder.join("home"))
            .env("LIFE", self.number.to_string())
            .stdin(Stdio::null())
            // Files have no readers who could hold it up.
            .stdout(File::create(self.said("out")).unwrap())
            .stderr(File::create(self.said("err")).unwrap());
        Alive(command.spawn().unwrap())
    }

    /// Waits until the process has ended, or its time has come.
    fn meet(&self, world: &World, process: &mut Alive, since: Instant) -> ExitStatus {
        loop {
            if let Some(status) = process.ended() {
                return status;
            }
            let last = match self.doom {
                Doom::After(time) => time,
                Doom::Never | Doom::Asking { .. } => PATIENCE,
            };
            let left = last.saturating_sub(since.elapsed());
            if left.is_zero() {
                return process.kill();
            }
            match self.doom {
                Doom::Asking { times, then } => {
                    if world.wait_for(self.number, times, GLANCE) {
                        thread::sleep(then);
                        return process.kill();
                    }
                }
                Doom::Never | Doom::After(_) => thread::sleep(left.min(GLANCE)),
            }
        }
    }

    /// What has become of it.
    fn life(self, status: ExitStatus, began: Timestamp, lasted: Duration) -> Life {
        let read = |name| fs::read_to_string(self.said(name)).unwrap();
        let (stdout, stderr) = (read("out"), read("err"));
        let life = Life {
            number: self.number,
            arguments: self.arguments,
            doom: self.doom,
            end: status.code().map_or(End::Killed, End::ByItself),
            began,
            over: Timestamp::now(),
            lasted,
            stdout,
            stderr,
        };
        assert!(lasted < PATIENCE, "it does not end: {life:#?}");
        life
    }
}
