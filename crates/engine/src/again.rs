//! How often and how long what a call needs is asked for again.

use std::time::Duration;

use jackfield_store_api::StoreError;
use tokio::time::Instant;

use crate::durable::{Keeper, is_passing};

/// When it is tried again to take up what somebody else holds for now, for the first time.
const TRY_AGAIN: Duration = Duration::from_millis(50);
/// How long that is waited for at the most.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// When what did not work is tried again, and how long.
pub(crate) struct Again {
    wait: Duration,
    lease: Duration,
    /// Since when the store has given nothing.
    failing: Option<Instant>,
}

impl Again {
    pub(crate) fn new(keeper: &Keeper) -> Self {
        Self {
            wait: TRY_AGAIN,
            lease: keeper.options.lease,
            failing: None,
        }
    }

    /// The store has given something.
    pub(crate) fn is_given(&mut self) {
        self.failing = None;
    }

    pub(crate) async fn pause(&mut self) {
        tokio::time::sleep(self.wait).await;
        self.wait = LONGEST_WAIT.min(self.wait * 2);
    }

    /// Whether there is no use in asking the store again. When what may pass lasts, whoever asks is
    /// lost as well.
    pub(crate) fn is_hopeless(&mut self, error: &StoreError) -> bool {
        if error.is_transient() {
            return false;
        }
        let since = *self.failing.get_or_insert_with(Instant::now);
        !is_passing(error) || since.elapsed() > self.lease
    }
}
