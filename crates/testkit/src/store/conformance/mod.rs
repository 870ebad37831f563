//! What every store has to keep, one case for each promise.
//!
//! [`store_conformance!`](crate::store_conformance) makes a test of each case for one store; it is
//! given a function that makes a [`Subject`]. A case has a fresh store for itself.

#![expect(
    clippy::unwrap_used,
    reason = "the cases are tests: a store that fails fails them"
)]

mod audit;
mod claims;
mod creation;
mod documents;
mod executions;
mod ground;
mod journals;
mod leases;
mod parking;
mod payloads;
mod retention;
mod safety;
mod signals;
mod tenants;
mod workflows;

use futures_util::future::BoxFuture;

use ground::Ground;
pub use ground::Subject;

type Case = (&'static str, fn(Ground) -> BoxFuture<'static, ()>);

macro_rules! cases {
    ($($module:ident: $($case:ident),+;)+) => {
        /// Every case there is.
        const CASES: &[Case] = &[$($(
            (stringify!($case), |ground| Box::pin($module::$case(ground))),
        )+)+];
    };
}

cases! {
    workflows:
        workflow_versions_count_from_one,
        workflow_of_the_same_digest_is_the_same_version,
        workflow_that_is_not_there_is_not_found,
        workflows_are_listed_by_id_with_their_newest_version,
        workflow_versions_are_listed_newest_first;
    executions:
        execution_is_kept_as_it_was_made,
        execution_can_be_held_from_the_beginning,
        execution_needs_its_workflow_version,
        execution_ids_are_taken_once_in_a_tenant,
        executions_are_found_by_every_filter,
        keys_that_no_page_had_are_refused,
        ten_thousand_executions_are_listed_while_others_are_added;
    creation:
        executions_stand_as_they_are_made,
        incomplete_executions_are_taken_up_by_nobody,
        incomplete_executions_run_when_they_are_whole,
        incomplete_executions_are_completed_by_whoever_has_the_rest,
        incomplete_executions_that_are_cancelled_end_at_once,
        what_cannot_be_made_so_is_refused;
    journals:
        appends_take_effect_in_the_order_of_the_calls,
        append_elsewhere_than_at_the_end_is_refused,
        append_says_how_the_execution_stands,
        execution_that_has_ended_takes_nothing_more,
        journals_are_read_from_any_place,
        records_may_be_large_up_to_a_limit,
        calls_that_nobody_waits_for_happen_whole_or_not_at_all,
        a_hundred_executions_journal_at_the_same_time,
        journal_of_no_execution_is_not_found;
    leases:
        lease_keeps_others_away_until_it_ends,
        late_writes_of_a_former_holder_are_refused,
        lease_can_be_renewed_as_long_as_nobody_else_came,
        what_is_released_can_be_taken_up_at_once,
        racing_claimers_get_each_execution_once,
        tenants_take_turns,
        claims_take_no_more_than_they_want,
        time_that_goes_back_breaks_nothing,
        leases_of_any_length_can_be_asked_for;
    parking:
        time_wakes_what_is_parked,
        signals_wake_what_waits_for_them,
        signals_that_came_before_are_not_lost,
        signals_are_numbered_and_kept,
        signals_and_parking_may_race,
        requests_wake_what_is_parked,
        requests_reach_the_holder,
        paused_ones_go_on_when_they_are_asked_to,
        requests_that_came_before_are_not_lost,
        stuck_ones_go_on_when_they_are_asked_to,
        parked_ones_can_be_taken_up_early,
        wake_up_times_are_never_too_early;
    payloads:
        payloads_are_kept_with_the_records_that_name_them,
        payloads_that_are_not_what_their_digest_says_are_refused,
        shared_payloads_stay_until_the_last_is_gone,
        payloads_may_come_while_others_go,
        retention_lets_the_oldest_go,
        dry_runs_count_what_would_go,
        payloads_larger_than_the_limit_are_refused;
    claims:
        tenants_take_up_their_own,
        what_one_tenant_leaves_others_take,
        what_is_given_up_is_stuck_or_ends;
    signals:
        signals_with_a_key_are_sent_once,
        large_signals_are_read_in_parts,
        signals_are_bounded;
    retention:
        collecting_at_the_same_time_leaves_what_is_to_be_left,
        collecting_may_be_broken_off,
        large_records_are_read_in_parts,
        parts_go_with_their_whole,
        versions_that_nothing_has_go,
        retention_is_kept_for_each_tenant;
    documents:
        documents_are_written_read_and_deleted,
        changes_may_expect_what_they_find,
        revisions_never_come_back,
        writers_that_expect_the_same_do_not_both_win,
        documents_are_listed_by_the_bytes_of_their_names,
        large_documents_are_listed_in_parts,
        collections_are_apart;
    audit:
        audit_records_are_added_at_the_end,
        audit_trails_never_fork;
    tenants:
        nothing_of_another_tenant_is_reached,
        the_same_names_in_two_tenants_are_two_things,
        tenants_are_listed_by_id,
        hostile_names_are_names_like_any_other,
        what_is_no_name_is_refused;
    safety:
        crash_between_any_two_writes_loses_nothing,
        what_was_written_is_there_when_it_is_opened_again,
        calls_after_closing_fail,
        closing_waits_for_what_was_called;
}

/// The names of all cases.
pub fn cases() -> Vec<&'static str> {
    CASES.iter().map(|(name, _)| *name).collect()
}

/// Runs one case on a store.
///
/// # Panics
/// When the store breaks the promise, and when there is no such case.
pub fn run(case: &str, subject: impl Subject) {
    let (_, run) = CASES
        .iter()
        .find(|(name, _)| *name == case)
        .unwrap_or_else(|| panic!("there is no case `{case}`"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts");
    runtime.block_on(async { run(Ground::new(Box::new(subject)).await).await });
}

/// Makes a test of each case of the suite, for one store.
///
/// It is given the path of a function without arguments that makes a
/// [`Subject`](crate::store::conformance::Subject).
#[macro_export]
macro_rules! store_conformance {
    ($subject:path) => {
        $crate::store_conformance! { $subject:
            workflow_versions_count_from_one,
            workflow_of_the_same_digest_is_the_same_version,
            workflow_that_is_not_there_is_not_found,
            workflows_are_listed_by_id_with_their_newest_version,
            workflow_versions_are_listed_newest_first,
            execution_is_kept_as_it_was_made,
            execution_can_be_held_from_the_beginning,
            execution_needs_its_workflow_version,
            execution_ids_are_taken_once_in_a_tenant,
            executions_are_found_by_every_filter,
            keys_that_no_page_had_are_refused,
            ten_thousand_executions_are_listed_while_others_are_added,
            executions_stand_as_they_are_made,
            incomplete_executions_are_taken_up_by_nobody,
            incomplete_executions_run_when_they_are_whole,
            incomplete_executions_are_completed_by_whoever_has_the_rest,
            incomplete_executions_that_are_cancelled_end_at_once,
            what_cannot_be_made_so_is_refused,
            appends_take_effect_in_the_order_of_the_calls,
            append_elsewhere_than_at_the_end_is_refused,
            append_says_how_the_execution_stands,
            execution_that_has_ended_takes_nothing_more,
            journals_are_read_from_any_place,
            records_may_be_large_up_to_a_limit,
            calls_that_nobody_waits_for_happen_whole_or_not_at_all,
            a_hundred_executions_journal_at_the_same_time,
            journal_of_no_execution_is_not_found,
            lease_keeps_others_away_until_it_ends,
            late_writes_of_a_former_holder_are_refused,
            lease_can_be_renewed_as_long_as_nobody_else_came,
            what_is_released_can_be_taken_up_at_once,
            racing_claimers_get_each_execution_once,
            tenants_take_turns,
            claims_take_no_more_than_they_want,
            time_that_goes_back_breaks_nothing,
            leases_of_any_length_can_be_asked_for,
            time_wakes_what_is_parked,
            signals_wake_what_waits_for_them,
            signals_that_came_before_are_not_lost,
            signals_are_numbered_and_kept,
            signals_and_parking_may_race,
            requests_wake_what_is_parked,
            requests_reach_the_holder,
            paused_ones_go_on_when_they_are_asked_to,
            requests_that_came_before_are_not_lost,
            stuck_ones_go_on_when_they_are_asked_to,
            parked_ones_can_be_taken_up_early,
            wake_up_times_are_never_too_early,
            payloads_are_kept_with_the_records_that_name_them,
            payloads_that_are_not_what_their_digest_says_are_refused,
            shared_payloads_stay_until_the_last_is_gone,
            payloads_may_come_while_others_go,
            retention_lets_the_oldest_go,
            dry_runs_count_what_would_go,
            payloads_larger_than_the_limit_are_refused,
            tenants_take_up_their_own,
            what_one_tenant_leaves_others_take,
            what_is_given_up_is_stuck_or_ends,
            signals_with_a_key_are_sent_once,
            large_signals_are_read_in_parts,
            signals_are_bounded,
            collecting_at_the_same_time_leaves_what_is_to_be_left,
            collecting_may_be_broken_off,
            large_records_are_read_in_parts,
            parts_go_with_their_whole,
            versions_that_nothing_has_go,
            retention_is_kept_for_each_tenant,
            documents_are_written_read_and_deleted,
            changes_may_expect_what_they_find,
            revisions_never_come_back,
            writers_that_expect_the_same_do_not_both_win,
            documents_are_listed_by_the_bytes_of_their_names,
            large_documents_are_listed_in_parts,
            collections_are_apart,
            audit_records_are_added_at_the_end,
            audit_trails_never_fork,
            nothing_of_another_tenant_is_reached,
            the_same_names_in_two_tenants_are_two_things,
            tenants_are_listed_by_id,
            hostile_names_are_names_like_any_other,
            what_is_no_name_is_refused,
            crash_between_any_two_writes_loses_nothing,
            what_was_written_is_there_when_it_is_opened_again,
            calls_after_closing_fail,
            closing_waits_for_what_was_called,
        }
    };
    ($subject:path: $($case:ident,)+) => {
        $(
            #[test]
            fn $case() {
                $crate::store::conformance::run(stringify!($case), $subject());
            }
        )+

        #[test]
        fn no_case_is_left_out() {
            assert_eq!($crate::store::conformance::cases(), [$(stringify!($case)),+]);
        }
    };
}
