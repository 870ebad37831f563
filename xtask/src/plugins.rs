//! `cargo xtask plugins`: builds the example plugins from source, into packages that run.
//!
//! Each package is a folder below `target/plugins/packages`: the manifest as its author wrote it,
//! the component, and what the component says of its node types. Nothing of that is kept in the
//! repository. What authors write with is tested on the way, in its own language, and each plugin by
//! its examples and fixtures, as `jackfield plugin test` does it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use jackfield_plugin_build::{
    Builder, COMPONENT, Language, NODE_TYPES, RustToolchain, ToolchainError, scaffold,
};

use crate::prerequisites;
use crate::step::{self, Steps};
use crate::workspace::Workspace;

/// The workspaces for guests.
pub(crate) const MANIFESTS: [&str; 2] = ["sdk/rust/Cargo.toml", "plugins/Cargo.toml"];

const MANIFEST: &str = "plugin.toml";
const LOCK: &str = "Cargo.lock";
/// Where the packages of the examples go.
const PACKAGES: &str = "packages";
/// Where those go that all say they were the same plugin, just begun.
const BEGUN: &str = "begun";
/// Where authors keep calls, and what has to come of them.
const FIXTURES: &str = "fixtures";

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut steps = Steps::default();
    steps.run("prerequisites", prerequisites::ensure)?;
    add_steps(workspace, &mut steps)?;
    add_tests(workspace, &mut steps)?;
    let build = workspace.cargo(&["build", "--package", "jackfield-cli"]);
    steps.command("the command `jackfield`", build)?;
    add_trials(workspace, &mut steps)?;
    steps.summarize();
    Ok(())
}

/// What Rust is built for WebAssembly with here.
///
/// # Errors
/// [`ToolchainError`] says what is missing.
pub(crate) fn rust_for_guests() -> Result<RustToolchain, ToolchainError> {
    RustToolchain::find(Path::new(env!("CARGO_MANIFEST_DIR")))
}

/// Builds all plugins, and what authors begin with, as steps of a longer chore.
pub(crate) fn add_steps(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    let builder = Builder::new(target(workspace));
    let plugins = sources(workspace)?;
    for folder in &plugins {
        let language = Language::of(folder)?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        steps.run(&format!("plugin `{name}` ({language})"), || {
            let component = builder.build(folder)?;
            package(workspace, folder, &component, PACKAGES)
        })?;
    }
    for language in Language::ALL {
        steps.run(&format!("a new plugin ({language})"), || {
            begin(workspace, language)
        })?;
    }
    Ok(())
}

/// Tests the sources themselves, without a sandbox.
pub(crate) fn add_tests(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    for manifest in MANIFESTS {
        let mut command = workspace.cargo(&["test", "--locked", "--quiet"]);
        command.args(["--manifest-path", manifest]);
        command
            .arg("--target-dir")
            .arg(target(workspace).join("rust"));
        steps.command(&format!("tests of {manifest}"), command)?;
    }
    for folder in ["sdk/js", "plugins/csv"] {
        let mut command = Command::new("node");
        command
            .arg("--test")
            .current_dir(workspace.root().join(folder));
        steps.command(&format!("tests of {folder}"), command)?;
    }
    for folder in ["sdk/python/tests", "plugins/counter/tests"] {
        let mut command = Command::new("python3");
        command
            .args([
                "-B",
                "-m",
                "unittest",
                "discover",
                "--quiet",
                "--start-directory",
            ])
            .arg(folder)
            .current_dir(workspace.root());
        steps.command(&format!("tests of {folder}"), command)?;
    }
    Ok(())
}

/// Tries each plugin, and what authors begin with, by the command that was built last: their
/// examples and fixtures.
pub(crate) fn add_trials(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    let examples = sources(workspace)?;
    let begun = Language::ALL.map(|language| begun(workspace, language));
    let packages = examples.iter().map(|folder| (PACKAGES, folder));
    let packages = packages.chain(begun.iter().map(|folder| (BEGUN, folder)));
    for (among, folder) in packages {
        let name = folder.file_name().unwrap_or_default();
        let package = target(workspace).join(among).join(name);
        let step = format!("fixtures of plugin `{}`", name.display());
        steps.command(&step, trial(workspace, &package, folder))?;
    }
    Ok(())
}

/// The command that tries a package by its examples and its author's fixtures.
fn trial(workspace: &Workspace, package: &Path, folder: &Path) -> Command {
    let program = format!("jackfield{}", std::env::consts::EXE_SUFFIX);
    let mut command = Command::new(workspace.target().join("debug").join(program));
    command
        .args(["plugin", "test"])
        .arg(package)
        .arg("--fixtures")
        .arg(folder.join(FIXTURES))
        // Compiled code is where the packages put theirs.
        .env("JACKFIELD_HOME", target(workspace));
    command
}

/// The command that looks for what is unusual in one of the workspaces for guests.
pub(crate) fn clippy(workspace: &Workspace, manifest: &str) -> Command {
    let mut command = workspace.cargo(&["clippy", "--locked", "--all-targets"]);
    command
        .args(["--manifest-path", manifest])
        .arg("--target-dir")
        .arg(target(workspace).join("rust"))
        .args(["--", "-D", "warnings"]);
    command
}

/// Begins a plugin as `jackfield plugin new` does, and builds it.
fn begin(workspace: &Workspace, language: Language) -> Result<()> {
    let folder = begun(workspace, language);
    // What it is locked to is kept, so that nothing has to be looked up again.
    let lock = fs::read(folder.join(LOCK)).ok();
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    scaffold(language, &"acme/new".parse()?, &folder)?;
    if let Some(lock) = lock {
        fs::write(folder.join(LOCK), lock)?;
    }
    let component = Builder::new(target(workspace)).build(&folder)?;
    package(workspace, &folder, &component, BEGUN)
}

/// The folder of a plugin that is just begun.
fn begun(workspace: &Workspace, language: Language) -> PathBuf {
    let name = format!("new-{language}").to_lowercase();
    target(workspace).join("new").join(name)
}

fn target(workspace: &Workspace) -> PathBuf {
    workspace.target().join("plugins")
}

/// The folders of plugins, in the order of their names.
fn sources(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let folder = workspace.root().join("plugins");
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.join(MANIFEST).is_file() {
            found.push(path);
        }
    }
    if found.is_empty() {
        bail!("there is no plugin in {}", folder.display());
    }
    found.sort();
    Ok(found)
}

/// Makes a package of a component, unless it is there already.
fn package(workspace: &Workspace, folder: &Path, component: &Path, among: &str) -> Result<()> {
    let target = target(workspace);
    let name = folder.file_name().unwrap_or_default();
    let package = target.join(among).join(name);
    let manifest = fs::read(folder.join(MANIFEST))?;
    let bytes = fs::read(component)?;
    let is_there =
        |file: &str, bytes: &[u8]| fs::read(package.join(file)).is_ok_and(|there| there == bytes);
    let is_described = package.join(NODE_TYPES).is_file();
    if is_described && is_there(MANIFEST, &manifest) && is_there(COMPONENT, &bytes) {
        return Ok(());
    }
    let run = [
        "run",
        "--quiet",
        "--package",
        "jackfield-wasm",
        "--example",
        "describe",
        "--",
    ];
    let mut describe = workspace.cargo(&run);
    describe
        .arg(folder.join(MANIFEST))
        .arg(component)
        .arg(target.join("compiled"));
    let described = step::output(&mut describe)?;
    // A package that is half new would be refused; none at all is not found.
    if package.exists() {
        fs::remove_dir_all(&package)?;
    }
    let made = target.join(among).join(format!(".{}", name.display()));
    if made.exists() {
        fs::remove_dir_all(&made)?;
    }
    fs::create_dir_all(&made)?;
    fs::write(made.join(MANIFEST), manifest)?;
    fs::write(made.join(COMPONENT), bytes)?;
    fs::write(made.join(NODE_TYPES), described)?;
    fs::rename(&made, &package)?;
    eprintln!("    {}", package.display());
    Ok(())
}
