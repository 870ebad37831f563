//! How leases are watched over: they are renewed in time, and what could not be renewed is lost
//! before anybody else may have it. The watch itself makes no call of the store, so that a store
//! that does not answer cannot hold it up.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, FuturesUnordered};
use jackfield_store_api::{Standing, StoreError};
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::writer::Lost;
use super::{Hold, Keeper};

/// How many leases are renewed at the same time.
const RENEWALS: usize = 64;
/// After how long without a word somebody asks how an execution stands.
const SILENCE: Duration = Duration::from_secs(1);
/// How many executions are asked about at once, those first that were silent for longest. The others
/// hear with the renewal of their lease.
const LOOKS: usize = 256;
/// How many of them are asked about at the same time.
const LOOKS_AT_ONCE: usize = 16;

/// The parts of a lease.
#[derive(Clone, Copy)]
struct Spans {
    /// After how long a lease is renewed, and how long a renewal may take.
    renewal: Duration,
    /// How long before its end a lease counts as over.
    margin: Duration,
    /// How often leases are looked at.
    tick: Duration,
}

impl Spans {
    fn of(lease: Duration) -> Self {
        let least = Duration::from_millis(1);
        Self {
            renewal: (lease / 3).max(least),
            margin: lease / 10,
            tick: (lease / 20).clamp(least, SILENCE / 2),
        }
    }
}

/// What is done beside the watch.
#[derive(Default)]
struct Round(Option<AbortOnDropHandle<()>>);

impl Round {
    fn is_over(&self) -> bool {
        self.0.as_ref().is_none_or(AbortOnDropHandle::is_finished)
    }

    fn begin(&mut self, round: impl Future<Output = ()> + Send + 'static) {
        self.0 = Some(AbortOnDropHandle::new(tokio::spawn(round)));
    }
}

impl Keeper {
    /// Watches over all leases, as long as there are any.
    pub(super) async fn watch(self: Arc<Self>) {
        let spans = Spans::of(self.options.lease);
        let (mut renewal, mut look) = (Round::default(), Round::default());
        let mut seen = Instant::now();
        let mut renewed = seen;
        // What stood still may ask whether it still holds what it held.
        let mut spared_until = seen;
        loop {
            tokio::time::sleep(spans.tick).await;
            let now = Instant::now();
            let stood_still = now > seen + spans.tick + spans.margin;
            seen = now;
            let Some(holds) = self.all_held() else { return };
            let mut holds: Vec<_> = holds
                .into_iter()
                .filter(|hold| hold.lost().is_none())
                .collect();
            if stood_still {
                spared_until = now + spans.margin * 2;
                // What it waited for is not answered any more, perhaps.
                renewal = Round::default();
            }
            holds.retain(|hold| {
                let is_over = hold.valid_until() <= now + spans.margin
                    && now >= spared_until.max(hold.spared_until());
                if is_over {
                    let reason = "its lease could not be renewed in time".to_owned();
                    hold.lose(Lost::Store(reason));
                }
                !is_over
            });
            let is_urgent = holds
                .iter()
                .any(|hold| hold.valid_until() <= now + spans.renewal);
            let is_time = now >= renewed + spans.renewal
                || stood_still
                || (is_urgent && now >= renewed + spans.margin);
            if is_time && renewal.is_over() {
                renewed = now;
                let keeper = Arc::clone(&self);
                renewal.begin(keeper.renew_all(holds, spans.renewal));
            } else if look.is_over() {
                holds.retain(|hold| now >= hold.heard_at() + SILENCE);
                if !holds.is_empty() {
                    look.begin(look_at_all(holds, spans.renewal));
                }
            }
        }
    }

    async fn renew_all(self: Arc<Self>, mut holds: Vec<Arc<Hold>>, patience: Duration) {
        holds.sort_by_key(|hold| hold.valid_until());
        let mut holds = holds.into_iter();
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < RENEWALS
                && let Some(hold) = holds.next()
            {
                under_way.push(self.renew_one(hold, patience));
            }
            if under_way.next().await.is_none() {
                return;
            }
        }
    }

    async fn renew_one(&self, hold: Arc<Hold>, patience: Duration) {
        if hold.lost().is_some() {
            return;
        }
        let error = match timeout(patience, self.try_renew(&hold)).await {
            Ok(Ok(_)) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the store does not answer".to_owned(),
        };
        if hold.is_run() {
            tracing::warn!(
                target: "engine",
                execution = %hold.execution,
                error = error.as_str(),
                "lease was not renewed"
            );
        }
    }
}

/// Asks how executions stand of which nothing was heard for a while.
async fn look_at_all(mut holds: Vec<Arc<Hold>>, patience: Duration) {
    holds.sort_by_key(|hold| hold.heard_at());
    holds.truncate(LOOKS);
    stream::iter(holds)
        .for_each_concurrent(LOOKS_AT_ONCE, |hold| async move {
            // What fails here is noticed when the lease is renewed.
            let _ = timeout(patience, look_at(&hold)).await;
        })
        .await;
}

async fn look_at(hold: &Hold) -> Result<(), StoreError> {
    let found = hold.store.execution(hold.execution).await?;
    if found.fence > hold.fence {
        hold.lose(Lost::TakenOver);
        return Ok(());
    }
    let known = hold.signals();
    let signals = if hold.listens() {
        let sent = hold.store.signals(hold.execution, known).await?;
        sent.last().map_or(known, |last| last.number)
    } else {
        known
    };
    hold.hear(Standing {
        requests: found.requests,
        signals,
    });
    Ok(())
}
