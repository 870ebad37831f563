//! Builds plugins from source: components of Rust, JavaScript and Python, with public tools.
//!
//! [`Builder::build`] makes a component of a folder, and [`scaffold`] a folder of nothing. What
//! authors write with is carried along, so that a plugin is built against the contract of the very
//! host that will run it, and nobody installs more than the language that they write in. Tools come
//! from npm and PyPI, in fixed versions, into the builder's own folder.
//!
//! It runs compilers and package tools of the machine, and with them whatever an author's build
//! runs: it is for authors' machines and not for hosts. What comes out is checked for being a
//! component, and for nothing else.

mod builder;
mod error;
mod files;
mod fingerprint;
mod javascript;
mod language;
mod python;
mod rust;
mod scaffold;
mod sources;
mod step;
mod tool;
mod toolchain;
mod tools;

pub use builder::{Builder, COMPONENT, NODE_TYPES};
pub use error::BuildError;
pub use language::{Language, LanguageError};
pub use scaffold::scaffold;
pub use sources::{SourceFile, WIT, sdk};
pub use step::BuildStep;
pub use toolchain::{DebianGap, RustToolchain, ToolchainError};
