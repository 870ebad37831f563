use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use jackfield_types::Secret;

use super::error::KeyError;
use super::key::{PublicKey, SecretKey};
use super::publisher::PublisherName;

/// How files of secret keys end.
const SECRET: &str = "key";
/// How files of public keys end.
const PUBLIC: &str = "pub";
/// How large the file of a key may be.
const LARGEST_FILE: u64 = 4096;
/// How many keys are listed.
const MOST_KEYS: usize = 1000;

/// The keys that somebody signs with: a folder with a file `NAME.key` and a file `NAME.pub` for each.
///
/// The secret ones are PKCS #8 in PEM, and are neither written nor read so that others than their
/// owner could read them. The public ones are one line, which is what others are given.
#[derive(Debug, Clone)]
pub struct KeyFolder {
    path: PathBuf,
}

/// A key of a [`KeyFolder`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// Its name: the publisher whose plugins it signs.
    pub name: PublisherName,
    /// Its public half.
    pub public_key: PublicKey,
    /// Whether the secret half is there too.
    pub has_secret: bool,
}

impl KeyFolder {
    /// A folder of keys. It need not be there until a key is made.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a new key. What is there already is never written over.
    ///
    /// # Errors
    /// [`KeyError::Exists`] when there is a key of that name, [`KeyError::Randomness`] and
    /// [`KeyError::Io`] when the system does not let it be made.
    pub fn create(&self, name: &PublisherName) -> Result<PublicKey, KeyError> {
        let key = SecretKey::generate()?;
        self.add(name, &key)?;
        Ok(key.public_key())
    }

    /// Keeps a key that was made elsewhere. What is there already is never written over.
    ///
    /// # Errors
    /// Those of [`create`](Self::create).
    pub fn add(&self, name: &PublisherName, key: &SecretKey) -> Result<(), KeyError> {
        create_private_folder(&self.path).map_err(|source| io_error(&self.path, source))?;
        let (secret, public) = (self.file(name, SECRET), self.file(name, PUBLIC));
        if public.symlink_metadata().is_ok() {
            return Err(self.exists(name));
        }
        self.write_new(name, &secret, key.to_pem()?.expose())?;
        let line = format!("{}\n", key.public_key());
        if let Err(error) = self.write_new(name, &public, &line) {
            // A key of which only the secret half is there would be in the way of the next try.
            let _ = fs::remove_file(&secret);
            return Err(error);
        }
        Ok(())
    }

    /// The keys that are there, by name. Files that belong to no key are left aside.
    ///
    /// # Errors
    /// [`KeyError::File`] when a file holds no key, [`KeyError::Io`] when one cannot be read.
    pub fn list(&self) -> Result<Vec<KeyPair>, KeyError> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io_error(&self.path, error)),
        };
        let mut names = Vec::new();
        for entry in entries.take(2 * MOST_KEYS) {
            let path = entry.map_err(|error| io_error(&self.path, error))?.path();
            let is_public = path
                .extension()
                .is_some_and(|extension| extension == PUBLIC);
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let name = stem.and_then(|stem| PublisherName::parse(stem).ok());
            names.extend(name.filter(|_| is_public));
        }
        names.sort();
        let pair = |name: PublisherName| {
            Ok(KeyPair {
                public_key: self.public_key(&name)?,
                has_secret: self.file(&name, SECRET).exists(),
                name,
            })
        };
        names.into_iter().map(pair).collect()
    }

    /// The public half of a key.
    ///
    /// # Errors
    /// [`KeyError::Missing`], [`KeyError::File`] or [`KeyError::Io`].
    pub fn public_key(&self, name: &PublisherName) -> Result<PublicKey, KeyError> {
        let path = self.file(name, PUBLIC);
        let file = self.open(name, &path)?;
        let text = read_small(file, &path)?;
        text.trim_end().parse().map_err(|_| KeyError::File { path })
    }

    /// The secret half of a key.
    ///
    /// # Errors
    /// [`KeyError::Missing`]; [`KeyError::Exposed`] when others may read it; [`KeyError::File`] or
    /// [`KeyError::Io`].
    pub fn secret_key(&self, name: &PublisherName) -> Result<SecretKey, KeyError> {
        let path = self.file(name, SECRET);
        let file = self.open(name, &path)?;
        refuse_exposed(&file, &path)?;
        let pem = Secret::new(read_small(file, &path)?);
        SecretKey::from_pem(&pem).map_err(|_| KeyError::File { path })
    }

    fn file(&self, name: &PublisherName, extension: &str) -> PathBuf {
        self.path.join(format!("{name}.{extension}"))
    }

    fn exists(&self, name: &PublisherName) -> KeyError {
        KeyError::Exists {
            name: name.clone(),
            folder: self.path.clone(),
        }
    }

    fn open(&self, name: &PublisherName, path: &Path) -> Result<File, KeyError> {
        File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => KeyError::Missing {
                name: name.clone(),
                folder: self.path.clone(),
            },
            _ => io_error(path, error),
        })
    }

    fn write_new(&self, name: &PublisherName, path: &Path, text: &str) -> Result<(), KeyError> {
        let mut file = create_private(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => self.exists(name),
            _ => io_error(path, error),
        })?;
        let written = file
            .write_all(text.as_bytes())
            .and_then(|()| file.sync_all());
        written.map_err(|error| {
            let _ = fs::remove_file(path);
            io_error(path, error)
        })
    }
}

fn io_error(path: &Path, source: io::Error) -> KeyError {
    KeyError::Io {
        path: path.to_path_buf(),
        source,
    }
}

fn read_small(file: File, path: &Path) -> Result<String, KeyError> {
    let mut text = String::new();
    let read = file.take(LARGEST_FILE + 1).read_to_string(&mut text);
    let length = read.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => KeyError::File {
            path: path.to_path_buf(),
        },
        _ => io_error(path, error),
    })?;
    if length as u64 > LARGEST_FILE {
        return Err(KeyError::File {
            path: path.to_path_buf(),
        });
    }
    Ok(text)
}

/// Makes a file that nobody else can read, not even for a moment.
fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Asks the file that was opened, not its name, so that nobody can put another one there meanwhile.
#[cfg(unix)]
fn refuse_exposed(file: &File, path: &Path) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt as _;

    let metadata = file.metadata().map_err(|error| io_error(path, error))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed {
            path: path.to_path_buf(),
            mode,
        });
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_exposed(_: &File, _: &Path) -> Result<(), KeyError> {
    Ok(())
}
