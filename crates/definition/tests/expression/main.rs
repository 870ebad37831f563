//! What expressions mean: one row for each promise.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod secrets;
mod support;
mod templates;
mod values;
