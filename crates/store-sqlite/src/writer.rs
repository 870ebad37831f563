use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jackfield_store_api::{Durability, StoreError};
use tokio::sync::oneshot;

use crate::checkpoint::Log;
use crate::error::{Fault, Place};
use crate::ledger::Ledger;
use crate::options::SqliteOptions;
use crate::queue::Queue;

/// The most changes of a group.
const GROUP: usize = 512;
/// The bytes after which a group takes no more changes.
const GROUP_BYTES: usize = 8 * 1_024 * 1_024;

/// A change that waits for the writer.
pub(crate) trait Operation: Send {
    /// How many bytes it writes, about.
    fn weight(&self) -> usize;
    /// Whether anybody still waits for it.
    fn is_wanted(&self) -> bool;
    /// Makes it, and keeps the answer. It may be made again after it was taken back.
    fn apply(&mut self, ledger: &mut Ledger) -> Result<(), Fault>;
    /// Gives the answer, when what was made is safe.
    fn acknowledge(self: Box<Self>);
    /// Says that nothing was changed.
    fn fail(self: Box<Self>, error: StoreError);
}

/// A change, made by a function.
pub(crate) struct Change<T, F> {
    pub(crate) weight: usize,
    pub(crate) change: F,
    pub(crate) answer: Option<Result<T, StoreError>>,
    pub(crate) caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Operation for Change<T, F>
where
    T: Send,
    F: FnMut(&mut Ledger) -> Result<T, Fault> + Send,
{
    fn weight(&self) -> usize {
        self.weight
    }

    fn is_wanted(&self) -> bool {
        !self.caller.is_closed()
    }

    fn apply(&mut self, ledger: &mut Ledger) -> Result<(), Fault> {
        self.answer = Some(match (self.change)(ledger) {
            Ok(answer) => Ok(answer),
            Err(Fault::Refused(refused)) => Err(refused),
            Err(fault) => return Err(fault),
        });
        Ok(())
    }

    fn acknowledge(self: Box<Self>) {
        if let Some(answer) = self.answer {
            // A caller that has gone away does not want to know.
            let _ = self.caller.send(answer);
        }
    }

    fn fail(self: Box<Self>, error: StoreError) {
        let _ = self.caller.send(Err(error));
    }
}

/// The thread that writes.
pub(crate) struct Writer {
    pub(crate) queue: Arc<Queue<Box<dyn Operation>>>,
    pub(crate) ledger: Ledger,
    pub(crate) log: Log,
    pub(crate) options: SqliteOptions,
    pub(crate) place: Place,
}

/// Why a group was taken back.
enum Trouble {
    /// Something went wrong in one of its changes, or when it was to be made safe.
    Fault(Fault),
    /// A change panicked: a defect.
    Panic,
}

impl Writer {
    /// Writes until the queue is closed and empty.
    pub(crate) fn run(&mut self) {
        let most = match self.options.durability {
            Durability::Full => 1,
            Durability::Grouped | Durability::Relaxed => GROUP,
        };
        let mut group = Vec::new();
        while self.queue.take_some(
            most,
            GROUP_BYTES,
            |operation| operation.weight(),
            &mut group,
        ) {
            group.retain(|operation| operation.is_wanted());
            if !group.is_empty() {
                self.write(std::mem::take(&mut group));
                self.log.after_group(&self.ledger.connection);
            }
        }
    }

    /// Makes a group of changes, or each by itself when that does not work.
    fn write(&mut self, mut group: Vec<Box<dyn Operation>>) {
        let Err(trouble) = self.commit(&mut group) else {
            for operation in group {
                operation.acknowledge();
            }
            return;
        };
        self.ledger.roll_back();
        if group.len() > 1 {
            for operation in group {
                self.write(vec![operation]);
            }
            return;
        }
        let error = match trouble {
            Trouble::Fault(fault) => self.place.fault(fault),
            Trouble::Panic => self.place.panicked(),
        };
        if let Some(operation) = group.pop() {
            operation.fail(error);
        }
    }

    fn commit(&mut self, group: &mut [Box<dyn Operation>]) -> Result<(), Trouble> {
        let now = self.options.now();
        let broken = |error| Trouble::Fault(Fault::Broken(error));
        self.ledger.begin(now).map_err(broken)?;
        for operation in group {
            let ledger = &mut self.ledger;
            // What the change has left half done is taken back by the caller.
            catch_unwind(AssertUnwindSafe(|| operation.apply(ledger)))
                .map_err(|_| Trouble::Panic)?
                .map_err(Trouble::Fault)?;
        }
        self.ledger.commit().map_err(broken)
    }
}
