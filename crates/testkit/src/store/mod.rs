//! Stores for tests: one in memory, whose clock is set by hand and which can be made to break off
//! at any write, and the suite that tries every promise of a store on any of them.

mod clock;
pub mod conformance;
mod memory;

pub use clock::StoreClock;
pub use memory::{Interruption, MemoryStore};
