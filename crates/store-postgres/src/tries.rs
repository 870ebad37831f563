//! Calls that are made again when the connection breaks or others are in the way.

use std::time::{Duration, Instant};

use jackfield_store_api::StoreError;
use sqlx::pool::PoolConnection;
use sqlx::{Postgres, Transaction};

use crate::error::Fault;
use crate::inner::Inner;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(120);
/// How long is waited until a call is made again over another connection.
const AGAIN: Duration = Duration::from_millis(50);
/// How often a transaction is made again that others are in the way of.
const COLLISIONS: usize = 8;

/// Reads something, and again over another connection if one breaks.
macro_rules! read {
    ($inner:expr, |$connection:ident| $read:expr) => {{
        let inner: &$crate::inner::Inner = &$inner;
        let mut tries = $crate::tries::Tries::new(inner);
        loop {
            let read = async {
                let mut held = inner.acquire().await?;
                let $connection: &mut sqlx::PgConnection = &mut held;
                let read = $crate::tries::in_time(async { $read }).await;
                $crate::tries::give_back(held, read)
            };
            if let Some(read) = tries.settle(read.await).await {
                break read;
            }
        }
    }};
}

/// Changes something in a transaction, which is made again if others are in the way of it, or if
/// the connection breaks before its end.
macro_rules! edit {
    ($inner:expr, |$connection:ident| $edit:expr) => {{
        let inner: &$crate::inner::Inner = &$inner;
        let mut tries = $crate::tries::Tries::new(inner);
        loop {
            let edited = async {
                let mut held = inner.acquire().await?;
                let edited = $crate::tries::in_time(async {
                    let mut transaction = sqlx::Connection::begin(&mut *held).await?;
                    let $connection: &mut sqlx::PgConnection = &mut transaction;
                    let edited: Result<_, $crate::error::Fault> = async { $edit }.await;
                    if edited.is_ok() {
                        $crate::tries::commit(transaction).await?;
                    }
                    edited
                });
                let edited = edited.await;
                $crate::tries::give_back(held, edited)
            };
            if let Some(edited) = tries.settle(edited.await).await {
                break edited;
            }
        }
    }};
}

pub(crate) use {edit, read};

/// How often something was tried.
pub(crate) struct Tries<'a> {
    inner: &'a Inner,
    end: Instant,
    collisions: usize,
}

impl<'a> Tries<'a> {
    pub(crate) fn new(inner: &'a Inner) -> Self {
        Self {
            inner,
            end: Instant::now() + inner.options.patience,
            collisions: 0,
        }
    }

    /// What to answer; nothing when it is to be tried again.
    pub(crate) async fn settle<T>(
        &mut self,
        done: Result<T, Fault>,
    ) -> Option<Result<T, StoreError>> {
        let fault = match done {
            Ok(done) => return Some(Ok(done)),
            Err(fault) => fault,
        };
        if fault.is_lost() && Instant::now() + AGAIN < self.end {
            tokio::time::sleep(AGAIN).await;
            return None;
        }
        self.collisions += 1;
        if fault.is_collision() && self.collisions < COLLISIONS {
            return None;
        }
        Some(Err(self.inner.place.fault(fault)))
    }
}

/// Does not wait for ever.
pub(crate) async fn in_time<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    match tokio::time::timeout(ANSWER, work).await {
        Ok(done) => done,
        Err(_) => Err(Fault::Broken(sqlx::Error::Io(
            std::io::ErrorKind::TimedOut.into(),
        ))),
    }
}

/// Ends a transaction. When the connection breaks just then, nobody knows whether it ended.
pub(crate) async fn commit(transaction: Transaction<'_, Postgres>) -> Result<(), Fault> {
    let fault = match transaction.commit().await {
        Ok(()) => return Ok(()),
        Err(error) => Fault::Broken(error),
    };
    Err(match fault.is_lost() {
        true => Fault::Unsure,
        false => fault,
    })
}

/// Gives back a connection that is still of use.
pub(crate) fn give_back<T>(
    mut connection: PoolConnection<Postgres>,
    done: Result<T, Fault>,
) -> Result<T, Fault> {
    if let Err(fault) = &done
        && (fault.is_lost() || matches!(fault, Fault::Unsure))
    {
        connection.close_on_drop();
    }
    done
}
