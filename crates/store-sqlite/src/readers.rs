use std::panic::{AssertUnwindSafe, catch_unwind};

use jackfield_store_api::StoreError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::{Fault, Place};
use crate::queue::Queue;

/// Something to be read.
pub(crate) type Reading = Box<dyn FnOnce(&Connection) + Send>;

/// Makes a reading of a function: it sees one state of the database, and its answer goes to whoever
/// asked.
pub(crate) fn reading<T: Send + 'static>(
    place: Place,
    caller: oneshot::Sender<Result<T, StoreError>>,
    read: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
) -> Reading {
    Box::new(move |connection| {
        if caller.is_closed() {
            return;
        }
        let answer = catch_unwind(AssertUnwindSafe(|| at_once(connection, read)));
        if !connection.is_autocommit() {
            // Left by what failed; the next reading would not begin.
            let _ = connection.execute_batch("ROLLBACK");
        }
        let _ = caller.send(match answer {
            Ok(answer) => answer.map_err(|fault| place.fault(fault)),
            Err(_) => Err(place.panicked()),
        });
    })
}

/// Reads whatever it is asked to until the queue is closed and empty.
pub(crate) fn run(connection: &Connection, queue: &Queue<Reading>) {
    while let Some(reading) = queue.take() {
        reading(connection);
    }
}

fn at_once<T>(
    connection: &Connection,
    read: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let answer = read(connection)?;
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(answer)
}
