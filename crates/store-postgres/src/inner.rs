use std::sync::Mutex;
use std::time::Duration;

use jackfield_store_api::{Durability, StoreError, StoreFuture, WorkflowVersion};
use jiff::Timestamp;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection, PgPool, Postgres, Row};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::address::Address;
use crate::connection::Connector;
use crate::draft::{Draft, Key, Touch};
use crate::error::{Fault, Place};
use crate::operation::Change;
use crate::options::PostgresOptions;
use crate::row::{micros, timestamp};
use crate::tries::{Found, edit, read};
use crate::writer::{NoEntry, Queues, Writer};
use crate::{schema, statements};

/// How long a connection may have been idle before it is looked at again.
const IDLE: Duration = Duration::from_secs(1);
/// What is open as long as anybody has a part of the store.
pub(crate) struct Inner {
    pub(crate) options: PostgresOptions,
    pub(crate) place: Place,
    /// Whose turn it was last.
    pub(crate) turn: Mutex<String>,
    pool: PgPool,
    queues: Queues,
    closing: watch::Sender<bool>,
    writers: tokio::sync::Mutex<Vec<JoinHandle<()>>>,
}

/// What a change is about, beside what it does.
pub(crate) struct About {
    pub(crate) key: Key,
    pub(crate) touch: Touch,
    pub(crate) workflow: Option<WorkflowVersion>,
    /// The key of the signal that is sent.
    pub(crate) signal: Option<String>,
    pub(crate) weight: usize,
}

impl Inner {
    pub(crate) async fn open(options: PostgresOptions) -> Result<Self, StoreError> {
        let address = Address::parse(&options)?;
        let connector = Connector {
            options: address.options.clone(),
            schema: address.schema.clone(),
            durability: options.durability,
        };
        let connecting = tokio::time::timeout(options.patience, connector.connect());
        let mut connection = connecting
            .await
            .map_err(|_| address.place.unavailable("it does not answer"))?
            .map_err(|error| address.place.broken(error))?;
        schema::prepare(&mut connection, &address).await?;
        // Others are made when they are needed.
        let _ = connection.close().await;

        let pool = pool(&options, &connector);
        let (closing, closed) = watch::channel(false);
        let number = options.writers.unwrap_or(match options.durability {
            Durability::Full => 8,
            Durability::Grouped | Durability::Relaxed => 2,
        });
        let (mut senders, mut writers) = (Vec::new(), Vec::new());
        for _ in 0..number {
            let (sender, receiver) = mpsc::channel(Queues::MOST);
            let writer = Writer::new(
                receiver,
                closed.clone(),
                connector.clone(),
                options.clone(),
                address.place.clone(),
            );
            senders.push(sender);
            writers.push(tokio::spawn(writer.run()));
        }
        Ok(Self {
            options,
            place: address.place,
            turn: Mutex::default(),
            pool,
            queues: Queues::new(senders),
            closing,
            writers: tokio::sync::Mutex::new(writers),
        })
    }

    /// Has a writer change an execution. It is in its place in the order of changes when this
    /// returns, and the future gives the answer when it is safe.
    pub(crate) fn change<'a, T: Send + 'static>(
        &self,
        about: About,
        change: impl FnMut(&mut Draft, Timestamp) -> Result<T, StoreError> + Send + 'static,
    ) -> StoreFuture<'a, T> {
        let (caller, answer) = oneshot::channel();
        let operation = Change {
            key: about.key,
            touch: about.touch,
            workflow: about.workflow,
            signal: about.signal,
            weight: about.weight,
            change,
            answer: None,
            caller,
        };
        match self.queues.push(Box::new(operation)) {
            Ok(()) => {
                let place = self.place.clone();
                Box::pin(async move { answer.await.unwrap_or_else(|_| Err(place.closed())) })
            }
            Err(NoEntry::Closed) => refuse(self.place.closed()),
            Err(NoEntry::Crowded) => refuse(self.place.unavailable("too many calls wait already")),
        }
    }

    /// A connection for a call.
    pub(crate) async fn acquire(&self) -> Result<PoolConnection<Postgres>, Fault> {
        Ok(self.pool.acquire().await?)
    }

    /// The time by the clock that counts.
    pub(crate) async fn now(&self) -> Result<Timestamp, StoreError> {
        if let Some(time) = self.options.own_time() {
            if self.pool.is_closed() {
                return Err(self.place.closed());
            }
            return Ok(time);
        }
        read!(self, |connection| time(connection, None).await)
    }

    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        self.closing.send_replace(true);
        // Whoever closes it meanwhile waits here.
        let mut writers = self.writers.lock().await;
        for writer in writers.drain(..) {
            // A panic there was told to whoever waited for it.
            let _ = writer.await;
        }
        let safe = match self.options.durability {
            Durability::Relaxed if !self.pool.is_closed() => self.flush().await,
            _ => Ok(()),
        };
        self.pool.close().await;
        safe
    }

    /// Sees to it that all that was acknowledged is on the disk of the server: what is committed
    /// safely has all before it with it.
    async fn flush(&self) -> Result<(), StoreError> {
        edit!(
            self,
            |connection| {
                sqlx::query("SELECT set_config('synchronous_commit', 'on', true)")
                    .execute(&mut *connection)
                    .await?;
                sqlx::query("UPDATE jackfield_store SET version = version")
                    .execute(connection)
                    .await?;
                Ok(())
            },
            // Once more does no harm.
            |_connection, _done: ()| Ok(Found::NotMade)
        )
    }
}

fn pool(options: &PostgresOptions, connector: &Connector) -> PgPool {
    let settling = connector.clone();
    PgPoolOptions::new()
        .max_connections(options.connections)
        .acquire_timeout(options.patience)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_connect(move |connection, _| {
            let settling = settling.clone();
            Box::pin(async move { settling.settle(connection).await })
        })
        .connect_lazy_with(connector.options.clone())
}

/// The time, by the database's clock if it does not come from elsewhere.
pub(crate) async fn time(
    connection: &mut PgConnection,
    own: Option<Timestamp>,
) -> Result<Timestamp, Fault> {
    let row = sqlx::query(statements::NOW)
        .bind(micros(own))
        .fetch_one(connection)
        .await?;
    timestamp(row.try_get(0)?)
}

/// An answer without asking.
pub(crate) fn refuse<'a, T: Send + 'a>(error: StoreError) -> StoreFuture<'a, T> {
    Box::pin(std::future::ready(Err(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_testkit::database::Postgres;
    use jackfield_types::{ExecutionId, TenantId};

    #[tokio::test]
    async fn defect_in_one_change_does_not_harm_the_others() {
        let url = Postgres::shared().create_database();
        let options = PostgresOptions::new(url).writers(1);
        let inner = Inner::open(options).await.unwrap();
        let about = || About {
            key: (TenantId::default_tenant(), ExecutionId::generate()),
            touch: Touch::Course,
            workflow: None,
            signal: None,
            weight: 0,
        };
        let before = inner.change(about(), |draft, _| Ok(draft.course().is_none()));
        let panics = inner.change(about(), |_, _| -> Result<(), StoreError> {
            panic!("a defect, for the test")
        });
        let after = inner.change(about(), |draft, _| Ok(draft.course().is_none()));
        let error = panics.await.unwrap_err();
        assert!(error.to_string().contains("defect"), "{error}");
        assert!(before.await.unwrap() && after.await.unwrap());
        let later = inner.change(about(), |_, _| Ok(7));
        assert_eq!(later.await.unwrap(), 7, "the writer goes on");
        inner.close().await.unwrap();
    }
}
