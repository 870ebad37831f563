use std::collections::{HashMap, HashSet};

use jackfield_store_api::WorkflowVersion;
use jackfield_types::TenantId;
use jiff::Timestamp;
use sqlx::{Connection, PgConnection, Row};
use uuid::Uuid;

use crate::courses::Kept;
use crate::draft::{Draft, Key, Touch};
use crate::drafts::{Drafts, find_workflows, load, places_of};
use crate::error::Fault;
use crate::group::{Group, Wanted};
use crate::row::micros;
use crate::writing::{write_all, write_group};
use crate::{signals, statements};

/// The most executions at hand.
const AT_HAND: usize = 1 << 15;

/// Who writes a group, and which one of its groups that is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) writer: Uuid,
    pub(crate) number: i64,
    /// The time, if it does not come from the database.
    pub(crate) time: Option<Timestamp>,
}

/// A writer's connection, and what is known for as long as it lasts.
///
/// Executions whose journals just get longer are at hand: others can only ask things of them and
/// claim them, and that is noticed by the revision when the next record is written.
pub(crate) struct Session {
    connection: PgConnection,
    at_hand: HashMap<Key, Kept>,
    workflows: HashSet<(TenantId, WorkflowVersion)>,
}

/// What became of a group: which executions of it have to be done again.
pub(crate) struct Written {
    pub(crate) missed: Vec<usize>,
}

impl Session {
    pub(crate) async fn begin(
        mut connection: PgConnection,
        writer: Uuid,
        time: Option<Timestamp>,
    ) -> sqlx::Result<Self> {
        register(&mut connection, writer, time).await?;
        sqlx::query(statements::FORGET)
            .bind(micros(time))
            .execute(&mut connection)
            .await?;
        Ok(Self {
            connection,
            at_hand: HashMap::new(),
            workflows: HashSet::new(),
        })
    }

    /// Takes the writer's row away.
    pub(crate) async fn end(mut self, writer: Uuid) -> Result<(), Fault> {
        sqlx::query(statements::UNREGISTER)
            .bind(writer)
            .execute(&mut self.connection)
            .await?;
        Ok(self.connection.close().await?)
    }

    /// Makes a group without a lock, as nobody else is likely to be in the way.
    pub(crate) async fn write(
        &mut self,
        group: &mut Group,
        stamp: Stamp,
    ) -> Result<Written, Fault> {
        let wanted = group.wanted();
        let mut drafts = self.drafts(&wanted, stamp).await?;
        group.apply(&mut drafts, stamp.number)?;
        let connection = &mut self.connection;
        let missed = if drafts.list.iter().all(Draft::is_plain) {
            write_group(connection, &drafts.list, stamp).await?
        } else {
            let mut transaction = connection.begin().await?;
            if let Err(fault) = write_all(&mut transaction, &drafts.list, stamp).await {
                // A version of a workflow may be gone that was known.
                self.workflows.clear();
                return Err(fault);
            }
            transaction.commit().await?;
            Vec::new()
        };
        let missed = group.missed(&missed);
        self.remember(drafts.list, &missed);
        Ok(Written { missed })
    }

    /// Makes a group while nobody else can change its executions. If it is not sure whether it was
    /// written before, under the number `unsure` or a later one, that is looked up first: as long as
    /// the writer's row is locked, what is still on its way cannot be written.
    pub(crate) async fn write_locked(
        &mut self,
        group: &mut Group,
        stamp: Stamp,
        unsure: Option<i64>,
    ) -> Result<Written, Fault> {
        let mut transaction = self.connection.begin().await?;
        register(&mut transaction, stamp.writer, stamp.time).await?;
        let last = sqlx::query(statements::LAST_GROUP)
            .bind(stamp.writer)
            .fetch_one(&mut *transaction)
            .await?;
        let number: i64 = last.try_get(0)?;
        if unsure.is_some_and(|first| number >= first) {
            if number != group.applied() {
                // The answers of that time are not known any more.
                return Err(Fault::Overtaken);
            }
            let missed = places_of(last.try_get(1)?);
            let missed = group.missed(&missed);
            return Ok(Written { missed });
        }
        let wanted = group.wanted();
        let all: Vec<usize> = (0..wanted.keys.len()).collect();
        let (now, found) = load(
            &mut transaction,
            statements::LOAD_LOCKED,
            &wanted,
            &all,
            stamp,
        )
        .await?;
        find_workflows(&mut transaction, &mut self.workflows, &wanted).await?;
        let mut drafts = Drafts::new(&wanted, &self.workflows);
        drafts.settle(now, found);
        signals::find(&mut transaction, &wanted, &mut drafts.list).await?;
        group.apply(&mut drafts, stamp.number)?;
        if let Err(fault) = write_all(&mut transaction, &drafts.list, stamp).await {
            // A version of a workflow may be gone that was known.
            self.workflows.clear();
            return Err(fault);
        }
        transaction.commit().await?;
        self.remember(drafts.list, &[]);
        Ok(Written { missed: Vec::new() })
    }

    /// The executions of a group as they are: remembered, if their journals just get longer.
    async fn drafts(&mut self, wanted: &Wanted, stamp: Stamp) -> Result<Drafts, Fault> {
        find_workflows(&mut self.connection, &mut self.workflows, wanted).await?;
        let mut drafts = Drafts::new(wanted, &self.workflows);
        let mut unknown = Vec::new();
        for (place, key) in wanted.keys.iter().enumerate() {
            match self.at_hand.get(key) {
                Some(kept) if wanted.touches[place] == Touch::Journal => {
                    drafts.remember(place, kept.clone());
                }
                _ => unknown.push(place),
            }
        }
        if !unknown.is_empty() {
            let connection = &mut self.connection;
            let (now, found) = load(connection, statements::LOAD, wanted, &unknown, stamp).await?;
            drafts.settle(now, found);
        }
        signals::find(&mut self.connection, wanted, &mut drafts.list).await?;
        Ok(drafts)
    }

    fn remember(&mut self, drafts: Vec<Draft>, missed: &[usize]) {
        if self.at_hand.len() + drafts.len() > AT_HAND {
            self.at_hand.clear();
        }
        for (place, draft) in drafts.into_iter().enumerate() {
            let is_held = draft.course().is_some_and(|course| course.lease.is_some());
            if missed.contains(&place) || !is_held {
                self.at_hand.remove(&draft.key);
            } else if let Some((key, kept)) = draft.into_kept() {
                self.at_hand.insert(key, kept);
            }
        }
    }
}

async fn register(
    connection: &mut PgConnection,
    writer: Uuid,
    time: Option<Timestamp>,
) -> sqlx::Result<()> {
    sqlx::query(statements::REGISTER)
        .bind(writer)
        .bind(micros(time))
        .execute(connection)
        .await?;
    Ok(())
}
