//! The files that the writer has open: so many, and no more.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;

use jackfield_types::TenantId;
use rustc_hash::FxHashMap;

use super::folder::{private, trail_path};
use super::head::write_head;
use super::seal::Seal;
use super::trail::Trail;

pub(super) struct OpenFiles {
    pub(super) folder: PathBuf,
    limit: usize,
    files: FxHashMap<TenantId, OpenFile>,
    /// Counts uses, so that the file that was used longest ago is closed first.
    uses: u64,
    /// Whether a file was made since the folder was last synced.
    has_new_file: bool,
}

struct OpenFile {
    file: File,
    used: u64,
}

impl OpenFiles {
    pub(super) fn new(folder: PathBuf, limit: usize) -> Self {
        Self {
            folder,
            limit,
            files: FxHashMap::default(),
            uses: 0,
            has_new_file: false,
        }
    }

    /// The file of a trail, to write to its end.
    pub(super) fn open(&mut self, tenant: &TenantId, trail: &mut Trail) -> io::Result<&mut File> {
        self.uses += 1;
        if !self.files.contains_key(tenant) {
            let path = trail_path(&self.folder, tenant);
            let mut options = OpenOptions::new();
            // A trail that begins must not go on in a file that somebody else put there.
            options.append(true).create(true).create_new(!trail.exists);
            let file = private(&mut options).open(path)?;
            self.has_new_file |= !trail.exists;
            trail.exists = true;
            self.make_room();
            self.files
                .insert(tenant.clone(), OpenFile { file, used: 0 });
        }
        let open = self.files.get_mut(tenant);
        let open = open.ok_or_else(|| io::Error::other("the file was closed"))?;
        open.used = self.uses;
        Ok(&mut open.file)
    }

    fn make_room(&mut self) {
        if self.files.len() >= self.limit {
            let oldest = self.files.iter().min_by_key(|(_, open)| open.used);
            if let Some(tenant) = oldest.map(|(tenant, _)| tenant.clone()) {
                self.files.remove(&tenant);
            }
        }
    }

    pub(super) fn close(&mut self, tenant: &TenantId) {
        self.files.remove(tenant);
    }

    /// Makes sure that a trail is kept, and writes down how far it goes.
    pub(super) fn settle(
        &mut self,
        tenant: &TenantId,
        trail: &mut Trail,
        seal: &Seal,
        sync: bool,
    ) -> io::Result<()> {
        if sync {
            self.open(tenant, trail)?.sync_data()?;
        }
        write_head(&self.folder, tenant, trail.head(), seal, sync)
    }

    /// Makes sure that files that were made are found again.
    pub(super) fn sync_folder(&mut self) -> io::Result<()> {
        if self.has_new_file {
            // Other systems have no such thing.
            #[cfg(unix)]
            File::open(&self.folder)?.sync_all()?;
            self.has_new_file = false;
        }
        Ok(())
    }
}
