//! The executor cache: bounded by count and by bytes, least recently used.
//!
//! Whoever may hold an executor, a registration or a tenant's part in one, has a seat: it knows
//! itself whether it is taken and when it was last used. Finding an executor takes no lock and no
//! hashing: it reads the holder, notes the time of the use there, and counts the hit where only
//! the threads of the same number count. Only what changes who is seated takes the lock.
//!
//! As a registration is never changed and its id never used again, a stale executor cannot be
//! found in the name of a newer registration. Seats are given and taken under the lock, and only
//! there, and a loaded executor comes and goes with its seat.
//!
//! An executor that is dropped from the cache is dropped after the lock is released: whatever its
//! destructor does, it cannot hold up other calls.

mod clock;
mod executors;
mod figures;
mod order;
mod seat;

pub use executors::ExecutorCache;
pub use figures::{CacheBounds, CacheKey, CacheStatistics};
pub(crate) use seat::{Holder, Seat};
