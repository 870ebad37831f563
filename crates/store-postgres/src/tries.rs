//! Calls that are made again when the connection breaks or others are in the way.

use std::time::{Duration, Instant};

use jackfield_store_api::StoreError;
use sqlx::pool::PoolConnection;
use sqlx::{Postgres, Transaction};

use crate::error::Fault;
use crate::inner::Inner;

/// How long an answer may take.
pub(crate) const ANSWER: Duration = Duration::from_secs(120);
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
                let read = $crate::tries::in_time($crate::tries::ANSWER, async { $read }).await;
                $crate::tries::give_back(held, read)
            };
            match read.await {
                Ok(read) => break Ok(read),
                Err(fault) => {
                    if let Some(failed) = tries.again(fault).await {
                        break Err(failed);
                    }
                }
            }
        }
    }};
}

/// Changes something in a transaction, which is made again if others are in the way of it, or if
/// the connection breaks.
///
/// When the connection breaks at the end of the transaction, nobody knows whether it was made. The
/// last argument says so, given what was answered: it looks while whoever may still be making it is
/// waited for, which is for as long as it holds a lock.
macro_rules! edit {
    ($inner:expr, |$connection:ident| $edit:expr, |$again:ident, $edited:ident: $type:ty| $look:expr) => {{
        let inner: &$crate::inner::Inner = &$inner;
        let mut tries = $crate::tries::Tries::new(inner);
        let mut unsure: Option<$type> = None;
        loop {
            let edited = async {
                let mut held = inner.acquire().await?;
                let edited = $crate::tries::in_time($crate::tries::ANSWER, async {
                    let mut transaction = sqlx::Connection::begin(&mut *held).await?;
                    if let Some($edited) = &unsure {
                        let $again: &mut sqlx::PgConnection = &mut transaction;
                        let found: Result<_, $crate::error::Fault> = async { $look }.await;
                        if found?.is_made()? {
                            return Ok($crate::tries::Edited::Before);
                        }
                    }
                    let $connection: &mut sqlx::PgConnection = &mut transaction;
                    let edited: Result<_, $crate::error::Fault> = async { $edit }.await;
                    $crate::tries::commit(transaction, edited?).await
                });
                let edited = edited.await;
                $crate::tries::give_back(held, edited)
            };
            match edited.await {
                Ok($crate::tries::Edited::Perhaps(edited)) => {
                    unsure = Some(edited);
                    if let Some(late) = tries.again($crate::error::Fault::Unsure).await {
                        break Err(late);
                    }
                }
                Ok($crate::tries::Edited::Before) => {
                    if let Some(edited) = unsure {
                        break Ok(edited);
                    }
                }
                Ok($crate::tries::Edited::Now(edited)) => break Ok(edited),
                Err(fault) => {
                    if let Some(failed) = tries.again(fault).await {
                        break Err(failed);
                    }
                }
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

    /// What to say after something went wrong; nothing when it is to be tried again.
    pub(crate) async fn again(&mut self, fault: Fault) -> Option<StoreError> {
        let is_lost = fault.is_lost() || matches!(fault, Fault::Unsure);
        if is_lost && Instant::now() + AGAIN < self.end {
            tokio::time::sleep(AGAIN).await;
            return None;
        }
        self.collisions += 1;
        if fault.is_collision() && self.collisions < COLLISIONS {
            return None;
        }
        Some(self.inner.place.fault(fault))
    }
}

/// What became of a transaction.
pub(crate) enum Edited<T> {
    /// It was made.
    Now(T),
    /// It had been made when it was tried before.
    Before,
    /// The connection broke at its end.
    Perhaps(T),
}

/// What is found of a transaction at the end of which the connection broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Made,
    NotMade,
    /// Others have changed the same thing since.
    Unknown,
}

impl Found {
    pub(crate) fn made_if(is_made: bool) -> Self {
        match is_made {
            true => Self::Made,
            false => Self::NotMade,
        }
    }

    pub(crate) fn is_made(self) -> Result<bool, Fault> {
        match self {
            Self::Made => Ok(true),
            Self::NotMade => Ok(false),
            Self::Unknown => Err(Fault::Overtaken),
        }
    }
}

/// Does not wait for ever.
pub(crate) async fn in_time<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => Err(Fault::Broken(sqlx::Error::Io(
            std::io::ErrorKind::TimedOut.into(),
        ))),
    }
}

/// Ends a transaction.
pub(crate) async fn commit<T>(
    transaction: Transaction<'_, Postgres>,
    edited: T,
) -> Result<Edited<T>, Fault> {
    let fault = match transaction.commit().await {
        Ok(()) => return Ok(Edited::Now(edited)),
        Err(error) => Fault::Broken(error),
    };
    match fault.is_lost() {
        true => Ok(Edited::Perhaps(edited)),
        false => Err(fault),
    }
}

/// Gives back a connection that is still of use.
pub(crate) fn give_back<T>(
    mut connection: PoolConnection<Postgres>,
    done: Result<T, Fault>,
) -> Result<T, Fault> {
    // One that broke at the end of a transaction is noticed when it is given back.
    if done.as_ref().is_err_and(Fault::is_lost) {
        connection.close_on_drop();
    }
    done
}
