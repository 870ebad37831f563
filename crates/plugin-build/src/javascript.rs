//! JavaScript, by npm's `componentize-qjs`: the sources, and what they import, are put into QuickJS.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::builder::{contract, output};
use crate::fingerprint::Fingerprint;
use crate::sources::JAVASCRIPT_TOOLS;
use crate::step::Say;
use crate::{BuildError, BuildStep, Language, files, sdk, tool, tools};

/// The oldest Node.js that the tool runs on.
const OLDEST_NODE: (u32, u32) = (18, 0);
const TOOL: &str = "componentize-qjs";
/// What sources import.
const SDK: &str = "jackfield-plugin";
/// What is built unless `package.json` names another file.
const ENTRY: &str = "plugin.js";

/// What a `package.json` says that matters here.
#[derive(Default, Deserialize)]
struct Package {
    main: Option<String>,
}

pub(crate) fn build(folder: &Path, target: &Path, say: Say<'_>) -> Result<PathBuf, BuildError> {
    let output = output(folder, target)?;
    let sdk = sdk(Language::JavaScript);
    let fingerprint = Fingerprint::take(folder, sdk, JAVASCRIPT_TOOLS, &output)?;
    if fingerprint.is_of(&output) {
        return Ok(output);
    }
    let entry = entry(folder)?;
    let tools = tools(target, say)?;
    // Imports are looked for in one folder alone, so all that may be imported has to be there.
    let staged = output.with_file_name("sources");
    files::copy(folder, &staged)?;
    files::write_all(sdk, &staged.join("node_modules").join(SDK))?;
    let made = output.with_extension("made");
    let mut command = Command::new("node");
    command
        .arg(program(&tools))
        .arg("--wit")
        .arg(contract(target)?)
        .arg("--js")
        .arg(staged.join(entry))
        .arg("--module-root")
        .arg(&staged)
        .args(["--world", "plugin"])
        // The runtime without the asynchronous forms that the contract does not have.
        .arg("--sync")
        .arg("--output")
        .arg(&made);
    say(BuildStep::Making { by: TOOL });
    tool::run(&mut command)?;
    fingerprint.keep(&made, &output)?;
    Ok(output)
}

fn entry(folder: &Path) -> Result<String, BuildError> {
    let path = folder.join("package.json");
    if !path.is_file() {
        return Ok(ENTRY.to_owned());
    }
    let bytes = std::fs::read(&path).map_err(BuildError::file(&path))?;
    let refuse = |reason| BuildError::Sources { path, reason };
    match serde_json::from_slice::<Package>(&bytes) {
        Err(error) => Err(refuse(error.to_string())),
        Ok(package) => {
            let entry = package.main.unwrap_or_else(|| ENTRY.to_owned());
            match folder.join(&entry).is_file() {
                true => Ok(entry),
                false => Err(refuse(format!(
                    "`main` is `{entry}`, and there is no such file"
                ))),
            }
        }
    }
}

fn program(tools: &Path) -> PathBuf {
    // Not the one in `bin`, which Node.js 18 does not take for the module that it is.
    let package = tools.join("node_modules").join(TOOL);
    package.join("cli.mjs")
}

/// Sees to it that the tool is there, and says where.
fn tools(target: &Path, say: Say<'_>) -> Result<PathBuf, BuildError> {
    let node = tool::ask("node", &["--version"]);
    let is_new = node.is_some_and(|text| tool::version(&text) >= Some(OLDEST_NODE));
    if !is_new || tool::ask("npm", &["--version"]).is_none() {
        return Err(BuildError::Missing {
            language: Language::JavaScript,
            what: "Node.js 18 or newer, and npm",
            way_out: "install them from <https://nodejs.org>, or by `sudo apt-get install nodejs npm`",
        });
    }
    let folder = target.join("tools").join("js");
    let works = |tools: &Path| {
        let mut command = Command::new("node");
        tool::run(command.arg(program(tools)).arg("--help")).map(drop)
    };
    tools::ensure(folder, JAVASCRIPT_TOOLS, works, |folder| {
        say(BuildStep::Installing {
            tool: TOOL,
            by: "npm",
        });
        let mut command = Command::new("npm");
        command
            // Not `ci`, which refuses lock files when an optional dependency was never published,
            // as the tool's machine code for some systems was not. What is locked is kept to.
            .args(["install", "--no-audit", "--no-fund", "--ignore-scripts"])
            .args(["--include=optional", "--include=prod"])
            .current_dir(folder);
        tool::run(&mut command).map(drop)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_what_the_package_names() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert_eq!(entry(folder).unwrap(), "plugin.js");
        let package = folder.join("package.json");
        for name in ["plugin.js", "src/a.js"] {
            files::write(&folder.join(name), b"").unwrap();
        }
        files::write(&package, br#"{ "main": "src/a.js" }"#).unwrap();
        assert_eq!(entry(folder).unwrap(), "src/a.js");
        files::write(&package, b"{}").unwrap();
        assert_eq!(entry(folder).unwrap(), "plugin.js");
        for (text, said) in [("{,}", "line 1"), (r#"{ "main": "b.js" }"#, "`b.js`")] {
            files::write(&package, text.as_bytes()).unwrap();
            let error = entry(folder).unwrap_err().to_string();
            assert!(
                error.contains("package.json") && error.contains(said),
                "{error}"
            );
        }
    }
}
