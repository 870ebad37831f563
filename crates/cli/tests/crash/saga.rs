//! A few executions in one store: begun, killed, resumed and killed again, until they are through.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::thread;

use jackfield::{EventKind, History};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::campaign::{Act, Campaign};
use crate::claims::{Kept, check_effects};
use crate::ground::Ground;
use crate::life::{End, Life};
use crate::orders::Doom;
use crate::outcome::outcome;
use crate::tally::{Tally, has_ended_by};
use crate::whole::Whole;

/// After so many kills for each of those that kill, a store is left in peace.
const KILLS_EACH: usize = 12;
/// What `jackfield resume` says when there is nothing for it to do about an execution.
const NOT_NEEDED: [&str; 2] = [ENDED, OVERTAKEN];
const ENDED: &str = "error[EXECUTION_ENDED]";
const OVERTAKEN: &str = "error[EXECUTION_HELD]";
/// What it says when it stood still for so long that another one may take over.
const TOO_LATE: &str = "its lease could not be renewed in time";

/// An execution that a process was told to run.
struct Begun {
    ticket: String,
    /// Its id, if that was acknowledged.
    id: Option<String>,
    /// The place of its workflow.
    known: usize,
    /// The process.
    life: u32,
}

/// What is done in one store.
pub(crate) struct Saga<'c> {
    campaign: &'c Campaign,
    number: u64,
    ground: Ground,
    past: Mutex<Past>,
}

/// What has been done so far.
#[derive(Default)]
struct Past {
    begun: Vec<Begun>,
    /// The tickets of executions that were sent their signal, as was acknowledged.
    told: BTreeSet<String>,
    lives: Vec<Life>,
}

impl<'c> Saga<'c> {
    pub(crate) fn new(campaign: &'c Campaign, number: u64) -> Self {
        Self {
            campaign,
            number,
            ground: Ground::new(campaign.database),
            past: Mutex::default(),
        }
    }

    pub(crate) fn play(self) {
        let (_, actors) = self.campaign.database.crowd();
        let chance = |actor: usize| {
            let number = self.number * 100 + u64::try_from(actor).unwrap();
            SmallRng::seed_from_u64(self.campaign.seed.wrapping_add(number))
        };
        thread::scope(|scope| {
            for actor in 1..=actors {
                let (saga, chance) = (&self, chance(actor));
                scope.spawn(move || saga.act(actor, actors, chance));
            }
        });
        if self.ground.is_there() {
            let mut chance = chance(0);
            let mut is_over = false;
            while !is_over {
                is_over = self.go_on(actors, &mut chance) && !self.tell_the_rest(&mut chance);
            }
        }
        self.judge();
    }

    /// Begins executions and, if others do so too, goes on with whatever is left lying.
    fn act(&self, actor: usize, actors: usize, mut chance: SmallRng) {
        for round in 0..chance.random_range(1..=3) {
            let ticket = format!("ticket-{}-{actor}-{round}", self.number);
            if let Some((id, ticket)) = self.begin(ticket, &mut chance) {
                self.tell(&id, &ticket, &mut chance);
            }
            if actors > 1 {
                self.go_on(actors, &mut chance);
            }
        }
    }

    /// Has a process run a workflow; gives the execution if it waits to be told something.
    fn begin(&self, ticket: String, chance: &mut SmallRng) -> Option<(String, String)> {
        let campaign = self.campaign;
        let place = self.choose(chance);
        let known = &campaign.known[place];
        let orders = campaign.run(&self.ground, &known.shape, &ticket);
        let orders = orders.and(&manner(chance));
        let doom = campaign.doom(Act::Run(known), chance);
        let life = orders.doomed(doom).live(&campaign.world);
        campaign.remember(Act::Run(known), &life);
        let is_expected = match life.end {
            End::Killed => true,
            End::ByItself(code) => code == known.shape.exit || self.was_overtaken(&life),
        };
        assert!(is_expected, "{life:#?}");
        let id = life.acknowledged().map(str::to_owned);
        let begun = Begun {
            ticket: ticket.clone(),
            id: id.clone(),
            known: place,
            life: life.number,
        };
        let waits = id.filter(|_| self.waits(&begun));
        let mut past = self.past.lock().unwrap();
        past.begun.push(begun);
        past.lives.push(life);
        waits.map(|id| (id, ticket))
    }

    /// The place of some workflow. Those that call others, which are few, come more often.
    fn choose(&self, chance: &mut SmallRng) -> usize {
        let known = &self.campaign.known;
        let is_calling = |place: &usize| !known[*place].shape.calls().is_empty();
        let calling: Vec<usize> = (0..known.len()).filter(is_calling).collect();
        if calling.is_empty() || chance.random_range(0..3) > 0 {
            return chance.random_range(0..known.len());
        }
        calling[chance.random_range(0..calling.len())]
    }

    fn waits(&self, begun: &Begun) -> bool {
        self.campaign.known[begun.known].shape.waits
    }

    /// Sends an execution the signal that it waits for.
    fn tell(&self, id: &str, ticket: &str, chance: &mut SmallRng) {
        let campaign = self.campaign;
        let doom = campaign.doom(Act::Tell, chance);
        let orders = campaign.tell(&self.ground, id, ticket).doomed(doom);
        let life = orders.live(&campaign.world);
        let mut past = self.past.lock().unwrap();
        match life.end {
            End::Killed => {}
            // One that was killed had sent it all the same.
            End::ByItself(2) if life.stderr.contains(ENDED) => {}
            End::ByItself(code) => {
                assert_eq!(code, 0, "{life:#?}");
                past.told.insert(ticket.to_owned());
            }
        }
        campaign.remember(Act::Tell, &life);
        past.lives.push(life);
    }

    /// Sends signals to executions that wait for one and were not sent any for sure; says whether
    /// there were such.
    fn tell_the_rest(&self, chance: &mut SmallRng) -> bool {
        let mut rest = Vec::new();
        for whole in Whole::all(&self.ground.histories()) {
            let ticket = ticket_of(whole.history);
            let is_told = self.past.lock().unwrap().told.contains(&ticket);
            let is_parked = whole.history.execution().state.as_str() == "parked";
            if is_parked && !is_told {
                rest.push((whole.id(), ticket));
            }
        }
        for (id, ticket) in &rest {
            self.tell(id, ticket, chance);
        }
        !rest.is_empty()
    }

    /// Resumes what is there; says whether nothing was left to do.
    fn go_on(&self, actors: usize, chance: &mut SmallRng) -> bool {
        let campaign = self.campaign;
        let (killed, one) = {
            let past = self.past.lock().unwrap();
            let killed = past.lives.iter().filter(|life| life.end == End::Killed);
            // One that waits to be told something would be waited for.
            let ids = past.begun.iter().filter(|begun| !self.waits(begun));
            let mut ids = ids.filter_map(|begun| begun.id.clone());
            (killed.count(), ids.next_back())
        };
        let doom = if killed < KILLS_EACH * actors {
            campaign.doom(Act::Resume, chance)
        } else {
            Doom::Never
        };
        let one = one.filter(|_| chance.random_range(0..4) == 0);
        let mut orders = campaign.resume(&self.ground).and(&manner(chance));
        if let Some(one) = &one {
            orders = orders.and(&[one]);
        }
        let life = orders.doomed(doom).live(&campaign.world);
        let is_over = match life.end {
            End::Killed => false,
            // One of them may be meant to fail.
            End::ByItself(0 | 1) => one.is_none() && !self.was_overtaken(&life),
            End::ByItself(_) => {
                let is_said = |word: &&str| life.stderr.contains(*word);
                let is_needed = one.is_none() || !NOT_NEEDED.iter().any(is_said);
                assert!(!is_needed || self.was_overtaken(&life), "{life:#?}");
                false
            }
        };
        if is_over {
            campaign.remember(Act::Resume, &life);
        }
        self.past.lock().unwrap().lives.push(life);
        is_over
    }

    /// Whether a process says that another one has taken over from it, or may: on a machine that is
    /// busy, it may have had to stand still for longer than a lease.
    fn was_overtaken(&self, life: &Life) -> bool {
        let (_, actors) = self.campaign.database.crowd();
        let is_said = |words: &&str| life.stderr.contains(*words);
        actors > 1 && [OVERTAKEN, TOO_LATE].iter().any(is_said)
    }

    /// Sees to it that everything came to what it had to, and was told as it was.
    fn judge(&self) {
        let past = self.past.lock().unwrap();
        let histories = self.ground.histories();
        let kept = Kept::new(&histories);
        past.lives.iter().for_each(|life| kept.check(life));
        let mut found: BTreeMap<String, Whole<'_>> = BTreeMap::new();
        for whole in Whole::all(&histories) {
            let execution = whole.history.execution();
            let before = found.insert(ticket_of(whole.history), whole);
            assert!(before.is_none(), "it was made twice: {execution:?}");
        }
        let mut tally = Tally::default();
        for life in &past.lives {
            let Some(begun) = past.begun.iter().find(|one| one.life == life.number) else {
                match life.arguments[0].as_str() {
                    "signal" => tally.told(life),
                    _ => tally.resumed(life, self.campaign.world.asks_of(life.number)),
                }
                continue;
            };
            let asked = self.campaign.world.asked(&begun.ticket);
            let Some(whole) = found.remove(&begun.ticket) else {
                assert!(asked.is_empty(), "something of it was done: {asked:#?}");
                assert_eq!(life.end, End::Killed, "it was lost: {life:#?}");
                tally.never_kept();
                continue;
            };
            let known = &self.campaign.known[begun.known];
            check_effects(&known.shape, &whole, &asked);
            let outcome = outcome(&whole, &begun.ticket, &asked);
            let (outcome, meant) = (format!("{outcome:#}"), format!("{:#}", known.outcome));
            assert!(outcome == meant, "{known:?}: {outcome}\ninstead of {meant}");
            let was_calling = |life: &&Life| {
                let has_asked = asked.iter().any(|one| one.life == life.number);
                life.end == End::Killed && has_asked && whole.was_calling_at(life.over)
            };
            tally.calling(past.lives.iter().filter(was_calling).count());
            let history = whole.history;
            if life.end == End::ByItself(known.shape.exit) && !known.shape.waits {
                let has_ended = has_ended_by(history, life.over);
                assert!(has_ended, "it was said to have ended by then: {life:#?}");
            }
            tally.begun(life, history);
            self.campaign.remember_birth(life, history);
        }
        assert!(found.is_empty(), "nobody began these: {:?}", found.keys());
        self.campaign.count(&tally);
    }
}

impl Drop for Saga<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let past = match self.past.get_mut() {
                Ok(past) => past,
                Err(poisoned) => poisoned.into_inner(),
            };
            self.campaign.fail(self.number, &past.lives);
        }
    }
}

/// How safely it is done, and what is told of it.
fn manner(chance: &mut SmallRng) -> [&'static str; 4] {
    let outputs = ["events", "events", "json", "pretty"];
    let levels = ["grouped", "grouped", "full", "relaxed"];
    let output = outputs[chance.random_range(0..outputs.len())];
    let level = levels[chance.random_range(0..levels.len())];
    ["--output", output, "--durability", level]
}

/// What an execution is known by outside.
fn ticket_of(history: &History) -> String {
    let first = history.entries().next().unwrap();
    let EventKind::ExecutionStarted { input, .. } = first.event.kind else {
        panic!("it begins with {first:?}");
    };
    input[0].json()["ticket"].as_str().unwrap().to_owned()
}
