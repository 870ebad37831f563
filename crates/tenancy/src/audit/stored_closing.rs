//! A store that is given up when the log is being closed and it takes too long: nobody waits for ever
//! who drops a log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jackfield_types::TenantId;
use parking_lot::Mutex;

use super::queue::Queue;
use super::stored::{AuditStore, AuditStoreError};

/// How long all trails together may take to be written when the log is closed, beside the call that
/// is being made then.
const CLOSING: Duration = Duration::from_secs(30);

/// The store of the thread that writes.
pub(super) struct ClosingStore {
    store: Arc<dyn AuditStore>,
    queue: Arc<Queue>,
    /// From when on it is not asked any more.
    until: Mutex<Option<Instant>>,
}

impl ClosingStore {
    pub(super) fn new(store: Arc<dyn AuditStore>, queue: Arc<Queue>) -> Self {
        Self {
            store,
            queue,
            until: Mutex::default(),
        }
    }

    fn ask<T>(
        &self,
        call: impl FnOnce(&dyn AuditStore) -> Result<T, AuditStoreError>,
    ) -> Result<T, AuditStoreError> {
        if self.queue.is_closing() {
            let now = Instant::now();
            let until = *self.until.lock().get_or_insert(now + CLOSING);
            if until <= now {
                let reason = "it took too long, and the trails are being closed".to_owned();
                return Err(AuditStoreError::Unanswered { reason });
            }
        }
        let answer = call(&*self.store);
        if let Err(AuditStoreError::Unanswered { .. }) = &answer
            && self.queue.is_closing()
        {
            *self.until.lock() = Some(Instant::now());
        }
        answer
    }
}

impl AuditStore for ClosingStore {
    fn describe(&self) -> String {
        self.store.describe()
    }

    fn read(
        &self,
        tenant: &TenantId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Vec<u8>>, AuditStoreError> {
        self.ask(|store| store.read(tenant, after, limit))
    }

    fn append(
        &self,
        tenant: &TenantId,
        after: u64,
        lines: Vec<Vec<u8>>,
    ) -> Result<(), AuditStoreError> {
        self.ask(|store| store.append(tenant, after, lines))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store that counts how often it is asked, and never answers.
    #[derive(Default)]
    struct Silent(Mutex<u32>);

    impl Silent {
        fn unanswered<T>(&self) -> Result<T, AuditStoreError> {
            *self.0.lock() += 1;
            let reason = "it did not answer".to_owned();
            Err(AuditStoreError::Unanswered { reason })
        }
    }

    impl AuditStore for Silent {
        fn describe(&self) -> String {
            "silence".to_owned()
        }

        fn read(&self, _: &TenantId, _: u64, _: u32) -> Result<Vec<Vec<u8>>, AuditStoreError> {
            self.unanswered()
        }

        fn append(&self, _: &TenantId, _: u64, _: Vec<Vec<u8>>) -> Result<(), AuditStoreError> {
            self.unanswered()
        }
    }

    #[test]
    fn a_store_that_does_not_answer_is_asked_once_more_when_the_log_closes() {
        let silent = Arc::new(Silent::default());
        let queue = Arc::new(Queue::new(8, Duration::ZERO));
        let store = Arc::clone(&silent) as Arc<dyn AuditStore>;
        let closing = ClosingStore::new(store, Arc::clone(&queue));
        let tenant = TenantId::parse("acme").unwrap();
        for asked in 1..4 {
            assert!(closing.read(&tenant, 0, 1).is_err());
            assert_eq!(*silent.0.lock(), asked, "it is asked each time");
        }
        queue.close();
        for _ in 0..3 {
            assert!(closing.append(&tenant, 0, Vec::new()).is_err());
            assert!(closing.read(&tenant, 0, 1).is_err());
        }
        assert_eq!(*silent.0.lock(), 4);
    }

    #[test]
    fn a_store_is_not_asked_when_the_time_for_closing_is_over() {
        let silent = Arc::new(Silent::default());
        let queue = Arc::new(Queue::new(8, Duration::ZERO));
        let closing = ClosingStore {
            until: Mutex::new(Some(Instant::now())),
            ..ClosingStore::new(
                Arc::clone(&silent) as Arc<dyn AuditStore>,
                Arc::clone(&queue),
            )
        };
        queue.close();
        let tenant = TenantId::parse("acme").unwrap();
        assert!(closing.read(&tenant, 0, 1).is_err());
        assert_eq!(*silent.0.lock(), 0);
    }
}
