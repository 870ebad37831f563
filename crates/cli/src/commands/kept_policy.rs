//! `jackfield policy set`, `show`, `list` and `remove`: policies that are kept in a store, and in
//! force for all that is run in it.

use comfy_table::Cell;
use jackfield::TenantId;
use jackfield::kept::{PolicyError, StoredPolicies, StoredPolicy};
use jackfield::store::Durability;
use serde::Serialize;

use super::visit::Visit;
use super::warn;
use crate::args::{
    PlainOutput, PluginArgs, PolicyListArgs, PolicyRemoveArgs, PolicySetArgs, PolicyShowArgs,
};
use crate::error::CliError;
use crate::exit::Exit;
use crate::kept_error::store_error;
use crate::output::Output;
use crate::render::table::{table, to_text};
use crate::render::text::{count, line};
use crate::session;
use crate::store::{self, Purpose};
use crate::terminal::{Stream, Terminal};

/// The longest text of a cell.
const LONGEST: usize = 60;

/// Keeps a policy. It is checked before, as it is when it is read.
pub(super) fn set(
    args: &PolicySetArgs,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let tenant = &args.visit.tenancy.tenant;
    let registry = session::registry(&jackfield::NodeSettings::default())?;
    let (policy, warnings) = session::policy_reader(&registry)
        .tenant(tenant.clone())
        .read_file(&args.policy)
        .map_err(CliError::Policies)?;
    warn(&warnings, terminal.stderr);
    let visit = Visit::begin_for(
        &args.visit,
        &PluginArgs::default(),
        terminal,
        Durability::default(),
        Purpose::Keep,
    )?;
    let policies = StoredPolicies::new(visit.store.clone());
    let set = visit.wait(policies.set(tenant, &policy));
    if set.is_ok() {
        visit.session.record_policy(tenant, Some(&policy))?;
    }
    visit.end()?;
    set.map_err(|error| policy_error(&error))?;
    output.text(&format!("the policy of tenant `{tenant}` is set"))?;
    Ok(Exit::Success)
}

/// Prints a policy as JSON.
pub(super) fn show(
    args: &PolicyShowArgs,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let tenant = &args.visit.tenancy.tenant;
    let visit = Visit::unrecorded(&args.visit, &PluginArgs::default(), terminal)?;
    let found = visit.wait(StoredPolicies::new(visit.store.clone()).get(tenant));
    visit.end()?;
    let found = found.map_err(|error| store_error(&error))?;
    let found = found.ok_or_else(|| missing(tenant))?;
    let policy = found.policy.map_err(CliError::Workflow)?;
    output.document(&policy)?;
    Ok(Exit::Success)
}

/// What is listed of a policy.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    tenant: TenantId,
    changed_at: String,
    /// Whether it can be read; if not, the tenant may do nothing.
    readable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

impl Listed {
    fn of((tenant, stored): (TenantId, StoredPolicy)) -> Self {
        Self {
            tenant,
            changed_at: stored.changed_at.to_string(),
            readable: stored.policy.is_ok(),
            description: stored.policy.ok().and_then(|policy| policy.description),
        }
    }
}

/// Lists the tenants that have a policy.
pub(super) fn list(args: &PolicyListArgs, output: &mut Output) -> Result<Exit, CliError> {
    let runtime = session::runtime()?;
    let opened = store::open(&args.store, Durability::default(), Purpose::Visit);
    let store = runtime.block_on(opened)?;
    let found = runtime.block_on(StoredPolicies::new(store.clone()).all());
    runtime.block_on(store::close(&store));
    let found = found.map_err(|error| store_error(&error))?;
    let found: Vec<Listed> = found.into_iter().map(Listed::of).collect();
    match args.output {
        PlainOutput::Json => output.document(&found)?,
        PlainOutput::Pretty if found.is_empty() => {
            output.text("no tenant has a policy in this store")?;
        }
        PlainOutput::Pretty => output.text(&listed(&found, output.stream()))?,
    }
    Ok(Exit::Success)
}

fn listed(found: &[Listed], stream: Stream) -> String {
    let mut table = table(&["tenant", "set", "says"], stream);
    for one in found {
        let says = match (&one.description, one.readable) {
            (_, false) => "cannot be read: the tenant may do nothing",
            (Some(description), true) => description,
            (None, true) => "",
        };
        table.add_row(vec![
            Cell::new(&one.tenant),
            Cell::new(&one.changed_at),
            Cell::new(line(says, LONGEST)),
        ]);
    }
    format!(
        "{}\n{}",
        to_text(&table),
        count(found.len(), "tenant with a policy")
    )
}

/// Removes a policy.
pub(super) fn remove(
    args: &PolicyRemoveArgs,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let tenant = &args.visit.tenancy.tenant;
    let visit = Visit::begin(&args.visit, &PluginArgs::default(), terminal)?;
    let removed = visit.wait(StoredPolicies::new(visit.store.clone()).remove(tenant));
    if let Ok(true) = removed {
        visit.session.record_policy(tenant, None)?;
    }
    visit.end()?;
    if !removed.map_err(|error| store_error(&error))? {
        return Err(missing(tenant));
    }
    output.text(&format!("the policy of tenant `{tenant}` is removed"))?;
    Ok(Exit::Success)
}

fn missing(tenant: &TenantId) -> CliError {
    CliError::usage(
        format!("tenant `{tenant}` has no policy in this store"),
        "`jackfield policy list` lists those who have one; `jackfield policy set FILE` sets one",
    )
}

fn policy_error(error: &PolicyError) -> CliError {
    match error {
        PolicyError::Invalid(findings) => CliError::Workflow(findings.clone()),
        PolicyError::Store(error) => store_error(error),
        other => CliError::internal("the policy was not set", other),
    }
}
