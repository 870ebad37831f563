//! The lock file: which plugins there may be, each in just one version and content.

use std::collections::BTreeMap;
use std::fmt::Write;

use jackfield_definition::{Diagnostics, SourceText};
use jackfield_types::{Digest, PluginId, PluginOrigin};
use semver::Version;

use super::document::{Document, Fields, Finding};

/// The name of a lock file.
pub const LOCK_FILE: &str = "jackfield.lock";
/// The form of the file that is written and read.
const FORMAT: u64 = 1;
const HEAD: &str = "# Which plugins are used, each in just one version and content.
# Jackfield writes this file; keep it with what you version.
";

/// Plugins that are pinned: id, version, digest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LockFile {
    pins: BTreeMap<(PluginId, Version), Digest>,
}

impl LockFile {
    /// Pins nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a lock file.
    ///
    /// # Errors
    /// All findings, each with its place.
    pub fn parse(source: &SourceText) -> Result<Self, Diagnostics> {
        let document = Document::parse(source)?;
        let mut findings = Vec::new();
        let object = document.value(&mut findings);
        let mut fields = Fields::new(&object, "", "the lock file", &mut findings);
        fields.refuse_unknown(&["version", "plugin"]);
        fields.required("version", "`version = 1`");
        if let Some(version) = fields.typed::<u64>("version", "`1`")
            && version != FORMAT
        {
            let message = format!("form {version} of lock files is not known here");
            let finding = Finding::error("/version", message).with_expected("`1`");
            fields.find(finding.with_hint("use a newer release, or pin the plugins anew"));
        }
        let mut lock = Self::default();
        fields.each("plugin", |entry| {
            entry.refuse_unknown(&["id", "version", "digest"]);
            for field in ["id", "version", "digest"] {
                entry.required(field, "id, version and digest of a plugin");
            }
            let plugin = entry.parsed("id", "a text such as `acme/slugify`", PluginId::parse);
            let version = entry.parsed("version", "a version such as `1.0.0`", Version::parse);
            let digest = entry.parsed("digest", "`sha256:` and 64 digits", str::parse::<Digest>);
            if let (Some(plugin), Some(version), Some(digest)) = (plugin, version, digest) {
                let message = format!("`{plugin}` {version} is pinned twice");
                if lock.pins.insert((plugin, version), digest).is_some() {
                    entry.find(Finding::error(entry.pointer().to_owned(), message));
                }
            }
        });
        if findings.is_empty() {
            Ok(lock)
        } else {
            Err(document.locate(findings))
        }
    }

    /// Pins a plugin, in the place of the same one in the same version.
    pub fn pin(&mut self, origin: &PluginOrigin) {
        let key = (origin.plugin.clone(), origin.version.clone());
        self.pins.insert(key, origin.digest);
    }

    /// Pins a plugin no more: one version of it, or all.
    pub fn release(&mut self, plugin: &PluginId, version: Option<&Version>) {
        self.pins.retain(|(id, pinned), _| {
            id != plugin || version.is_some_and(|version| version != pinned)
        });
    }

    /// The digest that a plugin is pinned with.
    pub fn digest(&self, plugin: &PluginId, version: &Version) -> Option<&Digest> {
        self.pins.get(&(plugin.clone(), version.clone()))
    }

    /// Everything that is pinned, sorted.
    pub fn pins(&self) -> impl Iterator<Item = (&PluginId, &Version, &Digest)> {
        let pins = self.pins.iter();
        pins.map(|((plugin, version), digest)| (plugin, version, digest))
    }

    /// The file as it is written: of the same pins always the same text.
    pub fn to_toml(&self) -> String {
        let mut text = format!("{HEAD}version = {FORMAT}\n");
        for (plugin, version, digest) in self.pins() {
            // Writing to a string cannot fail, and none of the three has anything to escape.
            let _ = write!(
                text,
                "\n[[plugin]]\nid = \"{plugin}\"\nversion = \"{version}\"\ndigest = \"{digest}\"\n"
            );
        }
        text
    }
}
