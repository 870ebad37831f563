use std::time::Duration;

use bytes::Bytes;
use jackfield_store_api::{
    Append, Appended, Claim, Claimed, ExecutionFilter, ExecutionRecord, Executions, Fence,
    JournalRecord, NewExecution, NewSignal, Page, PageRequest, Request, Signal, Standing,
    StoreFuture, limits,
};
use jackfield_types::{Digest, ExecutionId};

use crate::draft::{Touch, no_execution, touch_of};
use crate::inner::{About, refuse};
use crate::tenant::PostgresTenant;
use crate::tries::read;
use crate::{journal, listing, signals};

impl PostgresTenant {
    fn about(&self, id: ExecutionId, touch: Touch) -> About {
        About {
            key: (self.id.clone(), id),
            touch,
            workflow: None,
            signal: None,
            weight: 0,
        }
    }
}

impl Executions for PostgresTenant {
    fn create_execution(&self, execution: NewExecution) -> StoreFuture<'_, ExecutionRecord> {
        if let Err(refused) = execution.check() {
            return refuse(refused);
        }
        let weight = weight(&execution.records, &execution.payloads) + execution.pinned.len();
        let about = About {
            workflow: Some(execution.workflow.clone()),
            weight,
            ..self.about(execution.id, Touch::Birth)
        };
        self.inner
            .change(about, move |draft, now| draft.create(&execution, now))
    }

    fn execution(&self, id: ExecutionId) -> StoreFuture<'_, ExecutionRecord> {
        Box::pin(async move {
            read!(self.inner, |connection| {
                let found = listing::one(connection, &self.id, id).await?;
                found.ok_or_else(|| no_execution(id).into())
            })
        })
    }

    fn list_executions<'a>(
        &'a self,
        filter: &'a ExecutionFilter,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<ExecutionRecord>> {
        let after = match page.after.as_deref().map(listing::parse_key).transpose() {
            Ok(after) => after,
            Err(refused) => return refuse(refused),
        };
        Box::pin(async move {
            read!(self.inner, |connection| {
                listing::page(connection, &self.id, filter, after, page.limit()).await
            })
        })
    }

    fn claim_execution(&self, id: ExecutionId, claim: Claim) -> StoreFuture<'_, Option<Claimed>> {
        let tenant = self.id.clone();
        self.inner
            .change(self.about(id, Touch::Course), move |draft, now| {
                let fence = draft.change(Touch::Course, |course| {
                    Ok(course.claim(claim.worker, claim.lease, now))
                })?;
                Ok(fence.map(|fence| Claimed {
                    tenant: tenant.clone(),
                    execution: id,
                    fence,
                }))
            })
    }

    fn renew(&self, id: ExecutionId, fence: Fence, lease: Duration) -> StoreFuture<'_, Standing> {
        self.inner
            .change(self.about(id, Touch::Course), move |draft, now| {
                draft.change(Touch::Course, |course| course.renew(id, fence, lease, now))
            })
    }

    fn release(&self, id: ExecutionId, fence: Fence) -> StoreFuture<'_, ()> {
        self.inner
            .change(self.about(id, Touch::Course), move |draft, now| {
                draft.change(Touch::Course, |course| course.release(id, fence, now))
            })
    }

    fn give_up(&self, id: ExecutionId, fence: Fence, reason: String) -> StoreFuture<'_, ()> {
        if let Err(refused) = limits::check_text("a reason", &reason) {
            return refuse(refused);
        }
        self.inner
            .change(self.about(id, Touch::Course), move |draft, now| {
                draft.change(Touch::Course, |course| {
                    course.give_up(id, fence, &reason, now)
                })
            })
    }

    fn append(&self, append: Append) -> StoreFuture<'_, Appended> {
        if let Err(refused) = append.check() {
            return refuse(refused);
        }
        let about = About {
            weight: weight(&append.records, &append.payloads),
            ..self.about(append.execution, touch_of(&append))
        };
        self.inner
            .change(about, move |draft, now| draft.append(&append, now))
    }

    fn journal(
        &self,
        id: ExecutionId,
        after: u64,
        limit: u32,
    ) -> StoreFuture<'_, Vec<JournalRecord>> {
        let limit = limit.clamp(1, PageRequest::MOST);
        Box::pin(async move {
            read!(self.inner, |connection| {
                let found = journal::read(connection, &(self.id.clone(), id), after, limit).await?;
                found.ok_or_else(|| no_execution(id).into())
            })
        })
    }

    fn request(&self, id: ExecutionId, request: Request) -> StoreFuture<'_, ExecutionRecord> {
        let changed = self
            .inner
            .change(self.about(id, Touch::Course), move |draft, now| {
                draft.change(Touch::Course, |course| {
                    course.request(id, request, now)?;
                    Ok(course.clone())
                })
            });
        Box::pin(async move {
            let course = changed.await?;
            let read = read!(self.inner, |connection| {
                let found = listing::one(connection, &self.id, id).await?;
                found.ok_or_else(|| no_execution(id).into())
            });
            let mut record = read?;
            // As it stood then, whatever has happened since.
            record.state = course.state;
            record.requests = course.requests;
            record.changed_at = course.changed_at;
            record.length = course.length;
            record.fence = course.fence;
            record.lease = course.lease;
            Ok(record)
        })
    }

    fn signal(&self, id: ExecutionId, signal: NewSignal) -> StoreFuture<'_, u64> {
        if let Err(refused) = signal.check() {
            return refuse(refused);
        }
        let about = About {
            weight: signal.data.len(),
            signal: signal.key.clone(),
            ..self.about(id, Touch::Course)
        };
        self.inner
            .change(about, move |draft, now| draft.send(&signal, now))
    }

    fn signals(&self, id: ExecutionId, after: u64) -> StoreFuture<'_, Vec<Signal>> {
        Box::pin(async move {
            read!(self.inner, |connection| {
                let found = signals::read(connection, &(self.id.clone(), id), after).await?;
                found.ok_or_else(|| no_execution(id).into())
            })
        })
    }
}

fn weight(records: &[Bytes], payloads: &[(Digest, Bytes)]) -> usize {
    let records: usize = records.iter().map(Bytes::len).sum();
    payloads
        .iter()
        .map(|(_, content)| content.len())
        .sum::<usize>()
        + records
}
