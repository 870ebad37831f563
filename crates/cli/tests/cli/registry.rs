//! A real registry on a free port of this machine, gone when the test ends.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// The password of `ada`.
pub(crate) const PASSWORD: &str = "correct horse";
/// The same as `htpasswd -B` writes it.
const PASSWORDS: &str = "ada:$2b$04$YhzRCD4tFWdTg.LKuHiDdOh.F3fpH7qNPPVfeVY.oaLUETuuF1wa2\n";

/// A registry that is stopped when it is dropped.
pub(crate) struct Registry {
    /// Where it listens.
    pub(crate) host: String,
    child: Child,
    // Dropped after the child was stopped.
    _folder: TempDir,
}

impl Registry {
    /// Starts one that lets everybody in.
    pub(crate) fn start() -> Self {
        Self::serve("")
    }

    /// Starts one that lets in `ada`, whose password is [`PASSWORD`].
    pub(crate) fn start_locked() -> Self {
        Self::serve(PASSWORDS)
    }

    /// Waits until it says where it listens.
    fn serve(passwords: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut config = format!(
            "version: 0.1\nlog: {{ level: info, formatter: text }}\n\
             storage: {{ filesystem: {{ rootdirectory: {} }} }}\nhttp: {{ addr: '127.0.0.1:0' }}\n",
            data.display()
        );
        if !passwords.is_empty() {
            let file = folder.path().join("passwords");
            fs::write(&file, passwords).unwrap();
            let auth = format!("{{ realm: test, path: {} }}", file.display());
            config += &format!("auth: {{ htpasswd: {auth} }}\n");
        }
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
