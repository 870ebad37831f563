//! `jackfield plugin pack` and `sign`: from a folder to a file that others take.

use std::path::PathBuf;

use jackfield::registry::discovery::{Package, PackageLimits};
use jackfield::registry::trust::{KeyError, PublisherName, SignError, sign_package};
use jackfield_plugin_build::Language;

use super::key::{folder_of, key_error};
use super::{build, open, package_error};
use crate::args::{PluginPackArgs, PluginSignArgs};
use crate::error::{CliError, whole_text};
use crate::exit::Exit;
use crate::output::Output;
use crate::plugins::write_whole;

/// Packs a folder, with its signatures.
pub(super) fn pack(args: &PluginPackArgs, output: &mut Output) -> Result<Exit, CliError> {
    let package = if Language::of(&args.folder).is_ok() {
        open(&build::package(&args.folder, None, args.target.as_deref())?)?
    } else {
        open(&args.folder)?
    };
    let name = || PathBuf::from(file_name(&package));
    let file = args.file.clone().unwrap_or_else(name);
    write_archive(&package, &file)?;
    output.text(&format!(
        "{} {} packed as {}\n{}",
        package.id(),
        package.version(),
        file.display(),
        package.digest()
    ))?;
    Ok(Exit::Success)
}

/// Writes a package as a `.jfp` file, with its signatures.
pub(super) fn write_archive(package: &Package, file: &std::path::Path) -> Result<(), CliError> {
    let bytes = package.to_archive(package.signature());
    write_whole(file, &bytes.map_err(package_error)?)
}

/// The name of a `.jfp` file, as `pull` gives it too.
pub(super) fn file_name(package: &Package) -> String {
    let (id, version) = (package.id(), package.version());
    format!("{}.{}-{version}.jfp", id.publisher(), id.name())
}

/// Signs a package where it lies.
pub(super) fn sign(args: &PluginSignArgs, output: &mut Output) -> Result<Exit, CliError> {
    let package = open(&args.package)?;
    let name = match &args.key {
        Some(name) => name.clone(),
        None => PublisherName::parse(package.id().publisher()).map_err(|error| {
            CliError::usage(error.to_string(), "name the key to sign with by `--key`")
        })?,
    };
    let keys = folder_of(&args.keys)?;
    let key = keys.secret_key(&name).map_err(|error| match error {
        KeyError::Missing { .. } => CliError::usage(
            whole_text(&error),
            format!("make it by `jackfield plugin key new {name}`, or name another by `--key`"),
        ),
        error => key_error(&error),
    })?;
    let signed = sign_package(&args.package, &key, &PackageLimits::default());
    let origin = signed.map_err(|error| match error {
        SignError::Package(error) => package_error(error),
        error => CliError::usage(whole_text(&error), "the package is as it was before"),
    })?;
    output.text(&format!(
        "{origin} signed with {}\n{}",
        key.public_key(),
        origin.digest
    ))?;
    Ok(Exit::Success)
}
