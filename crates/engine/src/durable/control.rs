//! What a tenant asks of its executions, wherever they run.

use std::sync::Arc;

use bytes::Bytes;
use jackfield_store_api::{
    ExecutionRecord, ExecutionState, NewSignal, Request, Standing, StoreError, TenantStore,
};
use jackfield_types::{ExecutionId, SignalName};
use serde_json::Value;
use tokio::time::Instant;

use super::assembly::{check_whole, incomplete};
use super::keeper::Keeper;
use super::resume::{TakenUp, claim, take_up};
use super::{StoredError, insist};
use crate::admission::Turn;
use crate::signals::MAX_DATA;
use crate::{ExecutionHandle, StartError, TenantEngine, audit, authorize};

impl TenantEngine {
    /// Sends a signal to one of the tenant's executions, and gives its number. It is kept whether
    /// or not a node waits for it now. Without a store it reaches what runs in this process.
    ///
    /// # Errors
    /// [`StoredError::UnknownExecution`], [`StoredError::Ended`], [`StoredError::Invalid`] when
    /// there is too much of it, [`StoredError::Store`].
    pub async fn signal(
        &self,
        id: ExecutionId,
        name: &SignalName,
        data: Value,
    ) -> Result<u64, StoredError> {
        let content = serde_json::to_vec(&data)
            .map_err(|error| StoredError::invalid(format!("the data is no JSON: {error}")))?;
        if content.len() > MAX_DATA {
            return Err(StoredError::invalid(format!(
                "a signal brings at most {MAX_DATA} bytes, not {}",
                content.len()
            )));
        }
        let Some(keeper) = &self.caller.engine.keeper else {
            let unknown = StoredError::UnknownExecution { execution: id };
            let running = self.caller.state.running(id).ok_or(unknown)?;
            let sent = running.mailbox.send(name, data);
            return sent.ok_or_else(|| {
                StoredError::invalid("too many signals wait for nodes of the execution")
            });
        };
        let store = keeper.store.tenant(self.id());
        // Whether it was sent is not always known: by its key it is sent once, however often it is
        // tried.
        let signal = NewSignal::new(name.as_str(), Bytes::from(content))
            .with_key(ExecutionId::generate().to_string());
        let patience = Instant::now() + keeper.options.lease;
        let number = insist(patience, || store.signal(id, signal.clone()))
            .await
            .map_err(|error| going_error(id, error))?;
        match keeper.held(self.id(), id) {
            Some(hold) => hold.hear(Standing {
                requests: hold.requests(),
                signals: number,
            }),
            None => keeper.stirred.notify_one(),
        }
        Ok(number)
    }

    /// Asks one of the tenant's executions to end, to pause after what runs now, or to go on,
    /// wherever it runs. Without a store it can be asked to end if it runs in this process.
    ///
    /// # Errors
    /// [`StoredError::UnknownExecution`], [`StoredError::Ended`], [`StoredError::NoStore`],
    /// [`StoredError::Store`].
    pub async fn request(&self, id: ExecutionId, request: Request) -> Result<(), StoredError> {
        let Some(keeper) = &self.caller.engine.keeper else {
            return match request {
                Request::Cancel if self.cancel(id) => Ok(()),
                Request::Cancel => Err(StoredError::UnknownExecution { execution: id }),
                Request::Pause | Request::Resume => Err(StoredError::NoStore),
            };
        };
        let store = keeper.store.tenant(self.id());
        if matches!(request, Request::Pause | Request::Resume) {
            let found = store.execution(id).await;
            check_called(&found.map_err(|error| StoredError::of_store(id, error))?)?;
        }
        let found = store
            .request(id, request)
            .await
            .map_err(|error| going_error(id, error))?;
        if request == Request::Resume {
            check_whole(&found)?;
        }
        if request == Request::Cancel {
            audit::cancelled(&self.caller, id);
        }
        match keeper.held(self.id(), id) {
            Some(hold) => hold.hear(Standing {
                requests: found.requests,
                signals: hold.signals(),
            }),
            None => keeper.stirred.notify_one(),
        }
        Ok(())
    }

    /// Takes one of the tenant's executions up in this process, now: one whose worker is gone, one
    /// that is parked, paused, or was stuck. If it is asked to pause, that is taken back.
    ///
    /// # Errors
    /// [`StoredError::UnknownExecution`], [`StoredError::Ended`], [`StoredError::Held`] when
    /// somebody runs it, [`StoredError::Stuck`] when it cannot go on, [`StoredError::NoStore`],
    /// [`StoredError::Store`], or [`StoredError::Start`] when the user may start nothing.
    pub async fn resume(&self, id: ExecutionId) -> Result<ExecutionHandle, StoredError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let (_, store) = self.keeping()?;
        authorize::user(&self.caller)?;
        let found = store
            .execution(id)
            .await
            .map_err(|error| StoredError::of_store(id, error))?;
        check_called(&found)?;
        let goes_on = match found.state {
            ExecutionState::Ended { .. } => return Err(StoredError::Ended { execution: id }),
            ExecutionState::Incomplete => return Err(incomplete(id)),
            ExecutionState::Paused | ExecutionState::Stuck { .. } => true,
            // What it was asked and has not done yet is taken back, too.
            ExecutionState::Running | ExecutionState::Parked(_) => found.requests.pause,
        };
        if goes_on {
            store
                .request(id, Request::Resume)
                .await
                .map_err(|error| going_error(id, error))?;
        }
        let (engine, state) = (&self.caller.engine, &self.caller.state);
        let keeping = claim(engine, state, id)
            .await
            .map_err(|error| StoredError::of_store(id, error))?
            .ok_or(StoredError::Held { execution: id })?;
        let hold = Arc::clone(&keeping.hold);
        let turn = Turn::Again(Arc::clone(state));
        match take_up(engine, state, keeping, turn, None).await {
            TakenUp::Runs(driver) => Ok(ExecutionHandle::spawn(&runtime, *driver)),
            TakenUp::Later(error) => {
                // The next who asks need not wait for the lease to end.
                hold.release().await;
                Err(StoredError::Store(error))
            }
            TakenUp::Over => Err(over(&store, id).await),
        }
    }

    /// The engine's keeper, and the tenant's part of the store.
    pub(crate) fn keeping(&self) -> Result<(&Arc<Keeper>, Arc<dyn TenantStore>), StoredError> {
        let keeper = self.caller.engine.keeper.as_ref();
        let keeper = keeper.ok_or(StoredError::NoStore)?;
        Ok((keeper, keeper.store.tenant(self.id())))
    }
}

/// Refuses an execution that another one called: it stops and goes on with that one.
fn check_called(found: &ExecutionRecord) -> Result<(), StoredError> {
    match found.part_of {
        None => Ok(()),
        Some(whole) => Err(StoredError::invalid(format!(
            "execution `{}` is a part of execution `{whole}`, and stops and goes on with it; name that one",
            found.id
        ))),
    }
}

/// Why an execution that was taken up does not run.
pub(super) async fn over(store: &Arc<dyn TenantStore>, id: ExecutionId) -> StoredError {
    match store.execution(id).await {
        Ok(found) => match found.state {
            ExecutionState::Stuck { reason } => StoredError::Stuck {
                execution: id,
                reason,
            },
            _ => StoredError::Ended { execution: id },
        },
        Err(error) => StoredError::Store(error),
    }
}

/// What a store said about an execution that may have ended.
fn going_error(execution: ExecutionId, error: StoreError) -> StoredError {
    match error {
        StoreError::OutOfTurn { .. } => StoredError::Ended { execution },
        error => StoredError::of_store(execution, error),
    }
}
