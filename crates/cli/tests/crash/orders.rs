//! What processes are told, and how they come to their end.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::life::{End, Life};
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

/// What a process is told, and where it lives.
pub(crate) struct Orders {
    number: u32,
    folder: PathBuf,
    arguments: Vec<String>,
    doom: Doom,
}

/// A process that lives. It does not outlive the test.
pub(crate) struct Living {
    orders: Orders,
    process: Child,
    began: Timestamp,
    since: Instant,
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
        let more = more.iter().map(|&text| text.to_owned());
        self.arguments.extend(more);
        self
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    pub(crate) fn doomed(mut self, doom: Doom) -> Self {
        self.doom = doom;
        self
    }

    /// Has a process live to its end.
    pub(crate) fn live(self, world: &World) -> Life {
        self.begin().finish(world)
    }

    pub(crate) fn begin(self) -> Living {
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
        let (began, since) = (Timestamp::now(), Instant::now());
        Living {
            process: command.spawn().unwrap(),
            orders: self,
            began,
            since,
        }
    }

    fn said(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{}-{name}.txt", self.number))
    }
}

impl Living {
    pub(crate) fn number(&self) -> u32 {
        self.orders.number
    }

    /// Waits until the process has ended, or its time has come.
    pub(crate) fn finish(mut self, world: &World) -> Life {
        let status = self.meet(world);
        let lasted = self.since.elapsed();
        let orders = &self.orders;
        let read = |name| fs::read_to_string(orders.said(name)).unwrap();
        let life = Life {
            number: orders.number,
            arguments: orders.arguments.clone(),
            doom: orders.doom,
            end: status.code().map_or(End::Killed, End::ByItself),
            began: self.began,
            over: Timestamp::now(),
            lasted,
            stdout: read("out"),
            stderr: read("err"),
        };
        assert!(lasted < PATIENCE, "it does not end: {life:#?}");
        life
    }

    /// Waits until it has told of something, in a line with these words.
    pub(crate) fn wait_until_told(&self, words: &[&str]) {
        self.wait_until_said("out", words);
    }

    /// Waits until it has said that its execution is kept.
    pub(crate) fn wait_until_acknowledged(&self) {
        self.wait_until_said("err", &["execution ", " is kept in "]);
    }

    fn wait_until_said(&self, name: &str, words: &[&str]) {
        let file = self.orders.said(name);
        let is_it = |line: &str| words.iter().all(|word| line.contains(word));
        // What it is about to write is not said yet.
        let has_said = || {
            let said = fs::read_to_string(&file).unwrap();
            let mut lines = said.split_inclusive('\n');
            lines.any(|line| line.ends_with('\n') && is_it(line))
        };
        while !has_said() {
            let is_late = self.since.elapsed() > PATIENCE;
            assert!(
                !is_late,
                "process {} never tells of {words:?}",
                self.number()
            );
            thread::sleep(GLANCE);
        }
    }

    /// Sends it a signal, by its name as in `-STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let process = self.process.id().to_string();
        let sent = Command::new("kill").args([name, &process]).status();
        assert!(sent.unwrap().success());
    }

    fn meet(&mut self, world: &World) -> ExitStatus {
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            let last = match self.orders.doom {
                Doom::After(time) => time,
                Doom::Never | Doom::Asking { .. } => PATIENCE,
            };
            let left = last.saturating_sub(self.since.elapsed());
            if left.is_zero() {
                return self.kill();
            }
            match self.orders.doom {
                Doom::Asking { times, then } => {
                    if world.wait_for(self.orders.number, times, GLANCE) {
                        thread::sleep(then);
                        return self.kill();
                    }
                }
                Doom::Never | Doom::After(_) => thread::sleep(left.min(GLANCE)),
            }
        }
    }

    /// Kills it at once: it is given no chance to do anything about it.
    fn kill(&mut self) -> ExitStatus {
        // It may have ended by itself a moment ago.
        let _ = self.process.kill();
        self.process.wait().unwrap()
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        self.kill();
    }
}
