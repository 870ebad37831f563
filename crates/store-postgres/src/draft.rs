use bytes::Bytes;
use jackfield_store_api::{
    Append, Appended, Course, ExecutionRecord, NewExecution, NewSignal, StoreError,
    WorkflowVersion, limits,
};
use jackfield_types::{Digest, ExecutionId, TenantId};
use jiff::Timestamp;

use crate::courses::Kept;

/// Which execution, and whose.
pub(crate) type Key = (TenantId, ExecutionId);

/// How much of an execution a change needs and touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Touch {
    /// Its journal gets longer, and nothing else.
    Journal,
    /// Anything of its course.
    Course,
    /// It is made.
    Birth,
}

/// A signal that is sent.
pub(crate) struct Sent {
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) data: Bytes,
    pub(crate) key: Option<String>,
    pub(crate) at: Timestamp,
}

/// A signal with a key that was sent before.
pub(crate) struct SentBefore {
    pub(crate) key: String,
    pub(crate) number: u64,
    pub(crate) name: String,
    /// Of its data.
    pub(crate) digest: Digest,
}

/// An execution as a group of changes finds it, and all that they make of it.
pub(crate) struct Draft {
    pub(crate) key: Key,
    /// The versions of workflows that are there, of those that changes ask for.
    pub(crate) workflows: Vec<WorkflowVersion>,
    /// As it is in the database; `None` when it is not there.
    found: Option<Kept>,
    /// As it will be.
    course: Option<Course>,
    /// How much of it has changed; nothing when nothing has.
    pub(crate) touched: Option<Touch>,
    /// What was made, if it was made.
    pub(crate) birth: Option<ExecutionRecord>,
    /// With their numbers.
    pub(crate) records: Vec<(u64, Bytes)>,
    pub(crate) payloads: Vec<(Digest, Bytes)>,
    pub(crate) signals: Vec<Sent>,
    /// Those with the keys that changes ask for.
    pub(crate) sent_before: Vec<SentBefore>,
}

impl Draft {
    pub(crate) fn new(key: Key) -> Self {
        Self {
            key,
            workflows: Vec::new(),
            found: None,
            course: None,
            touched: None,
            birth: None,
            records: Vec::new(),
            payloads: Vec::new(),
            signals: Vec::new(),
            sent_before: Vec::new(),
        }
    }

    /// Notes how it is in the database.
    pub(crate) fn find(&mut self, found: Kept) {
        self.course = Some(found.course.clone());
        self.found = Some(found);
    }

    /// Whether it is written by one statement.
    pub(crate) fn is_plain(&self) -> bool {
        self.birth.is_none() && self.payloads.is_empty() && self.signals.is_empty()
    }

    /// As it is in the database.
    pub(crate) fn found(&self) -> Option<&Kept> {
        self.found.as_ref()
    }

    /// As it will be.
    pub(crate) fn course(&self) -> Option<&Course> {
        self.course.as_ref()
    }

    /// As it will be in the database.
    pub(crate) fn into_kept(self) -> Option<(Key, Kept)> {
        let changes = i64::from(self.touched.is_some());
        let revision = self
            .found
            .as_ref()
            .map_or(0, |found| found.revision + changes);
        let course = self.course?;
        Some((self.key, Kept { course, revision }))
    }

    /// Lets something change the course.
    pub(crate) fn change<T>(
        &mut self,
        touch: Touch,
        change: impl FnOnce(&mut Course) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let course = self
            .course
            .as_mut()
            .ok_or_else(|| no_execution(self.key.1))?;
        let answer = change(course)?;
        self.touched = self.touched.max(Some(touch));
        Ok(answer)
    }

    /// Adds to the journal.
    pub(crate) fn append(
        &mut self,
        append: &Append,
        now: Timestamp,
    ) -> Result<Appended, StoreError> {
        let touch = touch_of(append);
        let appended = self.change(touch, |course| course.append(append, now))?;
        self.add(append.after, &append.records, &append.payloads);
        Ok(appended)
    }

    /// Sends it a signal, unless one with its key was sent before.
    pub(crate) fn send(&mut self, signal: &NewSignal, now: Timestamp) -> Result<u64, StoreError> {
        let id = self.key.1;
        if let Some(key) = &signal.key
            && self.course.is_some()
        {
            let just_now = self
                .signals
                .iter()
                .find(|sent| sent.key.as_ref() == Some(key));
            let just_now = just_now.map(|sent| {
                let is_same = sent.name == signal.name && sent.data == signal.data;
                (sent.number, is_same)
            });
            let before = self.sent_before.iter().find(|sent| sent.key == *key);
            let before = before.map(|sent| {
                let is_same =
                    sent.name == signal.name && sent.digest == limits::digest_of(&signal.data);
                (sent.number, is_same)
            });
            match just_now.or(before) {
                Some((number, true)) => return Ok(number),
                Some((_, false)) => {
                    return Err(StoreError::Exists {
                        what: format!("another signal with the key `{key}`"),
                    });
                }
                None => {}
            }
        }
        let number = self.change(Touch::Course, |course| {
            course.signal(id, signal.data.len(), now)
        })?;
        self.signals.push(Sent {
            number,
            name: signal.name.clone(),
            data: signal.data.clone(),
            key: signal.key.clone(),
            at: now,
        });
        Ok(number)
    }

    /// Makes it.
    pub(crate) fn create(
        &mut self,
        new: &NewExecution,
        now: Timestamp,
    ) -> Result<ExecutionRecord, StoreError> {
        if !self.workflows.contains(&new.workflow) {
            return Err(StoreError::not_found(format!(
                "workflow `{}`",
                new.workflow
            )));
        }
        if self.course.is_some() {
            return Err(StoreError::Exists {
                what: format!("execution `{}`", new.id),
            });
        }
        let course = Course::new(new.records.len() as u64, new.state.clone(), new.claim, now);
        let record = ExecutionRecord {
            id: new.id,
            workflow: new.workflow.clone(),
            pinned: new.pinned.clone(),
            user: new.user.clone(),
            retry_of: new.retry_of,
            part_of: new.part_of,
            state: course.state.clone(),
            requests: course.requests,
            created_at: course.changed_at,
            changed_at: course.changed_at,
            length: course.length,
            fence: course.fence,
            lease: course.lease,
        };
        self.birth = Some(record.clone());
        self.course = Some(course);
        self.touched = Some(Touch::Birth);
        self.add(0, &new.records, &new.payloads);
        Ok(record)
    }

    fn add(&mut self, after: u64, records: &[Bytes], payloads: &[(Digest, Bytes)]) {
        self.records
            .extend((after + 1..).zip(records.iter().cloned()));
        self.payloads.extend_from_slice(payloads);
    }
}

/// How much of an execution is touched when its journal gets longer.
pub(crate) fn touch_of(append: &Append) -> Touch {
    match append.state {
        None => Touch::Journal,
        Some(_) => Touch::Course,
    }
}

/// What to say when there is no such execution.
pub(crate) fn no_execution(id: ExecutionId) -> StoreError {
    StoreError::not_found(format!("execution `{id}`"))
}
