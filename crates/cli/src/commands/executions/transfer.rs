//! `jackfield executions export` and `import`: an execution as one file.

use jackfield::{ByteSize, TenantEngine};

use crate::args::{ExportArgs, ImportArgs, PlainOutput};
use crate::commands::say;
use crate::commands::visit::Visit;
use crate::error::CliError;
use crate::exit::Exit;
use crate::file::read_file_or_stdin;
use crate::kept_error::untold;
use crate::output::Output;
use crate::plugins::write_whole;
use crate::render::kept::standing;
use crate::store::Purpose;
use crate::terminal::Terminal;

/// The largest file of an execution that is read.
pub(crate) const LARGEST: ByteSize = ByteSize::mib(256);

/// Writes an execution.
pub(super) fn export(
    args: &ExportArgs,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let visit = Visit::unrecorded(&args.visit, &args.plugins, terminal)?;
    let engine: &TenantEngine = &visit.session.engine;
    let exported = visit.wait(engine.export(args.execution));
    visit.end()?;
    let exported = exported.map_err(|error| untold(&error))?;
    match &args.to {
        Some(file) => {
            write_whole(file, &exported)?;
            let size = ByteSize::bytes(exported.len() as u64);
            say(&format!(
                "{} is written to `{}`, {size}",
                args.execution,
                file.display()
            ));
        }
        None => {
            output.bytes(&exported)?;
            output.text("")?;
        }
    }
    Ok(Exit::Success)
}

/// Takes an execution in.
pub(super) fn import(
    args: &ImportArgs,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let exported = read_file_or_stdin(&args.file, LARGEST)?;
    let level = args.durability.level;
    let visit = Visit::begin_for(&args.visit, &args.plugins, terminal, level, Purpose::Run)?;
    let engine: &TenantEngine = &visit.session.engine;
    let imported = visit.wait(async {
        let id = engine.import(&exported).await?;
        engine.stored_execution(id).await
    });
    visit.end()?;
    let imported = imported.map_err(|error| untold(&error))?;
    match args.output {
        PlainOutput::Pretty => output.text(&format!(
            "{} is taken in, with {} ({})",
            imported.id,
            crate::render::text::count(
                usize::try_from(imported.events).unwrap_or(usize::MAX),
                "event"
            ),
            standing(&imported)
        ))?,
        PlainOutput::Json => output.document(&imported)?,
    }
    Ok(Exit::Success)
}
