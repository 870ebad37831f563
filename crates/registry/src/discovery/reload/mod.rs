//! Replacing plugins while they run, without losing a call.
//!
//! A new version is checked, compiled and tried on its own examples while the old one serves. Then
//! it takes the old one's place in one step, which begins a new [`Edition`] of the registry:
//! executions that began before see what they began with until they end, those that begin later see
//! what is new. When the last execution that could need what was replaced has ended, it is gone.
//!
//! What cannot be loaded, or does not do what its own examples say, replaces nothing.
//!
//! A plugin that nobody used yet is not in memory, so what lies in its place is all there is of it.
//! When its package is changed, nobody can begin or end with the old one: a call that needs it waits
//! for the reload that is due ([`Registry::catch_up`](crate::Registry::catch_up)) and gets the new.

mod edition;
mod pass;
mod reloads;
mod replace;
mod report;
mod sorter;
mod trial;

pub use edition::Edition;
pub(crate) use edition::{Editions, Held};
pub(crate) use reloads::Reloads;
pub use report::{ReloadReport, ReloadedPlugin};
