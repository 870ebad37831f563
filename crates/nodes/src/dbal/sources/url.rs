use std::borrow::Cow;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{env, fs, path};

use jackfield_net::Url;
use jackfield_types::Secret;
use percent_encoding::percent_decode_str;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use crate::dbal::dialect::Dialect;

/// Where a database is and who asks: given, or kept by the tenant in a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataSourceUrl {
    /// The URL itself: `sqlite:/path/to/file.db`, `postgres://…`, `mysql://…`.
    Given(Secret<String>),
    /// The name of the tenant's credential of the type `database` that has it.
    Credential(String),
}

impl DataSourceUrl {
    pub(super) fn given(&self) -> Option<&str> {
        match self {
            Self::Given(url) => Some(url.expose()),
            Self::Credential(_) => None,
        }
    }
}

impl<'de> Deserialize<'de> for DataSourceUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // What the format says of a value that is none could show it.
        match Value::deserialize(deserializer)? {
            Value::String(url) => Ok(Self::Given(Secret::new(url))),
            Value::Object(fields) => match (fields.len(), fields.get("credential")) {
                (1, Some(Value::String(name))) => Ok(Self::Credential(name.clone())),
                _ => Err(D::Error::custom(EXPECTED)),
            },
            _ => Err(D::Error::custom(EXPECTED)),
        }
    }
}

const EXPECTED: &str = "a URL is a text, or `{ credential: NAME }`";

impl JsonSchema for DataSourceUrl {
    fn schema_name() -> Cow<'static, str> {
        "DataSourceUrl".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "oneOf": [
                { "type": "string", "writeOnly": true },
                {
                    "type": "object",
                    "properties": { "credential": { "type": "string", "minLength": 1 } },
                    "required": ["credential"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

/// The server that the URL of a credential names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    /// The URL with all that was checked written out, port and database among it: what is left out
    /// the driver would take from the environment of the process (`PGPORT`, `PGDATABASE`).
    pub(super) url: Secret<String>,
}

/// What may stand in the query of such a URL. The rest names files of this machine, or says once
/// more, and otherwise, where the server is and who asks.
const PARAMETERS: [&str; 3] = ["sslmode", "ssl-mode", "charset"];

impl Server {
    /// Reads a URL, which whoever may keep credentials of the tenant has written: it may name a
    /// server, and neither files and sockets of this machine, nor leave out what the driver would
    /// take from the environment of the process instead, such as its password.
    pub(super) fn of_url(text: &str) -> Result<Self, &'static str> {
        let default_port = match Dialect::of_url(text) {
            Some(Dialect::Postgres) => 5432,
            Some(Dialect::MySql) => 3306,
            Some(Dialect::Sqlite) => {
                return Err("names a file of this machine, which the data source itself has to");
            }
            None => return Err("is no URL of PostgreSQL, MySQL or MariaDB"),
        };
        let mut url = Url::parse(text).map_err(|_| "is no URL")?;
        let port = url.port().unwrap_or(default_port);
        if url.path().trim_matches('/').is_empty() && default_port == 5432 {
            // What PostgreSQL itself takes when nothing is said.
            let user = url.username().to_owned();
            url.set_path(&user);
        }
        url.set_port(Some(port)).map_err(|()| "names no host")?;
        let host = url.host_str().unwrap_or_default();
        let host = host.strip_prefix('[').unwrap_or(host);
        let host = host.strip_suffix(']').unwrap_or(host);
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if host.is_empty() || !host.chars().all(is_allowed) {
            return Err("names no host");
        }
        if url.username().is_empty() || url.password().is_none_or(str::is_empty) {
            return Err("has to say user and password");
        }
        let mut parameters = url.query_pairs();
        if !parameters.all(|(name, _)| PARAMETERS.contains(&&*name)) {
            return Err("takes no parameters but `sslmode`, `ssl-mode` and `charset`");
        }
        Ok(Self {
            host: host.to_owned(),
            port,
            url: Secret::new(url.to_string()),
        })
    }
}

/// Variables by which the driver of PostgreSQL would show the certificate of the process to whatever
/// server the URL of a credential names. Nothing else takes them back.
const OWN_CERTIFICATE: [&str; 2] = ["PGSSLCERT", "PGSSLKEY"];

/// The variable of the environment, if one is set, because of which such a URL must not be used.
pub(super) fn unwanted(text: &str, is_set: impl Fn(&str) -> bool) -> Option<&'static str> {
    let mut variables = OWN_CERTIFICATE.into_iter();
    variables
        .find(|variable| is_set(variable))
        .filter(|_| Dialect::of_url(text) == Some(Dialect::Postgres))
}

/// Which database a URL leads to, by whatever user: the same for two URLs only if it is the same one.
/// Nothing for what is in memory, where every data source has its own.
pub(super) fn database_of(text: &str) -> Option<String> {
    Some(match Dialect::of_url(text)? {
        Dialect::Sqlite => {
            let options = SqliteConnectOptions::from_str(text).ok()?;
            // The driver does not tell whether it is in memory.
            let (path, parameters) = text.split_once('?').unwrap_or((text, ""));
            let is_memory = parameters.split('&').any(|one| one == "mode=memory");
            if is_memory || matches!(path, "sqlite::memory:" | "sqlite://:memory:") {
                return None;
            }
            format!("file {}", file(options.get_filename()).display())
        }
        Dialect::Postgres => {
            let options = PgConnectOptions::from_str(text).ok()?;
            let database = options.get_database().unwrap_or(options.get_username());
            let host = match (options.get_socket(), options.get_host()) {
                // The server listens there by the same number as at the address of this machine.
                (Some(_), _) => THIS_MACHINE.to_owned(),
                (None, folder) if folder.starts_with('/') => THIS_MACHINE.to_owned(),
                (None, name) => host(name),
            };
            format!("postgres {host} {} {database}", options.get_port())
        }
        Dialect::MySql => {
            let url = text.replacen("mariadb:", "mysql:", 1);
            let options = MySqlConnectOptions::from_str(&url).ok()?;
            let host = match options.get_socket() {
                Some(socket) => file(socket).display().to_string(),
                None => host(options.get_host()),
            };
            let database = options.get_database().unwrap_or_default();
            format!("mysql {host} {} {database}", options.get_port())
        }
    })
}
const THIS_MACHINE: &str = "localhost";

/// A host, by whatever name this machine has for itself.
fn host(name: &str) -> String {
    let name = percent_decode_str(name).decode_utf8_lossy();
    let name = name.strip_suffix('.').unwrap_or(&name);
    // There is more than one way to write an address.
    let url = Url::parse(&format!("http://{name}/")).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or(name);
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    let is_own = host.parse::<IpAddr>().is_ok_and(|address| {
        let address = address.to_canonical();
        address.is_loopback() || address.is_unspecified()
    });
    match is_own || host == THIS_MACHINE || host.ends_with(".localhost") {
        true => THIS_MACHINE.to_owned(),
        false => host,
    }
}

/// A file, by the way without links, if it or its folder is there already.
fn file(name: &Path) -> PathBuf {
    // SQLite takes these for URLs itself.
    let of_url = name
        .to_str()
        .filter(|name| name.starts_with("file:"))
        .and_then(|name| {
            let folder = Url::from_directory_path(env::current_dir().ok()?).ok()?;
            folder.join(name).ok()?.to_file_path().ok()
        });
    let name = of_url.as_deref().unwrap_or(name);
    let path = path::absolute(name).unwrap_or_else(|_| name.to_owned());
    if let Ok(path) = fs::canonicalize(&path) {
        return path;
    }
    match (path.parent().map(fs::canonicalize), path.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_named_with_all_that_is_needed_to_reach_them() {
        for (url, host, port) in [
            ("postgres://a:b@db.example.org/app", "db.example.org", 5432),
            (
                "postgresql://a:b@10.0.0.1:6000/app?sslmode=require",
                "10.0.0.1",
                6000,
            ),
            ("mysql://a:b%40c@db/app", "db", 3306),
            (
                "mariadb://a:b@[::1]:3307/app?ssl-mode=REQUIRED",
                "::1",
                3307,
            ),
        ] {
            let server = Server::of_url(url).unwrap();
            assert_eq!((&*server.host, server.port), (host, port), "{url}");
        }
    }

    #[test]
    fn what_is_used_says_all_that_was_checked() {
        for (url, used) in [
            ("postgres://a:b@db/app", "postgres://a:b@db:5432/app"),
            ("postgresql://a:b@db", "postgresql://a:b@db:5432/a"),
            (
                "postgres://a%40x:b@db/?sslmode=require",
                "postgres://a%40x:b@db:5432/a%40x?sslmode=require",
            ),
            ("postgres://a:b@db:6000/app", "postgres://a:b@db:6000/app"),
            ("mariadb://a:b@[::1]/app", "mariadb://a:b@[::1]:3306/app"),
        ] {
            assert_eq!(Server::of_url(url).unwrap().url.expose(), used);
        }
        let is_set = |variable: &str| variable == "PGSSLKEY";
        assert_eq!(unwanted("postgres://a:b@db/app", is_set), Some("PGSSLKEY"));
        assert_eq!(unwanted("mysql://a:b@db/app", is_set), None);
        assert_eq!(unwanted("postgres://a:b@db/app", |_| false), None);
    }

    #[test]
    fn the_same_database_is_known_again_however_it_is_written() {
        let same = |one: &str, other: &str| database_of(one) == database_of(other);
        assert!(same(
            "postgres://a:b@DB/app",
            "postgresql://c:d@db:5432/app?sslmode=require"
        ));
        assert!(!same("postgres://a:b@db/app", "postgres://a:b@db/other"));
        assert!(same("mysql://a:b@db/app", "mariadb://c@db:3306/app"));
        assert!(!same("mysql://a:b@db/app", "mysql://a:b@db:3307/app"));
        assert!(same("sqlite:a.db", "sqlite://a.db?mode=rwc"));
        assert!(!same("sqlite:a.db", "sqlite:b.db"));
        for url in ["sqlite::memory:", "sqlite://x?cache=shared&mode=memory"] {
            assert_eq!(database_of(url), None, "{url}");
        }
    }

    #[test]
    fn a_file_is_known_again_by_every_way_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let expected = database_of(&format!("sqlite:{}/a.db", real.display()));
        let link = link.display();
        // Before it is there, and afterwards.
        for _ in 0..2 {
            for url in [
                format!("sqlite:{link}/a.db"),
                format!("sqlite://{link}/%61%2Edb?mode=rwc"),
                format!("sqlite:sqlite:{link}/a.db"),
                format!("sqlite:{link}/../real/./a.db?vfs=unix&immutable=1"),
                format!("sqlite:file:{link}/a.db"),
                format!("sqlite://file://localhost{link}/%2561.db"),
                format!("sqlite:{link}/a.db?vfs=mode=memory"),
            ] {
                assert_eq!(database_of(&url), expected, "{url}");
            }
            let other = format!("sqlite:{link}/:memory:");
            assert_ne!(database_of(&other), expected);
            assert!(database_of(&other).is_some());
            fs::write(real.join("a.db"), "").unwrap();
        }
    }

    #[test]
    fn this_machine_is_known_again_by_every_name_of_its_own() {
        for (scheme, user) in [("postgres", "a"), ("mysql", "b")] {
            let url = |host: &str| format!("{scheme}://{user}:c@{host}/app");
            let expected = database_of(&url("localhost"));
            for host in [
                "127.0.0.1",
                "LOCALHOST",
                "localhost.",
                "127.1",
                "0x7f000001",
                "127.8.8.8",
                "[::1]",
                "[0:0:0:0:0:0:0:1]",
                "[::ffff:127.0.0.1]",
                "0.0.0.0",
                "db.localhost",
            ] {
                assert_eq!(database_of(&url(host)), expected, "{host}");
            }
            for host in ["10.0.0.1", "localhost.example.org", "[::2]"] {
                assert_ne!(database_of(&url(host)), expected, "{host}");
            }
            assert_eq!(
                database_of(&url("DB.example.org.")),
                database_of(&url("db.example.org"))
            );
        }
        let by_socket = "postgres://a:c@localhost/app?host=/run/postgresql";
        let by_name = "postgres://a:c@127.0.0.1/app";
        assert_eq!(database_of(by_socket), database_of(by_name));
    }

    #[test]
    fn what_reaches_into_this_machine_is_refused() {
        for url in [
            "sqlite:/etc/passwd",
            "sqlite://other-tenant.db",
            "postgres:///app",
            "postgres://a:b@/app?host=/run/postgresql",
            "postgres://a:b@db/app?host=/run/postgresql",
            "postgres://a:b@db/app?hostaddr=127.0.0.1",
            "postgres://a:b@db/app?password=c",
            "postgres://a:b@db/app?sslrootcert=/etc/shadow",
            "postgres://a:b@db/app?sslmode=require&sslkey=/keys/app.key",
            "postgres://a:b@%2Frun%2Fpostgresql/app",
            "postgres://a:b@..%2frun/app",
            "postgres://db/app",
            "postgres://a@db/app",
            "postgres://a:@db/app",
            "postgres://:b@db/app",
            "mysql://a:b@db/app?socket=/run/mysqld/mysqld.sock",
            "mysql:a:b@db",
            "oracle://a:b@db/app",
            "",
        ] {
            assert!(Server::of_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn urls_are_written_in_one_of_two_ways() {
        let read = |text: &str| serde_json::from_str::<DataSourceUrl>(text);
        let given = DataSourceUrl::Given(Secret::new("sqlite:a.db".to_owned()));
        assert_eq!(read(r#""sqlite:a.db""#).unwrap(), given);
        let credential = DataSourceUrl::Credential("db".to_owned());
        assert_eq!(read(r#"{"credential": "db"}"#).unwrap(), credential);
        for wrong in [
            "7",
            "[]",
            "{}",
            r#"{"credential": 7}"#,
            r#"{"credential": "db", "hunter2": 1}"#,
            r#"{"hunter2": "x"}"#,
        ] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.starts_with(EXPECTED), "{wrong}: {error}");
        }
        assert!(!format!("{given:?}").contains("a.db"));
    }
}
