use std::time::Duration;

use bytes::Bytes;
use jackfield_store_api::{
    Append, Appended, Claim, Claimed, Course, ExecutionFilter, ExecutionRecord, Executions, Fence,
    JournalRecord, NewExecution, NewSignal, Page, PageRequest, Request, Signal, Standing,
    StoreError, StoreFuture, limits,
};
use jackfield_types::{ExecutionId, TenantId};

use crate::courses;
use crate::error::Fault;
use crate::journal::Journal;
use crate::ledger::{Change, Ledger, no_execution};
use crate::listing;
use crate::payloads;
use crate::signals;
use crate::store::refuse;
use crate::tenant::SqliteTenant;

impl Executions for SqliteTenant {
    fn create_execution(&self, execution: NewExecution) -> StoreFuture<'_, ExecutionRecord> {
        let mut allowed = execution.check();
        if execution.claim.is_some() {
            allowed = allowed.and_then(|()| self.inner.check_worker());
        }
        if let Err(refused) = allowed {
            return refuse(refused);
        }
        let weight = weight(&execution.records, &execution.payloads) + execution.pinned.len();
        self.change(weight, move |ledger, tenant| {
            create(ledger, tenant, &execution)
        })
    }

    fn execution(&self, id: ExecutionId) -> StoreFuture<'_, ExecutionRecord> {
        self.read(move |connection, tenant| {
            listing::one(connection, tenant, id)?.ok_or_else(|| no_execution(id).into())
        })
    }

    fn list_executions<'a>(
        &'a self,
        filter: &'a ExecutionFilter,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<ExecutionRecord>> {
        let (filter, limit) = (filter.clone(), page.limit());
        let after = match page.after.as_deref().map(listing::parse_key).transpose() {
            Ok(after) => after,
            Err(refused) => return refuse(refused),
        };
        self.read(move |connection, tenant| {
            listing::page(connection, tenant, &filter, after, limit)
        })
    }

    fn claim_execution(&self, id: ExecutionId, claim: Claim) -> StoreFuture<'_, Option<Claimed>> {
        if let Err(refused) = self.inner.check_worker() {
            return refuse(refused);
        }
        self.change(0, move |ledger, tenant| {
            let fence = ledger.change(tenant, id, |course, now| {
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
        self.change(0, move |ledger, tenant| {
            ledger.change(tenant, id, |course, now| {
                course.renew(id, fence, lease, now)
            })
        })
    }

    fn release(&self, id: ExecutionId, fence: Fence) -> StoreFuture<'_, ()> {
        self.change(0, move |ledger, tenant| {
            ledger.change(tenant, id, |course, now| course.release(id, fence, now))
        })
    }

    fn give_up(&self, id: ExecutionId, fence: Fence, reason: String) -> StoreFuture<'_, ()> {
        if let Err(refused) = limits::check_text("a reason", &reason) {
            return refuse(refused);
        }
        self.change(0, move |ledger, tenant| {
            ledger.change(tenant, id, |course, now| {
                course.give_up(id, fence, &reason, now)
            })
        })
    }

    fn append(&self, append: Append) -> StoreFuture<'_, Appended> {
        if let Err(refused) = append.check() {
            return refuse(refused);
        }
        let weight = weight(&append.records, &append.payloads);
        self.change(weight, move |ledger, tenant| add(ledger, tenant, &append))
    }

    fn journal(
        &self,
        id: ExecutionId,
        after: u64,
        limit: u32,
    ) -> StoreFuture<'_, Vec<JournalRecord>> {
        let limit = limit.clamp(1, PageRequest::MOST);
        self.read(move |connection, tenant| {
            let journal = listing::journal(connection, tenant, id)?;
            let journal = journal.ok_or_else(|| no_execution(id))?;
            journal.read(connection, after, limit)
        })
    }

    fn request(&self, id: ExecutionId, request: Request) -> StoreFuture<'_, ExecutionRecord> {
        self.change(0, move |ledger, tenant| {
            ledger.change(tenant, id, |course, now| course.request(id, request, now))?;
            ledger.flush()?;
            let tenant = ledger.tenant(tenant)?.ok_or_else(|| no_execution(id))?;
            let record = listing::one(&ledger.connection, tenant, id)?;
            record.ok_or_else(|| no_execution(id).into())
        })
    }

    fn signal(&self, id: ExecutionId, signal: NewSignal) -> StoreFuture<'_, u64> {
        if let Err(refused) = signal.check() {
            return refuse(refused);
        }
        self.change(signal.data.len(), move |ledger, tenant| {
            signals::send(ledger, tenant, id, &signal)
        })
    }

    fn signals(&self, id: ExecutionId, after: u64) -> StoreFuture<'_, Vec<Signal>> {
        self.read(move |connection, tenant| {
            let journal = listing::journal(connection, tenant, id)?;
            let execution = journal.ok_or_else(|| no_execution(id))?.execution;
            signals::read(connection, tenant, execution, after)
        })
    }
}

fn create(
    ledger: &mut Ledger,
    tenant: &TenantId,
    new: &NewExecution,
) -> Result<ExecutionRecord, Fault> {
    let workflow = &new.workflow;
    let no_workflow = || StoreError::not_found(format!("workflow `{workflow}`"));
    let tenant = ledger.tenant(tenant)?.ok_or_else(no_workflow)?;
    let known = ledger
        .connection
        .prepare_cached("SELECT 1 FROM workflows WHERE tenant = ?1 AND id = ?2 AND version = ?3")?
        .exists((tenant, &workflow.id, workflow.version))?;
    if !known {
        return Err(no_workflow().into());
    }
    let exists = ledger
        .connection
        .prepare_cached("SELECT 1 FROM executions WHERE tenant = ?1 AND id = ?2")?
        .exists((tenant, new.id.as_uuid().as_bytes()))?;
    if exists {
        return Err(Fault::Refused(StoreError::Exists {
            what: format!("execution `{}`", new.id),
        }));
    }
    let created_at = ledger.now.as_microsecond();
    ledger
        .connection
        .prepare_cached(
            "INSERT INTO executions (tenant, id, workflow, version, pinned, user, retry_of,
                 part_of, created_at, checksum)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute((
            tenant,
            new.id.as_uuid().as_bytes(),
            &workflow.id,
            workflow.version,
            &*new.pinned,
            new.user.as_ref().map(jackfield_types::UserId::as_str),
            new.retry_of.map(|id| *id.as_uuid().as_bytes()),
            new.part_of.map(|id| *id.as_uuid().as_bytes()),
            created_at,
            listing::checksum(tenant, new.id, workflow, &new.pinned),
        ))?;
    let execution = ledger.connection.last_insert_rowid();
    let mut journal = Journal {
        tenant,
        execution,
        length: 0,
        last: 0,
    };
    journal.add(&ledger.connection, &new.records)?;
    payloads::add(&ledger.connection, tenant, execution, &new.payloads)?;
    let course = Course::new(journal.length, new.state.clone(), new.claim, ledger.now);
    let key = (tenant, execution);
    courses::insert(&ledger.connection, key, created_at, &course, journal.last)?;
    let record = ExecutionRecord {
        id: new.id,
        workflow: workflow.clone(),
        pinned: new.pinned.clone(),
        user: new.user.clone(),
        retry_of: new.retry_of,
        part_of: new.part_of,
        state: course.state.clone(),
        requests: course.requests,
        created_at: ledger.now,
        changed_at: course.changed_at,
        length: course.length,
        fence: course.fence,
        lease: course.lease,
    };
    ledger.remember((tenant, new.id), execution, course, journal.last);
    Ok(record)
}

fn add(ledger: &mut Ledger, tenant: &TenantId, append: &Append) -> Result<Appended, Fault> {
    let now = ledger.now;
    let id = append.execution;
    let (tenant, entry) = ledger.entry(tenant, id)?;
    let mut journal = Journal {
        tenant,
        execution: entry.number,
        length: entry.course.length,
        last: entry.last,
    };
    let appended = entry.course.append(append, now)?;
    let change = match append.state {
        None => Change::Journal,
        Some(_) => Change::Whole,
    };
    journal.add(&ledger.connection, &append.records)?;
    payloads::add(
        &ledger.connection,
        tenant,
        journal.execution,
        &append.payloads,
    )?;
    ledger.moved((tenant, id), journal.last);
    ledger.note((tenant, id), change);
    Ok(appended)
}

fn weight(records: &[Bytes], payloads: &[(jackfield_types::Digest, Bytes)]) -> usize {
    let records: usize = records.iter().map(Bytes::len).sum();
    payloads
        .iter()
        .map(|(_, content)| content.len())
        .sum::<usize>()
        + records
}
