//! Python, by PyPI's `componentize-py`: the sources are put into CPython.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::builder::{contract, output};
use crate::fingerprint::Fingerprint;
use crate::{BuildError, Language, files, sdk, tool};

/// The tool, in the version that this builder was tried with.
const PACKAGE: &str = "componentize-py";
const VERSION: &str = "0.25.1";
/// The module that is built: `plugin.py`.
const MODULE: &str = "plugin";

pub(crate) fn build(folder: &Path, target: &Path) -> Result<PathBuf, BuildError> {
    let output = output(folder, target)?;
    let sdk = sdk(Language::Python);
    let fingerprint = Fingerprint::take(folder, sdk, VERSION, &output)?;
    if fingerprint.is_of(&output) {
        return Ok(output);
    }
    let tools = tools(target)?;
    let modules = target.join("sdk").join("python");
    files::write_all(sdk, &modules)?;
    let mut command = Command::new(tools.join(PACKAGE));
    command
        .args(["--quiet", "--wit-path"])
        .arg(contract(target)?)
        .args(["--world", "plugin", "componentize", "--python-path"])
        .arg(folder)
        .arg("--python-path")
        .arg(modules)
        .arg("--output")
        .arg(&output)
        .arg(MODULE)
        // Else the packages of whatever environment this runs in would be put in.
        .env_remove("VIRTUAL_ENV");
    tool::run(&mut command)?;
    fingerprint.keep()?;
    Ok(output)
}

/// Sees to it that the tool is there, and says where.
fn tools(target: &Path) -> Result<PathBuf, BuildError> {
    let environment = target.join("tools").join("python");
    let programs = environment.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let version = Command::new(programs.join(PACKAGE))
        .arg("--version")
        .output();
    let is_there = version.is_ok_and(|output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success() && text.split_whitespace().any(|word| word == VERSION)
    });
    if is_there {
        return Ok(programs);
    }
    if !tool::answers("python3", &["-c", "import venv, ensurepip"]) {
        return Err(BuildError::Missing {
            language: Language::Python,
            what: "Python 3.10 or newer, with its module `venv`",
            way_out: "install it from <https://python.org>, or by `sudo apt-get install python3 python3-venv`",
        });
    }
    let mut create = Command::new("python3");
    tool::run(create.args(["-m", "venv", "--clear"]).arg(&environment))?;
    let mut install = Command::new(programs.join("python"));
    install
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .arg(format!("{PACKAGE}=={VERSION}"));
    tool::run(&mut install)?;
    Ok(programs)
}
