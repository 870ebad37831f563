//! Pushing and pulling: to a real registry, and from some that lie.

#![expect(
    clippy::unwrap_used,
    reason = "a test may end where it finds something else"
)]

mod hostile;
mod real;
mod scene;
mod server;
