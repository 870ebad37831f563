//! `jackfield executions retry`: starts an execution over from a node.

use crate::args::{RetryArgs, RunningArgs};
use crate::commands::follow::{self, Keeping, Watch};
use crate::commands::{say, warn_all};
use crate::contents::Contents;
use crate::error::CliError;
use crate::exit::Exit;
use crate::input::read_items;
use crate::kept_error::stored_error;
use crate::output::Output;
use crate::session;
use crate::signals::Interrupts;
use crate::store::{self, Purpose};
use crate::terminal::Terminal;

/// Runs a new execution that takes over what another one did before a node.
pub(super) fn retry(
    args: &RetryArgs,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let input = args.edit_input.as_deref().map(read_items).transpose()?;
    let runtime = session::runtime()?;
    let opened = store::open(&args.store, args.durability.level, Purpose::GoOn);
    let store = runtime.block_on(opened)?;
    let folder = &args.workflows.workflows;
    let RunningArgs {
        tenancy,
        credential_keys: keys,
        ..
    } = &args.running;
    let contents = Contents::to_run(&runtime, Some(&store), keys, &tenancy.tenant)?;
    let durable = Some(args.lease.options());
    let session = session::running(&args.running, Some(folder), &contents, durable)?;
    warn_all(&session.warnings, terminal.stderr);
    let engine = &session.engine;
    let finished = runtime.block_on(async {
        let mut interrupts = Interrupts::listen()
            .map_err(|error| CliError::internal("signals cannot be listened to", &error))?;
        let started = engine.retry_from(args.execution, &args.from, input).await;
        let execution = started.map_err(|error| stored_error(&error))?;
        say(&format!(
            "execution {} starts {} over from node `{}`",
            execution.id(),
            args.execution,
            crate::render::text::line(&args.from, 80)
        ));
        let nodes = execution.journal().plan().nodes().len();
        let mut watch = Watch::new(args.output, nodes, terminal, output);
        let keeping = Keeping::InStore;
        let finish = follow::follow(engine, execution, keeping, &mut interrupts, &mut watch).await;
        watch.finish();
        finish
    });
    let recorded = session.finish();
    runtime.block_on(store::close(&store));
    runtime.shutdown_background();
    let finish = finished?;
    recorded?;
    follow::show(finish, args.output, output)
}
