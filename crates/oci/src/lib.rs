//! Distribution: plugins in any registry that keeps container images by the OCI distribution
//! specification.
//!
//! A package is one artifact: an image manifest of the type [`ARTIFACT_TYPE`], with a small
//! configuration that says what it is and one layer, which is the `.jfp` file as it was packed.
//! Packing the same files again and pushing them gives the same digest.
//!
//! A registry is not trusted. Whatever it sends is bounded, is checked against the digests that it is
//! named by, and is given its place on the disk only after the package was read whole, is the one
//! that the artifact says it is, and was signed by somebody whom the
//! [`TrustRules`](jackfield_registry::trust::TrustRules) trust. What it says of where else layers lie
//! is not listened to. Passwords go over TLS alone, except to this very machine and to hosts for
//! which [`Transport::Plain`] was chosen.

mod artifact;
mod builder;
mod client;
mod credentials;
mod download;
mod error;
mod exchange;
mod pull;
mod push;
mod reference;

pub use artifact::{ARTIFACT_TYPE, CONFIG_MEDIA_TYPE, PACKAGE_MEDIA_TYPE, RemotePackage};
pub use builder::{OciClientBuilder, Transport};
pub use client::OciClient;
pub use credentials::{Credentials, DockerConfigError};
pub use error::{OciError, OciErrorKind};
pub use pull::Pulled;
pub use push::{Pushed, TakenTag};
pub use reference::{PackageReference, ReferenceError, tag_of, version_of};
