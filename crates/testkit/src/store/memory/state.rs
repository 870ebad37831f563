use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use jackfield_store_api::{
    Claim, Claimed, Collected, Collection, Course, Document, ExecutionRecord, Fence, NewExecution,
    NewSignal, Retention, Signal, StoreError, WorkflowRecord, WorkflowVersion,
};
use jackfield_types::{Digest, ExecutionId, TenantId};
use jiff::Timestamp;

/// Everything that is kept.
#[derive(Default)]
pub(super) struct State {
    pub(super) tenants: BTreeMap<TenantId, Kept>,
    /// Whose turn it was last.
    turn: Option<TenantId>,
}

/// What is kept for one tenant.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) workflows: BTreeMap<String, Vec<WorkflowRecord>>,
    pub(super) executions: HashMap<ExecutionId, Execution>,
    /// All executions by the time when they were made.
    pub(super) made: BTreeSet<(Timestamp, ExecutionId)>,
    /// Those that are due at some time.
    due: BTreeSet<(Timestamp, ExecutionId)>,
    pub(super) payloads: HashMap<Digest, Payload>,
    pub(super) documents: BTreeMap<(Collection, String), Document>,
    /// The greatest revision that a deleted document had.
    pub(super) deleted: HashMap<Collection, u64>,
    pub(super) audit: Vec<Bytes>,
}

/// An execution with all that belongs to it.
pub(super) struct Execution {
    pub(super) made: NewExecution,
    pub(super) created_at: Timestamp,
    pub(super) course: Course,
    pub(super) journal: Vec<Bytes>,
    pub(super) signals: Vec<Signal>,
    /// Those with keys, by their keys, with their numbers.
    pub(super) sent: HashMap<String, (u64, NewSignal)>,
    /// The payloads that it brought.
    payloads: BTreeSet<Digest>,
}

/// A content, and how many executions brought it.
pub(super) struct Payload {
    pub(super) content: Bytes,
    uses: u64,
}

impl State {
    /// Takes up what is due: tenants take turns, from the one after the last that had its turn.
    pub(super) fn claim(&mut self, claim: Claim, now: Timestamp) -> Vec<Claimed> {
        let most = claim.most as usize;
        let later = |id: &TenantId| self.turn.as_ref().is_none_or(|turn| id > turn);
        let (first, second): (Vec<_>, Vec<_>) = self.tenants.iter().partition(|(id, _)| later(id));
        let mut queues: VecDeque<(TenantId, VecDeque<ExecutionId>)> = first
            .into_iter()
            .chain(second)
            .map(|(id, kept)| (id.clone(), kept.due_at(now, most)))
            .filter(|(_, due)| !due.is_empty())
            .collect();
        let mut claimed = Vec::new();
        while claimed.len() < most
            && let Some((tenant, mut due)) = queues.pop_front()
        {
            if let Some(id) = due.pop_front() {
                let fence = self.tenants.get_mut(&tenant).and_then(|kept| {
                    kept.change(id, |course| course.claim(claim.worker, claim.lease, now))
                });
                if let Some(Some(fence)) = fence {
                    self.turn = Some(tenant.clone());
                    claimed.push(Claimed {
                        tenant: tenant.clone(),
                        execution: id,
                        fence,
                    });
                }
                queues.push_back((tenant, due));
            }
        }
        claimed
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.tenants.values().filter_map(Kept::next_due).min()
    }
}

impl Kept {
    pub(super) fn execution(&self, id: ExecutionId) -> Result<&Execution, StoreError> {
        self.executions.get(&id).ok_or_else(|| no_execution(id))
    }

    pub(super) fn create(&mut self, mut new: NewExecution, now: Timestamp) -> ExecutionRecord {
        let id = new.id;
        let journal = std::mem::take(&mut new.records);
        let payloads = std::mem::take(&mut new.payloads);
        let execution = Execution {
            course: Course::new(journal.len() as u64, new.state.clone(), new.claim, now),
            created_at: now,
            made: new,
            journal,
            signals: Vec::new(),
            sent: HashMap::new(),
            payloads: BTreeSet::new(),
        };
        let record = execution.record();
        self.due.extend(execution.course.due.map(|due| (due, id)));
        self.made.insert((now, id));
        self.executions.insert(id, execution);
        self.add_payloads(id, payloads);
        record
    }

    /// Lets something change a course; `None` when there is no such execution.
    pub(super) fn change<T>(
        &mut self,
        id: ExecutionId,
        change: impl FnOnce(&mut Course) -> T,
    ) -> Option<T> {
        let execution = self.executions.get_mut(&id)?;
        let before = execution.course.due;
        let result = change(&mut execution.course);
        let after = execution.course.due;
        if before != after {
            before.map(|due| self.due.remove(&(due, id)));
            self.due.extend(after.map(|due| (due, id)));
        }
        Some(result)
    }

    pub(super) fn add_payloads(&mut self, id: ExecutionId, payloads: Vec<(Digest, Bytes)>) {
        let Some(execution) = self.executions.get_mut(&id) else {
            return;
        };
        for (digest, content) in payloads {
            if execution.payloads.insert(digest) {
                let kept = self
                    .payloads
                    .entry(digest)
                    .or_insert(Payload { content, uses: 0 });
                kept.uses += 1;
            }
        }
    }

    pub(super) fn collect(&mut self, retention: Retention, now: Timestamp) -> Collected {
        let mut ended: Vec<(Timestamp, ExecutionId)> = self
            .executions
            .iter()
            .filter(|(_, one)| one.course.state.has_ended() && one.made.part_of.is_none())
            .map(|(id, execution)| (execution.course.changed_at, *id))
            .collect();
        ended.sort_unstable();
        let too_many = retention.max_count.map_or(0, |most| {
            ended
                .len()
                .saturating_sub(usize::try_from(most).unwrap_or(usize::MAX))
        });
        let goes = |(place, (at, _)): &(usize, (Timestamp, ExecutionId))| {
            *place < too_many
                || retention.max_age.is_some_and(|age| {
                    Duration::try_from(now.duration_since(*at)).is_ok_and(|old| old > age)
                })
        };
        let going: HashSet<ExecutionId> = ended
            .into_iter()
            .enumerate()
            .filter(goes)
            .map(|(_, (_, id))| id)
            .collect();
        let whole = going.len() as u64;
        let going: HashSet<ExecutionId> = self
            .executions
            .values()
            .map(|one| &one.made)
            .filter(|made| going.contains(&made.part_of.unwrap_or(made.id)))
            .map(|made| made.id)
            .collect();
        let mut uses: HashMap<Digest, u64> = HashMap::new();
        for digest in going.iter().flat_map(|id| &self.executions[id].payloads) {
            *uses.entry(*digest).or_default() += 1;
        }
        let mut collected = Collected {
            executions: whole,
            ..Collected::default()
        };
        for (digest, gone) in uses {
            let payload = self.payloads.get_mut(&digest).expect("it is used");
            if payload.uses == gone {
                collected.payloads += 1;
                collected.payload_bytes += payload.content.len() as u64;
            }
            if !retention.dry_run {
                payload.uses -= gone;
            }
        }
        collected.workflow_versions = self.collect_versions(retention, &going, now);
        if !retention.dry_run {
            self.payloads.retain(|_, payload| payload.uses > 0);
            for id in going {
                self.remove(id);
            }
        }
        collected
    }

    /// Lets go of versions of workflows that only executions have which go, and says how many those
    /// are.
    fn collect_versions(
        &mut self,
        retention: Retention,
        going: &HashSet<ExecutionId>,
        now: Timestamp,
    ) -> u64 {
        let Some(before) = retention.versions_made_before(now) else {
            return 0;
        };
        let used: HashSet<WorkflowVersion> = self
            .executions
            .iter()
            .filter(|(id, _)| !going.contains(id))
            .map(|(_, execution)| execution.made.workflow.clone())
            .collect();
        let mut gone = 0;
        for versions in self.workflows.values_mut() {
            let newest = versions.last().map(|newest| newest.version.clone());
            versions.retain(|one| {
                let stays = Some(&one.version) == newest.as_ref()
                    || one.created_at >= before
                    || used.contains(&one.version);
                gone += u64::from(!stays);
                stays || retention.dry_run
            });
        }
        gone
    }

    /// Takes up what is due of this tenant.
    pub(super) fn claim(&mut self, claim: Claim, now: Timestamp) -> Vec<(ExecutionId, Fence)> {
        let due = self.due_at(now, claim.most as usize);
        due.into_iter()
            .filter_map(|id| {
                let claimed =
                    self.change(id, |course| course.claim(claim.worker, claim.lease, now));
                Some((id, claimed??))
            })
            .collect()
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(due, _)| *due)
    }

    fn remove(&mut self, id: ExecutionId) {
        if let Some(execution) = self.executions.remove(&id) {
            self.made.remove(&(execution.created_at, id));
        }
    }

    fn due_at(&self, now: Timestamp, most: usize) -> VecDeque<ExecutionId> {
        self.due
            .iter()
            .take_while(|(due, _)| *due <= now)
            .take(most)
            .map(|(_, id)| *id)
            .collect()
    }
}

impl Execution {
    pub(super) fn record(&self) -> ExecutionRecord {
        ExecutionRecord {
            id: self.made.id,
            workflow: self.made.workflow.clone(),
            pinned: self.made.pinned.clone(),
            user: self.made.user.clone(),
            retry_of: self.made.retry_of,
            part_of: self.made.part_of,
            state: self.course.state.clone(),
            requests: self.course.requests,
            created_at: self.created_at,
            changed_at: self.course.changed_at,
            length: self.course.length,
            fence: self.course.fence,
            lease: self.course.lease,
        }
    }
}

pub(super) fn no_execution(id: ExecutionId) -> StoreError {
    StoreError::not_found(format!("execution `{id}`"))
}
