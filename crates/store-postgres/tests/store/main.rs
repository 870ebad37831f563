//! Stores in databases of a real server.

#![expect(
    clippy::unwrap_used,
    reason = "what helps the tests fails them as they do"
)]

mod connections;
mod opening;
mod proxy;
mod sharing;
mod support;
mod trouble;
