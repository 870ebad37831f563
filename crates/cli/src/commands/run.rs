//! `jackfield run`: a workflow file from its input to its last item.

use std::sync::Arc;

use jackfield::store::Store;
use jackfield::{Items, PinnedData, StartError, StartOptions, TenantEngine, Workflow};

use super::follow::{self, Finish, INTERRUPTED, Keeping, Parking, Watch};
use super::{warn, warn_all};
use crate::args::{RunArgs, RunningArgs};
use crate::contents::{self, Contents};
use crate::error::CliError;
use crate::exit::Exit;
use crate::folder::{folder_of, input_file};
use crate::input::{read_item_file, read_items, variables};
use crate::kept_error::start_error;
use crate::output::Output;
use crate::session;
use crate::signals::Interrupts;
use crate::store::{self, Purpose};
use crate::terminal::Terminal;
use crate::workflow_file::{self, Planned};

/// Runs a workflow. Everything is checked before anything runs.
pub(crate) fn run(
    args: RunArgs,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let source = workflow_file::read_source(&args.file)?;
    if args.park && args.store.store.is_none() {
        return Err(CliError::usage(
            "`--park` leaves an execution that waits, and without a store it would be lost",
            "name a store with `--store URL`",
        ));
    }
    let runtime = session::runtime()?;
    let level = args.durability.level;
    let store = runtime.block_on(store::open_if_named(&args.store, level, Purpose::Run))?;
    let folder = folder_of(&args.file);
    let RunningArgs {
        tenancy,
        credential_keys: keys,
        ..
    } = &args.running;
    let tenant = &tenancy.tenant;
    let contents = Contents::to_run(&runtime, store.as_ref(), keys, tenant)?;
    let durable = Some(args.lease.options());
    let session = session::running(&args.running, Some(folder), &contents, durable)?;
    let options = workflow_file::plan_options(&args.missing_fields);
    let planned = workflow_file::plan(&session.engine, &source, &options)?;
    let items = items(&args, &planned.workflow)?;
    warn_all(&session.warnings, terminal.stderr);
    warn(&planned.warnings, terminal.stderr);
    let given = variables(args.variables);
    let own = &planned.workflow.variables;
    let begun_with = contents::variables(store.as_ref(), tenant, own, given);
    let start = StartOptions {
        items,
        variables: runtime.block_on(begun_with)?,
        trigger: args.trigger,
        timeout: args.timeout,
        pinned_data: if args.no_pinned_data {
            PinnedData::Ignored
        } else {
            PinnedData::Used
        },
        ..StartOptions::default()
    };
    let nodes = planned.plan.nodes().len();
    let mut watch = Watch::new(args.output, nodes, terminal, output);
    let kept = store.as_deref().map(|store| Kept {
        store,
        parks: args.park,
    });
    let begun = execute(&session.engine, &planned, start, kept, &mut watch);
    let finished = runtime.block_on(begun);
    watch.finish();
    let recorded = session.finish();
    if let Some(store) = &store {
        runtime.block_on(store::close(store));
    }
    let finish = finished?;
    // What an executor left behind must not hold up the end.
    runtime.shutdown_background();
    recorded?;
    follow::show(finish, args.output, output)
}

/// What the workflow is given: what the command line says, or else what the workflow says.
fn items(args: &RunArgs, workflow: &Workflow) -> Result<Items, CliError> {
    match (&args.input, &workflow.input) {
        (Some(argument), _) => read_items(argument),
        (None, Some(reference)) => read_item_file(&input_file(&args.file, reference)?),
        (None, None) => Ok(StartOptions::default().items),
    }
}

/// How an execution is kept.
struct Kept<'a> {
    store: &'a dyn Store,
    /// Whether it is left as soon as it waits for long.
    parks: bool,
}

async fn execute(
    engine: &TenantEngine,
    planned: &Planned,
    options: StartOptions,
    kept: Option<Kept<'_>>,
    watch: &mut Watch<'_>,
) -> Result<Finish, CliError> {
    let mut interrupts = Interrupts::listen()
        .map_err(|error| CliError::internal("signals cannot be listened to", &error))?;
    let execution = engine
        .start(&Arc::clone(&planned.plan), options)
        .map_err(|error| start_error(&error))?;
    let Some(Kept { store, parks }) = kept else {
        let keeping = Keeping::Nowhere;
        return follow::follow(engine, execution, keeping, &mut interrupts, watch).await;
    };
    tokio::select! {
        // What it waits for happens all the same.
        kept = execution.kept() => {
            kept.map_err(|error: StartError| start_error(&error))?;
        }
        // Nothing has begun before it is kept.
        () = interrupts.next() => std::process::exit(INTERRUPTED),
    }
    watch.say(&format!(
        "execution {} is kept in {}",
        execution.id(),
        store.describe()
    ));
    let parking = parks.then(|| Parking::begin(engine)).flatten();
    let keeping = Keeping::InStore;
    let finish = follow::follow(engine, execution, keeping, &mut interrupts, watch).await;
    if let Some(parking) = parking {
        parking.end().await;
    }
    finish
}
