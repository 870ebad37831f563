//! `jackfield plugin inspect`: what is in a package, before anybody takes it.

use std::fmt::Write;

use jackfield::registry::discovery::Package;
use jackfield::registry::trust::{PackageSignatures, SignedPackage};
use serde_json::{Value, json};

use super::show::capabilities;
use super::{judge, open, package_error, remote};
use crate::args::{PlainOutput, PluginInspectArgs};
use crate::error::{CliError, whole_text};
use crate::exit::Exit;
use crate::output::Output;
use crate::plugin_reference::PackageSource;
use crate::plugins;
use crate::render::text::harmless;

/// Shows what is in a package. All of its files are read and checked; none is run.
pub(super) fn inspect(args: &PluginInspectArgs, output: &mut Output) -> Result<Exit, CliError> {
    let path = match &args.package {
        PackageSource::Path(path) => path,
        PackageSource::Remote(reference) => {
            return remote::inspect(reference, &args.remote, args.output, output);
        }
    };
    let package = open(path)?;
    package.verify().map_err(package_error)?;
    let rules = plugins::trust_rules(&args.trust)?;
    let trust = match judge(&rules, &package) {
        Ok(Some(publisher)) => format!("signed by `{publisher}`, who is trusted"),
        Ok(None) => "taken though nobody signed it who is trusted".to_owned(),
        Err(error) => format!("refused: {}; hint: {}", whole_text(&error), error.hint()),
    };
    let keys = keys(&package)?;
    match args.output {
        PlainOutput::Pretty => output.text(&harmless(&page(&package, &keys, &trust)))?,
        PlainOutput::Json => output.document(&document(&package, &keys, &trust))?,
    }
    Ok(Exit::Success)
}

/// The keys that signed a package, and whether each signature is of this package.
fn keys(package: &Package) -> Result<Vec<(String, bool)>, CliError> {
    let Some(bytes) = package.signature() else {
        return Ok(Vec::new());
    };
    let signatures = PackageSignatures::parse(bytes)
        .map_err(|error| CliError::usage(whole_text(&error), "sign the package anew"))?;
    let statement = SignedPackage {
        plugin: package.id(),
        version: package.version(),
        digest: package.digest(),
    };
    let keys = signatures.entries();
    Ok(keys
        .map(|(key, signature)| (key.to_string(), key.verifies(&statement, signature)))
        .collect())
}

fn document(package: &Package, keys: &[(String, bool)], trust: &str) -> Value {
    let manifest = package.manifest();
    let signatures: Vec<Value> = keys
        .iter()
        .map(|(key, valid)| json!({ "key": key, "valid": valid }))
        .collect();
    let files: serde_json::Map<String, Value> = package
        .digests()
        .iter()
        .map(|(file, digest)| (file.to_string(), json!(digest)))
        .collect();
    json!({
        "plugin": package.id(),
        "version": package.version(),
        "digest": package.digest(),
        "contract": manifest.contract(),
        "files": files,
        "signatures": signatures,
        "trust": trust,
        "nodeTypes": manifest.node_types(),
        "capabilities": manifest.capabilities(),
        "limits": manifest.limits(),
        "dependencies": manifest.dependencies(),
    })
}

fn page(package: &Package, keys: &[(String, bool)], trust: &str) -> String {
    let manifest = package.manifest();
    let mut page = format!("{} {}\n", package.id(), package.version());
    // Writing to a string cannot fail.
    let _ = writeln!(page, "{}\n", manifest.description());
    let _ = writeln!(page, "digest     {}", package.digest());
    let _ = writeln!(page, "contract   {}", manifest.contract());
    let _ = writeln!(page, "trust      {trust}");
    for (key, valid) in keys {
        let remark = if *valid {
            ""
        } else {
            " (not of this package: it was altered since)"
        };
        let _ = writeln!(page, "signed     {key}{remark}");
    }
    page.push_str("\nFiles\n");
    for (file, digest) in package.digests() {
        let _ = writeln!(page, "  {file}  {digest}");
    }
    page.push_str("\nNode types\n");
    for one in manifest.node_types() {
        let _ = writeln!(
            page,
            "  {} {}  {}",
            one.node_type, one.version, one.description
        );
    }
    page.push_str(&capabilities(manifest));
    page
}
