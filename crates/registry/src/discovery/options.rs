use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use jackfield_types::PluginId;

use super::lock::LockFile;
use super::package::PackageLimits;
use super::{Package, PluginHost};
use crate::trust::TrustRules;

/// How long loading a plugin may take when nothing is said.
const USUAL_LOAD_TIME: Duration = Duration::from_secs(60);
/// How much of a pattern is shown in an error.
const LONGEST_SHOWN: usize = 200;

/// How plugins are looked for, which of them are taken, and what runs them.
#[derive(Clone)]
#[must_use]
pub struct DiscoveryOptions {
    pub(super) host: Arc<dyn PluginHost>,
    pub(super) patterns: Option<GlobSet>,
    pub(super) max_load_time: Option<Duration>,
    pub(super) depth: Depth,
    pub(super) limits: PackageLimits,
    pub(super) lock: Option<Arc<LockFile>>,
    pub(super) trust: Arc<TrustRules>,
}

/// How much of a package is looked at when it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Manifest,
    WholePackage,
}

/// A pattern that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is no pattern of plugins: write `acme/slugify`, `acme/*` or `*`")]
pub struct PatternError {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    #[source]
    pub source: globset::Error,
}

impl DiscoveryOptions {
    /// Takes every plugin that `trust` lets in, and loads it within a minute when it is used for
    /// the first time.
    pub fn new(host: Arc<dyn PluginHost>, trust: Arc<TrustRules>) -> Self {
        Self {
            host,
            patterns: None,
            max_load_time: Some(USUAL_LOAD_TIME),
            depth: Depth::Manifest,
            limits: PackageLimits::default(),
            lock: None,
            trust,
        }
    }

    /// Takes only plugins whose id fits one of these globs, such as `acme/*`. `*` alone is any.
    ///
    /// # Errors
    /// [`PatternError`] for the first that cannot be read, or for all of them when together they
    /// are too much.
    pub fn patterns<'a>(
        mut self,
        patterns: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, PatternError> {
        let mut set = GlobSetBuilder::new();
        let mut joined = String::new();
        for pattern in patterns {
            let error = |source| PatternError {
                pattern: shown(pattern),
                source,
            };
            let glob = if pattern == "*" { "**" } else { pattern };
            let built = GlobBuilder::new(glob).literal_separator(true).build();
            set.add(built.map_err(error)?);
            if joined.len() < LONGEST_SHOWN {
                joined = shown(&format!("{joined} {pattern}"));
            }
        }
        // Without a set nothing would be left out.
        let built = set.build().map_err(|source| PatternError {
            pattern: joined,
            source,
        })?;
        self.patterns = Some(built);
        Ok(self)
    }

    /// Bounds how long loading a plugin may take; `None` for as long as it takes.
    pub fn max_load_time(mut self, limit: Option<Duration>) -> Self {
        self.max_load_time = limit;
        self
    }

    /// Reads each package whole when it is found, and checks every file against its digest.
    /// Otherwise each file is checked when it is read.
    pub fn validate_on_load(mut self) -> Self {
        self.depth = Depth::WholePackage;
        self
    }

    /// Sets how large packages may be.
    pub fn limits(mut self, limits: PackageLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Takes only what is pinned, with just the digest that it is pinned with.
    pub fn lock(mut self, lock: Arc<LockFile>) -> Self {
        self.lock = Some(lock);
        self
    }

    pub(super) fn wants(&self, plugin: &PluginId) -> bool {
        let patterns = self.patterns.as_ref();
        patterns.is_none_or(|patterns| patterns.is_match(plugin.as_str()))
    }

    /// Opens a package, within the limits.
    pub(super) fn open(&self, path: &std::path::Path) -> Result<Package, super::PackageError> {
        Package::open(path, &self.limits)
    }
}

fn shown(pattern: &str) -> String {
    pattern.trim().chars().take(LONGEST_SHOWN).collect()
}

impl fmt::Debug for DiscoveryOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiscoveryOptions")
            .field("max_load_time", &self.max_load_time)
            .field("depth", &self.depth)
            .field("limits", &self.limits)
            .field("locked", &self.lock.is_some())
            .finish_non_exhaustive()
    }
}
