use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use super::DatabaseError;
use super::account::Account;

/// Starts the server, waits until its standard input closes, and cleans up. Only the server keeps
/// the pipe of its messages open, so that the pipe's end tells of the server's.
const KEEPER: &str = r#"
folder=$1; stop=$2; shift 2
"$@" </dev/null &
server=$!
exec >/dev/null 2>&1
read -r line
kill -s "$stop" "$server"
wait "$server"
rm -rf -- "$folder"
"#;

/// A running server, and the folder that it lives in. Both are gone when this is dropped.
#[derive(Debug)]
pub(super) struct Server {
    keeper: Child,
    folder: PathBuf,
}

/// How a server is started.
pub(super) struct Launch<'a> {
    pub(super) folder: &'a Path,
    pub(super) account: Account,
    pub(super) program: &'a Path,
    pub(super) arguments: Vec<String>,
    /// The signal that ends it at once.
    pub(super) stop: &'a str,
    /// What it says when it takes connections.
    pub(super) ready: &'static str,
}

impl Server {
    /// Starts a server and waits until it takes connections.
    pub(super) fn start(launch: &Launch<'_>) -> Result<Self, DatabaseError> {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", KEEPER, "keeper"])
            .arg(launch.folder)
            .arg(launch.stop)
            .arg(launch.program)
            .args(&launch.arguments)
            .current_dir("/")
            .env("LC_ALL", "C.UTF-8")
            // What is typed at the terminal is not for it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        launch.account.apply(&mut command);
        let program = launch.program.display().to_string();
        let mut keeper = command.spawn().map_err(|source| DatabaseError::Start {
            program: program.clone(),
            source,
        })?;
        let ready_text = launch.ready;
        let messages = keeper.stderr.take().expect("it is piped");
        let server = Self {
            keeper,
            folder: launch.folder.to_path_buf(),
        };
        let (ready, readiness) = mpsc::channel();
        // Reads to the end: a server whose messages nobody reads stands still.
        thread::spawn(move || {
            let mut output = String::new();
            let mut lines = BufReader::new(messages).split(b'\n').map_while(Result::ok);
            for line in &mut lines {
                let line = String::from_utf8_lossy(&line);
                output.push_str(&line);
                output.push('\n');
                if line.contains(ready_text) {
                    // Nobody may be waiting any more.
                    let _ = ready.send(Ok(()));
                    break;
                }
            }
            let _ = ready.send(Err(output));
            lines.for_each(drop);
        });
        match readiness.recv() {
            Ok(Ok(())) => Ok(server),
            Ok(Err(output)) => Err(DatabaseError::Ended { program, output }),
            Err(_) => Err(DatabaseError::Ended {
                program,
                output: "nothing is known of it".to_owned(),
            }),
        }
    }

    /// Where it lives.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // There is nobody to tell.
        let _ = self.keeper.wait();
    }
}
