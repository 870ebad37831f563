//! Two processes that share a database, of which one is lost.

use std::time::Duration;

use jackfield::History;
use jiff::Timestamp;
use serde_json::Value;

use crate::campaign::Campaign;
use crate::claims::{Kept, check_effects};
use crate::ground::{Database, Ground};
use crate::life::{End, Life};
use crate::orders::{Doom, Living};
use crate::outcome::outcome;
use crate::whole::Whole;

/// The lease is two seconds; the rest is for a machine that is busy.
const SECONDS: Duration = Duration::from_secs(10);
/// The event after which there is no other.
const FINISHED: &str = "execution-finished";

/// A worker that goes on until it is told to stop.
fn worker(campaign: &Campaign, ground: &Ground) -> Living {
    let orders = campaign.resume(ground);
    orders.and(&["--watch", "--output", "events"]).begin()
}

/// Stops a worker as it is meant to be stopped.
fn stop(worker: Living, campaign: &Campaign) -> Life {
    worker.signal("-TERM");
    let life = worker.finish(&campaign.world);
    assert_eq!(life.end, End::ByItself(0), "{life:#?}");
    life
}

fn whole<'h>(histories: &'h [History], id: &str) -> Whole<'h> {
    let mut wholes = Whole::all(histories).into_iter();
    wholes.find(|one| one.id() == id).unwrap()
}

/// What a process first told of an execution.
fn first_told(life: &Life, id: &str) -> Timestamp {
    let mut told = life.told().filter(|line| line.contains(id));
    let first: Value = serde_json::from_str(told.next().unwrap()).unwrap();
    first["at"].as_str().unwrap().parse().unwrap()
}

#[test]
fn another_process_takes_over_what_a_killed_one_ran() {
    let names = ["chain", "rounds", "fan", "nested", "calls", "bulky"];
    // Each is killed when it has asked so often: two of them in the middle of a call.
    let times = [1, 2, 3, 5, 5, 1];
    let campaign = Campaign::of(Database::Postgres, &names);
    let ground = Ground::new(Database::Postgres);
    let worker = worker(&campaign, &ground);
    let mut killed = Vec::new();
    for (known, times) in campaign.known.iter().zip(times) {
        let ticket = format!("over-{}", known.shape.name);
        let then = Duration::ZERO;
        let orders = campaign.run(&ground, &known.shape, &ticket);
        let orders = orders.doomed(Doom::Asking { times, then });
        // It is not done before it is killed, however late that is.
        campaign.world.keep_waiting(orders.number(), times);
        let living = orders.begin();
        living.wait_until_acknowledged();
        let life = living.finish(&campaign.world);
        assert_eq!(life.end, End::Killed, "{life:#?}");
        killed.push((ticket, known, life));
    }
    for (_, _, life) in &killed {
        let id = life.acknowledged().unwrap();
        worker.wait_until_told(&[id, FINISHED]);
    }
    let worker = stop(worker, &campaign);
    let histories = ground.histories();
    let kept = Kept::new(&histories);
    kept.check(&worker);
    for (ticket, known, life) in &killed {
        kept.check(life);
        let id = life.acknowledged().unwrap();
        let asked = campaign.world.asked(ticket);
        let whole = whole(&histories, id);
        check_effects(&known.shape, &whole, &asked);
        assert_eq!(outcome(&whole, ticket, &asked), known.outcome);
        let is_calling = !known.shape.calls().is_empty();
        assert_eq!(whole.was_calling_at(life.over), is_calling, "{life:#?}");
        let taken = first_told(&worker, id).duration_since(life.over);
        assert!(taken.is_positive(), "both ran it: {life:#?}");
        assert!(taken.unsigned_abs() < SECONDS, "taken over after {taken}");
    }
}

#[test]
fn a_process_that_stood_still_does_nothing_once_it_was_taken_over() {
    let campaign = Campaign::of(Database::Postgres, &["pause"]);
    let ground = Ground::new(Database::Postgres);
    let known = &campaign.known[0];
    let ticket = "still";
    let orders = campaign.run(&ground, &known.shape, ticket);
    let stalled = orders.and(&["--output", "events"]).begin();
    // It waits now, with something left to do.
    stalled.wait_until_told(&["\"first\"", "attempt-succeeded"]);
    stalled.signal("-STOP");
    let asks = campaign.world.asks_of(stalled.number());
    let worker = worker(&campaign, &ground);
    worker.wait_until_told(&[FINISHED]);
    stalled.signal("-CONT");
    let stalled = stalled.finish(&campaign.world);
    let End::ByItself(4) = stalled.end else {
        panic!("it is not told that it was taken over: {stalled:#?}");
    };
    assert_eq!(campaign.world.asks_of(stalled.number), asks, "{stalled:#?}");
    let worker = stop(worker, &campaign);
    let histories = ground.histories();
    let kept = Kept::new(&histories);
    kept.check(&stalled);
    kept.check(&worker);
    let whole = whole(&histories, stalled.acknowledged().unwrap());
    let asked = campaign.world.asked(ticket);
    check_effects(&known.shape, &whole, &asked);
    assert_eq!(outcome(&whole, ticket, &asked), known.outcome);
}
