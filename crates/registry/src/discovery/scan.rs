//! Looking through folders of plugins, and opening what is there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::admission::{Verdict, judge};
use super::manifest::MANIFEST;
use super::{DiscoveryOptions, Package, PackageError};

/// How many packages are looked at in one go.
pub(super) const MOST_PACKAGES: usize = 200_000;
/// What the name of an archive ends with.
const ARCHIVE: &str = "jfp";
/// With so many packages it is worth having more than one thread open them.
const WORTH_THREADS: usize = 64;
const MOST_THREADS: usize = 8;

/// What was found at a place.
pub(super) struct Opened {
    pub(super) path: PathBuf,
    pub(super) found: Found,
    pub(super) took: Duration,
}

/// What can be found.
pub(super) enum Found {
    Broken(PackageError),
    /// No pattern asks for it.
    Unwanted,
    /// A package, and whether it may be taken.
    Package(Box<Package>, Verdict),
}

/// The packages in a folder of plugins, sorted by name; the folder itself if it is a package.
pub(super) fn packages_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if folder.is_file() || folder.join(MANIFEST).is_file() {
        return Ok(vec![folder.to_path_buf()]);
    }
    let mut packages = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        let kind = entry.file_type()?;
        let is_folder = kind.is_dir() || (kind.is_symlink() && path.is_dir());
        let is_archive = path
            .extension()
            .is_some_and(|it| it.eq_ignore_ascii_case(ARCHIVE));
        if is_folder || is_archive {
            packages.push(path);
        }
        if packages.len() > MOST_PACKAGES {
            break;
        }
    }
    packages.sort();
    Ok(packages)
}

/// Opens packages, on several threads if there are many, and gives them in the same order.
pub(super) fn open_all(paths: Vec<PathBuf>, options: &DiscoveryOptions) -> Vec<Opened> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(MOST_THREADS);
    if threads < 2 || paths.len() < WORTH_THREADS {
        return paths.into_iter().map(|path| open(path, options)).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut opened = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = paths.get(place) else {
                return opened;
            };
            opened.push((place, open(path.clone(), options)));
        }
    };
    let mut all: Vec<(usize, Opened)> = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut all = work();
        for other in others {
            match other.join() {
                Ok(opened) => all.extend(opened),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, opened)| opened).collect()
}

fn open(path: PathBuf, options: &DiscoveryOptions) -> Opened {
    let began = Instant::now();
    let found = match options.open(&path) {
        Err(error) => Found::Broken(error),
        Ok(package) if !options.wants(package.id()) => Found::Unwanted,
        Ok(package) => {
            let verdict = judge(&package, options);
            Found::Package(Box::new(package), verdict)
        }
    };
    Opened {
        path,
        found,
        took: began.elapsed(),
    }
}
