//! Executions as they are when a group of changes is made.

use std::collections::HashSet;

use jackfield_store_api::WorkflowVersion;
use jackfield_types::TenantId;
use jiff::Timestamp;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::courses::{self, Kept};
use crate::draft::Draft;
use crate::error::Fault;
use crate::group::Wanted;
use crate::row::{micros, timestamp};
use crate::session::Stamp;
use crate::statements;

/// The most workflows that are known.
const KNOWN: usize = 1 << 15;

/// The executions of a group.
pub(crate) struct Drafts {
    pub(crate) list: Vec<Draft>,
    /// Whether each is only remembered, and was not looked up.
    pub(crate) remembered: Vec<bool>,
    /// The time, if it was asked for.
    pub(crate) now: Option<Timestamp>,
}

impl Drafts {
    pub(crate) fn new(wanted: &Wanted, workflows: &HashSet<(TenantId, WorkflowVersion)>) -> Self {
        let mut list: Vec<Draft> = wanted
            .keys
            .iter()
            .map(|key| Draft::new(key.clone()))
            .collect();
        for (place, workflow) in &wanted.workflows {
            let draft = &mut list[*place];
            let known = (draft.key.0.clone(), workflow.clone());
            if workflows.contains(&known) {
                draft.workflows.push(known.1);
            }
        }
        Self {
            remembered: vec![false; list.len()],
            list,
            now: None,
        }
    }

    pub(crate) fn remember(&mut self, place: usize, kept: Kept) {
        self.remembered[place] = true;
        self.list[place].find(kept);
    }

    pub(crate) fn settle(&mut self, now: Timestamp, found: Vec<(usize, Kept)>) {
        self.now = Some(now);
        for (place, kept) in found {
            if let Some(draft) = self.list.get_mut(place) {
                draft.find(kept);
            }
        }
    }
}

/// Looks some executions up, and the time.
pub(crate) async fn load(
    connection: &mut PgConnection,
    statement: &'static str,
    wanted: &Wanted,
    places: &[usize],
    stamp: Stamp,
) -> Result<(Timestamp, Vec<(usize, Kept)>), Fault> {
    let tenants: Vec<&str> = places
        .iter()
        .map(|place| wanted.keys[*place].0.as_str())
        .collect();
    let ids: Vec<Uuid> = places
        .iter()
        .map(|place| *wanted.keys[*place].1.as_uuid())
        .collect();
    let rows = sqlx::query(statement)
        .bind(tenants)
        .bind(ids)
        .bind(micros(stamp.time))
        .fetch_all(connection)
        .await?;
    let now = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let now = timestamp(now.try_get("now")?)?;
    let mut found = Vec::new();
    for row in &rows {
        let Some(place) = row.try_get::<Option<i64>, _>("place")?.and_then(place_in) else {
            continue;
        };
        if let Some(place) = places.get(place) {
            found.push((*place, courses::read(row)?));
        }
    }
    Ok((now, found))
}

/// The place of a row in a list, of the one that the database counts from 1.
pub(crate) fn place_in(ordinality: i64) -> Option<usize> {
    usize::try_from(ordinality).ok()?.checked_sub(1)
}

/// The places of rows in a list.
pub(crate) fn places_of(ordinalities: Vec<i64>) -> Vec<usize> {
    ordinalities.into_iter().filter_map(place_in).collect()
}

/// Looks up which versions of workflows are there, as far as that is not known. They stay.
pub(crate) async fn find_workflows(
    connection: &mut PgConnection,
    known: &mut HashSet<(TenantId, WorkflowVersion)>,
    wanted: &Wanted,
) -> Result<(), Fault> {
    let mut unknown: Vec<(TenantId, WorkflowVersion)> = Vec::new();
    for (place, workflow) in &wanted.workflows {
        let one = (wanted.keys[*place].0.clone(), workflow.clone());
        if !known.contains(&one) && !unknown.contains(&one) {
            unknown.push(one);
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    if known.len() > KNOWN {
        known.clear();
    }
    let tenants: Vec<&str> = unknown.iter().map(|(tenant, _)| tenant.as_str()).collect();
    let ids: Vec<&str> = unknown.iter().map(|(_, flow)| flow.id.as_str()).collect();
    let versions: Vec<i64> = unknown
        .iter()
        .map(|(_, flow)| i64::from(flow.version))
        .collect();
    let rows = sqlx::query(statements::FIND_WORKFLOWS)
        .bind(tenants)
        .bind(ids)
        .bind(versions)
        .fetch_all(connection)
        .await?;
    for row in rows {
        let found = place_in(row.try_get(0)?).and_then(|place| unknown.get(place));
        known.extend(found.cloned());
    }
    Ok(())
}
