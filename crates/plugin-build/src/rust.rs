//! Rust, by cargo: for `wasm32-wasip2` where rustup has that target, and with Debian's compiler and
//! its sources of the standard library where it has not.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::step::Say;
use crate::{BuildError, BuildStep, Language, RustToolchain, files, sdk, tool};

/// What plugins depend on.
const SDK: &str = "jackfield-plugin";

/// What cargo says of something that it made.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    /// Whether it was there already.
    #[serde(default)]
    fresh: bool,
    #[serde(default)]
    target: Target,
}

/// What a crate is called.
#[derive(Default, Deserialize)]
struct Target {
    #[serde(default)]
    name: String,
}

pub(crate) fn build(folder: &Path, target: &Path, say: Say<'_>) -> Result<PathBuf, BuildError> {
    let toolchain = RustToolchain::find(folder)?;
    let crate_folder = target.join("sdk").join("rust");
    files::write_all(sdk(Language::Rust), &crate_folder)?;
    let manifest = folder.join("Cargo.toml");
    let mut command = toolchain.command();
    command
        .args(["--release", "--message-format=json-render-diagnostics"])
        .arg("--manifest-path")
        .arg(&manifest)
        .arg("--target-dir")
        .arg(target.join("rust"))
        .current_dir(folder);
    if asks_for_the_sdk_by_version(&manifest)? {
        command.arg("--config");
        command.arg(format!("patch.crates-io.{SDK}.path={crate_folder:?}"));
    }
    say(BuildStep::Making { by: "cargo" });
    let output = tool::watch(&mut command, &mut |line| {
        compiled(line).into_iter().for_each(say);
    })?;
    let made = artifact(&output, &manifest);
    let output = crate::builder::output(folder, target)?;
    let Some(made) = made else {
        return Err(BuildError::NoComponent {
            path: output,
            reason: "cargo made none; does `Cargo.toml` say `crate-type = [\"cdylib\"]`?",
        });
    };
    let bytes = std::fs::read(&made).map_err(BuildError::file(&made))?;
    files::write(&output, &bytes)?;
    Ok(output)
}

/// The step that a line tells of.
fn compiled(line: &[u8]) -> Option<BuildStep> {
    let message: Message = serde_json::from_slice(line).ok()?;
    let is_step = message.reason == "compiler-artifact" && !message.fresh;
    let name = message.target.name;
    is_step.then_some(BuildStep::Compiled { name })
}

/// Whether the guest crate is to be had by its version, and not by a path or a workspace's.
fn asks_for_the_sdk_by_version(manifest: &Path) -> Result<bool, BuildError> {
    let text = std::fs::read_to_string(manifest).map_err(BuildError::file(manifest))?;
    let mut entries = text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix(SDK));
    Ok(entries.any(|rest| rest.trim_start().starts_with('=') && !rest.contains("path")))
}

/// The component of the crate with a manifest, among all that cargo made.
fn artifact(messages: &[u8], manifest: &Path) -> Option<PathBuf> {
    let mut found = None;
    for line in messages.split(|byte| *byte == b'\n') {
        let Ok(message) = serde_json::from_slice::<Message>(line) else {
            continue;
        };
        if message.reason == "compiler-artifact" && message.manifest_path == manifest {
            let is_wasm = |path: &&PathBuf| path.extension().is_some_and(|name| name == "wasm");
            found = message.filenames.iter().find(is_wasm).cloned().or(found);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_compiled_is_a_step_and_what_was_there_is_none() {
        let line = |fresh| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/a/Cargo.toml",
                     "target":{{"name":"serde"}},"fresh":{fresh}}}"#
            )
        };
        let step = compiled(line("false").as_bytes()).unwrap();
        assert_eq!(step.to_string(), "compiled `serde`");
        assert_eq!(compiled(line("true").as_bytes()), None);
        let finished = br#"{"reason":"build-finished","success":true}"#;
        assert_eq!(compiled(finished), None);
        assert_eq!(compiled(b"noise"), None);
    }

    #[test]
    fn the_component_is_found_among_what_cargo_made() {
        let messages = br#"{"reason":"compiler-artifact","manifest_path":"/a/Cargo.toml","filenames":["/t/a.wasm"]}
noise
{"reason":"compiler-artifact","manifest_path":"/b/Cargo.toml","filenames":["/t/b.rlib","/t/b.wasm"]}
{"reason":"build-finished","success":true}"#;
        let found = artifact(messages, Path::new("/b/Cargo.toml"));
        assert_eq!(found, Some(PathBuf::from("/t/b.wasm")));
        assert_eq!(artifact(messages, Path::new("/c/Cargo.toml")), None);
    }
}
