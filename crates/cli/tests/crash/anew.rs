//! Processes that start executions over, or take them in, are killed: what was asked for is done, or
//! nothing is.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jackfield::sqlite::Role;
use jackfield::store::{ExecutionState, Store};
use jackfield::{
    ExecutionId, History, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, TenantId,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::campaign::Campaign;
use crate::ground::{Database, Ground};
use crate::life::{End, Life};
use crate::orders::{Doom, Orders};
use crate::outcome::outcome;
use crate::shapes;
use crate::whole::Whole;

/// How many processes are killed that start an execution over, if they leave some that are kept.
const RETRIES: u32 = 24;
/// How many executions they leave at least.
const LEFT: usize = 3;
/// How many rounds a loop has whose events are more than a store takes at once, and at twice.
const ROUNDS: usize = 5_200;
/// How many processes are killed at the most until one has left a part.
const MOST: u32 = 20;
/// How often it is looked whether something is there.
const GLANCE: Duration = Duration::from_micros(500);
const PATIENCE: Duration = Duration::from_secs(60);

/// A store, and the world of those who work on what is in it.
struct Trial<'c> {
    campaign: &'c Campaign,
    database: Database,
    ground: Ground,
}

impl<'c> Trial<'c> {
    fn new(campaign: &'c Campaign, database: Database) -> Self {
        Self {
            campaign,
            database,
            ground: Ground::new(database),
        }
    }

    fn tell(&self, arguments: &[&str]) -> Orders {
        // Who asks is told by tickets here.
        let orders = Orders::new(9_999, self.ground.folder(), arguments);
        orders.and(&["--store", &self.ground.url()])
    }

    fn live(&self, orders: Orders) -> Life {
        orders.live(&self.campaign.world)
    }

    /// Has a process live that nobody kills.
    fn done(&self, orders: Orders, exit: i32) -> Life {
        let life = self.live(orders);
        assert_eq!(life.end, End::ByItself(exit), "{life:#?}");
        life
    }

    /// Has all be done that anybody would do.
    fn resume(&self) {
        let until = Instant::now() + PATIENCE;
        loop {
            self.done(self.campaign.resume(&self.ground), 0);
            let is_going = |one: &History| {
                let state = &one.execution().state;
                matches!(state, ExecutionState::Running | ExecutionState::Parked(_))
            };
            if !self.ground.histories().iter().any(is_going) {
                return;
            }
            assert!(Instant::now() < until, "something goes on and on");
        }
    }

    fn asks(&self, ticket: &str) -> usize {
        self.campaign.world.asked(ticket).len()
    }
}

/// An instant in a life that lasts so long, the first of some that are spread over it, the next one
/// and so on.
fn instant(lasts: Duration, number: u32, of: u32) -> Doom {
    Doom::After(lasts * number / of)
}

/// Starts an execution over from a node, with items that are told from all others by their ticket.
fn retry(trial: &Trial<'_>, (id, from): (&str, &str), ticket: &str) -> Orders {
    let items = json!([{ "n": 4, "ticket": ticket, "trail": ["edited"] }]).to_string();
    let arguments = ["executions", "retry", id, "--from", from];
    let orders = trial.tell(&[&arguments[..], &["--edit-input", &items]].concat());
    let grants = ["--allow-private-network", "--env", "LIFE"];
    orders.and(&grants).and(trial.database.manner())
}

/// The ticket of the items that a retry was given.
fn ticket_of(history: &History) -> String {
    let report = serde_json::to_value(history.report().unwrap()).unwrap();
    let ticket = report["output"][0]["ticket"].as_str();
    ticket.unwrap_or_else(|| panic!("{report:#}")).to_owned()
}

fn start_over_and_be_killed(database: Database, name: &str, from: &str) {
    let campaign = Campaign::of(database, &[name]);
    let trial = Trial::new(&campaign, database);
    let run = campaign.run(&trial.ground, &campaign.known[0].shape, "at-first");
    let life = trial.done(run, 0);
    let id = life.acknowledged().unwrap().to_owned();
    let asked = trial.asks("at-first");
    let before = trial.ground.histories().len();
    let whole = trial.done(retry(&trial, (&id, from), "anew-at-once"), 0);
    let mut killed = 0;
    let is_enough = || Whole::all(&trial.ground.histories()).len() >= 2 + LEFT;
    for number in 0..3 * RETRIES {
        // Where all take longer now, they are killed later and later.
        if number >= RETRIES && is_enough() {
            break;
        }
        let ticket = format!("anew-{number}");
        let doom = instant(whole.lasted, number, RETRIES);
        let life = trial.live(retry(&trial, (&id, from), &ticket).doomed(doom));
        killed += u32::from(life.end == End::Killed);
    }
    trial.resume();
    assert!(killed >= RETRIES / 2, "only {killed} were killed");
    // Nothing that came before is done again, and nothing with the items that it had.
    assert_eq!(trial.asks("at-first"), asked);
    let histories = trial.ground.histories();
    let original: ExecutionId = id.parse().unwrap();
    let mut outcomes: Vec<Value> = Vec::new();
    for whole in Whole::all(&histories) {
        let execution = whole.history.execution();
        if execution.id == original {
            continue;
        }
        assert_eq!(execution.retry_of, Some(original));
        let ticket = ticket_of(whole.history);
        outcomes.push(outcome(&whole, &ticket, &campaign.world.asked(&ticket)));
    }
    let number = outcomes.len();
    assert!(number > LEFT, "hardly any was there: {number}");
    let first = &outcomes[0];
    for other in &outcomes {
        assert_eq!(other, first);
    }
    // Each has called what the first one has.
    assert_eq!(histories.len(), (outcomes.len() + 1) * before);
}

#[test]
fn who_starts_over_in_sqlite_is_killed() {
    start_over_and_be_killed(Database::Sqlite, "chain", "second");
}

#[test]
fn who_starts_a_call_over_in_sqlite_is_killed() {
    start_over_and_be_killed(Database::Sqlite, "nested", "call");
}

#[test]
fn who_starts_over_in_postgres_is_killed() {
    start_over_and_be_killed(Database::Postgres, "chain", "second");
}

#[test]
fn who_starts_a_call_over_in_postgres_is_killed() {
    start_over_and_be_killed(Database::Postgres, "nested", "call");
}

/// Many rounds, a signal, and a question to the world.
fn large(campaign: &Campaign) -> Value {
    let document = &campaign.known[0].shape.document;
    let nodes = document["nodes"].as_array().unwrap();
    let last = nodes.iter().find(|node| node["id"] == "third").unwrap();
    json!({
        "formatVersion": 1,
        "name": "large",
        "nodes": [
            { "id": "each", "nodeType": "loop",
              "parameters": { "mode": "times", "count": ROUNDS } },
            { "id": "round", "nodeType": "no-op" },
            { "id": "told", "nodeType": "wait", "parameters": { "signal": shapes::SIGNAL } },
            last,
        ],
        "connections": {
            "each": { "main": { "0": [{ "node": "told" }], "1": [{ "node": "round" }] } },
            "round": { "main": [["each"]] },
            "told": { "main": [["third"]] },
        },
    })
}

/// Has a process live until the execution that it makes is there in part, or a little longer.
fn live_until_it_is_there(trial: &Trial<'_>, orders: Orders, id: ExecutionId) -> Life {
    let living = orders.begin();
    Runtime::new().unwrap().block_on(async {
        let until = Instant::now() + PATIENCE;
        let mut store = None;
        while store.is_none() {
            assert!(Instant::now() < until, "there is no store");
            store = open(&trial.ground.url()).await;
        }
        let store = store.unwrap();
        let tenant = store.tenant(&TenantId::default_tenant());
        while tenant.execution(id).await.is_err() {
            assert!(Instant::now() < until, "it never is there");
            tokio::time::sleep(GLANCE).await;
        }
        living.signal("-KILL");
        store.close().await.unwrap();
    });
    living.finish(&trial.campaign.world)
}

/// Opens a store, if it is there.
async fn open(url: &str) -> Option<Arc<dyn Store>> {
    let Some(file) = url.strip_prefix("sqlite:") else {
        let options = PostgresOptions::new(url).connections(1).writers(1);
        return Some(Arc::new(PostgresStore::open(options).await.ok()?));
    };
    if !Path::new(file).exists() {
        tokio::time::sleep(GLANCE).await;
        return None;
    }
    let options = SqliteOptions::new(file).role(Role::Visitor);
    Some(Arc::new(SqliteStore::open(options).ok()?))
}

fn take_in_and_be_killed(database: Database, times: u32) {
    let campaign = Campaign::of(database, &["chain"]);
    let origin = Trial::new(&campaign, Database::Sqlite);
    let folder = origin.ground.folder();
    let (flow, file) = (folder.join("large.json"), folder.join("run.json"));
    let (flow, file) = (flow.display().to_string(), file.display().to_string());
    std::fs::write(&flow, large(&campaign).to_string()).unwrap();
    let life = origin.done(origin.tell(&["run", &flow, "--park"]), 5);
    let id = life.acknowledged().unwrap().to_owned();
    origin.done(origin.tell(&["executions", "export", &id, "-o", &file]), 0);

    let import = |trial: &Trial<'_>| trial.tell(&["executions", "import", &file]);
    let undisturbed = Trial::new(&campaign, database);
    let whole = undisturbed.done(import(&undisturbed), 0);
    let mut incomplete = 0;
    for number in 1..=MOST {
        if number > times && incomplete > 0 {
            break;
        }
        let trial = Trial::new(&campaign, database);
        let life = if number <= times {
            let doom = instant(whole.lasted, number, times + 1);
            trial.live(import(&trial).doomed(doom))
        } else {
            live_until_it_is_there(&trial, import(&trial), id.parse().unwrap())
        };
        // What is there only in part is run by nobody.
        if trial.ground.is_there() {
            trial.live(campaign.resume(&trial.ground));
            for history in trial.ground.histories() {
                let state = &history.execution().state;
                incomplete += u32::from(*state == ExecutionState::Incomplete);
                let is_left = matches!(state, ExecutionState::Incomplete | ExecutionState::Paused);
                assert!(is_left, "{state:?} after {life:#?}");
            }
        }
        let until = Instant::now() + PATIENCE;
        loop {
            let again = trial.live(import(&trial));
            if again.end == End::ByItself(0) || again.stderr.contains("exists already") {
                break;
            }
            assert!(again.stderr.contains("by another process"), "{again:#?}");
            assert!(Instant::now() < until, "{again:#?}");
        }
        let histories = trial.ground.histories();
        let [history] = &histories[..] else {
            panic!("{} executions are kept", histories.len());
        };
        assert_eq!(history.execution().state, ExecutionState::Paused);
        let ticket = format!("taken-{}-{number}", database.crowd().0);
        trial.done(campaign.tell(&trial.ground, &id, &ticket), 0);
        assert_eq!(trial.asks(&ticket), 0);
        trial.done(trial.tell(&["executions", "resume", &id]), 0);
        trial.resume();
        let ends: Vec<_> = trial.ground.histories();
        let ended = ends[0].execution().state.has_ended();
        assert!(ended, "{:?}", ends[0].execution());
        assert_eq!(trial.asks(&ticket), 1);
    }
    assert!(incomplete > 0, "nobody was killed in the middle");
}

#[test]
fn who_takes_an_execution_into_sqlite_is_killed() {
    take_in_and_be_killed(Database::Sqlite, 4);
}

#[test]
fn who_takes_an_execution_into_postgres_is_killed() {
    take_in_and_be_killed(Database::Postgres, 2);
}
