use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::account::Account;
use super::server::{Launch, Server};
use super::{DatabaseError, PORT_TRIES, free_port, fresh_name, programs, template};

const PACKAGE: &str = "mariadb-server";
const SUPERUSER: &str = "jackfield";
const PASSWORD: &str = "open-sesame";

/// A MariaDB server of this process's own.
#[derive(Debug)]
pub struct MariaDb {
    server: Server,
    port: u16,
    client: PathBuf,
}

impl MariaDb {
    /// The server that the tests of this process share. It is started when it is first asked for.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<MariaDb> = OnceLock::new();
        SHARED.get_or_init(|| match Self::start() {
            Ok(server) => server,
            Err(error) => panic!("no MariaDB for this test: {error}: {:?}", error.source()),
        })
    }

    /// Starts a server that nobody else uses.
    ///
    /// # Errors
    /// [`DatabaseError::Missing`] when MariaDB is not on this machine, and whatever else keeps it
    /// from starting.
    pub fn start() -> Result<Self, DatabaseError> {
        let folders = [PathBuf::from("/usr/sbin"), PathBuf::from("/usr/bin")];
        let program = programs::find("mariadbd", &folders, PACKAGE)?;
        let install = programs::find("mariadb-install-db", &folders, PACKAGE)?;
        let client = programs::find("mariadb", &folders, PACKAGE)?;
        let mut tries = 1;
        loop {
            match Self::try_start(&program, &install, &client) {
                Err(DatabaseError::Ended { output, .. })
                    if tries < PORT_TRIES && output.contains("Address already in use") =>
                {
                    tries += 1;
                }
                other => return other,
            }
        }
    }

    fn try_start(program: &Path, install: &Path, client: &Path) -> Result<Self, DatabaseError> {
        let temporary = template::folder("jackfield-mariadb-")?;
        let folder = temporary.path().to_path_buf();
        let account = Account::find("mysql", &folder)?;
        account.take_over(&folder)?;
        let data = folder.join("data");
        let version = programs::run(program, account, |command| {
            command.args(["--no-defaults", "--version"]);
        })?;
        let version: String = version
            .chars()
            .skip_while(|c| !c.is_ascii_digit())
            .take_while(|c| c.is_ascii_digit() || *c == '.')
            .collect();
        template::fill(&data, &format!("mariadb-{version}"), account, || {
            programs::run(install, account, |command| {
                command
                    .arg("--no-defaults")
                    .arg(format!("--datadir={}", data.display()))
                    .args(["--auth-root-authentication-method=normal", "--skip-test-db"])
                    .args(["--innodb-log-file-size=8M"]);
            })
            .map(drop)
        })?;
        let start = folder.join("start.sql");
        let account_sql = format!(
            "CREATE USER IF NOT EXISTS '{SUPERUSER}'@'%' IDENTIFIED BY '{PASSWORD}';\n\
             GRANT ALL PRIVILEGES ON *.* TO '{SUPERUSER}'@'%' WITH GRANT OPTION;\n"
        );
        fs::write(&start, account_sql).map_err(|source| DatabaseError::Folder {
            folder: folder.clone(),
            source,
        })?;
        account.take_over(&start)?;
        let port = free_port()?;
        let at = |option: &str, name: &str| format!("--{option}={}", folder.join(name).display());
        let mut arguments = vec![
            // First, as the server wants it.
            "--no-defaults".to_owned(),
            at("datadir", "data"),
            at("socket", "socket"),
            at("pid-file", "pid"),
            at("tmpdir", ""),
            at("init-file", "start.sql"),
            format!("--port={port}"),
        ];
        let settings = [
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--max-connections=200",
            "--innodb-buffer-pool-size=32M",
            "--innodb-log-file-size=8M",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-flush-method=nosync",
            "--character-set-server=utf8mb4",
        ];
        arguments.extend(settings.map(str::to_owned));
        let server = Server::start(&Launch {
            folder: &folder,
            account,
            program,
            arguments,
            // It takes its time to end well, and nothing of it is wanted.
            stop: "KILL",
            ready: "ready for connections",
        })?;
        // It is the server's from here on.
        let _ = temporary.keep();
        Ok(Self {
            server,
            port,
            client: client.to_path_buf(),
        })
    }

    /// The port of `127.0.0.1` that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of one of its databases, for the superuser.
    pub fn url(&self, database: &str) -> String {
        self.url_for(SUPERUSER, PASSWORD, database)
    }

    /// The URL of one of its databases, for an account that was made with this password.
    pub fn url_for(&self, account: &str, password: &str, database: &str) -> String {
        format!(
            "mysql://{account}:{password}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    /// Makes an empty database and gives its URL, for the superuser.
    ///
    /// # Panics
    /// When the server does not make it.
    pub fn create_database(&self) -> String {
        let name = fresh_name();
        self.execute("mysql", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// Runs SQL in a database as the superuser, and gives what it says: a row a line, a tab
    /// between columns.
    ///
    /// # Panics
    /// When the SQL fails.
    pub fn execute(&self, database: &str, sql: &str) -> String {
        let run = programs::run(&self.client, Account::Own, |command| {
            command
                .arg("--no-defaults")
                .arg(format!(
                    "--socket={}",
                    self.server.folder().join("socket").display()
                ))
                .arg(format!("--user={SUPERUSER}"))
                .arg(format!("--password={PASSWORD}"))
                .args([
                    "--batch",
                    "--skip-column-names",
                    "--default-character-set=utf8mb4",
                ])
                .args(["--execute", sql, database]);
        });
        match run {
            Ok(output) => output,
            Err(error) => panic!("{error}"),
        }
    }
}
