//! A real registry on a free port of this machine, gone when the test ends.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A registry that lets everybody in.
pub(crate) struct Registry {
    /// Where it listens.
    pub(crate) host: String,
    child: Child,
    // Dropped after the child was stopped.
    _folder: TempDir,
}

impl Registry {
    /// Starts one and waits until it says where it listens.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let config = format!(
            "version: 0.1\nlog: {{ level: info, formatter: text }}\n\
             storage: {{ filesystem: {{ rootdirectory: {} }} }}\nhttp: {{ addr: '127.0.0.1:0' }}\n",
            data.display()
        );
        let file = folder.path().join("config.yml");
        fs::write(&file, config).unwrap();
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("Debian's package docker-registry is there; `cargo xtask test` installs it");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let host = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, place) = line.split_once("listening on ")?;
                let end = place.find(|one: char| !matches!(one, '.' | ':' | '0'..='9'));
                Some(place[..end.unwrap_or(place.len())].to_owned())
            })
            .expect("the registry says where it listens");
        // It stops when nobody reads what it says. The thread ends with it.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self {
            host,
            child,
            _folder: folder,
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
