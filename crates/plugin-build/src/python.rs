//! Python, by PyPI's `componentize-py`: the sources are put into CPython.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::builder::{contract, output};
use crate::fingerprint::Fingerprint;
use crate::sources::PYTHON_TOOLS;
use crate::step::Say;
use crate::{BuildError, BuildStep, Language, files, sdk, tool, tools};

/// The oldest Python that the tool runs on.
const OLDEST: (u32, u32) = (3, 10);
/// Prints the version, if the modules that environments are made with are there.
const PROBE: &str = "import sys, venv, ensurepip; print(sys.version)";
const TOOL: &str = "componentize-py";
/// The module that is built: `plugin.py`.
const MODULE: &str = "plugin";

pub(crate) fn build(folder: &Path, target: &Path, say: Say<'_>) -> Result<PathBuf, BuildError> {
    let output = output(folder, target)?;
    let sdk = sdk(Language::Python);
    let fingerprint = Fingerprint::take(folder, sdk, PYTHON_TOOLS, &output)?;
    if fingerprint.is_of(&output) {
        return Ok(output);
    }
    let tools = tools(target, say)?;
    // A copy, for Python writes compiled files beside what it imports.
    let staged = output.with_file_name("sources");
    files::copy(folder, &staged)?;
    let modules = target.join("sdk").join("python");
    files::write_all(sdk, &modules)?;
    let made = output.with_extension("made");
    let mut command = Command::new(programs(&tools).join(TOOL));
    command
        .args(["--quiet", "--wit-path"])
        .arg(contract(target)?)
        .args(["--world", "plugin", "componentize", "--python-path"])
        .arg(&staged)
        .arg("--python-path")
        .arg(modules)
        .arg("--output")
        .arg(&made)
        .arg(MODULE);
    // Else the packages of whatever environment this runs in would be put in.
    for name in ["VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"] {
        command.env_remove(name);
    }
    say(BuildStep::Making { by: TOOL });
    tool::run(&mut command)?;
    fingerprint.keep(&made, &output)?;
    Ok(output)
}

/// Where an environment has its programs.
fn programs(environment: &Path) -> PathBuf {
    environment.join(if cfg!(windows) { "Scripts" } else { "bin" })
}

/// Sees to it that the tool is there, and says where.
fn tools(target: &Path, say: Say<'_>) -> Result<PathBuf, BuildError> {
    let environment = target.join("tools").join("python");
    // An environment stops working when the Python that it was made by goes.
    let works = |tools: &Path| {
        let mut command = Command::new(programs(tools).join(TOOL));
        tool::run(command.arg("--version")).map(drop)
    };
    tools::ensure(environment, PYTHON_TOOLS, works, |environment| {
        let python = tool::ask("python3", &["-c", PROBE]);
        if python.is_none_or(|text| tool::version(&text) < Some(OLDEST)) {
            return Err(BuildError::Missing {
                language: Language::Python,
                what: "Python 3.10 or newer, with its module `venv`",
                way_out: "install it from <https://python.org>, or by `sudo apt-get install python3 python3-venv`",
            });
        }
        say(BuildStep::Installing {
            tool: TOOL,
            by: "pip",
        });
        let mut create = Command::new("python3");
        tool::run(create.args(["-m", "venv"]).arg(environment))?;
        let mut install = Command::new(programs(environment).join("python"));
        install
            .args(["-m", "pip", "install", "--quiet", "--no-input"])
            .args(["--disable-pip-version-check", "--no-deps"])
            .args(["--only-binary", ":all:", "--require-hashes"])
            .args(["--requirement", "requirements.txt"])
            .current_dir(environment);
        tool::run(&mut install).map(drop)
    })
}
