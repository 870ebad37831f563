//! Packages: reading them, checking them against their digests, and making them.

mod error;

pub use error::{PackageError, PackageErrorKind};
