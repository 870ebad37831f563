//! Plugins: manifests, packages, finding and loading them.

#![expect(
    clippy::unwrap_used,
    reason = "a test may end where it finds something else"
)]

mod archives;
mod finding;
mod installing;
mod loading;
mod locking;
mod manifests;
mod packages;
mod support;
