//! Executions that are begun, killed, resumed and killed again, until they are through.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use jackfield::{EventKind, History};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use crate::claims::{Kept, check_effects};
use crate::ground::Ground;
use crate::life::{Doom, End, Life, live};
use crate::outcome::outcome;
use crate::shapes::{self, Shape};
use crate::tally::Tally;
use crate::world::{Asked, World};

/// How often processes are killed at the least.
pub(crate) const KILLS: usize = 200;
/// How often one execution's processes are killed at the most.
const KILLS_EACH: usize = 12;
/// How many stores there are at the same time, each with its own processes.
const WORKERS: u64 = 3;
/// The environment variable with the seed to be used again.
const SEED: &str = "CRASH_SEED";

/// A workflow, and what it comes to when nobody is killed.
struct Known {
    shape: Shape,
    outcome: Value,
}

/// All that is tried on one database.
pub(crate) struct Campaign {
    world: World,
    seed: u64,
    ground: fn() -> Ground,
    known: Vec<Known>,
    /// How long processes live, by what they do.
    spans: Mutex<BTreeMap<String, Duration>>,
    /// How long it takes until an execution is kept.
    birth: Duration,
    lives: AtomicU32,
    sagas: AtomicU64,
    tally: Mutex<Tally>,
    has_failed: AtomicBool,
}

/// An execution that a process was told to run.
struct Begun {
    ticket: String,
    /// The place of its workflow.
    known: usize,
    /// The place of the process.
    life: usize,
}

/// What is done on one ground.
struct Saga<'c> {
    campaign: &'c Campaign,
    number: u64,
    ground: Ground,
    chance: SmallRng,
    begun: Vec<Begun>,
    lives: Vec<Life>,
}

impl Campaign {
    /// Gets ready, and finds out what comes of each workflow when nobody is killed.
    pub(crate) fn new(ground: fn() -> Ground) -> Self {
        let seed = match std::env::var(SEED) {
            Ok(seed) => seed.parse().unwrap(),
            Err(_) => rand::random(),
        };
        let world = World::new(seed);
        let shapes = shapes::all(&world.url());
        let mut campaign = Self {
            world,
            seed,
            ground,
            known: Vec::new(),
            spans: Mutex::default(),
            birth: Duration::ZERO,
            lives: AtomicU32::new(0),
            sagas: AtomicU64::new(0),
            tally: Mutex::default(),
            has_failed: AtomicBool::new(false),
        };
        for shape in shapes {
            let known = campaign.undisturbed(shape);
            campaign.known.push(known);
        }
        campaign
    }

    fn undisturbed(&mut self, shape: Shape) -> Known {
        let ground = (self.ground)();
        let ticket = "whole-".to_owned() + shape.name;
        let life = self.run(&ground, &shape, &ticket, &["--output", "json"], Doom::Never);
        assert_eq!(life.end, End::ByItself(shape.exit), "{life:#?}");
        let histories = ground.histories();
        let [history] = &histories[..] else {
            panic!("{} executions are kept: {life:#?}", histories.len());
        };
        let kept = history.execution().created_at;
        self.birth = kept.duration_since(life.began).unsigned_abs();
        Kept::new(&histories).check(&life);
        let asked = self.world.asked(&ticket);
        check_effects(history, &asked);
        let outcome = outcome(history, &ticket, &asked);
        Known { shape, outcome }
    }

    /// Goes on until enough processes have been killed.
    pub(crate) fn fight(&self) {
        thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| {
                    while !self.is_over() {
                        Saga::new(self).play();
                    }
                });
            }
        });
        let tally = self.tally.lock().unwrap();
        eprintln!("seed {}: {tally:?}", self.seed);
        tally.check();
    }

    fn is_over(&self) -> bool {
        let is_enough = self.tally.lock().unwrap().kills() >= KILLS;
        is_enough || self.has_failed.load(Ordering::Relaxed)
    }

    /// Has a process run a workflow.
    fn run(&self, ground: &Ground, shape: &Shape, ticket: &str, more: &[&str], doom: Doom) -> Life {
        let file = ground.folder().join(format!("{}.json", shape.name));
        fs::write(&file, shape.document.to_string()).unwrap();
        let input = shapes::input(ticket).to_string();
        let file = file.display().to_string();
        let arguments = ["run", &file, "--input", &input];
        let life = self.live(ground, &[&arguments, more].concat(), doom);
        self.remember(shape.name, &life);
        life
    }

    fn resume(&self, ground: &Ground, more: &[&str], doom: Doom) -> Life {
        let life = self.live(ground, &[&["resume"], more].concat(), doom);
        self.remember("resume", &life);
        life
    }

    fn live(&self, ground: &Ground, arguments: &[&str], doom: Doom) -> Life {
        let number = self.lives.fetch_add(1, Ordering::Relaxed);
        let always = [
            "--store",
            ground.url(),
            "--allow-private-network",
            "--env",
            "LIFE",
        ];
        let arguments = arguments.iter().chain(&always);
        let arguments = arguments.map(|&text| text.to_owned()).collect();
        live(&self.world, ground.folder(), number, arguments, doom)
    }

    /// Remembers how long a process lives that is let live, as this machine is now.
    fn remember(&self, what: &str, life: &Life) {
        if life.end != End::Killed {
            let mut spans = self.spans.lock().unwrap();
            let span = spans.entry(what.to_owned()).or_insert(life.lasted);
            *span = (*span * 3 + life.lasted) / 4;
        }
    }

    /// When a process is to be killed: at any instant from its first to its last, around the one in
    /// which its execution is made, or while it is at something.
    fn doom(&self, what: &str, chance: &mut SmallRng) -> Doom {
        let some = |chance: &mut SmallRng, most: Duration| {
            Duration::from_micros(chance.random_range(0..=most.as_micros() as u64))
        };
        let span = self.spans.lock().unwrap().get(what).copied();
        let span = span.unwrap_or(self.birth * 3);
        match chance.random_range(0..8) {
            0..4 => Doom::After(some(chance, span * 11 / 10)),
            4 => Doom::After(self.birth * 3 / 4 + some(chance, self.birth / 2)),
            _ => Doom::Asking {
                times: chance.random_range(1..=12),
                then: some(chance, Duration::from_millis(10)),
            },
        }
    }
}

impl<'c> Saga<'c> {
    fn new(campaign: &'c Campaign) -> Self {
        let number = campaign.sagas.fetch_add(1, Ordering::Relaxed);
        Self {
            campaign,
            number,
            ground: (campaign.ground)(),
            chance: SmallRng::seed_from_u64(campaign.seed.wrapping_add(number)),
            begun: Vec::new(),
            lives: Vec::new(),
        }
    }

    fn play(mut self) {
        for _ in 0..self.chance.random_range(1..=3) {
            self.begin();
        }
        if self.ground.is_there() {
            while !self.go_on() {}
        }
        self.judge();
    }

    fn begin(&mut self) {
        let campaign = self.campaign;
        let place = self.chance.random_range(0..campaign.known.len());
        let shape = &campaign.known[place].shape;
        let ticket = format!("ticket-{}-{}", self.number, self.begun.len());
        let doom = campaign.doom(shape.name, &mut self.chance);
        let more = self.manner();
        let life = campaign.run(&self.ground, shape, &ticket, &more, doom);
        let is_expected = match life.end {
            End::Killed => true,
            End::ByItself(code) => code == shape.exit,
        };
        assert!(is_expected, "{life:#?}");
        self.begun.push(Begun {
            ticket,
            known: place,
            life: self.lives.len(),
        });
        self.lives.push(life);
    }

    /// Resumes what is there; says whether all of it has ended.
    fn go_on(&mut self) -> bool {
        let campaign = self.campaign;
        let killed = self.lives.iter().filter(|life| life.end == End::Killed);
        let doom = if killed.count() < KILLS_EACH {
            campaign.doom("resume", &mut self.chance)
        } else {
            Doom::Never
        };
        let mut acknowledged = self.lives.iter().filter_map(Life::acknowledged);
        let one = acknowledged.next_back().map(str::to_owned);
        let one = one.filter(|_| self.chance.random_range(0..4) == 0);
        let mut more = self.manner();
        more.extend(one.as_deref());
        let life = campaign.resume(&self.ground, &more, doom);
        let is_over = match life.end {
            End::Killed => false,
            // One of them may be meant to fail.
            End::ByItself(0 | 1) => one.is_none(),
            End::ByItself(_) => {
                let has_ended = one.is_some() && life.stderr.contains("has ended");
                assert!(has_ended, "{life:#?}");
                false
            }
        };
        self.lives.push(life);
        is_over
    }

    /// How safely it is done, and what is told of it.
    fn manner(&mut self) -> Vec<&'static str> {
        let outputs = ["events", "events", "json", "pretty"];
        let levels = ["grouped", "grouped", "full", "relaxed"];
        let output = outputs[self.chance.random_range(0..outputs.len())];
        let level = levels[self.chance.random_range(0..levels.len())];
        vec!["--output", output, "--durability", level]
    }

    /// Sees to it that everything came to what it had to, and was told as it was.
    fn judge(&self) {
        let histories = self.ground.histories();
        let kept = Kept::new(&histories);
        self.lives.iter().for_each(|life| kept.check(life));
        let mut found: BTreeMap<String, &History> = BTreeMap::new();
        for history in &histories {
            let before = found.insert(ticket_of(history), history);
            assert!(
                before.is_none(),
                "it was made twice: {:?}",
                history.execution()
            );
        }
        let mut tally = Tally::default();
        for begun in &self.begun {
            let life = &self.lives[begun.life];
            let asked = self.campaign.world.asked(&begun.ticket);
            let Some(history) = found.remove(&begun.ticket) else {
                assert!(asked.is_empty(), "something of it was done: {asked:#?}");
                assert_eq!(life.end, End::Killed, "it was lost: {life:#?}");
                tally.never_kept();
                continue;
            };
            self.judge_one(begun, history, &asked);
            tally.begun(life, history);
        }
        assert!(found.is_empty(), "nobody began these: {:?}", found.keys());
        for life in &self.lives[self.begun.len()..] {
            tally.resumed(life, &histories);
        }
        self.campaign.tally.lock().unwrap().add(&tally);
    }

    fn judge_one(&self, begun: &Begun, history: &History, asked: &[Asked]) {
        check_effects(history, asked);
        let known = &self.campaign.known[begun.known];
        let outcome = outcome(history, &begun.ticket, asked);
        let (found, wanted) = (format!("{outcome:#}"), format!("{:#}", known.outcome));
        assert!(
            found == wanted,
            "{}: {found}\ninstead of {wanted}",
            known.shape.name
        );
    }
}

impl Drop for Saga<'_> {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        self.campaign.has_failed.store(true, Ordering::Relaxed);
        eprintln!(
            "saga {} of {SEED}={} failed; its processes were: {:#?}",
            self.number, self.campaign.seed, self.lives
        );
    }
}

/// What an execution is known by outside.
fn ticket_of(history: &History) -> String {
    let first = history.entries().next().unwrap();
    let EventKind::ExecutionStarted { input, .. } = first.event.kind else {
        panic!("it begins with {first:?}");
    };
    input[0].json()["ticket"].as_str().unwrap().to_owned()
}
