//! What a store keeps beside executions and credentials, as an embedder puts it together.

#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]

mod plugin_state;
