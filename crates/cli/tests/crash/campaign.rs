//! All that is tried on one kind of store: many sagas, until enough processes have been killed.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use jackfield::History;
use rand::Rng;
use rand::rngs::SmallRng;
use serde_json::Value;

use crate::claims::{Kept, check_effects};
use crate::ground::{Database, Ground};
use crate::life::{End, Life};
use crate::orders::{Doom, Orders};
use crate::outcome::outcome;
use crate::saga::Saga;
use crate::shapes::{self, Shape};
use crate::tally::Tally;
use crate::whole::Whole;
use crate::world::World;

/// How often processes are killed at the least.
const KILLS: usize = 200;
/// How often they are killed at the most, until some were killed at everything that they do.
const MOST: usize = 400;
/// The environment variable with the seed to be used again.
const SEED: &str = "CRASH_SEED";

/// A workflow, and what it comes to when nobody is killed.
pub(crate) struct Known {
    pub(crate) shape: Shape,
    pub(crate) outcome: Value,
    /// How often the world is asked.
    asks: usize,
}

/// All that is tried on one kind of store.
pub(crate) struct Campaign {
    pub(crate) world: World,
    pub(crate) seed: u64,
    pub(crate) database: Database,
    pub(crate) known: Vec<Known>,
    /// How long it takes, at present, to do something, by what it is.
    spans: Mutex<BTreeMap<&'static str, Duration>>,
    lives: AtomicU32,
    sagas: AtomicU64,
    tally: Mutex<Tally>,
    has_failed: AtomicBool,
}

/// Something that processes do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act<'a> {
    Run(&'a Known),
    Resume,
    Tell,
}

/// Getting as far as an execution that is kept.
const BIRTH: &str = "birth";

impl Act<'_> {
    fn name(self) -> &'static str {
        match self {
            Self::Run(known) => known.shape.name,
            Self::Resume => "resume",
            Self::Tell => "tell",
        }
    }
}

impl Campaign {
    /// Gets ready to try all workflows.
    pub(crate) fn new(database: Database) -> Self {
        Self::of(database, &shapes::NAMES)
    }

    /// Gets ready to try some workflows, and finds out what comes of each when nobody is killed.
    pub(crate) fn of(database: Database, names: &[&str]) -> Self {
        let seed = match std::env::var(SEED) {
            Ok(seed) => seed.parse().unwrap(),
            Err(_) => rand::random(),
        };
        let world = World::new(seed);
        let shapes = shapes::all(&world.url());
        let mut campaign = Self {
            world,
            seed,
            database,
            known: Vec::new(),
            spans: Mutex::default(),
            lives: AtomicU32::new(0),
            sagas: AtomicU64::new(0),
            tally: Mutex::default(),
            has_failed: AtomicBool::new(false),
        };
        let wanted = |shape: &Shape| names.contains(&shape.name);
        for shape in shapes.into_iter().filter(wanted) {
            let known = campaign.undisturbed(shape);
            campaign.known.push(known);
        }
        campaign
    }

    fn undisturbed(&self, shape: Shape) -> Known {
        let ground = Ground::new(self.database);
        let ticket = "whole-".to_owned() + shape.name;
        let mut known = Known {
            shape,
            outcome: Value::Null,
            asks: 0,
        };
        let shape = &known.shape;
        let orders = self.run(&ground, shape, &ticket);
        let life = orders.and(&["--output", "json"]).live(&self.world);
        self.remember(Act::Run(&known), &life);
        assert_eq!(life.end, End::ByItself(shape.exit), "{life:#?}");
        if shape.waits {
            let id = life.acknowledged().unwrap();
            for orders in [self.tell(&ground, id, &ticket), self.resume(&ground)] {
                let life = orders.live(&self.world);
                assert_eq!(life.end, End::ByItself(0), "{life:#?}");
            }
        }
        let histories = ground.histories();
        let whole = Whole::only(&histories);
        self.remember_birth(&life, whole.history);
        Kept::new(&histories).check(&life);
        let asked = self.world.asked(&ticket);
        check_effects(&known.shape, &whole, &asked);
        assert_eq!(whole.parts.len(), known.shape.calls().len(), "{life:#?}");
        known.outcome = outcome(&whole, &ticket, &asked);
        known.asks = asked.len();
        known
    }

    /// Goes on until enough processes have been killed.
    pub(crate) fn fight(&self) {
        let (stores, _) = self.database.crowd();
        thread::scope(|scope| {
            for _ in 0..stores {
                scope.spawn(|| {
                    while !self.is_over() {
                        let number = self.sagas.fetch_add(1, Ordering::Relaxed);
                        Saga::new(self, number).play();
                    }
                });
            }
        });
        let tally = self.tally.lock().unwrap();
        eprintln!("{:?}, seed {}: {tally:?}", self.database, self.seed);
        assert!(tally.kills() >= KILLS && tally.is_varied(), "{tally:?}");
    }

    fn is_over(&self) -> bool {
        let is_enough = {
            let tally = self.tally.lock().unwrap();
            let kills = tally.kills();
            kills >= MOST || (kills >= KILLS && tally.is_varied())
        };
        is_enough || self.has_failed.load(Ordering::Relaxed)
    }

    /// Notes how a saga went.
    pub(crate) fn count(&self, tally: &Tally) {
        self.tally.lock().unwrap().add(tally);
    }

    /// Tells how a saga failed, and begins no other.
    pub(crate) fn fail(&self, saga: u64, lives: &[Life]) {
        self.has_failed.store(true, Ordering::Relaxed);
        let seed = self.seed;
        eprintln!("saga {saga} of {SEED}={seed} failed; its processes were: {lives:#?}");
    }

    /// What a process is told that runs a workflow.
    pub(crate) fn run(&self, ground: &Ground, shape: &Shape, ticket: &str) -> Orders {
        // Nobody else reads it while it is written.
        let folder = ground.folder().join(ticket);
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{}.json", shape.name));
        fs::write(&file, shape.document.to_string()).unwrap();
        let input = shapes::input(ticket).to_string();
        let file = file.display().to_string();
        // One that waits for a signal would wait here.
        let park: &[&str] = if shape.waits { &["--park"] } else { &[] };
        let orders = self.orders(ground, &["run", &file, "--input", &input]);
        self.to_run(orders).and(park)
    }

    /// What a process is told that goes on with executions.
    pub(crate) fn resume(&self, ground: &Ground) -> Orders {
        self.to_run(self.orders(ground, &["resume"]))
    }

    /// What a process is told that sends an execution its signal.
    pub(crate) fn tell(&self, ground: &Ground, id: &str, ticket: &str) -> Orders {
        let news = shapes::news(ticket).to_string();
        self.orders(ground, &["signal", id, shapes::SIGNAL, "--data", &news])
    }

    fn orders(&self, ground: &Ground, arguments: &[&str]) -> Orders {
        let number = self.lives.fetch_add(1, Ordering::Relaxed);
        let orders = Orders::new(number, ground.folder(), arguments);
        orders.and(&["--store", &ground.url()])
    }

    fn to_run(&self, orders: Orders) -> Orders {
        let grants = ["--allow-private-network", "--env", "LIFE"];
        orders.and(&grants).and(self.database.manner())
    }

    /// Remembers how long something takes when nobody is killed, as this machine is now.
    pub(crate) fn remember(&self, act: Act<'_>, life: &Life) {
        if life.end != End::Killed {
            self.note(act.name(), life.lasted);
        }
    }

    /// Remembers how long it takes until an execution is kept.
    pub(crate) fn remember_birth(&self, life: &Life, history: &History) {
        let kept = history.execution().created_at;
        self.note(BIRTH, kept.duration_since(life.began).unsigned_abs());
    }

    fn note(&self, what: &'static str, lasted: Duration) {
        let mut spans = self.spans.lock().unwrap();
        let span = spans.entry(what).or_insert(lasted);
        *span = (*span * 3 + lasted) / 4;
    }

    /// When a process is to be killed: at any instant from its first to its last, around the one in
    /// which its execution is made, or while it is at something.
    pub(crate) fn doom(&self, act: Act<'_>, chance: &mut SmallRng) -> Doom {
        let some = |chance: &mut SmallRng, most: Duration| {
            let most = u64::try_from(most.as_micros()).unwrap();
            Duration::from_micros(chance.random_range(0..=most))
        };
        let (birth, span) = {
            let spans = self.spans.lock().unwrap();
            let birth = spans[BIRTH];
            (birth, spans.get(act.name()).copied().unwrap_or(birth * 3))
        };
        let asks = match act {
            Act::Run(known) => known.asks,
            Act::Resume => 10,
            Act::Tell => return Doom::After(some(chance, span * 3 / 2)),
        };
        match chance.random_range(0..9) {
            0..3 => Doom::After(some(chance, span * 11 / 10)),
            3 => Doom::After(birth * 7 / 8 + some(chance, birth / 4)),
            // Around the last of it.
            4 => Doom::Asking {
                times: asks,
                then: some(chance, Duration::from_millis(40)),
            },
            _ => Doom::Asking {
                times: chance.random_range(1..=asks + 1),
                then: some(chance, Duration::from_millis(10)),
            },
        }
    }
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.shape.name)
    }
}
