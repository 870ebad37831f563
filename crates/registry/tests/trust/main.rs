//! Whose plugins are taken: keys, signatures and rules, as a host uses them.

#![expect(
    clippy::unwrap_used,
    reason = "a test may end where it finds something else"
)]

mod hostile;
mod judging;
mod keys;
mod rules;
mod scene;
mod signing;
