use std::sync::Arc;
use std::time::{Duration, Instant};

use jackfield_store_api::{Durability, StoreError};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use crate::connection::Connector;
use crate::error::{Fault, Place};
use crate::group::Group;
use crate::operation::Operation;
use crate::options::PostgresOptions;
use crate::session::{Session, Stamp, Written};
use crate::tries::in_time;

/// The most changes of a group.
const GROUP: usize = 512;
/// The bytes after which a group takes no more changes.
const GROUP_BYTES: usize = 8 * 1_024 * 1_024;
/// The longest that a writer waits for a group to get as large as the one before it.
const PAUSE: Duration = Duration::from_millis(1);
/// How often a change is made again that others are in the way of.
const TRIES: usize = 8;
/// How long the first and the longest wait is until it is tried again to get a connection.
const WAITS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));
/// How long an answer may take; for each MiB that is written a second more.
const ANSWER: Duration = Duration::from_secs(60);
/// How long making a connection may take at least.
const CONNECT: Duration = Duration::from_secs(1);

/// Writes what changes executions: all that waits in one transaction.
pub(crate) struct Writer {
    pub(crate) receiver: mpsc::Receiver<Box<dyn Operation>>,
    pub(crate) closing: watch::Receiver<bool>,
    pub(crate) connector: Connector,
    pub(crate) options: PostgresOptions,
    pub(crate) place: Place,
    id: Uuid,
    /// The number of the last group.
    number: i64,
    session: Option<Session>,
    /// How long the last group took.
    took: Duration,
    /// Since when the server is gone.
    gone: Option<Instant>,
}

impl Writer {
    pub(crate) fn new(
        receiver: mpsc::Receiver<Box<dyn Operation>>,
        closing: watch::Receiver<bool>,
        connector: Connector,
        options: PostgresOptions,
        place: Place,
    ) -> Self {
        Self {
            receiver,
            closing,
            connector,
            options,
            place,
            id: Uuid::now_v7(),
            number: 0,
            session: None,
            took: Duration::ZERO,
            gone: None,
        }
    }

    /// Writes until nothing more comes.
    pub(crate) async fn run(mut self) {
        let most = match self.options.durability {
            Durability::Full => 1,
            Durability::Grouped | Durability::Relaxed => GROUP,
        };
        let mut last = 0;
        while let Some(first) = self.next().await {
            let mut group = self.gather(first, most, last).await;
            group.drop_unwanted();
            last = group.len();
            let begin = Instant::now();
            self.write(group).await;
            self.took = begin.elapsed();
        }
        self.finish().await;
    }

    /// The next change; `None` when the store is closed and all is done.
    async fn next(&mut self) -> Option<Box<dyn Operation>> {
        if !*self.closing.borrow() {
            // Each arm only waits.
            tokio::select! {
                biased;
                next = self.receiver.recv() => return next,
                _ = self.closing.wait_for(|closing| *closing) => {}
            }
        }
        self.receiver.close();
        self.receiver.recv().await
    }

    /// Takes what waits. Those who were just told come back with their next steps if they are given
    /// the time: without it every other group has hardly anything in it.
    async fn gather(&mut self, first: Box<dyn Operation>, most: usize, last: usize) -> Group {
        let begin = Instant::now();
        let pause = PAUSE.min(self.took / 2);
        while self.receiver.len() + 1 < last.min(most) && begin.elapsed() < pause {
            tokio::task::yield_now().await;
        }
        let mut weight = first.weight();
        let mut operations = vec![first];
        while operations.len() < most
            && weight < GROUP_BYTES
            && let Ok(next) = self.receiver.try_recv()
        {
            weight = weight.saturating_add(next.weight());
            operations.push(next);
        }
        Group::new(operations)
    }

    /// Makes a group of changes, or each by itself when that does not work.
    async fn write(&mut self, group: Group) {
        if group.is_empty() {
            return;
        }
        let (group, fault) = match self.make(group).await {
            Ok(()) => return,
            Err(failed) => failed,
        };
        // Without a connection none of them can be made, and what may have been made is not made
        // again.
        let is_final = match fault {
            Fault::Unsure | Fault::Overtaken => true,
            _ => fault.is_lost() || self.session.is_none(),
        };
        if group.len() == 1 || is_final {
            self.fail(group, fault);
            return;
        }
        for single in group.into_singles() {
            if let Err((single, fault)) = self.make(single).await {
                self.fail(single, fault);
            }
        }
    }

    fn fail(&self, group: Group, fault: Fault) {
        // Each of them is told the same.
        let mut fault = Some(fault);
        let mut told = String::new();
        group.fail(|| match fault.take() {
            Some(fault) => {
                let error = self.place.fault(fault);
                if let StoreError::Unavailable { reason, .. } = &error {
                    told.clone_from(reason);
                }
                error
            }
            None => self.place.unavailable(told.clone()),
        });
    }

    /// Makes a group of changes, and tells everybody; gives it back when that does not work.
    async fn make(&mut self, mut group: Group) -> Result<(), (Group, Fault)> {
        let limit = ANSWER + Duration::from_secs((group.weight() >> 20) as u64);
        // The first number under which it may have been written without an answer.
        let mut unsure: Option<i64> = None;
        let mut is_locked = false;
        let mut wait = WAITS.0;
        let mut tries = 0;
        loop {
            let made = self.attempt(&mut group, is_locked, unsure, limit).await;
            let fault = match made {
                Ok(written) => {
                    self.gone = None;
                    group = group.acknowledge(&written.missed);
                    if group.is_empty() {
                        return Ok(());
                    }
                    // Others have changed these: they are kept out now.
                    (is_locked, unsure) = (true, None);
                    continue;
                }
                Err(fault) => fault,
            };
            is_locked = true;
            if fault.is_lost() {
                if self.session.take().is_some() {
                    unsure = unsure.or(Some(self.number));
                }
                // Whoever comes while it is gone does not wait from the beginning.
                let gone = *self.gone.get_or_insert_with(Instant::now);
                if gone.elapsed() + wait > self.options.patience {
                    return Err((group, fault));
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(WAITS.1);
                continue;
            }
            self.gone = None;
            tries += 1;
            if !fault.is_collision() || tries == TRIES {
                let fault = unsure.map_or(fault, |_| Fault::Unsure);
                return Err((group, fault));
            }
        }
    }

    async fn attempt(
        &mut self,
        group: &mut Group,
        is_locked: bool,
        unsure: Option<i64>,
        limit: Duration,
    ) -> Result<Written, Fault> {
        let time = self.options.own_time();
        let session = match &mut self.session {
            Some(session) => session,
            None => {
                let session = self.begin().await?;
                self.session.insert(session)
            }
        };
        self.number += 1;
        let stamp = Stamp {
            writer: self.id,
            number: self.number,
            time,
        };
        let made = async {
            match is_locked {
                true => session.write_locked(group, stamp, unsure).await,
                false => session.write(group, stamp).await,
            }
        };
        in_time(limit, made).await
    }

    /// Leaves nothing behind.
    async fn finish(mut self) {
        if let Some(session) = self.session.take() {
            // A row that stays is forgotten after a while.
            let _ = in_time(ANSWER, session.end(self.id)).await;
        }
    }

    async fn begin(&self) -> Result<Session, Fault> {
        let time = self.options.own_time();
        in_time(self.options.patience.max(CONNECT), async {
            let connection = self.connector.connect().await?;
            Ok(Session::begin(connection, self.id, time).await?)
        })
        .await
    }
}

/// The queues of all writers: each execution has its own.
#[derive(Clone)]
pub(crate) struct Queues {
    senders: Arc<[mpsc::Sender<Box<dyn Operation>>]>,
}

/// Why something does not get into a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoEntry {
    /// The store is closed.
    Closed,
    /// There is too much in it.
    Crowded,
}

impl Queues {
    /// The most that may wait for one writer. Whoever calls waits for the answer, so that this is
    /// far more than there ever is, unless callers go away and come back while the database hangs.
    pub(crate) const MOST: usize = 1 << 16;

    pub(crate) fn new(senders: Vec<mpsc::Sender<Box<dyn Operation>>>) -> Self {
        Self {
            senders: senders.into(),
        }
    }

    /// Puts a change behind all others of the same execution.
    pub(crate) fn push(&self, operation: Box<dyn Operation>) -> Result<(), NoEntry> {
        let (high, low) = operation.key().1.as_uuid().as_u64_pair();
        // The last bits are random in ids that are made here, and any will do in others.
        let place = (high ^ low) % self.senders.len().max(1) as u64;
        let sender = self.senders.get(place as usize).ok_or(NoEntry::Closed)?;
        sender.try_send(operation).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NoEntry::Crowded,
            mpsc::error::TrySendError::Closed(_) => NoEntry::Closed,
        })
    }
}
