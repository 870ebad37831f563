use std::io;
use std::path::PathBuf;

/// Why there is no database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// A program is not on this machine.
    #[error("no program `{program}`; `cargo xtask test` installs it (Debian package `{package}`)")]
    Missing {
        /// The program.
        program: &'static str,
        /// The package that brings it.
        package: &'static str,
    },
    /// Its folder could not be made, filled or handed over.
    #[error("the folder `{}` cannot be used", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// There is no free port.
    #[error("no free port")]
    Port(#[source] io::Error),
    /// A program could not be started.
    #[error("`{program}` cannot be started")]
    Start {
        /// The program.
        program: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A program ended with an error, or a server before it was ready.
    #[error("`{program}` ended: {output}")]
    Ended {
        /// The program.
        program: String,
        /// What it wrote.
        output: String,
    },
}
