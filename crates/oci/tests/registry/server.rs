//! A real registry on a free port of this machine, gone when the test ends.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use jackfield_oci::{Credentials, OciClient, PackageReference};
use jackfield_types::Secret;
use tempfile::TempDir;

/// What the registry of [`Doors::Locked`] knows of `ada`, as `htpasswd -B` writes it.
const PASSWORDS: &str = "ada:$2b$04$YhzRCD4tFWdTg.LKuHiDdOh.F3fpH7qNPPVfeVY.oaLUETuuF1wa2\n";
const PASSWORD: &str = "correct horse";

/// Whom a registry lets in, and how.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doors {
    Open,
    /// Who has a password.
    Locked,
    /// Everybody, by TLS.
    Hidden,
}

pub(crate) struct Server {
    pub(crate) host: String,
    /// The certificate of who is [`Doors::Hidden`].
    pub(crate) authority: String,
    child: Child,
    // Dropped after the child was stopped.
    _folder: TempDir,
}

impl Server {
    /// Starts one and waits until it says where it listens.
    pub(crate) fn start(doors: Doors) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let mut config = format!(
            "version: 0.1\nlog: {{ level: info, formatter: text }}\nstorage: {{ filesystem: {{ rootdirectory: {path}/data }}, delete: {{ enabled: true }} }}\nhttp: {{ addr: '127.0.0.1:0' }}\n"
        );
        if doors == Doors::Locked {
            fs::write(folder.path().join("passwords"), PASSWORDS).unwrap();
            config += &format!("auth: {{ htpasswd: {{ realm: test, path: {path}/passwords }} }}\n");
        }
        let mut authority = String::new();
        if doors == Doors::Hidden {
            let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
            authority = own.cert.pem();
            fs::write(folder.path().join("cert.pem"), &authority).unwrap();
            fs::write(
                folder.path().join("key.pem"),
                own.signing_key.serialize_pem(),
            )
            .unwrap();
            let tls = format!("tls: {{ certificate: {path}/cert.pem, key: {path}/key.pem }}");
            config = config.replace(":0' }", &format!(":0', {tls} }}"));
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
                let end = place.find(|c: char| c != '.' && c != ':' && !c.is_ascii_digit());
                Some(place[..end.unwrap_or(place.len())].to_owned())
            })
            .expect("the registry says where it listens");
        // It stops when nobody reads what it says. The thread ends with it.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self {
            host,
            authority,
            child,
            _folder: folder,
        }
    }

    /// A place in it.
    pub(crate) fn reference(&self, rest: &str) -> PackageReference {
        format!("{}/{rest}", self.host).parse().unwrap()
    }

    /// A client that goes by this password, as `ada`.
    pub(crate) fn client_with(&self, password: &str) -> OciClient {
        let credentials = Credentials::Basic {
            user: "ada".to_owned(),
            password: Secret::new(password.to_owned()),
        };
        OciClient::builder()
            .credentials(&self.host, credentials)
            .build()
    }

    /// A client that is let in.
    pub(crate) fn client(&self) -> OciClient {
        self.client_with(PASSWORD)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
