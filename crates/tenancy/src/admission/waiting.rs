use std::pin::pin;

use tokio::time::sleep_until;

use super::bucket::Moment;
use super::exceeded::QuotaExceeded;
use super::places::{Queued, Standing};
use super::tenant::Lane;

/// Somebody in the queue, who leaves it when this is dropped before it is settled.
struct Waiting<'a> {
    lane: &'a Lane,
    queued: Queued,
    settled: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.lane.gate.leave(self.lane.flow, &self.queued);
        }
    }
}

/// Waits for its turn. Dropping the future is safe at any point: the place in the queue is given
/// up, and so is a place that had just been given.
pub(super) async fn wait(lane: &Lane, queued: Queued) -> Result<Moment, QuotaExceeded> {
    let mut waiting = Waiting {
        lane,
        queued,
        settled: false,
    };
    let gate = &lane.gate;
    let mut sleep = pin!(sleep_until(gate.instant(waiting.queued.deadline)));
    loop {
        match gate.look(lane.flow, &waiting.queued) {
            Standing::Admitted(since) => {
                waiting.settled = true;
                return Ok(since);
            }
            Standing::Refused(refusal) => {
                waiting.settled = true;
                return Err(refusal);
            }
            Standing::Until(moment) => sleep.as_mut().reset(gate.instant(moment)),
        }
        tokio::select! {
            // A call that is not awaited to its end stays with the waiter.
            () = waiting.queued.waiter.called.notified() => {}
            // The timer is set anew before each wait.
            () = &mut sleep => {}
        }
    }
}
