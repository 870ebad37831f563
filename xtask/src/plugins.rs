//! `cargo xtask plugins`: builds the example plugins from source, into packages that run.
//!
//! Each package is a folder below `target/plugins/packages`: the manifest as its author wrote it,
//! the component, and what the component says of its node types. Nothing of that is kept in the
//! repository. What authors write with is tested on the way, in its own language.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jackfield_plugin_build::{Builder, COMPONENT, Language, NODE_TYPES, RustToolchain};

use crate::prerequisites;
use crate::step::{self, Steps};
use crate::workspace::Workspace;

const MANIFEST: &str = "plugin.toml";

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut steps = Steps::default();
    steps.run("prerequisites", prerequisites::ensure)?;
    add_steps(workspace, &mut steps)?;
    add_tests(workspace, &mut steps)?;
    steps.summarize();
    Ok(())
}

/// Whether Rust can be built for WebAssembly.
pub(crate) fn has_rust_for_guests() -> bool {
    RustToolchain::find(Path::new(env!("CARGO_MANIFEST_DIR"))).is_some()
}

/// Builds all plugins, as steps of a longer chore.
pub(crate) fn add_steps(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    let builder = Builder::new(target(workspace));
    let plugins = sources(workspace)?;
    for folder in &plugins {
        let language = Language::of(folder)?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        steps.run(&format!("plugin `{name}` ({language})"), || {
            let component = builder.build(folder)?;
            package(workspace, folder, &component)
        })?;
    }
    Ok(())
}

/// Tests the sources themselves, without a sandbox.
pub(crate) fn add_tests(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    for manifest in ["sdk/rust/Cargo.toml", "plugins/Cargo.toml"] {
        let mut command = workspace.cargo(&["test", "--quiet", "--manifest-path", manifest]);
        command
            .arg("--target-dir")
            .arg(target(workspace).join("rust"));
        steps.command(&format!("tests of {manifest}"), command)?;
    }
    for folder in ["sdk/js", "plugins/csv"] {
        let mut command = std::process::Command::new("node");
        command
            .arg("--test")
            .current_dir(workspace.root().join(folder));
        steps.command(&format!("tests of {folder}"), command)?;
    }
    Ok(())
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
fn package(workspace: &Workspace, folder: &Path, component: &Path) -> Result<()> {
    let target = target(workspace);
    let name = folder.file_name().unwrap_or_default();
    let package = target.join("packages").join(name);
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
    let made = target.join("packages").join(format!(".{}", name.display()));
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
