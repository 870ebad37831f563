//! Commands that run while others do.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::Value;

use crate::harness::Folder;

/// A command that runs, and whose events are read as they come. It is killed when it is let go of.
pub(crate) struct Running {
    child: Child,
    events: BufReader<ChildStdout>,
    read: String,
    execution: Option<String>,
}

impl Running {
    pub(crate) fn start(folder: &Folder, arguments: &[&str]) -> Self {
        let mut child = folder
            .process(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let events = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            events,
            read: String::new(),
            execution: None,
        }
    }

    /// Waits for an event.
    pub(crate) fn until(&mut self, is_wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let mut line = String::new();
            if self.events.read_line(&mut line).unwrap() == 0 {
                let mut said = String::new();
                let stderr = self.child.stderr.as_mut().unwrap();
                stderr.read_to_string(&mut said).unwrap();
                panic!("it ended by itself: {}{said}", self.read);
            }
            let event: Value = serde_json::from_str(&line).unwrap();
            self.read.push_str(&line);
            self.execution = event["executionId"].as_str().map(str::to_owned);
            if is_wanted(&event) {
                return event;
            }
        }
    }

    /// The execution whose events were read.
    pub(crate) fn execution(&self) -> &str {
        self.execution.as_deref().unwrap()
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Kills it as nothing else can be killed.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end.
    pub(crate) fn output(mut self) -> Output {
        let mut stdout = std::mem::take(&mut self.read).into_bytes();
        self.events.read_to_end(&mut stdout).unwrap();
        let mut stderr = Vec::new();
        let said = self.child.stderr.as_mut().unwrap();
        said.read_to_end(&mut stderr).unwrap();
        Output {
            status: self.child.wait().unwrap(),
            stdout,
            stderr,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a command said on standard error.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
