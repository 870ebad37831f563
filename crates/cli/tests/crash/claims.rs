//! What processes have said, held against what is kept and what happened.

use std::collections::BTreeMap;

use jackfield::{EventKind, History};
use serde_json::Value;

use crate::life::Life;
use crate::shapes::Shape;
use crate::whole::Whole;
use crate::world::{Asked, UNSTEADY};

/// Executions by id, as they are kept in the end.
pub(crate) struct Kept {
    entries: BTreeMap<String, Vec<Value>>,
    reports: BTreeMap<String, Value>,
}

impl Kept {
    pub(crate) fn new(histories: &[History]) -> Self {
        let mut kept = Self {
            entries: BTreeMap::new(),
            reports: BTreeMap::new(),
        };
        for history in histories {
            let id = history.execution().id.to_string();
            let entries = history.entries();
            let entries = entries.map(|entry| serde_json::to_value(entry).unwrap());
            let report = serde_json::to_value(history.report().unwrap()).unwrap();
            let before = kept.entries.insert(id.clone(), entries.collect());
            assert!(before.is_none(), "{id} is known twice");
            kept.reports.insert(id, report);
        }
        kept
    }

    /// Sees to it that all that a process has said is true.
    pub(crate) fn check(&self, life: &Life) {
        if let Some(id) = life.acknowledged() {
            let is_kept = self.entries.contains_key(id);
            assert!(is_kept, "{id} is lost, which was acknowledged: {life:#?}");
        }
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        for line in life.told() {
            let said: Value = serde_json::from_str(line).unwrap();
            let id = said["executionId"].as_str().unwrap();
            let Some(entries) = self.entries.get(id) else {
                panic!("{id} is lost, of which was told: {said}");
            };
            let Some(sequence) = said["sequence"].as_u64() else {
                self.check_end(id, &said);
                continue;
            };
            let place = usize::try_from(sequence).unwrap() - 1;
            let kept = entries.get(place);
            assert_eq!(kept, Some(&said), "other than told by {life:#?}");
            let before = last.insert(id.to_owned(), sequence);
            let is_next = before.is_none_or(|before| before + 1 == sequence);
            assert!(is_next, "told out of order: {said} by {life:#?}");
        }
    }

    /// Sees to it that an execution came to what was said of it, if it was said to have ended.
    fn check_end(&self, id: &str, said: &Value) {
        let report = &self.reports[id];
        if said.get("output").is_some() && said["status"] != "running" {
            assert_eq!(report, said, "it came to something else");
        }
        // In short, as by `resume`.
        if said["state"] == "ended" {
            assert_eq!(said["status"], report["status"], "{said}");
            assert_eq!(said["durationMs"], report["durationMs"], "{said}");
        }
    }
}

/// Sees to it that nothing happened outside before what led to it was written down for good, after it
/// was done, or twice by the same process.
pub(crate) fn check_effects(shape: &Shape, whole: &Whole<'_>, asked: &[Asked]) {
    let mut done = BTreeMap::new();
    let mut done_by_name = BTreeMap::new();
    for history in whole.histories() {
        let id = history.execution().id;
        for entry in history.entries() {
            if let EventKind::AttemptSucceeded { run, .. } = &entry.event.kind {
                let name = entry.node_name.unwrap();
                // A compensation has the name of what it undoes, and comes after it.
                done.insert(format!("{id}.{run}.{name}"), entry.event.at);
                done_by_name.insert(name.to_string(), entry.event.at);
            }
        }
    }
    let edges = shape.edges();
    let calls = shape.calls();
    let mut by_life: BTreeMap<(u32, &str), usize> = BTreeMap::new();
    for one in asked {
        let (node, _) = one.key.rsplit_once('-').unwrap();
        if let Some(at) = done.get(node) {
            assert!(one.at <= *at, "asked for what was done at {at}: {one:#?}");
        }
        let (run, name) = node.rsplit_once('.').unwrap();
        for (before, _) in edges.iter().filter(|(_, to)| *to == name) {
            if let Some(at) = done.get(&format!("{run}.{before}")) {
                assert!(*at <= one.at, "{before} was done at {at}: {one:#?}");
            }
        }
        for call in calls.iter().filter(|call| call.within.contains(&name)) {
            for before in &call.before {
                let at = done_by_name.get(*before);
                let is_after = at.is_some_and(|at| *at <= one.at);
                assert!(is_after, "{before} was done at {at:?}: {one:#?}");
            }
            let at = done_by_name.get(call.node);
            let is_within = at.is_none_or(|at| one.at <= *at);
            assert!(is_within, "{} was over at {at:?}: {one:#?}", call.node);
        }
        let times = by_life.entry((one.life, &one.key)).or_default();
        *times += 1;
        // What is out of order is asked again on purpose.
        let is_needed = *times == 1 || one.place == UNSTEADY;
        assert!(is_needed, "asked again by the same process: {one:#?}");
    }
}
