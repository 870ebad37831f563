//! How often it is looked whether a part was taken up by its caller.

use std::time::Duration;

use jackfield_store_api::ExecutionRecord;
use jackfield_types::{ExecutionId, TenantId};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// When it is looked again whether a part was taken up by its caller, for the first time.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// How often the time until the next look is doubled at the most.
const MOST_DOUBLED: u32 = 5;
/// How many parts it is remembered of how often they were looked at.
const MOST_LOOKED_AT: usize = 10_000;

/// How often parts were looked at that their callers did not go on with.
#[derive(Default)]
pub(super) struct Rousings(Mutex<FxHashMap<(TenantId, ExecutionId), Rousing>>);

#[derive(Default)]
struct Rousing {
    /// How long the part's journal was.
    length: u64,
    times: u32,
}

impl Rousings {
    /// How long to wait until a part is looked at once more: longer and longer as long as nothing
    /// happens in it.
    pub(super) fn pause(&self, tenant: &TenantId, part: &ExecutionRecord) -> Duration {
        let mut looked_at = self.0.lock();
        if looked_at.len() >= MOST_LOOKED_AT {
            looked_at.clear();
        }
        let rousing = looked_at.entry((tenant.clone(), part.id)).or_default();
        if rousing.length != part.length {
            *rousing = Rousing {
                length: part.length,
                times: 0,
            };
        }
        let pause = LOOK_AGAIN * (1 << rousing.times);
        rousing.times = MOST_DOUBLED.min(rousing.times + 1);
        pause
    }
}
