//! `jackfield plugin install` and `remove`: what is in a folder of plugins.

use std::fs;
use std::path::PathBuf;

use jackfield::ErrorCode;
use jackfield::registry::discovery::{LockFile, Package, PackageForm};

use super::pack::{file_name, write_archive};
use super::{judge, open, package_error, remote, trust_error};
use crate::args::{InstalledArgs, PluginInstallArgs, PluginRemoveArgs};
use crate::error::{CliError, describe_io};
use crate::exit::Exit;
use crate::output::Output;
use crate::plugin_reference::PackageSource;
use crate::plugins::{lock_file, lock_or_new, trust_rules, write_lock};

/// Checks packages, puts them into the folder as `.jfp` files, and pins them.
pub(super) fn install(args: &PluginInstallArgs, output: &mut Output) -> Result<Exit, CliError> {
    let rules = trust_rules(&args.trust)?;
    let folder = &args.installed.folder;
    let mut lock = lock_or_new(&args.installed.lock)?;
    for source in &args.packages {
        let package = match source {
            PackageSource::Path(path) => {
                let package = open(path)?;
                package.verify().map_err(package_error)?;
                judge(&rules, &package).map_err(|error| trust_error(package.path(), &error))?;
                let named = package.path().display().to_string();
                check_pin(args, &lock, &package, &named)?;
                write_archive(&package, &folder.join(file_name(&package)))?;
                package
            }
            // What is pulled is checked before it is there.
            PackageSource::Remote(reference) => {
                fs::create_dir_all(folder).map_err(|error| unusable(&args.installed, &error))?;
                // It takes the place of what is there when it may.
                let draft = tempfile::Builder::new()
                    .prefix(".pulling-")
                    .tempdir_in(folder)
                    .map_err(|error| unusable(&args.installed, &error))?;
                let pulled = remote::fetch(reference, draft.path(), &rules, &args.remote)?;
                let package = open(&pulled.path)?;
                check_pin(args, &lock, &package, reference)?;
                fs::rename(&pulled.path, folder.join(file_name(&package)))
                    .map_err(|error| unusable(&args.installed, &error))?;
                package
            }
        };
        let origin = package.origin();
        lock.pin(&origin);
        write_lock(&args.installed.lock, &lock)?;
        output.text(&format!("{origin} installed\n{}", origin.digest))?;
    }
    Ok(Exit::Success)
}

/// Refuses a package in the place of another content of the same version: whoever pinned that one
/// has to say that it is no longer meant.
fn check_pin(
    args: &PluginInstallArgs,
    lock: &LockFile,
    package: &Package,
    named: &str,
) -> Result<(), CliError> {
    let found = package.digest();
    match lock.digest(package.id(), package.version()) {
        Some(pinned) if pinned != found && !args.move_pin => Err(CliError::Plugin {
            code: ErrorCode::INVALID_PACKAGE,
            message: format!(
                "`{}` {} is pinned with the digest {pinned} in `{}`, and `{named}` has {found}",
                package.id(),
                package.version(),
                lock_file(&args.installed.lock).display()
            ),
            hint: Some(
                "give what was changed a version of its own; if it is meant to replace what is \
                 pinned, say so by `--move-pin`"
                    .to_owned(),
            ),
        }),
        Some(_) | None => Ok(()),
    }
}

/// Takes a plugin out of the folder, and pins it no more.
pub(super) fn remove(args: &PluginRemoveArgs, output: &mut Output) -> Result<Exit, CliError> {
    let wanted = &args.plugin;
    let mut removed = 0;
    for package in installed(&args.installed)? {
        let is_meant = *package.id() == wanted.plugin
            && wanted
                .version
                .as_ref()
                .is_none_or(|version| version == package.version());
        if !is_meant {
            continue;
        }
        let path = package.path();
        // A folder is somebody's work; what was installed is a file.
        if package.form() == PackageForm::Folder {
            return Err(CliError::usage(
                format!("`{}` is a folder", path.display()),
                "only what was installed is removed; remove the folder yourself",
            ));
        }
        fs::remove_file(path).map_err(|error| unusable(&args.installed, &error))?;
        output.text(&format!("{} {} removed", package.id(), package.version()))?;
        removed += 1;
    }
    if removed == 0 {
        return Err(CliError::usage(
            format!(
                "`{}` is not in `{}`",
                wanted.plugin,
                args.installed.folder.display()
            ),
            "`jackfield plugin list` names those that there are",
        ));
    }
    // An empty lock file would be one by which nothing may be taken.
    if lock_file(&args.installed.lock).exists() {
        let mut lock = lock_or_new(&args.installed.lock)?;
        lock.release(&wanted.plugin, wanted.version.as_ref());
        write_lock(&args.installed.lock, &lock)?;
    }
    Ok(Exit::Success)
}

/// The packages in a folder that can be read, by name.
pub(super) fn packages_in(folder: &std::path::Path) -> std::io::Result<Vec<Package>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    Ok(paths.iter().filter_map(|path| open(path).ok()).collect())
}

/// The packages in the folder of plugins.
pub(super) fn installed(args: &InstalledArgs) -> Result<Vec<Package>, CliError> {
    packages_in(&args.folder).map_err(|error| unusable(args, &error))
}

fn unusable(args: &InstalledArgs, error: &std::io::Error) -> CliError {
    CliError::usage(
        format!(
            "the folder `{}` cannot be used: {}",
            args.folder.display(),
            describe_io(error)
        ),
        "name the folder of plugins with `--plugins`",
    )
}
