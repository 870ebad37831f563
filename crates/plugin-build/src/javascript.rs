//! JavaScript, by npm's `componentize-qjs`: the sources, and what they import, are put into QuickJS.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::builder::{contract, output};
use crate::fingerprint::Fingerprint;
use crate::{BuildError, Language, files, sdk, tool};

/// The tool, in the version that this builder was tried with.
const PACKAGE: &str = "componentize-qjs";
const VERSION: &str = "0.4.5";
/// What sources import.
const SDK: &str = "jackfield-plugin";

/// What a `package.json` says that matters here.
#[derive(Deserialize)]
struct Package {
    main: Option<String>,
    version: Option<String>,
}

pub(crate) fn build(folder: &Path, target: &Path) -> Result<PathBuf, BuildError> {
    let output = output(folder, target)?;
    let sdk = sdk(Language::JavaScript);
    let fingerprint = Fingerprint::take(folder, sdk, VERSION, &output)?;
    if fingerprint.is_of(&output) {
        return Ok(output);
    }
    let tools = tools(target)?;
    // Imports are looked for in one folder alone, so all that may be imported has to be there.
    let staged = output.with_file_name("sources");
    files::copy(folder, &staged)?;
    files::write_all(sdk, &staged.join("node_modules").join(SDK))?;
    let mut command = Command::new("node");
    command
        .arg(tools.join("bin").join(PACKAGE))
        .arg("--wit")
        .arg(contract(target)?)
        .arg("--js")
        .arg(staged.join(entry(&staged)))
        .arg("--module-root")
        .arg(&staged)
        .args(["--world", "plugin"])
        // The runtime without the asynchronous forms that the contract does not have.
        .arg("--sync")
        .arg("--output")
        .arg(&output);
    tool::run(&mut command)?;
    fingerprint.keep()?;
    Ok(output)
}

fn entry(folder: &Path) -> String {
    let main = package(folder).and_then(|package| package.main);
    main.unwrap_or_else(|| "plugin.js".to_owned())
}

fn package(folder: &Path) -> Option<Package> {
    let bytes = std::fs::read(folder.join("package.json")).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Sees to it that the tool is there, and says where.
fn tools(target: &Path) -> Result<PathBuf, BuildError> {
    let prefix = target.join("tools").join("js");
    let installed = prefix.join("node_modules").join(PACKAGE);
    if package(&installed)
        .and_then(|package| package.version)
        .as_deref()
        == Some(VERSION)
    {
        return Ok(installed);
    }
    for program in ["node", "npm"] {
        if !tool::answers(program, &["--version"]) {
            return Err(BuildError::Missing {
                language: Language::JavaScript,
                what: "Node.js 18 or newer, and npm",
                way_out: "install them from <https://nodejs.org>, or by `sudo apt-get install nodejs npm`",
            });
        }
    }
    std::fs::create_dir_all(&prefix).map_err(BuildError::file(&prefix))?;
    let mut command = Command::new("npm");
    command
        .args([
            "install",
            "--no-audit",
            "--no-fund",
            "--no-save",
            "--ignore-scripts",
            "--prefix",
        ])
        .arg(&prefix)
        .arg(format!("{PACKAGE}@{VERSION}"));
    tool::run(&mut command)?;
    Ok(installed)
}
