//! `jackfield plugin`: a module for each of its commands.

mod build;
mod compile;
mod doctor;
mod fixtures;
mod inspect;
mod install;
mod key;
mod list;
mod outdated;
mod pack;
mod remote;
mod show;
mod test;

use std::path::Path;

use jackfield::registry::discovery::{Package, PackageError, PackageErrorKind, PackageLimits};
use jackfield::registry::trust::{PublisherName, SignedPackage, TrustError, TrustRules};
use jackfield_plugin_build::Language;

use crate::args::PluginCommand;
use crate::error::{CliError, whole_text};
use crate::exit::Exit;
use crate::output::Output;

/// Runs one of the subcommands.
pub(crate) fn plugin(command: PluginCommand, output: &mut Output) -> Result<Exit, CliError> {
    match command {
        PluginCommand::List(args) => list::list(&args, output),
        PluginCommand::Show(args) => show::show(&args, output),
        PluginCommand::Inspect(args) => inspect::inspect(&args, output),
        PluginCommand::Doctor(args) => doctor::doctor(&args, output),
        PluginCommand::Install(args) => install::install(&args, output),
        PluginCommand::Remove(args) => install::remove(&args, output),
        PluginCommand::Outdated(args) => outdated::outdated(&args, output),
        PluginCommand::Pack(args) => pack::pack(&args, output),
        PluginCommand::Sign(args) => pack::sign(&args, output),
        PluginCommand::Key(command) => key::key(command, output),
        PluginCommand::Push(args) => remote::push(&args, output),
        PluginCommand::Pull(args) => remote::pull(&args, output),
        PluginCommand::New(args) => build::begin(&args, output),
        PluginCommand::Build(args) => build::build(&args, output),
        PluginCommand::Test(args) => test::test(&args, output),
        PluginCommand::CompileComponent { arguments } => Ok(compile::compile(arguments)),
    }
}

fn open(path: &Path) -> Result<Package, CliError> {
    Package::open(path, &PackageLimits::default()).map_err(|error| {
        // Whoever names the sources means what is built of them.
        let is_source = matches!(error.kind, PackageErrorKind::MissingFile { .. })
            && Language::of(path).is_ok();
        if !is_source {
            return package_error(error);
        }
        CliError::Plugin {
            code: error.code(),
            message: format!("`{}` is sources, and not a package", path.display()),
            hint: Some(format!(
                "build them by `jackfield plugin build {}`, and name the package that it makes",
                path.display()
            )),
        }
    })
}

/// What is wrong with a package; with a manifest, all of it and where.
fn package_error(error: PackageError) -> CliError {
    match error.kind {
        PackageErrorKind::Manifest(findings) => CliError::Manifest {
            package: error.path.to_path_buf(),
            findings,
        },
        _ => CliError::Plugin {
            code: error.code(),
            hint: Some(error.hint().to_owned()),
            message: whole_text(&error),
        },
    }
}

/// Who signed a package whom the rules trust to.
fn judge(rules: &TrustRules, package: &Package) -> Result<Option<PublisherName>, TrustError> {
    let statement = SignedPackage {
        plugin: package.id(),
        version: package.version(),
        digest: package.digest(),
    };
    rules.judge(&statement, package.signature())
}

fn trust_error(path: &Path, error: &TrustError) -> CliError {
    CliError::Plugin {
        code: error.code(),
        message: format!("package `{}`: {}", path.display(), whole_text(error)),
        hint: Some(error.hint().to_owned()),
    }
}
