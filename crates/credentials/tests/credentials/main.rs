//! What a store of credentials promises, tried from outside.

#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]

mod bindings;
mod engine;
mod external;
mod key_sources;
mod leaks;
mod rotation;
mod store;
mod support;
mod trouble;
