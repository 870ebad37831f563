//! What policies promise: how they are read, in which order they decide, how they come into force.

#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]

mod deciding;
mod folder;
mod properties;
mod reading;
mod source;
mod tenants;

use jackfield_types::{NodeTypeId, TenantId, UserId};

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

fn node_type(name: &str) -> NodeTypeId {
    NodeTypeId::parse(name).unwrap()
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn texts(entries: &[&str]) -> Vec<String> {
    entries.iter().map(|&entry| entry.to_owned()).collect()
}
