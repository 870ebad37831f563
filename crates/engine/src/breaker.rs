//! Circuit breakers: calls of a node type that fails too often are left out for a while.
//!
//! One stands for each tenant, node type and version. It counts what the other side does: failures
//! that may pass, time limits, panics. Wrong parameters, refusals and cancelled calls say nothing
//! about it. When it has been open for long enough, one call is let through to try; how that one
//! ends decides for the others.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jackfield_registry::{Registration, RegistrationId};
use jackfield_types::{CircuitBreaker, ErrorCode, FailureClass, NodeFailure, NodeTypeId};
use parking_lot::{Mutex, RwLock};
use semver::Version;
use serde::Serialize;
use tokio::time::Instant;

/// How many parts the window is counted in.
const BUCKETS: usize = 10;
/// With more breakers than this, those that are closed are forgotten.
const MOST_BREAKERS: usize = 10_000;

/// The breakers of one tenant.
#[derive(Default)]
pub(crate) struct Breakers(RwLock<HashMap<NodeTypeId, Versions>>);

type Versions = Vec<(Version, Arc<Breaker>)>;

struct Breaker {
    /// Other code under the same name begins with a clean slate.
    registration: RegistrationId,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    /// Changes with the phase, so that calls from before it say nothing about what is now.
    turn: u64,
    began: Instant,
    buckets: [Bucket; BUCKETS],
}

#[derive(Clone, Copy)]
enum Phase {
    Closed,
    Open {
        until: Instant,
    },
    /// One call is on its way.
    Trial,
}

/// Calls of one part of the window.
#[derive(Clone, Copy, Default)]
struct Bucket {
    number: u64,
    calls: u32,
    failures: u32,
}

/// How a circuit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CircuitState {
    /// Calls are made.
    Closed,
    /// Calls are left out.
    Open,
    /// One call is made to try, or the next one will be.
    HalfOpen,
}

/// The circuit of a node type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Circuit {
    /// The node type.
    pub node_type: NodeTypeId,
    /// Its version.
    pub version: Version,
    /// How it stands.
    pub state: CircuitState,
}

/// The right to make a call, and the duty to say how it ended. Dropped without a word the call
/// counts as never made.
pub(crate) struct Ticket {
    breaker: Arc<Breaker>,
    config: CircuitBreaker,
    turn: u64,
    is_said: bool,
}

impl Breakers {
    /// Asks whether a call may be made; if not, how long it is until one may.
    pub(crate) fn admit(
        &self,
        config: &CircuitBreaker,
        registration: &Registration,
    ) -> Result<Ticket, Duration> {
        let breaker = self.breaker(registration);
        let now = Instant::now();
        let mut state = breaker.state.lock();
        match state.phase {
            Phase::Closed => {}
            Phase::Open { until } if now >= until => state.enter(Phase::Trial),
            Phase::Open { until } => return Err(until - now),
            Phase::Trial => return Err(Duration::from(config.open_for).min(TRIAL_WAIT)),
        }
        let turn = state.turn;
        drop(state);
        Ok(Ticket {
            breaker,
            config: *config,
            turn,
            is_said: false,
        })
    }

    fn breaker(&self, registration: &Registration) -> Arc<Breaker> {
        let (node_type, version) = (registration.node_type(), registration.version());
        let is_it = |(one, breaker): &&(Version, Arc<Breaker>)| {
            one == version && breaker.registration == registration.id()
        };
        if let Some(versions) = self.0.read().get(node_type)
            && let Some((_, found)) = versions.iter().find(is_it)
        {
            return Arc::clone(found);
        }
        let mut breakers = self.0.write();
        if breakers.len() >= MOST_BREAKERS {
            breakers.retain(|_, versions| {
                versions.retain(|(_, one)| !matches!(one.state.lock().phase, Phase::Closed));
                !versions.is_empty()
            });
        }
        let versions = breakers.entry(node_type.clone()).or_default();
        if let Some((_, found)) = versions.iter().find(is_it) {
            return Arc::clone(found);
        }
        versions.retain(|(one, _)| one != version);
        let breaker = Arc::new(Breaker {
            registration: registration.id(),
            state: Mutex::new(State::new()),
        });
        versions.push((version.clone(), Arc::clone(&breaker)));
        breaker
    }

    /// How all of them stand, sorted by name and version.
    pub(crate) fn list(&self) -> Vec<Circuit> {
        let now = Instant::now();
        let breakers = self.0.read();
        let all = breakers.iter().flat_map(|(node_type, versions)| {
            versions.iter().map(move |(version, breaker)| Circuit {
                node_type: node_type.clone(),
                version: version.clone(),
                state: match breaker.state.lock().phase {
                    Phase::Closed => CircuitState::Closed,
                    Phase::Open { until } if now < until => CircuitState::Open,
                    Phase::Open { .. } | Phase::Trial => CircuitState::HalfOpen,
                },
            })
        });
        let mut list: Vec<_> = all.collect();
        list.sort_by(|a, b| (&a.node_type, &a.version).cmp(&(&b.node_type, &b.version)));
        list
    }

    /// Whether all of them are closed, so that nothing of weight is forgotten with them.
    pub(crate) fn are_closed(&self) -> bool {
        let breakers = self.0.read();
        breakers
            .values()
            .flatten()
            .all(|(_, one)| matches!(one.state.lock().phase, Phase::Closed))
    }
}

/// How long a circuit is open whose configuration says more than a clock can hold.
const LONGEST_OPEN: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What a call that comes during a trial is told to wait, at most.
const TRIAL_WAIT: Duration = Duration::from_secs(1);

impl State {
    fn new() -> Self {
        Self {
            phase: Phase::Closed,
            turn: 0,
            began: Instant::now(),
            buckets: [Bucket::default(); BUCKETS],
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.turn += 1;
        self.buckets = [Bucket::default(); BUCKETS];
    }

    /// Counts a call; whether too many have failed by now.
    fn count(&mut self, config: &CircuitBreaker, now: Instant, has_failed: bool) -> bool {
        let width = Duration::from(config.window).as_nanos() / BUCKETS as u128;
        let since = now.saturating_duration_since(self.began).as_nanos();
        let number = u64::try_from(since / width.max(1)).unwrap_or(u64::MAX);
        let bucket = &mut self.buckets[(number % BUCKETS as u64) as usize];
        if bucket.number != number {
            *bucket = Bucket {
                number,
                ..Bucket::default()
            };
        }
        bucket.calls = bucket.calls.saturating_add(1);
        bucket.failures = bucket.failures.saturating_add(u32::from(has_failed));
        let oldest = number.saturating_sub(BUCKETS as u64 - 1);
        let (mut calls, mut failures) = (0_u64, 0_u64);
        for bucket in self.buckets.iter().filter(|one| one.number >= oldest) {
            calls += u64::from(bucket.calls);
            failures += u64::from(bucket.failures);
        }
        failures > 0
            && calls >= u64::from(config.minimum_calls)
            && failures as f64 >= config.failure_rate * calls as f64
    }
}

impl Ticket {
    /// Says how the call ended.
    pub(crate) fn ended(mut self, failure: Option<&NodeFailure>) {
        let Some(has_failed) = verdict(failure) else {
            return;
        };
        self.is_said = true;
        let now = Instant::now();
        let mut state = self.breaker.state.lock();
        if state.turn != self.turn {
            return;
        }
        // A clock that does not go that far: for as long as anybody waits.
        let until = now.checked_add(self.config.open_for.into());
        let open = Phase::Open {
            until: until.unwrap_or_else(|| now + LONGEST_OPEN),
        };
        match (state.phase, has_failed) {
            (Phase::Trial, true) => state.enter(open),
            (Phase::Trial, false) => state.enter(Phase::Closed),
            (Phase::Closed, _) => {
                if state.count(&self.config, now, has_failed) {
                    state.enter(open);
                }
            }
            (Phase::Open { .. }, _) => {}
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.is_said {
            return;
        }
        let mut state = self.breaker.state.lock();
        if state.turn == self.turn && matches!(state.phase, Phase::Trial) {
            // The trial was broken off: the next call may try.
            let until = Instant::now();
            state.enter(Phase::Open { until });
        }
    }
}

/// Whether the other side failed; `None` when the end of a call says nothing about it.
fn verdict(failure: Option<&NodeFailure>) -> Option<bool> {
    let Some(failure) = failure else {
        return Some(false);
    };
    // What other bounds and other breakers answered is not this node type's doing.
    let says_nothing = [
        ErrorCode::CANCELLED,
        ErrorCode::CIRCUIT_OPEN,
        ErrorCode::QUARANTINED,
        ErrorCode::QUOTA_EXCEEDED,
        ErrorCode::TENANT_FORBIDDEN,
    ];
    if says_nothing.contains(&failure.code) {
        return None;
    }
    let is_trapped = failure.code == ErrorCode::TRAPPED || failure.code == ErrorCode::TIMEOUT;
    Some(is_trapped || failure.class == FailureClass::Retryable)
}
