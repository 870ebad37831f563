use std::ops::Bound;
use std::time::Duration;

use jackfield_store_api::{
    Append, Appended, Claim, Claimed, ExecutionFilter, ExecutionRecord, ExecutionState, Executions,
    Fence, JournalRecord, NewExecution, NewSignal, Page, PageRequest, Request, Signal, Standing,
    StoreError, StoreFuture, limits,
};
use jackfield_types::ExecutionId;
use jiff::Timestamp;

use super::answer;
use super::state::no_execution;
use super::tenant::{MemoryTenant, numbered, within_page};

impl Executions for MemoryTenant {
    fn create_execution(&self, execution: NewExecution) -> StoreFuture<'_, ExecutionRecord> {
        if let Err(refused) = execution.check() {
            return answer(Err(refused));
        }
        self.write(|kept, now| {
            let wanted = &execution.workflow;
            let known = kept
                .workflows
                .get(&wanted.id)
                .is_some_and(|versions| versions.iter().any(|one| one.version == *wanted));
            if !known {
                return Err(StoreError::not_found(format!("workflow `{wanted}`")));
            }
            if kept.executions.contains_key(&execution.id) {
                return Err(StoreError::Exists {
                    what: format!("execution `{}`", execution.id),
                });
            }
            Ok(kept.create(execution, now))
        })
    }

    fn execution(&self, id: ExecutionId) -> StoreFuture<'_, ExecutionRecord> {
        self.read(|kept| kept.execution(id).map(super::state::Execution::record))
    }

    fn list_executions<'a>(
        &'a self,
        filter: &'a ExecutionFilter,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<ExecutionRecord>> {
        let below = match page.after.as_deref().map(parse_key).transpose() {
            Ok(None) => Bound::Unbounded,
            Ok(Some(key)) => Bound::Excluded(key),
            Err(refused) => return answer(Err(refused)),
        };
        self.read(|kept| {
            let mut entries = Vec::new();
            let mut next = None;
            for (_, id) in kept.made.range((Bound::Unbounded, below)).rev() {
                let record = kept.execution(*id)?.record();
                if !is_wanted(filter, &record) {
                    continue;
                }
                if entries.len() == page.limit() as usize {
                    next = entries.last().map(key_of);
                    break;
                }
                entries.push(record);
            }
            Ok(Page { entries, next })
        })
    }

    fn claim_execution(&self, id: ExecutionId, claim: Claim) -> StoreFuture<'_, Option<Claimed>> {
        self.write(|kept, now| {
            let fence = kept
                .change(id, |course| course.claim(claim.worker, claim.lease, now))
                .ok_or_else(|| no_execution(id))?;
            Ok(fence.map(|fence| Claimed {
                tenant: self.id.clone(),
                execution: id,
                fence,
            }))
        })
    }

    fn renew(&self, id: ExecutionId, fence: Fence, lease: Duration) -> StoreFuture<'_, Standing> {
        self.write(|kept, now| {
            kept.change(id, |course| course.renew(id, fence, lease, now))
                .ok_or_else(|| no_execution(id))?
        })
    }

    fn release(&self, id: ExecutionId, fence: Fence) -> StoreFuture<'_, ()> {
        self.write(|kept, now| {
            kept.change(id, |course| course.release(id, fence, now))
                .ok_or_else(|| no_execution(id))?
        })
    }

    fn give_up(&self, id: ExecutionId, fence: Fence, reason: String) -> StoreFuture<'_, ()> {
        if let Err(refused) = limits::check_text("a reason", &reason) {
            return answer(Err(refused));
        }
        self.write(|kept, now| {
            kept.change(id, |course| course.give_up(id, fence, &reason, now))
                .ok_or_else(|| no_execution(id))?
        })
    }

    fn append(&self, append: Append) -> StoreFuture<'_, Appended> {
        if let Err(refused) = append.check() {
            return answer(Err(refused));
        }
        self.write(|kept, now| {
            let id = append.execution;
            let appended = kept
                .change(id, |course| course.append(&append, now))
                .ok_or_else(|| no_execution(id))??;
            if let Some(execution) = kept.executions.get_mut(&id) {
                execution.journal.extend(append.records);
            }
            kept.add_payloads(id, append.payloads);
            Ok(appended)
        })
    }

    fn journal(
        &self,
        id: ExecutionId,
        after: u64,
        limit: u32,
    ) -> StoreFuture<'_, Vec<JournalRecord>> {
        self.read(|kept| Ok(numbered(&kept.execution(id)?.journal, after, limit)))
    }

    fn request(&self, id: ExecutionId, request: Request) -> StoreFuture<'_, ExecutionRecord> {
        self.write(|kept, now| {
            kept.change(id, |course| course.request(id, request, now))
                .ok_or_else(|| no_execution(id))??;
            Ok(kept.execution(id)?.record())
        })
    }

    fn signal(&self, id: ExecutionId, signal: NewSignal) -> StoreFuture<'_, u64> {
        if let Err(refused) = signal.check() {
            return answer(Err(refused));
        }
        self.write(|kept, now| {
            let sent = &kept.execution(id)?.sent;
            if let Some(key) = &signal.key
                && let Some((number, before)) = sent.get(key)
            {
                return match *before == signal {
                    true => Ok(*number),
                    false => Err(StoreError::Exists {
                        what: format!("another signal with the key `{key}`"),
                    }),
                };
            }
            let number = kept
                .change(id, |course| course.signal(id, signal.data.len(), now))
                .ok_or_else(|| no_execution(id))??;
            if let Some(execution) = kept.executions.get_mut(&id) {
                execution.signals.push(Signal {
                    number,
                    name: signal.name.clone(),
                    data: signal.data.clone(),
                    at: now,
                });
                if let Some(key) = signal.key.clone() {
                    execution.sent.insert(key, (number, signal));
                }
            }
            Ok(number)
        })
    }

    fn signals(&self, id: ExecutionId, after: u64) -> StoreFuture<'_, Vec<Signal>> {
        self.read(|kept| {
            let signals = &kept.execution(id)?.signals;
            let skip = usize::try_from(after).unwrap_or(usize::MAX);
            let some = signals.iter().skip(skip).take(PageRequest::MOST as usize);
            let some = some.take_while(within_page(|signal: &&Signal| signal.data.len()));
            Ok(some.cloned().collect())
        })
    }
}

fn is_wanted(filter: &ExecutionFilter, record: &ExecutionRecord) -> bool {
    let status = match &record.state {
        ExecutionState::Ended { status } => Some(status),
        _ => None,
    };
    filter
        .workflow
        .as_ref()
        .is_none_or(|id| record.workflow.id == *id)
        && filter
            .state
            .as_ref()
            .is_none_or(|state| record.state.as_str() == state)
        && filter
            .status
            .as_ref()
            .is_none_or(|wanted| status == Some(wanted))
        && filter
            .part_of
            .is_none_or(|whole| record.part_of == Some(whole))
        && filter.from.is_none_or(|from| record.created_at >= from)
        && filter.until.is_none_or(|until| record.created_at < until)
}

fn key_of(record: &ExecutionRecord) -> String {
    format!("{}.{}", record.created_at.as_microsecond(), record.id)
}

fn parse_key(key: &str) -> Result<(Timestamp, ExecutionId), StoreError> {
    let parsed = key.split_once('.').and_then(|(time, id)| {
        let time = Timestamp::from_microsecond(time.parse().ok()?).ok()?;
        Some((time, id.parse().ok()?))
    });
    parsed.ok_or_else(|| StoreError::Refused {
        reason: "this is not where a page ended".to_owned(),
    })
}
