//! Guests that mean harm, or are broken: each tries one limit, or one thing that was not granted.
//! The host survives all of them, says what happened, and serves everybody else meanwhile.
//!
//! Guests are core modules in text form, made into components by the public tools. What each does
//! stands in the test; the rest of it is in [`guest`].

#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]

mod clocks;
mod floods;
mod grants;
mod guest;
mod harness;
mod isolation;
mod lies;
mod limits;
mod malformed;
mod network;
mod survival;
