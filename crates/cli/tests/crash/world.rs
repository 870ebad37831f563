//! The outside world: a server that notes all it is asked, and answers in its own time.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// The place that is out of order when it is first asked with a key.
pub(crate) const UNSTEADY: &str = "unsteady";
/// The place that answers at length.
pub(crate) const LARGE: &str = "large";
/// The header that says which process asks.
pub(crate) const LIFE: &str = "x-life";
/// How often [`UNSTEADY`] is out of order for a key.
const OUT_OF_ORDER: usize = 2;
/// More than is kept in a journal in place.
const LENGTH: usize = 20_000;
/// The longest time that an answer takes, in microseconds.
const SLOWEST: u64 = 6_000;
/// Longer than anybody waits.
const FOR_EVER: Duration = Duration::from_secs(3_600);

/// Something that the world was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) at: Timestamp,
    /// Which process asked.
    pub(crate) life: u32,
    /// What the execution is known by that it is about.
    pub(crate) ticket: String,
    /// What was asked: as a rule the node's id.
    pub(crate) place: String,
    pub(crate) key: String,
    pub(crate) body: Value,
}

/// The outside world.
pub(crate) struct World {
    memory: Arc<Memory>,
    server: MockServer,
    // The server ends first.
    _runtime: Runtime,
}

#[derive(Default)]
struct Memory {
    all: Mutex<Remembered>,
    news: Condvar,
}

#[derive(Default)]
struct Remembered {
    asked: Vec<Asked>,
    by_life: BTreeMap<u32, usize>,
    by_key: BTreeMap<String, usize>,
    /// Which processes are answered nothing from a number on.
    patient: BTreeMap<u32, usize>,
}

/// What is to be done about something that was asked.
struct Noted {
    /// How often it was asked with this key before.
    before: usize,
    is_answered: bool,
}

struct Answers {
    memory: Arc<Memory>,
    chance: Mutex<SmallRng>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let runtime = Runtime::new().unwrap();
        let memory = Arc::new(Memory::default());
        let answers = Answers {
            memory: Arc::clone(&memory),
            chance: Mutex::new(SmallRng::seed_from_u64(seed)),
        };
        let server = runtime.block_on(async {
            let server = MockServer::builder().disable_request_recording();
            let server = server.start().await;
            Mock::given(any())
                .respond_with(answers)
                .mount(&server)
                .await;
            server
        });
        Self {
            memory,
            server,
            _runtime: runtime,
        }
    }

    pub(crate) fn url(&self) -> String {
        self.server.uri()
    }

    /// All that was asked about an execution, in order.
    pub(crate) fn asked(&self, ticket: &str) -> Vec<Asked> {
        let all = self.memory.all.lock().unwrap();
        let asked = all.asked.iter().filter(|one| one.ticket == ticket);
        asked.cloned().collect()
    }

    /// How often a process has asked anything.
    pub(crate) fn asks_of(&self, life: u32) -> usize {
        let all = self.memory.all.lock().unwrap();
        all.by_life.get(&life).copied().unwrap_or_default()
    }

    /// Answers a process nothing from its question of this number on, which is 1 at first.
    pub(crate) fn keep_waiting(&self, life: u32, from: usize) {
        self.memory.all.lock().unwrap().patient.insert(life, from);
    }

    /// Waits until a process has asked so much, or until it is too late.
    pub(crate) fn wait_for(&self, life: u32, number: usize, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let mut all = self.memory.all.lock().unwrap();
        loop {
            if all.by_life.get(&life).is_some_and(|asked| *asked >= number) {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            (all, _) = self.memory.news.wait_timeout(all, left).unwrap();
        }
    }
}

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let at = Timestamp::now();
        let Some(asked) = read(request, at) else {
            // No workflow of ours asks like this, and its execution fails.
            return ResponseTemplate::new(400);
        };
        let (place, body) = (asked.place.clone(), asked.body.clone());
        let noted = self.memory.note(asked);
        if !noted.is_answered {
            return ResponseTemplate::new(503).set_delay(FOR_EVER);
        }
        if place == UNSTEADY && noted.before < OUT_OF_ORDER {
            return ResponseTemplate::new(503);
        }
        let slowness = self.chance.lock().unwrap().random_range(0..SLOWEST);
        ResponseTemplate::new(200)
            .set_body_json(answer(&place, body))
            .set_delay(Duration::from_micros(slowness))
    }
}

impl Memory {
    /// Notes something.
    fn note(&self, asked: Asked) -> Noted {
        let mut all = self.all.lock().unwrap();
        let number = all.by_life.entry(asked.life).or_default();
        *number += 1;
        let number = *number;
        let patient = all.patient.get(&asked.life);
        let is_answered = patient.is_none_or(|from| number < *from);
        let times = all.by_key.entry(asked.key.clone()).or_default();
        let before = *times;
        *times += 1;
        all.asked.push(asked);
        self.news.notify_all();
        Noted {
            before,
            is_answered,
        }
    }
}

fn read(request: &Request, at: Timestamp) -> Option<Asked> {
    let header = |name| request.headers.get(name)?.to_str().ok();
    let mut path = request.url.path_segments()?;
    Some(Asked {
        at,
        life: header(LIFE)?.parse().ok()?,
        key: header("idempotency-key")?.to_owned(),
        ticket: path.next()?.to_owned(),
        place: path.next()?.to_owned(),
        body: serde_json::from_slice(&request.body).ok()?,
    })
}

/// What was sent, with the place on its trail: what comes out in the end shows what was asked, in
/// which order, and with what.
fn answer(place: &str, mut body: Value) -> Value {
    if let Some(trail) = body["trail"].as_array_mut() {
        trail.push(json!(place));
    }
    if place == LARGE {
        body["load"] = json!("load ".repeat(LENGTH / 5));
    }
    body
}
