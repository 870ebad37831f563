use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jackfield_store_api::{Durability, to_microsecond};
use jiff::Timestamp;

/// What a process does in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Role {
    /// It runs executions. One process at a time may: a second one is refused with
    /// [`StoreError::InUse`](jackfield_store_api::StoreError::InUse). What a worker before it held
    /// is free when it opens the file, since that worker cannot live any more.
    #[default]
    Worker,
    /// It looks, and asks things of executions, beside a worker or without one. It cannot claim.
    Visitor,
}

/// How a file is opened.
#[derive(Clone)]
pub struct SqliteOptions {
    pub(crate) path: PathBuf,
    pub(crate) durability: Durability,
    pub(crate) role: Role,
    pub(crate) readers: usize,
    pub(crate) max_pages: Option<u32>,
    pub(crate) clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl SqliteOptions {
    /// A file, which is made when there is none. Its folder has to be there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            durability: Durability::default(),
            role: Role::default(),
            readers: 2,
            max_pages: None,
            clock: Arc::new(Timestamp::now),
        }
    }

    /// How safe acknowledged changes are.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// What this process does in the file.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// How many threads read: at least one.
    #[must_use]
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = readers.clamp(1, 64);
        self
    }

    /// The most pages of 4 KiB that the file may have; as many as the disk has room for when this
    /// is not set. More is [`StoreError::Full`](jackfield_store_api::StoreError::Full).
    #[must_use]
    pub fn max_pages(mut self, pages: u32) -> Self {
        self.max_pages = Some(pages);
        self
    }

    /// Where the store takes the time from.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    pub(crate) fn now(&self) -> Timestamp {
        to_microsecond((self.clock)())
    }

    pub(crate) fn describe(&self) -> String {
        describe(&self.path)
    }
}

impl fmt::Debug for SqliteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteOptions")
            .field("path", &self.path)
            .field("durability", &self.durability)
            .field("role", &self.role)
            .field("readers", &self.readers)
            .field("max_pages", &self.max_pages)
            .finish_non_exhaustive()
    }
}

fn describe(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}
