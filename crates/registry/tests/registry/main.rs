//! The promises of the registry, by topic.

#![expect(
    clippy::unwrap_used,
    reason = "a test may end where it finds something else"
)]

mod cache;
mod common;
mod dependencies;
mod loading;
mod metadata;
mod parameters;
mod quarantine;
mod search;
mod staleness;
mod statistics;
mod tenants;
mod validation;
