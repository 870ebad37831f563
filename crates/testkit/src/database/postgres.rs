use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::account::Account;
use super::server::{Launch, Server};
use super::{DatabaseError, PORT_TRIES, free_port, fresh_name, programs, template};

const PACKAGE: &str = "postgresql";
const SUPERUSER: &str = "jackfield";
const PASSWORD: &str = "open sesame";
const PASSWORD_IN_URL: &str = "open%20sesame";

/// What all servers are set to.
const COMMON: &[&str] = &[
    "max_connections=200",
    "log_min_messages=log",
    "lc_messages=C",
];
/// For tests: what is tested is the other side of the connection.
const FAST: &[&str] = &[
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "shared_buffers=32MB",
    "max_wal_size=256MB",
];
/// For measuring: as safe as a server is if nobody says otherwise.
const DURABLE: &[&str] = &["shared_buffers=128MB", "max_wal_size=1GB"];

/// A PostgreSQL server of this process's own.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    port: u16,
    psql: PathBuf,
}

impl Postgres {
    /// The server that the tests of this process share. It is started when it is first asked for.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| match Self::start() {
            Ok(server) => server,
            Err(error) => panic!("no PostgreSQL for this test: {error}: {:?}", error.source()),
        })
    }

    /// Starts a server that nobody else uses.
    ///
    /// # Errors
    /// [`DatabaseError::Missing`] when PostgreSQL is not on this machine, and whatever else keeps
    /// it from starting.
    pub fn start() -> Result<Self, DatabaseError> {
        Self::start_with(FAST)
    }

    /// Starts a server that nobody else uses and that has on the disk what it acknowledges: for
    /// measuring.
    ///
    /// # Errors
    /// Those of [`start`](Self::start).
    pub fn start_durable() -> Result<Self, DatabaseError> {
        Self::start_with(DURABLE)
    }

    fn start_with(settings: &[&str]) -> Result<Self, DatabaseError> {
        let folders = debian_folders();
        let program = programs::find("postgres", &folders, PACKAGE)?;
        let initdb = programs::find("initdb", &folders, PACKAGE)?;
        let psql = programs::find("psql", &folders, PACKAGE)?;
        let mut tries = 1;
        loop {
            match Self::try_start(&program, &initdb, &psql, settings) {
                Err(DatabaseError::Ended { output, .. })
                    if tries < PORT_TRIES && output.contains("Address already in use") =>
                {
                    tries += 1;
                }
                other => return other,
            }
        }
    }

    fn try_start(
        program: &Path,
        initdb: &Path,
        psql: &Path,
        settings: &[&str],
    ) -> Result<Self, DatabaseError> {
        let temporary = template::folder("jackfield-postgres-")?;
        let folder = temporary.path().to_path_buf();
        let account = Account::find("postgres", &folder)?;
        account.take_over(&folder)?;
        let data = folder.join("data");
        let password = folder.join("password");
        fs::write(&password, PASSWORD).map_err(|source| DatabaseError::Folder {
            folder: folder.clone(),
            source,
        })?;
        account.take_over(&password)?;
        let version = programs::run(program, account, |command| {
            command.arg("--version");
        })?;
        let version: String = version
            .chars()
            .filter(|c| c.is_ascii_digit() || *c == '.')
            .collect();
        template::fill(&data, &format!("postgres-{version}"), account, || {
            programs::run(initdb, account, |command| {
                command
                    .arg("--pgdata")
                    .arg(&data)
                    .arg("--pwfile")
                    .arg(&password)
                    .args(["--username", SUPERUSER])
                    .args(["--auth-local", "trust", "--auth-host", "scram-sha-256"])
                    .args(["--encoding", "UTF8", "--locale", "C.UTF-8"])
                    .args(["--no-sync", "--no-instructions"]);
            })
            .map(drop)
        })?;
        let port = free_port()?;
        let mut arguments = vec![
            "-D".to_owned(),
            data.display().to_string(),
            "-k".to_owned(),
            folder.display().to_string(),
            "-h".to_owned(),
            "127.0.0.1".to_owned(),
            "-p".to_owned(),
            port.to_string(),
        ];
        for setting in settings.iter().chain(COMMON) {
            arguments.extend(["-c".to_owned(), (*setting).to_owned()]);
        }
        let server = Server::start(&Launch {
            folder: &folder,
            account,
            program,
            arguments,
            stop: "QUIT",
            ready: "ready to accept connections",
        })?;
        // It is the server's from here on.
        let _ = temporary.keep();
        Ok(Self {
            server,
            port,
            psql: psql.to_path_buf(),
        })
    }

    /// The port of `127.0.0.1` that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of one of its databases, for the superuser.
    pub fn url(&self, database: &str) -> String {
        self.url_for(SUPERUSER, PASSWORD_IN_URL, database)
    }

    /// The URL of one of its databases, for a role that was made with this password.
    pub fn url_for(&self, role: &str, password: &str, database: &str) -> String {
        format!(
            "postgres://{role}:{password}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    /// Makes an empty database and gives its URL, for the superuser.
    ///
    /// # Panics
    /// When the server does not make it.
    pub fn create_database(&self) -> String {
        let name = fresh_name();
        self.execute("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// Runs SQL in a database as the superuser, and gives what it says: a row a line, `|` between
    /// columns.
    ///
    /// # Panics
    /// When the SQL fails.
    pub fn execute(&self, database: &str, sql: &str) -> String {
        let run = programs::run(&self.psql, Account::Own, |command| {
            command
                .arg("--host")
                .arg(self.server.folder())
                .args(["--port", &self.port.to_string()])
                .args(["--username", SUPERUSER, "--dbname", database])
                .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
                .args(["--set", "ON_ERROR_STOP=1", "--command", sql]);
        });
        match run {
            Ok(output) => output,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Where Debian keeps what is not in the path, the newest version first.
fn debian_folders() -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, folder)| folder).collect()
}
