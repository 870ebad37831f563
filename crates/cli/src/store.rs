//! Stores, as the command line names them.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use jackfield::sqlite::Role;
use jackfield::store::{Durability, Store};
use jackfield::types::Secret;
use jackfield::{SqliteOptions, SqliteStore};
use serde::Deserialize;

use crate::args::StoreArgs;
use crate::error::CliError;
use crate::kept_error::store_error;

/// How files of SQLite are often called.
const FILE_EXTENSIONS: [&str; 3] = ["db", "sqlite", "sqlite3"];
const FORMS: &str =
    "write `sqlite:FILE`, a path that ends in `.db`, or `postgres://USER@HOST/DATABASE`";

/// Where a store is, as it is written. There may be a password in it, so it is not shown.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub(crate) struct StoreAddress(Secret<String>);

/// Where a store is.
#[derive(Debug, PartialEq, Eq)]
enum Place<'a> {
    Sqlite(&'a Path),
    /// A URL, with whatever secrets are in it.
    Postgres(&'a str),
}

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To run executions in it. One that is not there is made.
    Run,
    /// To run executions that are in it.
    GoOn,
    /// To look at executions, and to ask things of them.
    Visit,
    /// To keep things in it beside whoever runs executions. One that is not there is made.
    Keep,
}

impl StoreAddress {
    fn place(&self) -> Result<Place<'_>, CliError> {
        let text = self.0.expose().as_str();
        if let Some((scheme, rest)) = text.split_once(':')
            && is_scheme(scheme)
        {
            return match scheme {
                "sqlite" => sqlite_file(rest),
                "postgres" | "postgresql" => Ok(Place::Postgres(text)),
                // What follows may hold a password.
                _ => Err(CliError::usage(
                    format!("there are no stores of the kind `{scheme}`"),
                    FORMS,
                )),
            };
        }
        let path = Path::new(text);
        let extension = path.extension().and_then(|extension| extension.to_str());
        if extension.is_some_and(|extension| FILE_EXTENSIONS.contains(&extension)) {
            return Ok(Place::Sqlite(path));
        }
        Err(CliError::usage(
            "what is given as the store names none",
            FORMS,
        ))
    }

    /// Whether there is something to be opened, as far as that is known beforehand.
    pub(crate) fn may_be_there(&self) -> bool {
        !matches!(self.place(), Ok(Place::Sqlite(file)) if !file.exists())
    }

    /// A file is looked for in a folder, if its path does not say where it begins.
    pub(crate) fn within(&mut self, folder: &Path) {
        if let Ok(Place::Sqlite(file)) = self.place() {
            *self = Self(Secret::new(format!(
                "sqlite:{}",
                folder.join(file).display()
            )));
        }
    }
}

/// Whether a text before a colon says what kind of store it is. One letter is a drive.
fn is_scheme(text: &str) -> bool {
    text.len() > 1 && text.chars().all(|one| one.is_ascii_alphanumeric())
}

fn sqlite_file(rest: &str) -> Result<Place<'_>, CliError> {
    let file = rest.strip_prefix("//").unwrap_or(rest);
    if file.is_empty() || file == ":memory:" {
        return Err(CliError::usage(
            "a store needs a file, or nothing is kept",
            "write `sqlite:FILE`",
        ));
    }
    if file.contains('?') {
        return Err(CliError::usage(
            "the URL of a store takes no parameters",
            "name the file alone: `sqlite:FILE`; `--durability` says how safe steps are",
        ));
    }
    Ok(Place::Sqlite(Path::new(file)))
}

impl FromStr for StoreAddress {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Secret::new(text.to_owned())))
    }
}

impl fmt::Debug for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreAddress").field(&self.0).finish()
    }
}

/// Opens the store that is named.
pub(crate) async fn open(
    args: &StoreArgs,
    durability: Durability,
    purpose: Purpose,
) -> Result<Arc<dyn Store>, CliError> {
    let address = args.store.as_ref().ok_or_else(|| {
        CliError::usage(
            "no store is named, and executions are kept in one",
            "name it with `--store URL`, by JACKFIELD_STORE, or as `store` in the settings file",
        )
    })?;
    match address.place()? {
        Place::Sqlite(file) => open_sqlite(file.to_owned(), durability, purpose),
        Place::Postgres(url) => open_postgres(url, durability).await,
    }
}

#[cfg(feature = "postgres")]
async fn open_postgres(url: &str, durability: Durability) -> Result<Arc<dyn Store>, CliError> {
    let options = jackfield::PostgresOptions::new(url).durability(durability);
    let store = jackfield::PostgresStore::open(options).await;
    Ok(Arc::new(store.map_err(|error| store_error(&error))?))
}

#[cfg(not(feature = "postgres"))]
async fn open_postgres(_: &str, _: Durability) -> Result<Arc<dyn Store>, CliError> {
    Err(CliError::usage(
        "this program was built without PostgreSQL",
        "build it with the feature `postgres`, or keep executions in a file: `sqlite:FILE`",
    ))
}

/// Opens the store that is named, if one is.
pub(crate) async fn open_if_named(
    args: &StoreArgs,
    durability: Durability,
    purpose: Purpose,
) -> Result<Option<Arc<dyn Store>>, CliError> {
    match &args.store {
        Some(_) => open(args, durability, purpose).await.map(Some),
        None => Ok(None),
    }
}

/// Sees to it that all that was acknowledged is as safe as it gets.
pub(crate) async fn close(store: &Arc<dyn Store>) {
    if let Err(error) = store.close().await {
        tracing::warn!(%error, "the store was not closed");
    }
}

fn open_sqlite(
    file: PathBuf,
    durability: Durability,
    purpose: Purpose,
) -> Result<Arc<dyn Store>, CliError> {
    let is_there = file.exists();
    let (role, is_made) = match purpose {
        Purpose::Run => (Role::Worker, true),
        Purpose::GoOn => (Role::Worker, false),
        Purpose::Visit => (Role::Visitor, false),
        Purpose::Keep => (Role::Visitor, true),
    };
    if !is_there && !is_made {
        return Err(CliError::File {
            path: file,
            reason: "there is no such store".to_owned(),
            hint: Some("`jackfield run FILE --store URL` makes one".to_owned()),
        });
    }
    let folder = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(CliError::File {
            path: folder.to_owned(),
            reason: "there is no such folder for the store".to_owned(),
            hint: Some("make it first".to_owned()),
        });
    }
    if file.is_dir() {
        return Err(CliError::File {
            path: file,
            reason: "it is a directory".to_owned(),
            hint: Some("name a file in it".to_owned()),
        });
    }
    if is_other_file(&file) {
        return Err(CliError::File {
            path: file,
            reason: "it is no database".to_owned(),
            hint: Some("name another file; if it was a store, restore it from a copy".to_owned()),
        });
    }
    let options = SqliteOptions::new(file).durability(durability).role(role);
    let store = SqliteStore::open(options).map_err(|error| store_error(&error))?;
    Ok(Arc::new(store))
}

/// Whether a file has something in it, and that is no database. What cannot be read is for SQLite
/// to say.
fn is_other_file(file: &Path) -> bool {
    const BEGINNING: &[u8] = b"SQLite format 3\0";
    let mut read = Vec::new();
    let opened = File::open(file).and_then(|file| {
        let most = BEGINNING.len() as u64;
        file.take(most).read_to_end(&mut read)
    });
    opened.is_ok() && !read.is_empty() && read != BEGINNING
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> StoreAddress {
        text.parse().unwrap()
    }

    #[test]
    fn stores_are_files_by_url_or_by_their_extension() {
        for (text, file) in [
            ("sqlite:runs.db", "runs.db"),
            ("sqlite:runs", "runs"),
            ("sqlite://runs.db", "runs.db"),
            ("sqlite:///var/runs.db", "/var/runs.db"),
            ("sqlite:/var/runs.db", "/var/runs.db"),
            ("runs.db", "runs.db"),
            ("../a:b/runs.sqlite3", "../a:b/runs.sqlite3"),
            ("c:\\runs.db", "c:\\runs.db"),
        ] {
            let address = address(text);
            assert_eq!(address.place().unwrap(), Place::Sqlite(Path::new(file)));
        }
    }

    #[test]
    fn databases_are_named_by_their_url() {
        for text in ["postgres://ada@host/db", "postgresql:///db?host=/run"] {
            assert_eq!(address(text).place().unwrap(), Place::Postgres(text));
        }
    }

    #[test]
    fn what_names_no_store_is_refused_without_being_shown() {
        for text in [
            "",
            "runs",
            "runs.txt",
            "sqlite:",
            "sqlite::memory:",
            "sqlite:a.db?mode=ro",
            "mysql://ada:s3cret@host/db",
            "ada:s3cret@host/db",
        ] {
            let error = address(text).place().unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
            assert!(!format!("{:?}", address(text)).contains("s3cret"));
        }
    }

    #[test]
    fn files_of_the_settings_begin_where_those_are() {
        for (text, file) in [("sqlite:a.db", "/etc/a.db"), ("/var/a.db", "/var/a.db")] {
            let mut address = address(text);
            address.within(Path::new("/etc"));
            assert_eq!(address.place().unwrap(), Place::Sqlite(Path::new(file)));
        }
    }
}
