//! `jackfield variable`: what executions of a tenant begin with, unless somebody says otherwise.

use std::future::Future;

use comfy_table::Cell;
use jackfield::Object;
use jackfield::kept::{StoredVariables, VariableError};
use serde_json::Value;

use super::visit::Visit;
use crate::args::{
    PlainOutput, PluginArgs, VariableCommand, VariableListArgs, VariableRemoveArgs,
    VariableSetArgs, VariableShowArgs, VisitArgs,
};
use crate::contents::variable_error;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render::table::{table, to_text};
use crate::render::text::{count, line};
use crate::store::Purpose;
use crate::terminal::{Stream, Terminal};

/// The longest name and value of a table.
const LONGEST: [usize; 2] = [40, 80];

/// Runs one of the subcommands.
pub(crate) fn variable(
    command: VariableCommand,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    match command {
        VariableCommand::Set(args) => set(&args, terminal, output),
        VariableCommand::List(args) => list(&args, terminal, output),
        VariableCommand::Show(args) => show(&args, terminal, output),
        VariableCommand::Remove(args) => remove(&args, terminal, output),
    }
}

/// Does something with the variables of the tenant.
fn with<T, F>(
    args: &VisitArgs,
    terminal: Terminal,
    purpose: Purpose,
    what: impl FnOnce(StoredVariables) -> F,
) -> Result<T, CliError>
where
    F: Future<Output = Result<T, VariableError>>,
{
    let plugins = PluginArgs::default();
    let visit = Visit::unrecorded_for(args, &plugins, terminal, purpose)?;
    let variables = StoredVariables::new(&visit.store, &args.tenancy.tenant);
    let done = visit.wait(what(variables));
    visit.end()?;
    done.map_err(|error| variable_error(&error))
}

fn set(args: &VariableSetArgs, terminal: Terminal, output: &mut Output) -> Result<Exit, CliError> {
    let value: Value = serde_json::from_str(&args.value).map_err(|error| {
        CliError::usage(
            format!(
                "the value of variable `{}` is no JSON: {error}",
                line(&args.name, 80)
            ),
            "texts stand in quotes: '\"a text\"'",
        )
    })?;
    with(
        &args.visit,
        terminal,
        Purpose::Keep,
        |variables| async move { variables.set(&args.name, &value).await },
    )?;
    output.text(&format!("variable `{}` is set", line(&args.name, 80)))?;
    Ok(Exit::Success)
}

fn list(
    args: &VariableListArgs,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let found = with(
        &args.visit,
        terminal,
        Purpose::Visit,
        |variables| async move { variables.all().await },
    )?;
    match args.output {
        PlainOutput::Json => output.document(&found)?,
        PlainOutput::Pretty if found.is_empty() => {
            output.text("the tenant has no variables in this store")?;
        }
        PlainOutput::Pretty => output.text(&listed(&found, output.stream()))?,
    }
    Ok(Exit::Success)
}

fn listed(found: &Object, stream: Stream) -> String {
    let mut table = table(&["name", "value"], stream);
    let [name_length, value_length] = LONGEST;
    for (name, value) in found {
        table.add_row(vec![
            Cell::new(line(name, name_length)),
            Cell::new(line(&value.to_string(), value_length)),
        ]);
    }
    format!("{}\n{}", to_text(&table), count(found.len(), "variable"))
}

fn show(
    args: &VariableShowArgs,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let found = with(
        &args.visit,
        terminal,
        Purpose::Visit,
        |variables| async move { variables.get(&args.name).await },
    )?;
    let value = found.ok_or_else(|| missing(&args.name))?;
    output.document(&value)?;
    Ok(Exit::Success)
}

/// Removes variables. One that is not there keeps no other from being removed.
fn remove(
    args: &VariableRemoveArgs,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let done = with(
        &args.visit,
        terminal,
        Purpose::Visit,
        |variables| async move {
            let mut done = Vec::new();
            for name in &args.names {
                done.push((name, variables.remove(name).await?));
            }
            Ok(done)
        },
    )?;
    let mut not_there = None;
    for (name, was_there) in done {
        if was_there {
            output.text(&format!("variable `{}` is removed", line(name, 80)))?;
        } else {
            not_there = not_there.or_else(|| Some(missing(name)));
        }
    }
    not_there.map_or(Ok(Exit::Success), Err)
}

fn missing(name: &str) -> CliError {
    CliError::usage(
        format!("the tenant has no variable `{}`", line(name, 80)),
        "`jackfield variable list` lists those of the tenant in this store; it may be another \
         tenant\'s (`--tenant`), or in another store",
    )
}
