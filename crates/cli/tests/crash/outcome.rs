//! What has become of an execution, inside and outside, but for what differs from one to the next.

use std::collections::{BTreeMap, BTreeSet};

use jackfield::{EventKind, ExecutionStatus, History, JournalEntry};
use serde_json::{Value, json};

use crate::whole::Whole;
use crate::world::{Asked, UNSTEADY};

/// An attempt of a run of a node.
type Attempt = (String, u32, u32);

/// What became of an execution that has ended, and of all that it called. That each of them ended
/// once, with each node done once and each effect under one key, is seen to on the way.
pub(crate) fn outcome(whole: &Whole<'_>, ticket: &str, asked: &[Asked]) -> Value {
    let mut names = BTreeMap::from([(whole.id(), "EXECUTION".to_owned())]);
    let mut parts = Vec::new();
    for part in &whole.parts {
        let became = became(part);
        // Each calls something else, and calls it once.
        let name = became["report"]["workflow"].as_str().unwrap().to_owned();
        names.insert(part.execution().id.to_string(), name);
        parts.push(became);
    }
    parts.sort_by_key(|part| part["report"]["workflow"].to_string());
    let outcome = json!({
        "became": became(whole.history),
        "parts": parts,
        "effects": effects(&names, asked),
    });
    let mut text = outcome.to_string().replace(ticket, "TICKET");
    for (id, name) in &names {
        text = text.replace(id, name);
    }
    let mut outcome = serde_json::from_str(&text).unwrap();
    strip(&mut outcome);
    outcome
}

/// What became of one execution.
fn became(history: &History) -> Value {
    let entries: Vec<JournalEntry> = history.entries().collect();
    let status = ended_once(&entries);
    let state = serde_json::to_value(&history.execution().state).unwrap();
    assert_eq!(state, json!({ "state": "ended", "status": status }));
    json!({
        "report": history.report().unwrap(),
        "settled": settled(&entries),
    })
}

/// The status that an execution ended with: the last event says it, and no other one.
fn ended_once(entries: &[JournalEntry]) -> ExecutionStatus {
    let ends = entries.iter().enumerate().filter_map(|(place, entry)| {
        let EventKind::ExecutionFinished { status } = entry.event.kind else {
            return None;
        };
        Some((place + 1, status))
    });
    let ends: Vec<_> = ends.collect();
    let [(place, status)] = ends[..] else {
        panic!("it ended {} times: {entries:#?}", ends.len());
    };
    assert_eq!(place, entries.len(), "something came after its end");
    status
}

/// What the nodes came to, each run of one once.
fn settled(entries: &[JournalEntry]) -> Vec<String> {
    let mut done = BTreeSet::new();
    let mut settled = Vec::new();
    let mut under_way: BTreeSet<Attempt> = BTreeSet::new();
    let mut failed: BTreeSet<Attempt> = BTreeSet::new();
    let mut last = None;
    for entry in entries {
        assert!(last <= Some(entry.event.at), "time went back: {entry:?}");
        last = Some(entry.event.at);
        // A compensation has the name of a node, and is another one all the same.
        let name = entry.event.kind.node().map(|node| {
            let name = entry.node_name.as_ref().unwrap();
            format!("{} {name}", node.get())
        });
        let node = || name.clone().unwrap();
        match &entry.event.kind {
            EventKind::AttemptStarted { run, attempt, .. } => {
                let attempt = (node(), *run, *attempt);
                assert!(!done.contains(&(node(), *run)), "{entry:?} is done already");
                assert!(!failed.contains(&attempt), "{entry:?} has failed already");
                assert!(under_way.insert(attempt), "{entry:?} runs already");
            }
            EventKind::AttemptSucceeded { run, attempt, .. } => {
                let attempt = (node(), *run, *attempt);
                assert!(under_way.remove(&attempt), "{entry:?} does not run");
                assert!(done.insert((node(), *run)), "{entry:?} happened twice");
                settled.push(format!("{} of {} succeeded", run, node()));
            }
            EventKind::AttemptFailed { run, attempt, .. } => {
                let attempt = (node(), *run, *attempt);
                assert!(under_way.remove(&attempt), "{entry:?} does not run");
                // How often a service is out of order depends on how often it is asked.
                if !node().ends_with(UNSTEADY) {
                    settled.push(format!("{} of {} failed", run, node()));
                }
                assert!(failed.insert(attempt), "{entry:?} happened twice");
            }
            EventKind::NodeSkipped { run, .. } => {
                assert!(done.insert((node(), *run)), "{entry:?} happened twice");
                settled.push(format!("{} of {} skipped", run, node()));
            }
            // Whatever ran was lost.
            EventKind::ExecutionResumed => under_way.clear(),
            EventKind::SignalReceived { run, .. } => {
                settled.push(format!("{} of {} was told", run, node()));
            }
            EventKind::ExecutionStarted { .. }
            | EventKind::TimerFired { .. }
            | EventKind::InputReplaced { .. }
            | EventKind::CancelRequested
            | EventKind::DeadlinePassed
            | EventKind::ExecutionFinished { .. } => {}
        }
    }
    settled.sort();
    settled
}

/// What happened outside: each effect under a key of its own, however often it was asked for, and
/// each key of one of these executions.
fn effects(names: &BTreeMap<String, String>, asked: &[Asked]) -> Vec<Value> {
    let mut by_key: BTreeMap<&str, &Asked> = BTreeMap::new();
    let mut by_effect = BTreeMap::new();
    for one in asked {
        let first = by_key.entry(&one.key).or_insert(one);
        assert_eq!(
            (&first.place, &first.body),
            (&one.place, &one.body),
            "two effects under one key"
        );
        let effect = (one.place.as_str(), one.body.to_string());
        let key = by_effect.entry(effect).or_insert(&one.key);
        assert_eq!(*key, &one.key, "one effect under two keys");
    }
    let effects = by_key.into_iter().map(|(key, one)| {
        let (execution, rest) = key.split_once('.').unwrap();
        let Some(whose) = names.get(execution) else {
            panic!("nothing that is kept asked for this: {one:#?}");
        };
        json!({ "key": rest, "whose": whose, "place": one.place, "body": one.body })
    });
    let mut effects: Vec<_> = effects.collect();
    effects.sort_by_key(Value::to_string);
    effects
}

/// Takes out what is measured, and how often what is out of order was tried.
fn strip(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for name in ["durationMs", "duration", "timestamp", "retries"] {
                object.remove(name);
            }
            object.values_mut().for_each(strip);
        }
        Value::Array(list) => list.iter_mut().for_each(strip),
        _ => {}
    }
}
