//! What has to do with time, by the clock of the database and with as few connections as there can
//! be.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jackfield_store_api::{Store, StoreError};
use jackfield_store_postgres::{PostgresOptions, PostgresStore};
use jackfield_testkit::database::Postgres;
use jackfield_testkit::store::StoreClock;
use jackfield_testkit::store::conformance::{self, Subject};

/// A database of a server that all cases of this process share, by one connection.
struct OnServer {
    url: String,
}

fn on_server() -> OnServer {
    OnServer {
        url: Postgres::shared().create_database(),
    }
}

impl Subject for OnServer {
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>> {
        Box::pin(async move {
            let options = PostgresOptions::new(&self.url).connections(1).writers(1);
            let store: Arc<dyn Store> = Arc::new(PostgresStore::open(options).await?);
            Ok(store)
        })
    }

    fn after_crash(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>> {
        // Whatever was acknowledged is in the database, whoever is connected to it.
        self.open()
    }

    fn clock(&self) -> Option<&StoreClock> {
        None
    }
}

macro_rules! cases {
    ($($case:ident,)+) => {
        $(
            #[test]
            fn $case() {
                conformance::run(stringify!($case), on_server());
            }
        )+
    };
}

cases! {
    execution_is_kept_as_it_was_made,
    executions_are_found_by_every_filter,
    a_hundred_executions_journal_at_the_same_time,
    lease_keeps_others_away_until_it_ends,
    late_writes_of_a_former_holder_are_refused,
    lease_can_be_renewed_as_long_as_nobody_else_came,
    racing_claimers_get_each_execution_once,
    tenants_take_turns,
    leases_of_any_length_can_be_asked_for,
    time_wakes_what_is_parked,
    signals_are_numbered_and_kept,
    signals_and_parking_may_race,
    wake_up_times_are_never_too_early,
    retention_lets_the_oldest_go,
    documents_are_written_read_and_deleted,
    writers_that_expect_the_same_do_not_both_win,
    audit_trails_never_fork,
    what_was_written_is_there_when_it_is_opened_again,
    closing_waits_for_what_was_called,
}
