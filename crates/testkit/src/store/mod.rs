//! Stores for tests: one in memory, whose clock is set by hand; one over another store that is lost at
//! any write; and the suite that tries every promise of a store on any of them.

mod clock;
pub mod conformance;
mod fragile;
mod memory;

pub use clock::StoreClock;
pub use fragile::{FragileStore, Interruption};
pub use memory::MemoryStore;
