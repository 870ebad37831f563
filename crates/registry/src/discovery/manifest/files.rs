//! Which files a package has, and that each has a digest.

use super::{MANIFEST, PluginManifest};
use crate::discovery::document::{Finding, key};
use crate::trust::SIGNATURE_FILE;

/// No file is the manifest itself, or says who signed it: neither can have a digest in the manifest.
/// Some systems take no notice of case.
pub(super) fn check_files(manifest: &PluginManifest, findings: &mut Vec<Finding>) {
    for file in manifest.files() {
        let is = |name: &str| file.as_str().eq_ignore_ascii_case(name);
        if is(MANIFEST) || is(SIGNATURE_FILE) {
            let place = if file == manifest.entry() {
                "/entry"
            } else {
                "/include"
            };
            let message = format!("`{file}` cannot be a file of the package like others");
            let finding = Finding::error(place, message).at_key();
            findings.push(finding.with_hint("leave it out: it is always there"));
        }
    }
}

/// The digests are those of just the files that the manifest names.
pub(super) fn check_digests(manifest: &PluginManifest, findings: &mut Vec<Finding>) {
    let Some(digests) = &manifest.digests else {
        return;
    };
    let files = manifest.files();
    for file in &files {
        if !digests.contains_key(*file) {
            let message = format!("`digests` has none of `{file}`");
            let finding = Finding::error("/digests", message).at_key();
            findings.push(finding.with_hint("take `[digests]` out, and pack the plugin anew"));
        }
    }
    for file in digests.keys().filter(|file| !files.contains(file)) {
        let message = format!("`{file}` is named nowhere else in the manifest");
        let finding = Finding::error(key("/digests", file.as_str()), message).at_key();
        findings.push(finding.with_hint("add it to `include`"));
    }
}
