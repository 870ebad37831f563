//! Credentials of tenants beside kept executions, as an embedder puts them together.

#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]

mod kept;
mod support;
