//! Signals: what an execution is told from outside, on its way to the nodes that wait for it.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jackfield_kernel::{ApplyError, EventKind, NodeIndex};
use jackfield_store_api::{Signal, StoreError};
use jackfield_types::{AwaitedSignal, Item, Items, Object, Outputs, SignalName, SignalReply};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Notify;

use crate::conditions::{Stopped, Strictness};
use crate::driver::Driver;

/// The most bytes that come with a signal.
pub(crate) const MAX_DATA: usize = 1024 * 1024;
/// How many signals an execution that is not kept has waiting for its nodes.
const MAX_WAITING: usize = 10_000;

/// What an execution that is not kept has been sent.
#[derive(Default)]
pub(crate) struct Mailbox {
    sent: Mutex<Sent>,
    pub(crate) changed: Notify,
}

#[derive(Default)]
struct Sent {
    last: u64,
    signals: Vec<Incoming>,
}

impl Mailbox {
    /// Sends a signal, and gives its number; `None` when there are too many that nobody waited for.
    pub(crate) fn send(&self, name: &SignalName, data: Value) -> Option<u64> {
        let number = {
            let mut sent = self.sent.lock();
            if sent.signals.len() >= MAX_WAITING {
                return None;
            }
            sent.last += 1;
            let number = sent.last;
            sent.signals.push(Incoming {
                number,
                name: name.as_str().to_owned(),
                data,
            });
            number
        };
        self.changed.notify_one();
        Some(number)
    }
}

/// A signal that no node has received.
struct Incoming {
    number: u64,
    name: String,
    data: Value,
}

type Fetch = BoxFuture<'static, Result<Vec<Signal>, StoreError>>;

/// The signals that a driver knows of.
#[derive(Default)]
pub(crate) struct Signals {
    inbox: VecDeque<Incoming>,
    fetch: Option<Fetch>,
    fetched: u64,
    /// Whether the store has to be asked although nobody said that there is a signal.
    is_unsure: bool,
}

impl Signals {
    /// Those of an execution that has received all signals up to a number.
    pub(crate) fn after(number: u64) -> Self {
        Self {
            fetched: number,
            is_unsure: true,
            ..Self::default()
        }
    }

    /// The number of the last signal that was fetched.
    pub(crate) fn fetched(&self) -> u64 {
        self.fetched
    }

    pub(crate) fn is_fetching(&self) -> bool {
        self.fetch.is_some()
    }

    /// Waits for signals that are being fetched; without any it waits for ever. Dropping the future
    /// loses nothing.
    pub(crate) async fn arrived(&mut self) -> Result<Vec<Signal>, StoreError> {
        let Some(fetch) = &mut self.fetch else {
            return std::future::pending().await;
        };
        let arrived = fetch.await;
        self.fetch = None;
        arrived
    }
}

impl Driver {
    /// Whether a node waits for a signal.
    pub(crate) fn listens(&self) -> bool {
        self.waits
            .iter()
            .any(|&node| self.execution.awaited_signal(node).is_some())
    }

    /// Takes in what was fetched.
    pub(crate) fn take_in(&mut self, arrived: Result<Vec<Signal>, StoreError>) {
        let arrived = match arrived {
            Ok(arrived) => arrived,
            Err(error) => {
                // It is asked again when the lease is renewed at the latest.
                tracing::warn!(target: "engine", execution = %self.running.id, %error, "signals were not read");
                return;
            }
        };
        self.signals.is_unsure = false;
        for signal in arrived {
            self.signals.fetched = self.signals.fetched.max(signal.number);
            if self.execution.has_received(signal.number) {
                continue;
            }
            if let Ok(data) = serde_json::from_slice(&signal.data) {
                self.signals.inbox.push_back(Incoming {
                    number: signal.number,
                    name: signal.name,
                    data,
                });
            }
        }
    }

    /// Gives nodes the signals that they wait for; says whether there was one.
    pub(crate) async fn listen(&mut self) -> Result<bool, ApplyError> {
        let execution = &self.execution;
        if self.waits.is_empty() {
            return Ok(false);
        }
        self.waits.retain(|&node| execution.wait(node).is_some());
        if !self.listens() {
            return Ok(false);
        }
        self.ask_for_signals();
        let mut is_given = false;
        while let Some((node, place)) = self.find_match() {
            let Some(signal) = self.signals.inbox.remove(place) else {
                break;
            };
            is_given |= Box::pin(self.receive(node, signal)).await?;
        }
        Ok(is_given)
    }

    fn ask_for_signals(&mut self) {
        let Some(writer) = &self.writer else {
            let mut sent = self.running.mailbox.sent.lock();
            self.signals.inbox.extend(sent.signals.drain(..));
            return;
        };
        let hold = Arc::clone(writer.hold());
        let signals = &mut self.signals;
        let knows_all = !signals.is_unsure && hold.signals() <= signals.fetched;
        if knows_all || signals.fetch.is_some() {
            return;
        }
        let after = signals.fetched;
        let fetch = async move { hold.store.signals(hold.execution, after).await };
        signals.fetch = Some(fetch.boxed());
    }

    /// The first node, in the order of the plan, for which there is a signal, and the signal's
    /// place.
    fn find_match(&self) -> Option<(NodeIndex, usize)> {
        let mut nodes = self.waits.clone();
        nodes.sort_unstable();
        nodes.into_iter().find_map(|node| {
            let awaited = self.execution.awaited_signal(node)?;
            let inbox = &self.signals.inbox;
            let place = inbox.iter().position(|signal| {
                awaited.name == signal.name.as_str() && reply(awaited, &[], &signal.data).is_some()
            })?;
            Some((node, place))
        })
    }

    async fn receive(&mut self, node: NodeIndex, signal: Incoming) -> Result<bool, ApplyError> {
        let Incoming {
            number, mut data, ..
        } = signal;
        self.running.nested.redactor.redact_value(&mut data);
        let held: Items = match self.execution.held_outputs(node) {
            Some(outputs) => outputs
                .main
                .iter()
                .flat_map(|items| items.iter().cloned())
                .collect::<Vec<_>>()
                .into(),
            None => return Ok(false),
        };
        let Some(awaited) = self.execution.awaited_signal(node) else {
            return Ok(false);
        };
        let Some(outputs) = reply(awaited, &held, &data) else {
            return Ok(false);
        };
        let limit = self.in_force.max_output_size;
        if let Err(refused) = self.running.count_brought(limit, &outputs) {
            tracing::warn!(target: "engine", execution = %self.running.id, %refused, "a signal was passed over");
            return Ok(false);
        }
        let passes = if self.running.plan.node(node).has_conditions {
            let mut conditions = self.conditions(node);
            match conditions.passes(&outputs, Strictness::Lenient).await {
                Ok(passes) => passes,
                Err(Stopped::Failed(failure)) => {
                    tracing::warn!(target: "engine", %failure, "execution stopped at conditions");
                    return self.stop().map(|()| true);
                }
                Err(Stopped::Unwanted) => return self.stop().map(|()| true),
            }
        } else {
            Vec::new()
        };
        let (run, attempt) = self.execution.turn(node);
        self.record(EventKind::SignalReceived {
            node,
            run,
            attempt,
            signal: number,
            outputs,
            passes,
        })?;
        Ok(true)
    }
}

/// What a node gives when a signal comes; `None` when this one is not for it.
fn reply(awaited: &AwaitedSignal, held: &[Item], data: &Value) -> Option<Outputs> {
    match awaited.reply {
        SignalReply::Items => Some(Outputs::first(match data {
            Value::Null => Arc::new(held.to_vec()),
            Value::Array(list) if list.iter().all(Value::is_object) => {
                let items = list.iter().cloned();
                Arc::new(
                    items
                        .filter_map(|item| Item::from_value(item).ok())
                        .collect(),
                )
            }
            Value::Object(object) => Arc::new(vec![Item::new(object.clone())]),
            other => {
                let mut object = Object::new();
                object.insert("result".to_owned(), other.clone());
                Arc::new(vec![Item::new(object)])
            }
        })),
        SignalReply::Approval => {
            let approved = data.get("approved")?.as_bool()?;
            let mut decision = Object::new();
            decision.insert("approved".to_owned(), Value::Bool(approved));
            for name in ["by", "comment"] {
                if let Some(value) = data.get(name) {
                    decision.insert(name.to_owned(), value.clone());
                }
            }
            let decided = held.iter().map(|item| {
                let mut object = item.json().clone();
                object.insert("approval".to_owned(), Value::Object(decision.clone()));
                Item::new(object).with_source(item.source())
            });
            let port = usize::from(!approved);
            Some(Outputs::on_port(port, Arc::new(decided.collect())))
        }
    }
}
