use std::io;
use std::path::{Path, PathBuf};

use crate::{Language, ToolchainError};

/// Why a plugin was not built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The folder holds no sources of a language that is known.
    #[error(
        "`{}` holds no plugin: there is no `Cargo.toml`, no `package.json`, no `plugin.js` and no `plugin.py`",
        folder.display()
    )]
    NoSources {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder to be made is there, and has something in it.
    #[error("`{}` is not empty", folder.display())]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// A program that is needed is not installed.
    #[error("{language} plugins need {what}: {way_out}")]
    Missing {
        /// The language.
        language: Language,
        /// What is missing.
        what: &'static str,
        /// How to get it.
        way_out: &'static str,
    },
    /// The sources don't say what is to be built.
    #[error("`{}`: {reason}", path.display())]
    Sources {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No compiler makes WebAssembly of Rust.
    #[error(transparent)]
    NoToolchain(#[from] ToolchainError),
    /// A program could not be started.
    #[error("`{program}` cannot be started; is it installed, and on the `PATH`?")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A tool ended with an error.
    #[error("`{program}` ended with {status}{}", output_of(.output))]
    Tool {
        /// The program, and its first argument.
        program: String,
        /// How it ended.
        status: String,
        /// The end of what it wrote.
        output: String,
    },
    /// The tools went through, and gave something else than a component.
    #[error("`{}` is no component: {reason}", path.display())]
    NoComponent {
        /// What was made.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file could not be read or written.
    #[error("`{}`", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

fn output_of(output: &str) -> String {
    if output.is_empty() {
        String::new()
    } else {
        format!(":\n{output}")
    }
}

impl BuildError {
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { path, source }
    }
}
