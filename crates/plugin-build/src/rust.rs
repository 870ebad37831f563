//! Rust, by cargo: for `wasm32-wasip2` where rustup has that target, and with Debian's compiler and
//! its sources of the standard library where it has not.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::{BuildError, Language, files, sdk, tool};

const TARGET: &str = "wasm32-wasip2";
/// What is built where the standard library has to be built as well: components come out because
/// the linker makes them, and nothing of WASI is asked for.
const BARE_TARGET: &str = "wasm32-unknown-unknown";
/// Debian's packages `rustc-web`, `cargo-web` and `rust-web-src`.
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
/// What plugins depend on.
const SDK: &str = "jackfield-plugin";

/// A way to build Rust for WebAssembly.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RustToolchain {
    /// The toolchain that is in use has the target.
    Installed,
    /// Debian's compiler builds the standard library, and the linkers are those of the toolchain in
    /// use.
    Debian {
        /// Makes components of what `wasm-ld` makes.
        component_linker: PathBuf,
        /// The linker itself.
        linker: PathBuf,
    },
}

impl RustToolchain {
    /// What Debian's packages for it are called.
    pub const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

    /// Looks for one, in the order of the variants, from the point of view of a folder: rustup
    /// knows other toolchains for some.
    pub fn find(folder: &Path) -> Option<Self> {
        let rustc = |program: &str, arguments: &[&str]| {
            let mut command = Command::new(program);
            let output = tool::run(command.args(arguments).current_dir(folder)).ok()?;
            String::from_utf8(output).ok()
        };
        let sysroot = rustc("rustc", &["--print", "sysroot"])?;
        let libraries = Path::new(sysroot.trim()).join("lib").join("rustlib");
        if libraries.join(TARGET).join("lib").is_dir() {
            return Some(Self::Installed);
        }
        let verbose = rustc("rustc", &["-vV"])?;
        let host = verbose
            .lines()
            .find_map(|line| line.strip_prefix("host: "))?;
        let programs = libraries.join(host).join("bin");
        let component_linker = programs.join("wasm-component-ld");
        let linker = programs.join("gcc-ld").join("wasm-ld");
        let debian = rustc(DEBIAN_RUSTC, &["--print", "sysroot"])?;
        let library = Path::new(debian.trim()).join("lib/rustlib/src/rust/library/std");
        let is_there = component_linker.is_file()
            && linker.is_file()
            && library.is_dir()
            && Path::new(DEBIAN_CARGO).is_file();
        is_there.then_some(Self::Debian {
            component_linker,
            linker,
        })
    }

    /// The command that builds with it.
    fn command(&self) -> Command {
        let mut command;
        match self {
            Self::Installed => {
                command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
                command.args(["build", "--target", TARGET]);
            }
            Self::Debian {
                component_linker,
                linker,
            } => {
                command = Command::new(DEBIAN_CARGO);
                command.args(["build", "--target", BARE_TARGET]);
                command.arg("-Zbuild-std=std,panic_abort");
                let flags = [
                    "-C".to_owned(),
                    format!("linker={}", component_linker.display()),
                    "-C".to_owned(),
                    format!("link-arg=--wasm-ld-path={}", linker.display()),
                ];
                command
                    // Unstable options of a compiler that is stable by name.
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("RUSTC", DEBIAN_RUSTC)
                    .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
                    .env_remove("CARGO")
                    .env_remove("RUSTC_WRAPPER")
                    .env_remove("RUSTC_WORKSPACE_WRAPPER");
            }
        }
        command
    }
}

/// What cargo says of something that it made.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

pub(crate) fn build(folder: &Path, target: &Path) -> Result<PathBuf, BuildError> {
    let toolchain = RustToolchain::find(folder).ok_or(BuildError::Missing {
        language: Language::Rust,
        what: "a compiler for WebAssembly",
        way_out: "`rustup target add wasm32-wasip2`; where rustup's servers cannot be reached, \
                  `sudo apt-get install rustc-web cargo-web rust-web-src`",
    })?;
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
    let output = tool::run(&mut command)?;
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
